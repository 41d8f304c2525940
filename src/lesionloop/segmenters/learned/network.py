"""The network's weights and the runtimes that compute it."""

import json
import os
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError

__all__ = [
    "BACKENDS",
    "THREADS_VARIABLE",
    "Runtime",
    "Weights",
    "load_runtime",
    "shipped_weights",
]

_FILES = {"onnx": "network.onnx", "torch": "network.pt"}
BACKENDS = tuple(_FILES)

#: More threads than this gain little on the patches of a correction.
_MOST_THREADS = 8
#: An environment variable with the threads of this process, for one that shares the machine.
THREADS_VARIABLE = "LESIONLOOP_THREADS"


class Runtime(Protocol):
    """Computes the network."""

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        """Logits [x, y, z] of channels (channels, x, y, z); sides are as the weights say."""
        ...


@dataclass(frozen=True)
class Weights:
    """A folder with ``network.onnx``, ``network.pt`` and ``network.json``.

    Args:
        folder: where they are.
        threshold: calibrated probability from which a voxel counts as lesion.
        temperature: logits are divided by it, so that probabilities are calibrated.
        bias: added to the logits after that.
        spacing_mm: of the working grid.
        multiple: sides of a patch are multiples of it.
        geodesic: guidance counts changes of the uptake as way.
        window: voxels per side of the only patches that the network is shown; 0 for any size.
    """

    folder: Path
    threshold: float
    temperature: float
    bias: float
    spacing_mm: float
    multiple: int
    geodesic: bool = False
    window: int = 0

    @classmethod
    def read(cls, folder: Path) -> "Weights":
        """Read ``network.json``; the weights themselves are read when they are needed.

        Raises:
            InputError: it is missing or damaged.
        """
        path = folder / "network.json"
        try:
            facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            return cls(
                folder,
                float(facts["threshold"]),
                float(facts["temperature"]),
                float(facts["bias"]),
                float(facts["spacing_mm"]),
                int(facts["multiple"]),
                facts.get("guidance") == "geodesic",
                int(facts.get("window", 0)),
            )
        except OSError as error:
            raise InputError(
                f"cannot read {path}", cause=f"{error.strerror or error}.",
                remedy="Give a folder that `lesionloop train` has written.",
            ) from error  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} is not a description of weights", cause=f"{error}") from error

    @property
    def logit_threshold(self) -> float:
        """The logit, before calibration, at which a voxel counts as lesion."""
        odds = np.log(self.threshold / (1 - self.threshold))
        return float((odds - self.bias) * self.temperature)

    def probability(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Calibrated probability of logits."""
        scaled = logits / np.float32(self.temperature) + np.float32(self.bias)
        return np.asarray(1 / (1 + np.exp(-scaled)), dtype=np.float32)

    def digest(self, backend: str) -> str:
        """SHA-256 of the weights that a backend computes and of their description, hexadecimal.

        Raises:
            InputError: a file cannot be read.
        """
        paths = (self.folder / _FILES[backend], self.folder / "network.json")
        return _digest(*((path, _stamp(path)) for path in paths))


#: Changes when a file is written anew: what was read from it earlier does not hold any more.
_Stamp = tuple[int, int]


def _stamp(path: Path) -> _Stamp:
    try:
        status = path.stat()
    except OSError as error:
        raise InputError(f"cannot read {path}", cause=f"{error.strerror or error}.") from error
    return status.st_mtime_ns, status.st_size


@lru_cache(maxsize=8)
def _digest(*files: tuple[Path, _Stamp]) -> str:
    digest = sha256()
    for path, _ in files:
        try:
            digest.update(path.read_bytes())
        except OSError as error:
            raise InputError(f"cannot read {path}", cause=f"{error.strerror or error}.") from error
    return digest.hexdigest()


def shipped_weights() -> Path:
    """Folder of the weights that come with the package."""
    return Path(__file__).parent / "weights"


def load_runtime(folder: Path, backend: str, threads: int | None) -> Runtime:
    """The network of a folder, ready to run; loaded once per process, and when it was retrained.

    Raises:
        InputError: the weights are missing or damaged, or torch is not installed.
    """
    path = folder / _FILES[backend]
    return _load(path, _stamp(path), backend, threads)


@lru_cache(maxsize=4)
def _load(path: Path, _: _Stamp, backend: str, threads: int | None) -> Runtime:
    if backend == "torch":
        return _Torch(path)
    return _Onnx(path, threads or min(_cores(), _MOST_THREADS))


def _cores() -> int:
    """Cores that this process may use, which in a container are fewer than the machine has."""
    share = os.environ.get(THREADS_VARIABLE, "")
    if share.isdigit() and int(share) > 0:
        return int(share)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class _Onnx:
    """ONNX Runtime on the CPU."""

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        # Patches differ in size from call to call; an arena would keep the largest of all.
        options.enable_cpu_mem_arena = False
        options.log_severity_level = 3
        try:
            data = path.read_bytes()
            self._session = onnxruntime.InferenceSession(
                data, options, providers=["CPUExecutionProvider"]
            )
        except OSError as error:
            raise InputError(f"cannot read {path}", cause=f"{error.strerror or error}.") from error
        except Exception as error:  # the runtime's own classes share no base
            raise InputError(f"{path} is not a network", cause=f"{error}".split("\n")[0]) from error

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        (logits,) = self._session.run(None, {"inputs": np.ascontiguousarray(inputs)[None]})
        return np.asarray(logits[0, 0])


class _Torch:
    """PyTorch, on a GPU when there is one."""

    def __init__(self, path: Path) -> None:
        try:
            import torch
        except ModuleNotFoundError as error:
            raise InputError(
                "backend torch needs PyTorch", remedy="Install it: pip install 'lesionloop[torch]'."
            ) from error
        from lesionloop.networks.ensemble import read_network

        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._network = read_network(path).eval().to(self._device)

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        torch = self._torch
        with torch.inference_mode():
            tensor = torch.from_numpy(np.ascontiguousarray(inputs)[None]).to(self._device)
            logits = self._network(tensor)[0, 0]
            return np.asarray(logits.float().cpu().numpy())
