"""Label maps kept as lists of voxels: small enough to keep many, quick to compare.

Lesions fill a few thousandths of a scan. Over the wire a box of labels goes as zlib of one byte per
voxel, x fastest: 0 outside, n for lesion n, 255 for all from 255 on.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging.occupied import occupied_voxels
from lesionloop.segmenters.boxes import Box

__all__ = ["LabelMap"]

_WIRE_MOST = 255


@dataclass(frozen=True, eq=False)
class LabelMap:
    """Which lesion each voxel belongs to.

    Args:
        shape: of the grid, x, y, z.
        positions: of the voxels in a lesion, (n,), ascending; voxel (x, y, z) is at
            ``x + nx * (y + ny * z)``.
        numbers: of their lesions, (n,), from 1.
    """

    shape: tuple[int, int, int]
    positions: NDArray[np.int64]
    numbers: NDArray[np.int64]

    @classmethod
    def of(cls, labels: NDArray[Any]) -> "LabelMap":
        """From an array [x, y, z], 0 outside."""
        x, y, z = labels.shape
        positions = occupied_voxels(labels)
        index = np.unravel_index(positions, labels.shape, order="F")
        return cls((x, y, z), positions.astype(np.int64), labels[index].astype(np.int64))

    def dense(self) -> NDArray[np.uint16]:
        """As an array [x, y, z], x fastest in memory."""
        labels = np.zeros(self.shape, dtype=np.uint16, order="F")
        labels.ravel(order="F")[self.positions] = np.minimum(self.numbers, 65535)
        return labels

    def at(self, voxel: Sequence[int]) -> int:
        """The lesion of a voxel x, y, z; 0 when it is in none or outside the grid."""
        x, y, z = voxel
        if not all(0 <= v < n for v, n in zip((x, y, z), self.shape, strict=True)):
            return 0
        position = x + self.shape[0] * (y + self.shape[1] * z)
        place = int(np.searchsorted(self.positions, position))
        hit = place < self.positions.size and self.positions[place] == position
        return int(self.numbers[place]) if hit else 0

    def whole(self) -> Box:
        """The box of the whole grid."""
        x, y, z = self.shape
        return (slice(0, x), slice(0, y), slice(0, z))

    def difference(self, other: "LabelMap") -> Box | None:
        """The smallest box that holds every voxel in which two maps differ; None when equal."""
        both = [
            np.stack([held.positions, np.minimum(held.numbers, _WIRE_MOST)], axis=1)
            for held in (self, other)
        ]
        keys = [pairs[:, 0] * (_WIRE_MOST + 1) + pairs[:, 1] for pairs in both]
        changed = np.setxor1d(keys[0], keys[1], assume_unique=True) // (_WIRE_MOST + 1)
        if not changed.size:
            return None
        x, y, z = (
            slice(int(axis.min()), int(axis.max()) + 1)
            for axis in np.unravel_index(changed, self.shape, order="F")
        )
        return (x, y, z)

    def packed(self, box: Box) -> bytes:
        """A box of the map as it goes over the wire."""
        size = [s.stop - s.start for s in box]
        values = np.zeros(size, dtype=np.uint8, order="F")
        start = np.array([s.start for s in box])
        index = np.stack(np.unravel_index(self.positions, self.shape, order="F"), axis=1) - start
        inside = ((index >= 0) & (index < size)).all(axis=1)
        values[tuple(index[inside].T)] = np.minimum(self.numbers[inside], _WIRE_MOST)
        return zlib.compress(values.tobytes(order="F"), level=1)
