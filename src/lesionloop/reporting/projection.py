"""Volumes seen from the front or from the side, the way radiologists look at them.

The head is up. From the front the patient's right is on the viewer's left; from the side the
patient looks to the viewer's left. Which array axis is which comes from the grid's direction;
oblique grids are taken as the nearest axis-parallel ones.
"""

from dataclasses import dataclass
from itertools import permutations
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.imaging.grid import Grid

__all__ = ["Plane", "View", "view_of"]

Plane = Literal["coronal", "sagittal"]

#: Per plane: the patient axis (0 left, 1 back, 2 head) that runs across, and the letters at the
#: left and right edge.
_ACROSS: dict[Plane, tuple[int, str, str]] = {
    "coronal": (0, "R", "L"),
    "sagittal": (1, "A", "P"),
}


@dataclass(frozen=True)
class View:
    """How array axes x, y, z map to a picture of rows (head first) and columns.

    Args:
        through: array axis that is projected away.
        down: array axis of the picture's rows.
        across: array axis of the picture's columns.
        flip_down: rows run against the array axis.
        flip_across: columns run against the array axis.
        shape: rows and columns, one per voxel.
        pixel_mm: height and width of one picture element, mm.
        edges: letters at the left, right, upper and lower edge.
    """

    through: int
    down: int
    across: int
    flip_down: bool
    flip_across: bool
    shape: tuple[int, int]
    pixel_mm: tuple[float, float]
    edges: tuple[str, str, str, str]

    def maximum(self, values: NDArray[Any]) -> NDArray[Any]:
        """Largest value along the line of sight, [row, column], of ``values`` [x, y, z].

        NaN is left out; a line of NaN alone stays NaN.
        """
        reduce = np.any if values.dtype == np.bool_ else np.max
        flat: NDArray[Any] = np.asarray(reduce(values, axis=self.through))
        if flat.dtype.kind == "f" and np.isnan(flat).any():
            flat = np.fmax.reduce(values, axis=self.through)
        # The two axes that are left keep their order; rows come from ``down``.
        picture = flat.T if self.down > self.across else flat
        return picture[:: -1 if self.flip_down else 1, :: -1 if self.flip_across else 1]

    def positions(self, points: ArrayLike) -> NDArray[np.float64]:
        """Row and column, (n, 2), of the voxel centres ``points`` (n, 3); the corner is 0, 0."""
        index = np.asarray(points, dtype=float).reshape(-1, 3)
        row, column = index[:, self.down], index[:, self.across]
        if self.flip_down:
            row = self.shape[0] - 1 - row
        if self.flip_across:
            column = self.shape[1] - 1 - column
        return np.stack([row, column], axis=1) + 0.5


def view_of(grid: Grid, plane: Plane) -> View:
    """Return the view of a grid in a plane."""
    # Column a of the matrix is array axis a in LPS; nearest(p) is the array axis along patient p.
    direction = np.array(grid.direction).reshape(3, 3)
    nearest = max(
        permutations(range(3)),
        key=lambda order: sum(abs(direction[patient, axis]) for patient, axis in enumerate(order)),
    )
    patient_across, left, right = _ACROSS[plane]
    patient_through = 1 - patient_across
    down, across = nearest[2], nearest[patient_across]
    return View(
        through=nearest[patient_through],
        down=down,
        across=across,
        flip_down=bool(direction[2, down] > 0),  # rows run from head to feet
        flip_across=bool(direction[patient_across, across] < 0),
        shape=(grid.shape[down], grid.shape[across]),
        pixel_mm=(grid.spacing[down], grid.spacing[across]),
        edges=(left, right, "H", "F"),
    )
