"""Groups of scribble points near each other: each is corrected by one look of the network."""

from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray

from lesionloop.segmenters.boxes import Box, box_around

__all__ = ["Group", "find_groups"]

Points = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Group:
    """Working-grid voxels of strokes that lie together.

    Args:
        foreground: (n, 3) voxels, ascending, each once.
        background: (m, 3) likewise.
    """

    foreground: Points
    background: Points

    @property
    def key(self) -> tuple[bytes, bytes]:
        """Equal for equal points."""
        return self.foreground.tobytes(), self.background.tobytes()

    def box(self, margin: int, shape: tuple[int, int, int]) -> Box:
        """Box around all points plus ``margin`` voxels, cut at the grid."""
        return box_around(np.concatenate([self.foreground, self.background]), margin, shape)


def find_groups(
    foreground: Points, background: Points, shape: tuple[int, int, int], reach: int
) -> list[Group]:
    """Points joined when their blocks of ``reach`` voxels touch.

    So points of one group may be anywhere near each other, and points of different groups are more
    than ``reach`` voxels apart along some axis. Depends on the sets of points only.

    Args:
        foreground: (n, 3) working voxels, each once.
        background: (m, 3).
        shape: of the working grid.
        reach: in voxels.
    """
    if not len(foreground) + len(background):
        return []
    blocks = np.zeros([n // reach + 1 for n in shape], dtype=np.uint8)
    for points in (foreground, background):
        blocks[tuple((points // reach).T)] = 1
    labels = cc3d.connected_components(blocks, connectivity=26)
    owners = [labels[tuple((points // reach).T)] for points in (foreground, background)]
    found = []
    for label in np.unique(np.concatenate(owners)):
        members = [
            np.unique(points[owner == label], axis=0)
            for points, owner in zip((foreground, background), owners, strict=True)
        ]
        found.append(Group(*members))
    return found
