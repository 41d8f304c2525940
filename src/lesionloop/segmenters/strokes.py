"""Strokes: scribble points that lie together, found again from the points alone.

The challenge's file does not say which points were drawn together, so strokes are the clusters of
one class's points. They depend on the set of points only, never on the order.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

__all__ = ["Stroke", "find_strokes"]

#: Points of one stroke are at most this many voxels apart along every axis. The simulated random
#: scribble skips voxels where its line leaves the region.
_GAP_VOXELS = 2


@dataclass(frozen=True)
class Stroke:
    """Points of one class that lie together.

    Args:
        points: voxel indices (n, 3), ascending, each once.
        extent_mm: diagonal of the box around the points, mm; 0 for a single voxel.
    """

    points: NDArray[np.int64]
    extent_mm: float

    @property
    def key(self) -> bytes:
        """Equal for equal points."""
        return self.points.tobytes()


def find_strokes(
    flat: NDArray[np.intp], shape: tuple[int, int, int], spacing: tuple[float, float, float]
) -> list[Stroke]:
    """Strokes of the points given as flat indices (C order), in the order of their first point."""
    if not len(flat):
        return []
    points = np.column_stack(np.unravel_index(np.sort(flat), shape)).astype(np.int64)
    pairs = cKDTree(points).query_pairs(_GAP_VOXELS, p=np.inf, output_type="ndarray")
    links = coo_array(
        (np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(len(points),) * 2
    )
    count, owner = connected_components(links, directed=False)
    strokes = []
    for one in range(count):
        members = points[owner == one]
        sides = np.ptp(members, axis=0) * np.array(spacing)
        strokes.append(Stroke(members, float(np.linalg.norm(sides))))
    return strokes
