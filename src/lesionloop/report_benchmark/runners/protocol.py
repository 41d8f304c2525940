"""What a runner is asked and what it gives back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Protocol

from lesionloop.errors import InputError
from lesionloop.report_benchmark.records import IMAGE_MARK, PromptRecord

__all__ = ["Answer", "AnswerError", "Request", "Runner", "Sampling", "image_bytes"]

_MAX_IMAGE: Final = 20 << 20
_MAX_TOKENS: Final = 32_768
#: First bytes of the image formats that the interfaces of models take.
_SIGNATURES: Final = {b"\x89PNG\r\n\x1a\n": "image/png", b"\xff\xd8\xff": "image/jpeg"}


class AnswerError(Exception):
    """A model gave no answer to one request, after all tries. Its text is the cause."""


@dataclass(frozen=True)
class Sampling:
    """How a model draws its words; explicit, because the scores depend on it.

    Args:
        temperature: 0 for the likeliest word each time.
        top_p: part of the probability to draw from.
        seed: of the drawing, where the model has one.
        max_tokens: longest answer; one that is longer is cut, and recorded as cut.

    Raises:
        InputError: a number is out of range.
    """

    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 1
    max_tokens: int = 2048

    def __post_init__(self) -> None:
        fine = (
            0 <= self.temperature <= 2,
            0 < self.top_p <= 1,
            0 <= self.seed < 2**31,
            1 <= self.max_tokens <= _MAX_TOKENS,
        )
        if not all(fine):
            raise InputError(
                "the sampling of the model cannot be used",
                remedy="Temperature is 0 to 2, top-p above 0 and up to 1, the seed a whole number "
                f"from 0, and tokens are 1 to {_MAX_TOKENS}.",
            )


@dataclass(frozen=True)
class Request:
    """One record as a model is asked it.

    Args:
        patient: id, for messages.
        system: role text; may be empty.
        parts: text and image files in their order.
    """

    patient: str
    system: str
    parts: tuple[str | Path, ...]

    @classmethod
    def of(cls, record: PromptRecord) -> "Request":
        """The request of a record: every mark in its text becomes its image."""
        texts = record.text.split(IMAGE_MARK)
        parts: list[str | Path] = [texts[0]]
        for image, text in zip(record.images, texts[1:], strict=True):
            parts += [image, text]
        return cls(
            record.patient,
            record.system,
            tuple(part for part in parts if isinstance(part, Path) or part.strip()),
        )

    def digest(self, settings: Mapping[str, Any]) -> str:
        """What tells this request, with these settings, from any other.

        Raises:
            InputError: an image cannot be read.
        """
        hashed = sha256(repr(sorted(settings.items())).encode())
        for part in (self.system, *self.parts):
            content = image_bytes(part)[0] if isinstance(part, Path) else part.encode()
            hashed.update(sha256(content).digest())
        return hashed.hexdigest()[:32]


@dataclass(frozen=True)
class Answer:
    """What a model answered.

    Args:
        text: the report.
        finish: why it stopped: "stop", or "length" when the answer was cut.
        refused: the service says that the model refused.
        extra: tokens, tries and the like, for the record.
    """

    text: str
    finish: str | None = None
    refused: bool = False
    extra: Mapping[str, Any] = field(default_factory=dict)


class Runner(Protocol):
    """A model that can be asked."""

    @property
    def name(self) -> str:
        """Of the model."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """All that its answers depend on but the request."""

    @property
    def most_workers(self) -> int:
        """Requests that it can be asked at a time."""

    def answer(self, request: Request) -> Answer:
        """Ask.

        Raises:
            AnswerError: there is no answer to this request; others may have one.
            LesionLoopError: no request can have one.
        """

    def stop(self) -> None:
        """End the waiting of other threads; what they ask for is wanted no more."""


def image_bytes(path: Path) -> tuple[bytes, str]:
    """An image file and its media type.

    Raises:
        InputError: it cannot be read, is too large, or neither PNG nor JPEG.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_IMAGE + 1)
    except OSError as error:
        raise InputError(
            f"cannot read the image {path}",
            cause=f"{error.strerror or error}.",
            remedy="Check that it is still there, or prepare the records.",
        ) from error
    if len(content) > _MAX_IMAGE:
        raise InputError(
            f"the image {path} is larger than {_MAX_IMAGE >> 20} MiB",
            remedy="Make it smaller, or prepare the records.",
        )
    for signature, kind in _SIGNATURES.items():
        if content.startswith(signature):
            return content, kind
    raise InputError(
        f"the image {path} is neither PNG nor JPEG", remedy="Convert it, or prepare the records."
    )
