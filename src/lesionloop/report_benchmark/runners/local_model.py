"""Models of this machine, by the package transformers.

Any folder that ``AutoModelForImageTextToText`` and ``AutoProcessor`` can load, with a chat template
that takes images. Nothing is fetched from the net, and no code that lies beside the weights is run.
"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from lesionloop.errors import InputError
from lesionloop.report_benchmark.records import MAX_TEXT
from lesionloop.report_benchmark.runners.protocol import Answer, AnswerError, Request, Sampling

__all__ = ["LocalModel"]


class LocalModel:
    """A model of a folder. One request at a time.

    Args:
        folder: weights, configuration and processor.
        sampling: how words are drawn.
        device: of PyTorch, such as "cuda" or "cpu"; None: a GPU when there is one.

    Raises:
        InputError: transformers is not installed, or the folder cannot be loaded.
    """

    def __init__(
        self, folder: Path, *, sampling: Sampling | None = None, device: str | None = None
    ) -> None:
        if not folder.is_dir():
            raise InputError(f"there is no folder {folder}", remedy="Give that of the weights.")
        try:
            import torch  # noqa: PLC0415  (extras, and heavy)
            from transformers import AutoModelForImageTextToText, AutoProcessor  # noqa: PLC0415
        except ImportError as error:
            raise InputError(
                "local models need the packages torch and transformers",
                remedy="Install them: pip install 'lesionloop[vlm]'.",
            ) from error
        self._torch = torch
        self._folder, self._sampling = folder, sampling or Sampling()
        self._device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        try:
            self._processor: Any = AutoProcessor.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
            self._model: Any = AutoModelForImageTextToText.from_pretrained(
                str(folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,  # pickled weights can hold code
                torch_dtype=torch.float32 if self._device == "cpu" else torch.bfloat16,
            )
            self._model = self._model.to(self._device).eval()
        except (OSError, ValueError, RuntimeError) as error:
            raise InputError(
                f"cannot load the model of {folder}",
                cause=f"{str(error).splitlines()[0] if str(error) else type(error).__name__}",
                remedy="It must be an image-text-to-text model with safetensors weights.",
            ) from error

    @property
    def name(self) -> str:
        """Of the model: that of its folder."""
        return self._folder.resolve().name

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that its answers depend on but the request."""
        return {
            "runner": "transformers", "model": self.name, "device": self._device.split(":")[0],
            **asdict(self._sampling),
        }  # fmt: skip

    @property
    def most_workers(self) -> int:
        """One: requests would share the memory of one device, and its random numbers."""
        return 1

    def stop(self) -> None:
        """Nothing waits here."""

    def answer(self, request: Request) -> Answer:
        """Ask; every request starts from the seed, so that an answer does not depend on the order.

        Raises:
            AnswerError: memory does not suffice.
        """
        content: list[dict[str, Any]] = []
        for part in request.parts:
            if isinstance(part, Path):
                with Image.open(part) as image:
                    content.append({"type": "image", "image": image.convert("RGB")})
            else:
                content.append({"type": "text", "text": part})
        messages: list[dict[str, Any]] = [{"role": "user", "content": content}]
        if request.system.strip():
            system = [{"type": "text", "text": request.system}]
            messages.insert(0, {"role": "system", "content": system})
        inputs = self._processor.apply_chat_template(
            messages,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
        ).to(self._device)
        drawn = self._sampling.temperature > 0
        options: dict[str, Any] = {"do_sample": drawn}
        if drawn:
            options |= {"temperature": self._sampling.temperature, "top_p": self._sampling.top_p}
        self._torch.manual_seed(self._sampling.seed)
        try:
            with self._torch.inference_mode():
                output = self._model.generate(
                    **inputs, max_new_tokens=self._sampling.max_tokens, **options
                )
        except (MemoryError, self._torch.cuda.OutOfMemoryError) as error:
            raise AnswerError("The memory of the device does not suffice.") from error
        new = output[0][inputs["input_ids"].shape[1] :]
        text = str(self._processor.decode(new, skip_special_tokens=True)).strip()
        finish = "length" if len(new) >= self._sampling.max_tokens else "stop"
        return Answer(text[:MAX_TEXT], finish, extra={"completion_tokens": len(new)})
