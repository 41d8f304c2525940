"""The isotropic working grid of learned segmenters."""

from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from lesionloop.imaging.grid import Grid

__all__ = ["IsotropicGrid"]

#: A working voxel is the mean of so many places along each axis.
_PLACES = 4

_Slices = tuple[slice, slice, slice]


@dataclass(frozen=True)
class IsotropicGrid:
    """Cubes of ``spacing_mm`` from the corner of the field on, along the axes of the PET grid.

    Args:
        fine_shape: shape of the PET grid.
        fine_spacing: mm.
        spacing_mm: side of the cubes.
    """

    fine_shape: tuple[int, int, int]
    fine_spacing: tuple[float, float, float]
    spacing_mm: float = 4.0

    @classmethod
    def of(cls, grid: Grid, spacing_mm: float = 4.0) -> "IsotropicGrid":
        """The working grid of a PET grid."""
        return cls(grid.shape, grid.spacing, spacing_mm)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Cubes along x, y, z; the last may reach out of the field."""
        x, y, z = (
            max(1, ceil(n * s / self.spacing_mm - 1e-6))
            for n, s in zip(self.fine_shape, self.fine_spacing, strict=True)
        )
        return (x, y, z)

    def sample(self, values: NDArray[np.generic]) -> NDArray[np.float32]:
        """A fine array [x, y, z] on the working grid, float32.

        A cube gets the mean of the linear interpolant at four places per axis: no aliasing where
        the PET is finer, linear interpolation where it is coarser. Beyond the outermost voxel
        centres the outermost values hold.
        """
        # The slowest axis in memory first: it shrinks the array in contiguous pieces.
        order = sorted(range(3), key=lambda axis: -values.strides[axis])
        result: NDArray[np.float32] = np.asarray(values)
        for axis in order:
            result = _along(self._weights(axis), result, axis)
        return result

    def nearest(self, points: NDArray[np.int64]) -> NDArray[np.int64]:
        """Working indices (m, 3) of the cubes that hold fine points (n, 3); each cube once."""
        places = (points + 0.5) * np.array(self.fine_spacing) / self.spacing_mm
        inside = np.clip(np.floor(places).astype(np.int64), 0, np.array(self.shape) - 1)
        return np.unique(inside, axis=0)

    def expand(
        self,
        values: NDArray[np.float32],
        fine_box: _Slices,
        origin: tuple[int, int, int] = (0, 0, 0),
    ) -> NDArray[np.float32]:
        """Linear interpolation of a working array to the fine voxels of ``fine_box``.

        Args:
            values: part of a working array; its corner is at working index ``origin``.
            fine_box: voxels of the PET grid.

        A voxel's weights depend on its place alone, so overlapping boxes agree to the bit.
        """
        result = values
        for axis, part in enumerate(fine_box):
            voxels = np.arange(part.start, part.stop)
            place = (voxels + 0.5) * self.fine_spacing[axis] / self.spacing_mm - 0.5
            floor = np.floor(place)
            weight = (place - floor).astype(np.float32)
            weight = weight.reshape([-1 if a == axis else 1 for a in range(3)])
            last = values.shape[axis] - 1
            lower = np.clip(floor.astype(np.int64) - origin[axis], 0, last)
            upper = np.clip(floor.astype(np.int64) + 1 - origin[axis], 0, last)
            first = result.take(lower, axis=axis)
            result = first + weight * (result.take(upper, axis=axis) - first)
        return np.asarray(result, dtype=np.float32)

    def _weights(self, axis: int) -> csr_array:
        """(cubes, voxels) of one axis."""
        cubes, voxels = self.shape[axis], self.fine_shape[axis]
        step = self.spacing_mm / self.fine_spacing[axis]
        place = (np.arange(cubes * _PLACES) + 0.5) / _PLACES * step - 0.5
        place = np.clip(place, 0, voxels - 1)
        lower = np.minimum(np.floor(place).astype(np.intp), max(voxels - 2, 0))
        part = (place - lower).astype(np.float32)
        upper = np.minimum(lower + 1, voxels - 1)
        rows = np.repeat(np.arange(cubes), _PLACES)
        return csr_array(
            (
                np.concatenate([1 - part, part]) / np.float32(_PLACES),
                (np.concatenate([rows, rows]), np.concatenate([lower, upper])),
            ),
            shape=(cubes, voxels),
            dtype=np.float32,
        )


def _along(weights: csr_array, values: NDArray[np.generic], axis: int) -> NDArray[np.float32]:
    """Multiply along one axis; reads ``values`` once, in slabs of its memory order."""
    moved = np.moveaxis(values, axis, 0)
    shape = (weights.shape[0], *moved.shape[1:])
    flat = np.ascontiguousarray(moved, dtype=np.float32).reshape(moved.shape[0], -1)
    return np.moveaxis(np.asarray(weights @ flat).reshape(shape), 0, axis)
