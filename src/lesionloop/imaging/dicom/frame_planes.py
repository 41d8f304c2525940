"""Frame planes: how two-dimensional DICOM frames lie in the voxels of a grid.

A frame says where its first pixel is and where its rows and columns run (DICOM PS3.3 C.7.6.2.1.1).
When every pixel centre meets a voxel centre, pixels are copied, never interpolated; the axes may
be exchanged or run backwards, as they do in files that other converters have written.
"""

from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.header import name_tag
from lesionloop.imaging.grid import Grid

__all__ = [
    "COSINE_TOLERANCE",
    "FRAME_TOLERANCE_VOXELS",
    "SAME_POSITION_MM",
    "SPACING_TOLERANCE_MM",
    "FramePlanes",
    "PlaneFit",
    "whole_steps",
]

#: Pixels belong to voxels when no centre is further off than this part of a voxel, along any axis.
#: Scanners put beds together with steps that vary a little while a grid has one mean step: 0.004
#: voxels (0.014 mm) in a GE Discovery study of 135 slices. A shifted or wrong series is far above.
FRAME_TOLERANCE_VOXELS = 0.1
#: Direction cosines may be off by this much: one in the third decimal, the fewest that makers
#: write, and a little more for the binary fraction.
COSINE_TOLERANCE = 1.1e-3
#: Pixel spacings of slices of one stack may differ by this much: the same rounding.
SPACING_TOLERANCE_MM = 1.1e-3
#: Frames closer than this along the normal are in one plane: positions are rounded too.
SAME_POSITION_MM = 0.01

_MOST_SLICES = 4096  # more come from positions that are not on one grid, and would fill the memory


@dataclass(frozen=True)
class PlaneFit:
    """Which voxels the pixels of each frame are.

    Args:
        axes: index axis of the grid along increasing column, increasing row, and across frames.
        signs: +1 or -1: whether column and row run with or against their axes.
        start: (n, 3) integer voxel of each frame's first pixel; may be outside the grid.
        shape: of the grid.
        worst_voxels: largest offset of a pixel from its voxel, along any axis, in voxels.
        worst_mm: largest distance of a pixel from its voxel, mm.
    """

    axes: tuple[int, int, int]
    signs: tuple[int, int]
    start: NDArray[np.int64]
    shape: tuple[int, int, int]
    worst_voxels: float
    worst_mm: float

    @property
    def matches(self) -> bool:
        """Whether pixels and voxels coincide within the tolerance."""
        return self.worst_voxels <= FRAME_TOLERANCE_VOXELS

    def covers_grid_once(self, size: tuple[int, int]) -> bool:
        """Whether frames of ``size`` (columns, rows) fill the grid, each voxel exactly once."""
        a, b, c = self.axes
        first = [0 if s > 0 else n - 1 for s, n in zip(self.signs, size, strict=True)]
        return bool(
            size == (self.shape[a], self.shape[b])
            and (self.start[:, [a, b]] == first).all()
            and np.array_equal(np.sort(self.start[:, c]), np.arange(self.shape[c]))
        )

    def plane_of(self, values: NDArray[Any], frame: int) -> NDArray[Any]:
        """The whole slice [row, column] of ``values`` [x, y, z] that ``frame`` lies in; a view."""
        a, b, c = self.axes
        plane: NDArray[Any] = values.transpose(c, b, a)[self.start[frame, c]]
        return plane[:: self.signs[1], :: self.signs[0]]

    def overlap(
        self, frame: int, size: tuple[int, int]
    ) -> tuple[tuple[slice, slice], tuple[slice, slice]] | None:
        """Where ``frame`` and its slice share pixels: (rows, columns) in :meth:`plane_of`, then in
        the frame; None when the frame is outside the grid."""
        a, b, c = self.axes
        if not 0 <= self.start[frame, c] < self.shape[c]:
            return None
        inside, taken = [], []
        for axis, sign, length in ((b, self.signs[1], size[1]), (a, self.signs[0], size[0])):
            most = self.shape[axis]
            first = int(self.start[frame, axis])
            first = first if sign > 0 else most - 1 - first
            low, high = max(first, 0), min(first + length, most)
            if low >= high:
                return None
            inside.append(slice(low, high))
            taken.append(slice(low - first, high - first))
        return (inside[0], inside[1]), (taken[0], taken[1])


@dataclass(frozen=True, eq=False)
class FramePlanes:
    """Frames of one size and orientation.

    Args:
        positions: (n, 3) LPS mm of the centre of each frame's first pixel (0020,0032).
        orientation: (2, 3) unit vectors in LPS along increasing column and along increasing row
            (0020,0037). Rounding is taken off: lengths become 1, the angle a right one.
        spacing: mm from column to column and from row to row: (0028,0030) has the row step first.
        size: columns, rows.
        frame_uid: Frame of Reference UID; None when not known.

    Raises:
        InputError: no frames, numbers that are not finite, spacing or size not above 0, or an
            orientation that is not two unit vectors at a right angle.
    """

    positions: NDArray[np.float64]
    orientation: NDArray[np.float64]
    spacing: tuple[float, float]
    size: tuple[int, int]
    frame_uid: str | None = None

    def __post_init__(self) -> None:
        if self.positions.ndim != 2 or self.positions.shape[1] != 3 or not len(self.positions):
            raise InputError("frames need positions of three numbers")
        numbers = (*self.positions.ravel(), *self.orientation.ravel(), *self.spacing)
        if not np.isfinite(numbers).all():
            raise InputError("frames need finite positions, orientation and spacing")
        if min(*self.spacing, *self.size) <= 0:
            raise InputError(
                f"{name_tag('PixelSpacing')}, {name_tag('Rows')} and {name_tag('Columns')} must be"
                f" above 0, not {self.spacing[::-1]}, {self.size[1]} and {self.size[0]}"
            )
        object.__setattr__(self, "orientation", _upright(self.orientation))

    def __str__(self) -> str:
        first, last = self.positions[0], self.positions[-1]
        return (
            f"{self.size[0]} x {self.size[1]} pixels of"
            f" {self.spacing[0]:.4g} x {self.spacing[1]:.4g} mm in {len(self.positions)} frames,"
            f" from {_millimetres(first)} to {_millimetres(last)}"
        )

    def shares_frame(self, grid: Grid) -> bool:
        """False when both frames of reference are known and differ."""
        return None in (self.frame_uid, grid.frame_uid) or self.frame_uid == grid.frame_uid

    @property
    def normal(self) -> NDArray[np.float64]:
        """(3,) unit vector in LPS: column direction x row direction."""
        return np.cross(*self.orientation)

    def heights(self) -> NDArray[np.float64]:
        """(n,) mm along the normal."""
        return np.asarray(self.positions @ self.normal)

    def corners(self) -> NDArray[np.float64]:
        """(n, 4, 3) LPS mm of the centres of each frame's corner pixels; the first pixel first."""
        ends = np.array(list(product(*((0, n - 1) for n in self.size))))
        return self.positions[:, None] + (ends * self.spacing) @ self.orientation

    def fit(self, grid: Grid) -> PlaneFit | None:
        """Match pixels with the voxels nearest to them; None when rows or columns are oblique to
        the grid or have another spacing, so that pixels cannot be voxels."""
        steps = (self.orientation * np.array(self.spacing)[:, None]) @ np.linalg.inv(
            grid.affine[:3, :3]
        ).T
        whole = np.rint(steps).astype(np.int64)
        if not (np.abs(whole).sum(axis=1) == 1).all() or np.abs(whole).sum(axis=0).max() != 1:
            return None
        a, b = (int(np.flatnonzero(row)[0]) for row in whole)
        index = grid.to_index(self.corners())
        start = np.rint(index[:, 0]).astype(np.int64)
        ends = np.array(list(product(*((0, n - 1) for n in self.size))))
        offset = index - (start[:, None] + ends @ whole)
        return PlaneFit(
            axes=(a, b, 3 - a - b),
            signs=(int(whole[0, a]), int(whole[1, b])),
            start=start,
            shape=grid.shape,
            worst_voxels=float(np.abs(offset).max()),
            worst_mm=float(np.linalg.norm(offset * grid.spacing, axis=-1).max()),
        )

    def gap_mm(self, grid: Grid) -> float:
        """Distance in mm from the box of all frames to the grid's box, along the grid's axes.

        Above 0 the two certainly do not meet; for oblique frames the true gap may be larger.
        """
        index = grid.to_index(self.corners()).reshape(-1, 3)
        below = -0.5 - index.max(axis=0)
        above = index.min(axis=0) - (np.array(grid.shape) - 0.5)
        return float(np.linalg.norm(np.maximum(0, np.maximum(below, above)) * grid.spacing))

    def centre_distance_mm(self, grid: Grid) -> float:
        """Distance in mm between the centre of the frames and that of the grid."""
        centre = self.corners().reshape(-1, 3).mean(axis=0)
        return float(np.linalg.norm(centre - grid.corners().mean(axis=0)))

    def even_grid(self, *, step_mm: float, count: int) -> Grid:
        """The grid of ``count`` slices ``step_mm`` apart, the frame lowest on the normal first."""
        x, y, z = (float(v) for v in self.positions[np.argmin(self.heights())])
        return Grid(
            shape=(*self.size, count),
            spacing=(*self.spacing, step_mm),
            origin=(x, y, z),
            direction=tuple(np.vstack([self.orientation, self.normal]).T.ravel()),
            frame_uid=self.frame_uid,
        )

    def own_grid(self, *, step_mm: float | None = None, thickness_mm: float | None = None) -> Grid:
        """The regular grid that the frames are slices of; frames may be left out or come twice.

        The step is ``step_mm`` when that explains the positions, otherwise the smallest difference
        between two frames; one plane alone falls back on ``thickness_mm``. Small variations are
        averaged.

        Raises:
            InputError: the frames are not on one regular grid, or the step is not known.
        """
        heights = np.sort(self.heights())
        levels = heights[np.append(True, np.diff(heights) > SAME_POSITION_MM)]
        step, count = _step_and_count(levels, step_mm, thickness_mm)
        if step is None or count > _MOST_SLICES:
            raise InputError(
                "the frames are not slices of one regular grid",
                cause=f"{len(levels)} positions, and no step between slices explains them: {self}.",
            )
        grid = self.even_grid(step_mm=step, count=count)
        fit = self.fit(grid)
        if fit is None or not fit.matches:
            worst = float("inf") if fit is None else fit.worst_mm
            raise InputError(
                "the frames are not slices of one regular grid",
                cause=f"With a step of {step:.4g} mm they are up to {worst:.3g} mm off: {self}.",
            )
        return grid


def whole_steps(levels: NDArray[np.float64], step_mm: float) -> NDArray[np.int64] | None:
    """Which slices of an even stack the heights ``levels`` are, counted from 0.

    Args:
        levels: (n,) mm, sorted, at least two.
        step_mm: about the step between slices, above 0; the mean step is then taken.

    Returns:
        (n,) increasing numbers; None when two levels are less than a step apart, or one lies more
        than ``FRAME_TOLERANCE_VOXELS`` of the mean step from its place.
    """
    counts = np.rint(np.diff(levels) / step_mm)
    if counts.min() < 1:
        return None
    index = np.concatenate([[0.0], np.cumsum(counts)])
    mean = (levels[-1] - levels[0]) / index[-1]
    off = np.abs((levels - levels[0]) / mean - index).max()
    return index.astype(np.int64) if off <= FRAME_TOLERANCE_VOXELS else None


def _step_and_count(
    levels: NDArray[np.float64], step_mm: float | None, thickness_mm: float | None
) -> tuple[float | None, int]:
    """Mean step in mm, and number of slices from the first to the last of sorted ``levels``."""
    alone = len(levels) == 1
    last_resort = thickness_mm if alone else float(np.diff(levels).min())
    for step in (step_mm, last_resort):
        if step is None or not np.isfinite(step) or step <= 0:
            continue
        if alone:
            return step, 1
        index = whole_steps(levels, step)
        if index is not None:
            return float(levels[-1] - levels[0]) / int(index[-1]), int(index[-1]) + 1
    return None, 0


def _upright(orientation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two unit vectors at a right angle, (2, 3), from their rounded values."""
    worst = np.abs(orientation @ orientation.T - np.eye(2)).max()
    if worst > 2 * COSINE_TOLERANCE:  # a length that is off by x makes its square off by 2 x
        shown = "\\".join(f"{v:.6g}" for v in orientation.ravel())
        raise InputError(
            f"{name_tag('ImageOrientationPatient')} {shown} is not two unit vectors at a right"
            " angle"
        )
    column = orientation[0] / np.linalg.norm(orientation[0])
    row = orientation[1] - (orientation[1] @ column) * column
    return np.stack([column, row / np.linalg.norm(row)])


def _millimetres(point: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{v:.2f}" for v in point) + ") mm"
