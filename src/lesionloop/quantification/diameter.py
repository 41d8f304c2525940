"""The largest diameter of lesions."""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import find_objects
from scipy.spatial import ConvexHull

__all__ = ["largest_diameters"]

#: Rows of the table of distances that is held at a time.
_ROWS = 256


def largest_diameters(labels: ArrayLike, spacing: tuple[float, float, float]) -> dict[int, float]:
    """Largest distance between two points of the surface of each lesion, mm.

    The maximum 3D diameter of the Image Biomarker Standardisation Initiative (L0JK; Zwanenburg et
    al., Radiology 2020; 295: 328-338): the points are the vertices of the mesh by marching cubes at
    half height, which are the middles of the voxel faces between inside and outside.

    Args:
        labels: whole numbers [x, y, z], 0 outside.
        spacing: mm.

    Returns:
        Number of the lesion to its diameter; numbers that no voxel has are left out.
    """
    held = np.asarray(labels)
    found: dict[int, float] = {}
    for number, box in enumerate(find_objects(held), start=1):
        if box is not None:
            found[number] = _diameter(held[box] == number, np.array(spacing))
    return found


def _diameter(mask: NDArray[np.bool_], spacing: NDArray[np.float64]) -> float:
    # Of each line along x only the ends can be corners of the hull.
    lines = mask.any(axis=0)
    first = mask.argmax(axis=0)[lines]
    last = mask.shape[0] - 1 - mask[::-1].argmax(axis=0)[lines]
    across = np.argwhere(lines)
    ends = np.concatenate([np.column_stack([end, across]) for end in (first, last)])
    steps = np.concatenate([np.eye(3), -np.eye(3)]) / 2
    points = ((ends[:, None] + steps) * spacing).reshape(-1, 3)
    corners = points[ConvexHull(points).vertices]
    furthest = 0.0
    for start in range(0, len(corners), _ROWS):
        apart = corners[start : start + _ROWS, None] - corners[None]
        furthest = max(furthest, float((apart**2).sum(axis=2).max()))
    return float(np.sqrt(furthest))
