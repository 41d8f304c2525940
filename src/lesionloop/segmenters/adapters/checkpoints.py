"""Files of networks that others trained: what they are, and whether loading them runs code.

A checkpoint is a pickle, and a pickle can run any program while it is loaded; nnU-Net and
nnInteractive load with ``weights_only=False``. So a checkpoint is first read by PyTorch's
restricted unpickler, which builds tensors and plain values and stops at everything else. What it
accepts is harmless to the unrestricted one. The plans name classes that are imported and called:
they must be networks and layers.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b
from pathlib import Path
from pickle import UnpicklingError
from typing import Any
from warnings import catch_warnings, simplefilter
from zipfile import is_zipfile

import numpy as np

from lesionloop.errors import InputError
from lesionloop.packages import load_package
from lesionloop.segmenters.options import file_hash

__all__ = ["plain_numbers", "require_networks", "require_plain", "weights_digest"]

#: Modules whose classes a plan may name.
_NETWORKS = ("dynamic_network_architectures.",)
_LAYERS = (*_NETWORKS, "torch.nn.")

_TRUST = "When you trust who made it, say so: -o trust=yes."


def weights_digest(files: Sequence[Path]) -> str:
    """One hash, 32 hexadecimal digits, of files in this order; each is read once per change.

    Raises:
        InputError: a file cannot be read.
    """
    digest = blake2b(digest_size=16)
    for path in files:
        try:
            status = path.stat()
        except OSError as error:
            raise InputError(f"cannot read {path}", cause=f"{error.strerror or error}.") from error
        part = _hash(path.resolve(), status.st_mtime_ns, status.st_size)
        digest.update(f"{path.name} {part}\n".encode())
    return digest.hexdigest()


@lru_cache(maxsize=64)
def _hash(path: Path, _: int, __: int) -> str:
    return file_hash(str(path))


def require_plain(checkpoint: Path) -> None:
    """Refuse a checkpoint that holds more than tensors, numbers, words, lists and tables.

    Raises:
        InputError: it does, is damaged, cannot be read, or torch is not installed.
    """
    torch = load_package("torch", "torch")
    try:
        with torch.serialization.safe_globals(plain_numbers()), catch_warnings():
            simplefilter("ignore", UserWarning)  # of an odd pickle; what matters is raised
            # Mapped, so that the tensors of a large file are not read twice.
            mapped = is_zipfile(checkpoint)
            torch.load(checkpoint, map_location="cpu", weights_only=True, mmap=mapped)
    except OSError as error:
        raise InputError(
            f"cannot read {checkpoint}", cause=f"{error.strerror or error}."
        ) from error
    except UnpicklingError as error:
        raise InputError(
            f"{checkpoint} is not loaded: it may run code",
            cause=f"It holds more than tensors and plain values, or is damaged ({_reason(error)}).",
            remedy=_TRUST,
        ) from error
    except (RuntimeError, EOFError, ValueError) as error:
        raise InputError(
            f"{checkpoint} is not a checkpoint", cause=f"{error}".split("\n")[0]
        ) from error


def plain_numbers() -> list[Any]:
    """Number types of numpy, which trainers keep in their log; they hold nothing but numbers."""
    multiarray = load_package("numpy._core.multiarray", "torch")
    names = ("Float64", "Float32", "Int64", "Int32", "Bool")
    kinds = [getattr(np.dtypes, f"{name}DType") for name in names]
    # Under its old module name too: checkpoints written with numpy 1.
    return [
        multiarray.scalar,
        (multiarray.scalar, "numpy.core.multiarray.scalar"),
        np.dtype,
        *kinds,
    ]


def _reason(error: UnpicklingError) -> str:
    """The line of a long explanation that names the object."""
    lines = [line.strip() for line in str(error).splitlines()]
    return next((line for line in lines if "GLOBAL" in line), lines[0] if lines else "")


def require_networks(plans: Mapping[str, Any], source: Path) -> None:
    """Refuse plans that name anything but networks and layers as what is to be built.

    Raises:
        InputError: names the entry.
    """
    for name, configuration in dict(plans.get("configurations", {})).items():
        built = configuration.get("architecture", {}) if isinstance(configuration, dict) else {}
        kind = built.get("network_class_name")
        parts = [
            built.get("arch_kwargs", {}).get(key) for key in built.get("_kw_requires_import", ())
        ]
        for value, known in ((kind, _NETWORKS), *((part, _LAYERS) for part in parts)):
            # Old plans name a network without its module; nnU-Net looks it up among its own.
            bare = value is kind and isinstance(value, str) and value.isidentifier()
            if value is None or bare or (isinstance(value, str) and value.startswith(known)):
                continue
            raise InputError(
                f"{source} is not used: it may run code",
                cause=f"Configuration {name} asks to build {value!r}, which is no known network.",
                remedy=_TRUST,
            )
