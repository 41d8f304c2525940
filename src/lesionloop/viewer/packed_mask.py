"""Masks as the session store keeps them: bits, compressed, under a digest of what they say."""

import zlib
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from math import prod

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError

__all__ = ["PackedMask"]


@dataclass(frozen=True)
class PackedMask:
    """A mask in a few kB.

    Args:
        shape: voxels along x, y, z.
        data: zlib of one bit per voxel, x fastest, the first voxel in the highest bit.
    """

    shape: tuple[int, int, int]
    data: bytes

    @classmethod
    def of(cls, mask: NDArray[np.bool_]) -> "PackedMask":
        """From an array [x, y, z]."""
        x, y, z = mask.shape
        return cls((x, y, z), zlib.compress(np.packbits(mask.ravel(order="F")).tobytes(), level=6))

    @cached_property
    def digest(self) -> str:
        """SHA-256 of shape and voxels, hexadecimal.

        Raises:
            InputError: the data are damaged, or not of the shape.
        """
        return sha256(repr(self.shape).encode() + self._bits()).hexdigest()

    def mask(self) -> NDArray[np.bool_]:
        """The mask, bool [x, y, z], x fastest.

        Raises:
            InputError: the data are damaged, or not of the shape.
        """
        bits = np.frombuffer(self._bits(), dtype=np.uint8)
        flat = np.unpackbits(bits, count=prod(self.shape)).view(np.bool_)
        return flat.reshape(self.shape, order="F")

    def _bits(self) -> bytes:
        size = -(-prod(self.shape) // 8)
        unpacker = zlib.decompressobj()
        try:  # bounded: no more is unpacked than belongs there
            bits = unpacker.decompress(self.data, size + 1)
        except zlib.error as error:
            raise InputError("a packed mask is damaged", cause=f"{error}.") from error
        if len(bits) != size or not unpacker.eof:
            raise InputError(f"a packed mask is not of shape {self.shape}")
        return bits
