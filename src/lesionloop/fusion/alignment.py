"""Where the points of one scan lie in another."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import map_coordinates

from lesionloop.imaging import Grid, Volume

__all__ = ["Alignment"]

_SLAB = 8  # slices warped at once: small temporaries


@dataclass(frozen=True, eq=False)
class Alignment:
    """A point p of the fixed scan shows what the moving scan shows at p + displacement(p).

    Args:
        grid: of the field; between its voxels the displacement is linear, beyond them that of the
            border.
        displacement: float32 [x, y, z, 3], LPS mm.
    """

    grid: Grid
    displacement: NDArray[np.float32]

    @classmethod
    def identity(cls, grid: Grid) -> "Alignment":
        """Nothing moves."""
        return cls(grid, np.zeros((*grid.shape, 3), dtype=np.float32))

    def points(self, points: ArrayLike) -> NDArray[np.float64]:
        """Where points (n, 3) of the fixed scan lie in the moving one; LPS mm."""
        fixed = np.asarray(points, dtype=np.float64).reshape(-1, 3)
        index = self.grid.to_index(fixed).T
        moved = fixed.copy()
        for axis in range(3):
            along = self.displacement[..., axis]
            moved[:, axis] += map_coordinates(along, index, order=1, mode="nearest")
        return moved

    def warp_label(self, moving: Volume, grid: Grid) -> Volume:
        """A label map of the moving scan on a grid of the fixed one: nearest voxel, 0 outside."""
        return self._warp(moving, grid, order=0, outside=0)

    def warp(self, moving: Volume, grid: Grid, outside: float) -> Volume:
        """Values of the moving scan on a grid of the fixed one: linear, float32."""
        return self._warp(moving, grid, order=1, outside=outside)

    def folded(self) -> float:
        """Share of the field's voxels where it turns inside out; anatomy does not do that.

        There the determinant of the Jacobian of p + displacement(p) is 0 or less.
        """
        direction = np.array(self.grid.direction).reshape(3, 3)
        steps = [
            s if n > 1 else 1.0 for s, n in zip(self.grid.spacing, self.grid.shape, strict=True)
        ]
        if min(self.grid.shape) < 2:
            return 0.0
        # Derivatives along the index axes, turned to LPS: d/dp = sum over axes of d/ds * axis.
        slopes = [
            np.gradient(self.displacement, step, axis=axis) for axis, step in enumerate(steps)
        ]
        along = np.stack(slopes, axis=-1).astype(np.float64)
        jacobian = along @ direction.T + np.eye(3)
        return float((np.linalg.det(jacobian) <= 0).mean())

    def _warp(self, moving: Volume, grid: Grid, *, order: int, outside: float) -> Volume:
        dtype: np.dtype[Any] = moving.values.dtype if order == 0 else np.dtype(np.float32)
        stored = moving.values.view(np.uint8) if moving.values.dtype == bool else moving.values
        result = np.empty(grid.shape, dtype=dtype, order="F")
        for start in range(0, grid.shape[2], _SLAB):
            stop = min(start + _SLAB, grid.shape[2])
            index = np.indices((*grid.shape[:2], stop - start)).reshape(3, -1).T
            index[:, 2] += start
            place = moving.grid.to_index(self.points(grid.to_world(index))).T
            ends = np.array(moving.grid.shape).reshape(3, 1) - 0.5
            inside = ((place >= -0.5) & (place < ends)).all(axis=0)
            values = map_coordinates(stored, place, order=order, mode="nearest", output=dtype)
            slab = np.where(inside, values, dtype.type(outside))
            result[:, :, start:stop] = slab.reshape(*grid.shape[:2], stop - start)
        return replace(moving, values=result, grid=grid)
