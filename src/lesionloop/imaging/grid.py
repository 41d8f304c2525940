"""Where voxels are: the grid that a volume or a mask lives on.

Geometry is ITK's: patient coordinates in mm, LPS (x to the patient's left, y to the back, z to the
head). Index ``(i, j, k)`` counts from 0 and names the centre of a voxel; array order is [x, y, z].
"""

from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError

__all__ = ["GRID_TOLERANCE_MM", "Grid"]

#: Two grids are the same when no corner is further off than this.
GRID_TOLERANCE_MM = 1e-3

#: How far a direction matrix may be from orthonormal: float32 headers are good to about 1e-6.
_ORTHONORMAL_TOLERANCE = 1e-4


@dataclass(frozen=True)
class Grid:
    """Shape, spacing, origin and direction of a box of voxels.

    ``==`` and hashes compare every number exactly; for grids out of files use
    :meth:`agrees_with`.

    Args:
        shape: voxels along x, y, z; whole numbers, each at least 1.
        spacing: mm between voxel centres along x, y, z; each above 0.
        origin: LPS position in mm of the centre of voxel (0, 0, 0).
        direction: nine numbers, row by row as ITK gives them; column ``a`` is the unit vector of
            index axis ``a`` in LPS.
        frame_uid: DICOM Frame of Reference UID; None when not known.

    Raises:
        InputError: a value is not finite, the shape is not three whole numbers from 1, a spacing
            is not above 0, or the direction is not orthonormal.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    origin: tuple[float, float, float] = (0.0, 0.0, 0.0)
    direction: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0)
    frame_uid: str | None = None

    def __post_init__(self) -> None:
        if len(self.shape) != 3:
            raise InputError(f"a grid has three axes, not shape {tuple(self.shape)}")
        if not all(n >= 1 and n == int(n) for n in self.shape):
            raise InputError(
                f"a grid needs at least one voxel along each axis, in whole numbers,"
                f" not {tuple(self.shape)}"
            )
        shape = tuple(int(n) for n in self.shape)
        numbers = (*self.spacing, *self.origin, *np.ravel(self.direction))
        lengths = (len(self.spacing), len(self.origin), np.size(self.direction))
        if lengths != (3, 3, 9) or not np.isfinite(numbers).all():
            raise InputError("spacing, origin and direction must be finite numbers, 3 + 3 + 9")
        if min(self.spacing) <= 0:
            raise InputError(f"spacing must be above 0 mm, not {tuple(map(float, self.spacing))}")
        matrix = np.array(self.direction, dtype=float).reshape(3, 3)
        worst = float(np.abs(matrix.T @ matrix - np.eye(3)).max())
        if worst > _ORTHONORMAL_TOLERANCE:
            raise InputError(
                "the direction matrix is not orthonormal",
                cause=f"Its columns are off by {worst:.3g}: {matrix.round(4).tolist()}.",
                remedy="Resample the image to a grid without shear, or repair its header.",
            )
        object.__setattr__(self, "shape", shape)
        object.__setattr__(self, "spacing", tuple(float(v) for v in self.spacing))
        object.__setattr__(self, "origin", tuple(float(v) for v in self.origin))
        object.__setattr__(self, "direction", tuple(float(v) for v in matrix.ravel()))

    @classmethod
    def from_affine(
        cls, shape: tuple[int, int, int], affine: ArrayLike, *, frame_uid: str | None = None
    ) -> "Grid":
        """Build a grid from a (4, 4) matrix that takes an index to LPS mm.

        Raises:
            InputError: it is not such a matrix, an axis has no length, or the axes are not at right
                angles.
        """
        matrix = np.asarray(affine, dtype=float)
        if matrix.shape != (4, 4):
            raise InputError(f"an affine is a (4, 4) matrix, not of shape {matrix.shape}")
        columns = matrix[:3, :3]
        spacing = np.linalg.norm(columns, axis=0)
        if not np.isfinite(matrix).all() or (spacing <= 0).any():
            raise InputError(
                "the affine has an axis without length, or numbers that are not finite"
            )
        return cls(
            shape=shape,
            spacing=(float(spacing[0]), float(spacing[1]), float(spacing[2])),
            origin=(float(matrix[0, 3]), float(matrix[1, 3]), float(matrix[2, 3])),
            direction=tuple((columns / spacing).ravel()),
            frame_uid=frame_uid,
        )

    @property
    def affine(self) -> NDArray[np.float64]:
        """(4, 4) matrix from an index to LPS mm."""
        matrix = np.eye(4)
        matrix[:3, :3] = np.array(self.direction).reshape(3, 3) * np.array(self.spacing)
        matrix[:3, 3] = self.origin
        return matrix

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in millilitres."""
        return float(np.prod(self.spacing)) / 1000.0

    def to_world(self, index: ArrayLike) -> NDArray[np.float64]:
        """LPS mm, (..., 3), of indices (..., 3) that may be fractional."""
        affine = self.affine
        world: NDArray[np.float64] = np.asarray(index, dtype=float) @ affine[:3, :3].T
        return world + affine[:3, 3]

    def to_index(self, world: ArrayLike) -> NDArray[np.float64]:
        """Fractional index, (..., 3), of LPS positions (..., 3) in mm."""
        inverse = np.linalg.inv(self.affine)
        index: NDArray[np.float64] = np.asarray(world, dtype=float) @ inverse[:3, :3].T
        return index + inverse[:3, 3]

    def contains(self, points: ArrayLike) -> NDArray[np.bool_]:
        """Which index points, (n, 3), are inside the grid."""
        index = np.asarray(points).reshape(-1, 3)
        return np.asarray(((index >= 0) & (index < np.array(self.shape))).all(axis=1))

    def corners(self) -> NDArray[np.float64]:
        """LPS mm, (8, 3), of the centres of the corner voxels."""
        return self.to_world(list(product(*((0, n - 1) for n in self.shape))))

    def box(self) -> NDArray[np.float64]:
        """Lowest and highest LPS mm, (2, 3), of the axis-parallel box around all voxels."""
        ends = list(product(*((-0.5, n - 0.5) for n in self.shape)))
        corners = self.to_world(ends)
        return np.stack([corners.min(axis=0), corners.max(axis=0)])

    def gap_mm(self, other: "Grid") -> float:
        """Shortest distance in mm between the boxes of all voxels; 0 when they meet.

        Exact for oblique boxes too: least squares over a point in each box, within its bounds.
        """
        from scipy.optimize import lsq_linear  # noqa: PLC0415  (slow to import, rarely needed)

        mine, theirs = self.affine, other.affine
        difference = np.hstack([mine[:3, :3], -theirs[:3, :3]])
        offset = theirs[:3, 3] - mine[:3, 3]
        ends = np.array([*self.shape, *other.shape]) - 0.5
        found = lsq_linear(difference, offset, bounds=(-0.5, ends), method="bvls", tol=1e-12)
        return float(np.linalg.norm(difference @ found.x - offset))

    def shares_frame(self, other: "Grid") -> bool:
        """False when both know their frame of reference and these differ."""
        return None in (self.frame_uid, other.frame_uid) or self.frame_uid == other.frame_uid

    def worst_offset_mm(self, other: "Grid") -> float:
        """Largest distance in mm between same-named corners; infinite when shapes differ."""
        if self.shape != other.shape:
            return float("inf")
        return float(np.linalg.norm(self.corners() - other.corners(), axis=1).max())

    def agrees_with(self, other: "Grid", tolerance_mm: float = GRID_TOLERANCE_MM) -> bool:
        """Whether both grids have the same voxels at the same places; frames are not compared."""
        return self.worst_offset_mm(other) <= tolerance_mm
