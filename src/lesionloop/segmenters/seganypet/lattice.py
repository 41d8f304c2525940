"""The lattice on which the network works: cubes along right, anterior and superior.

The published weights have seen images turned to RAS by swapping and flipping axes, without
rotation, and resampled to 1.5 mm. Only crops are resampled: a whole body at 1.5 mm would be
hundreds of megabytes.
"""

from dataclasses import dataclass
from math import ceil
from typing import Any

import numpy as np
from nibabel.orientations import io_orientation
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from lesionloop.imaging import Grid
from lesionloop.imaging.crop import Box

__all__ = ["Lattice"]

_Triple = tuple[int, int, int]


@dataclass(frozen=True)
class Lattice:
    """Cubes from the corner of the field on, numbered from 0 along right, anterior, superior.

    Args:
        axes: the PET axis that runs along each axis of the lattice.
        flipped: whether it runs the other way.
        fine_shape: shape of the PET grid.
        fine_spacing: mm.
        spacing_mm: side of the cubes.
    """

    axes: _Triple
    flipped: tuple[bool, bool, bool]
    fine_shape: _Triple
    fine_spacing: tuple[float, float, float]
    spacing_mm: float

    @classmethod
    def of(cls, grid: Grid, spacing_mm: float) -> "Lattice":
        """The lattice of a PET grid; an oblique one takes the nearest axes."""
        to_ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine
        targets, signs = io_orientation(to_ras).T
        x, y, z = (int(np.flatnonzero(targets == axis)[0]) for axis in range(3))
        flips = (bool(signs[x] < 0), bool(signs[y] < 0), bool(signs[z] < 0))
        return cls((x, y, z), flips, grid.shape, grid.spacing, spacing_mm)

    @property
    def shape(self) -> _Triple:
        """Cubes along each axis; the last may reach out of the field."""
        x, y, z = (
            max(1, ceil(self.fine_shape[a] * self.fine_spacing[a] / self.spacing_mm - 1e-6))
            for a in self.axes
        )
        return (x, y, z)

    def places(self, points: NDArray[np.int64]) -> NDArray[np.float64]:
        """Where PET voxels (n, 3) lie, (n, 3) in cubes; whole numbers are middles of cubes."""
        columns = [self._place(axis, points[:, self.axes[axis]]) for axis in range(3)]
        return np.column_stack(columns)

    def crop(
        self, values: NDArray[Any], start: _Triple, side: int, outside: float
    ) -> NDArray[np.float32]:
        """A cube of ``side`` cubes from ``start`` on, linearly interpolated, float32.

        Args:
            values: on the PET grid [x, y, z].
            start: first cube; may be outside of the field.
            side: cubes along each axis.
            outside: value outside of the field.
        """
        result = np.full((side,) * 3, outside, dtype=np.float32)
        source: list[slice] = [slice(None)] * 3
        target, steps, firsts = [], [], []
        for axis, fine in enumerate(self.axes):
            count = self.fine_shape[fine]
            step = self.spacing_mm / self.fine_spacing[fine]
            place = (np.arange(start[axis], start[axis] + side) + 0.5) * step - 0.5
            inside = np.flatnonzero((place >= -0.5) & (place < count - 0.5))
            if not len(inside):
                return result
            low = int(np.clip(np.floor(place[inside[0]]), 0, count - 1))
            high = int(np.clip(np.floor(place[inside[-1]]) + 1, 0, count - 1))
            source[fine] = slice(low, high + 1)
            if self.flipped[axis]:
                source[fine] = slice(count - 1 - high, count - low)
            target.append(slice(int(inside[0]), int(inside[-1]) + 1))
            steps.append(step)
            firsts.append(float(place[inside[0]]) - low)
        turned = self._turned(values[tuple(source)])
        result[tuple(target)] = affine_transform(
            turned,
            np.array(steps),
            firsts,
            tuple(part.stop - part.start for part in target),
            output=np.float32,
            order=1,
            mode="nearest",
            prefilter=False,
        )
        return result

    def expand(
        self, cells: NDArray[np.float32], start: _Triple, cell: int
    ) -> tuple[Box, NDArray[np.float32]]:
        """Values of cells at the PET voxels that they cover.

        Each voxel takes the value at the nearest cube of the lattice, that of the linear
        interpolant of the cells there: upsampling to the lattice and nearest resampling to the PET
        grid in one, without the lattice in between.

        Args:
            cells: values [x, y, z] on cells of the lattice.
            start: first cube of the first cell.
            cell: cubes along a side of a cell.

        Returns:
            Box of the PET grid, and its values in the order of its axes; empty when the cells are
            outside of the field.
        """
        box: list[slice] = [slice(0, 0)] * 3
        result = cells
        for axis, fine in enumerate(self.axes):
            count = self.fine_shape[fine]
            cube = np.floor(self._place(axis, np.arange(count)) + 0.5)
            place = (cube - start[axis] + 0.5) / cell - 0.5
            reach = cells.shape[axis] - 0.5
            voxels = np.flatnonzero((place > -0.5) & (place < reach))
            box[fine] = slice(int(voxels[0]), int(voxels[-1]) + 1) if len(voxels) else slice(0, 0)
            within = place[voxels].clip(0, cells.shape[axis] - 1)
            lower = np.floor(within).astype(np.intp)
            upper = np.minimum(lower + 1, cells.shape[axis] - 1)
            weight = (within - lower).astype(np.float32)
            weight = weight.reshape([-1 if a == axis else 1 for a in range(3)])
            first = result.take(lower, axis=axis)
            result = first + weight * (result.take(upper, axis=axis) - first)
        order = [self.axes.index(fine) for fine in range(3)]
        return (box[0], box[1], box[2]), np.transpose(result, order)

    def _place(self, axis: int, voxels: NDArray[np.integer]) -> NDArray[np.float64]:
        """Place along an axis of the lattice of indices along its PET axis."""
        fine = self.axes[axis]
        if self.flipped[axis]:
            voxels = self.fine_shape[fine] - 1 - voxels
        middles = np.asarray(voxels, dtype=np.float64) + 0.5
        return middles * (self.fine_spacing[fine] / self.spacing_mm) - 0.5

    def _turned(self, values: NDArray[Any]) -> NDArray[Any]:
        """A view with the axes of the lattice."""
        turned = np.transpose(values, self.axes)
        return turned[tuple(slice(None, None, -1 if flip else 1) for flip in self.flipped)]
