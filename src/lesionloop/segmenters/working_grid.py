"""The coarser grid on which strokes spread, aligned to blocks of PET voxels.

Spreading needs no fine detail, and its cost grows with the cube of the resolution; the boundary is
decided at the PET's own resolution afterwards.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.segmenters.boxes import Box

__all__ = ["WorkingGrid"]


@dataclass(frozen=True)
class WorkingGrid:
    """Blocks of ``factors`` PET voxels; the last block of an axis may be partly outside.

    Args:
        fine_shape: shape of the PET grid.
        factors: PET voxels per block along x, y, z.
    """

    fine_shape: tuple[int, int, int]
    factors: tuple[int, int, int]

    @classmethod
    def near(
        cls, shape: tuple[int, int, int], spacing: tuple[float, float, float], target_mm: float
    ) -> "WorkingGrid":
        """The grid whose spacing is closest to ``target_mm`` along each axis, never finer."""
        factors = [max(1, round(target_mm / s)) for s in spacing]
        return cls(shape, (factors[0], factors[1], factors[2]))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Blocks along x, y, z."""
        x, y, z = (-(-n // f) for n, f in zip(self.fine_shape, self.factors, strict=True))
        return (x, y, z)

    def spacing(self, fine: tuple[float, float, float]) -> tuple[float, float, float]:
        """Spacing of the blocks, mm, given that of the voxels."""
        x, y, z = (s * f for s, f in zip(fine, self.factors, strict=True))
        return (x, y, z)

    def average(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Block means of a fine array [x, y, z]; blocks cut by the border average what is there."""
        result = values
        for axis, factor in enumerate(self.factors):
            if factor == 1:
                continue
            starts = np.arange(0, result.shape[axis], factor)
            counts = np.diff(np.append(starts, result.shape[axis])).astype(np.float32)
            sums = np.add.reduceat(result, starts, axis=axis, dtype=np.float32)
            counts = counts.reshape([-1 if a == axis else 1 for a in range(3)])
            result = np.asarray(sums / counts, dtype=np.float32)
        return result

    def blocks(self, points: NDArray[np.int64]) -> NDArray[np.int64]:
        """Working indices of the blocks that hold fine points (n, 3); each block once."""
        return np.unique(points // np.array(self.factors), axis=0)

    def fine_box(self, box: Box) -> Box:
        """Fine voxels inside the blocks of ``box``."""
        low = [s.start * f for s, f in zip(box, self.factors, strict=True)]
        high = [
            min(s.stop * f, n) for s, f, n in zip(box, self.factors, self.fine_shape, strict=True)
        ]
        return (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))

    def expand(self, values: NDArray[np.float32], box: Box) -> NDArray[np.float32]:
        """Linear interpolation of ``values`` on ``box`` to the fine voxels of that box."""
        fine = self.fine_box(box)
        result = values
        for axis, factor in enumerate(self.factors):
            if factor == 1:
                continue
            size = fine[axis].stop - fine[axis].start
            block, part = np.divmod(np.arange(size), factor)
            # From the block's centre to the voxel's, in blocks. Computed inside the block, so that
            # a voxel's weight is the same to the last bit in whatever box it is looked at.
            place = (part + 0.5) / factor - 0.5
            lower = block + np.floor(place).astype(np.intp)
            weight = (place - np.floor(place)).astype(np.float32)
            lower, upper = (
                np.clip(index, 0, values.shape[axis] - 1) for index in (lower, lower + 1)
            )
            weight = weight.reshape([-1 if a == axis else 1 for a in range(3)])
            first = result.take(lower, axis=axis)
            step = result.take(upper, axis=axis) - first
            result = np.asarray(first + weight * step, dtype=np.float32)
        return result
