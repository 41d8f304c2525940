"""Weights from a file: those that were published, or those of a training of ours.

Files are read by PyTorch's restricted unpickler, which builds tensors and plain values. Published
files also hold the trainer's command line, a plain `argparse.Namespace`, which is let through.
"""

from argparse import Namespace
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from warnings import catch_warnings, simplefilter
from zipfile import is_zipfile

from lesionloop.errors import InputError
from lesionloop.packages import load_package
from lesionloop.segmenters.adapters.checkpoints import plain_numbers

__all__ = ["PUBLISHED_MM", "Loaded", "load_network"]

#: The published network was trained on cubes of this side.
PUBLISHED_MM = 1.5

_STATE = "model_state_dict"

_REMEDY = (
    "Give a published checkpoint of SegAnyPET (.pth), or network.pt of a run of `lesionloop train`."
)


@dataclass(frozen=True)
class Loaded:
    """What a file held.

    Args:
        network: a `SegAnyPET` on the CPU, in evaluation mode.
        spacing_mm: of the cubes that it was trained on.
    """

    network: Any
    spacing_mm: float


def load_network(path: Path) -> Loaded:
    """The network of a file.

    Raises:
        InputError: torch is not installed; the file cannot be read, may run code, or holds
            something else; names what is wrong with it.
    """
    torch = load_package("torch", "torch")
    networks = load_package("lesionloop.networks.seganypet", "torch")
    stored = _read(path, torch)
    try:
        if isinstance(stored, Mapping) and "config" in stored:  # of a training of ours
            network = networks.SegAnyPET(networks.SegAnyPETConfig(**stored["config"]))
            network.load_state_dict(stored[_STATE])
            spacing_mm = float(stored["spacing_mm"])
            if not 0.1 < spacing_mm < 20:
                raise ValueError(f"a spacing of {spacing_mm} mm")
        else:
            network = networks.load_published(_published(stored, torch))
            spacing_mm = PUBLISHED_MM
    except (AttributeError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path} does not hold the weights of a SegAnyPET network",
            cause=f"no entry {error}" if isinstance(error, KeyError) else _short(error),
            remedy=_REMEDY,
        ) from error
    return Loaded(network.eval(), spacing_mm)


def _read(path: Path, torch: Any) -> Any:
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a checkpoint", remedy=_REMEDY)
    try:
        # Mapped, so that of a file with an optimiser only the network is read.
        mapped = is_zipfile(path)
        safe = torch.serialization.safe_globals([Namespace, *plain_numbers()])
        with safe, catch_warnings():
            simplefilter("ignore", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True, mmap=mapped)
    except OSError as error:
        raise InputError(
            f"cannot read {path}", cause=f"{error.strerror or error}.", remedy="Check the path."
        ) from error
    except UnpicklingError as error:
        raise InputError(
            f"{path} is not loaded: it may run code",
            cause="It holds more than tensors and plain values, or is damaged.",
            remedy=_REMEDY,
        ) from error
    except Exception as error:  # the reader trips over other files in many ways
        raise InputError(
            f"{path} is not a checkpoint", cause=_short(error), remedy=_REMEDY
        ) from error


def _published(stored: Any, torch: Any) -> Mapping[str, Any]:
    """The tensors of a published file, bare or under their usual entry."""
    state = stored.get(_STATE, stored) if isinstance(stored, Mapping) else None
    if not isinstance(state, Mapping) or not state:
        raise ValueError("it is no table of weights")
    other = [name for name, value in state.items() if not isinstance(value, torch.Tensor)]
    if other:
        raise ValueError(f"it has no entry {_STATE}, and {other[0]!r} is no tensor")
    # Distributed training puts this before every name.
    return {name.removeprefix("module."): value for name, value in state.items()}


def _short(error: Exception) -> str:
    text = str(error).strip() or type(error).__name__
    return " ".join(text.split())[:600]
