"""What lies around lesions: the voxels that measures of healthy tissue keep away from."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging.grid import Grid
from lesionloop.imaging.occupied import occupied_voxels

__all__ = ["ball_at", "with_rim"]


def with_rim(lesions: NDArray[Any]) -> NDArray[np.bool_]:
    """Lesions and the voxels that touch one, by a face, an edge or a corner.

    The rim holds what the scanner's blur spreads out of a lesion.

    Args:
        lesions: mask or labels [x, y, z].

    Returns:
        bool [x, y, z], x fastest in memory.
    """
    found = occupied_voxels(lesions)
    near = np.zeros(lesions.shape, dtype=bool, order="F")
    index = np.array(np.unravel_index(found, lesions.shape, order="F"))
    limits = np.array(lesions.shape)[:, None] - 1
    for step in np.ndindex(3, 3, 3):
        moved = np.clip(index + np.array(step)[:, None] - 1, 0, limits)
        near[tuple(moved)] = True
    return near


def ball_at(grid: Grid, centre: NDArray[np.intp], radius_mm: float) -> NDArray[np.intp]:
    """Voxels, (n, 3), whose centres are at most ``radius_mm`` from that of voxel ``centre``.

    Those outside the grid are left out.
    """
    spacing = np.array(grid.spacing)
    reach = np.floor(radius_mm / spacing + 1e-9).astype(int)
    steps = np.stack(
        np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), axis=-1
    ).reshape(-1, 3)
    inside = ((steps * spacing) ** 2).sum(axis=1) <= radius_mm**2 * (1 + 1e-9)
    index = centre + steps[inside]
    return np.asarray(index[grid.contains(index)])
