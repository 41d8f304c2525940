"""Voxels as files store them: exactly as many as the header declares, or none.

A header can lie, by damage or on purpose, so nothing is allocated that the file could not fill or
the machine could not hold.
"""

import math
import os
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError

__all__ = ["MOST_COMPRESSION", "Shape", "cut_short", "read_voxels"]

#: DEFLATE cannot shrink data more than about this (zlib's technical notes: 1032 to 1).
MOST_COMPRESSION = 1100

_PIECE = 1 << 24  # bytes read at once

Shape = tuple[int, int, int]


class Source(Protocol):
    """Where bytes come from."""

    def readinto(self, target: memoryview, /) -> int | None:
        """Fill ``target`` as far as one step goes; 0 at the end."""
        ...


def read_voxels(
    path: Path, stream: Source, shape: Shape, dtype: np.dtype[Any], *, at_most: int
) -> NDArray[Any]:
    """Read an array [x, y, z], x fastest, in the type and byte order of the file.

    Args:
        path: for messages.
        stream: gives the bytes of the voxels, decompressed, from the first one on.
        shape: voxels along x, y, z.
        dtype: of one voxel.
        at_most: bytes that the file could hold, however well it is compressed.

    Raises:
        InputError: the file holds less, or the volume does not fit into this machine's memory.
    """
    wanted = math.prod(shape) * dtype.itemsize
    if wanted > at_most:
        raise cut_short(path, wanted, at_most)
    memory = _memory_bytes()
    if memory is not None and wanted > memory:
        raise InputError(
            f"{path} is too large",
            cause=f"Its voxels take {wanted / 1e9:.0f} GB; the machine has {memory / 1e9:.0f}.",
            remedy="Resample or crop it, or use a machine with more memory.",
        )
    values = np.empty(shape, dtype=dtype, order="F")
    target = values.ravel(order="K").view(np.uint8).data
    done = 0
    while done < wanted:
        count = stream.readinto(target[done : done + _PIECE])
        if not count:
            raise cut_short(path, wanted, done)
        done += count
    return values


def cut_short(path: Path, wanted: int, found: int) -> InputError:
    """The error for a file that holds ``found`` instead of ``wanted`` bytes of voxels."""
    return InputError(
        f"{path} is truncated",
        cause=f"Its header promises {wanted} bytes of voxels; at most {max(found, 0)} are there.",
        remedy="Copy or export the file again.",
    )


def _memory_bytes() -> int | None:
    """Physical memory; None where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None
