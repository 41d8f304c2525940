"""Groups of scribble points near each other: each is corrected by one look of the network."""

from dataclasses import dataclass

import cc3d
import numpy as np
from numpy.typing import NDArray

from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.boxes import Box, box_around

__all__ = ["Group", "find_groups"]

#: A group that is longer than this along an axis is cut, so that one stroke more in a body full of
#: strokes costs a look at its surroundings, not at the body. Voxels.
_LONGEST = 32
#: A piece of a cut group knows of the other pieces' points up to this far away. Voxels.
_AWARE = 8

Points = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Group:
    """Working-grid voxels of strokes that lie together.

    Args:
        foreground: (n, 3) voxels, ascending, each once.
        background: (m, 3) likewise.
        other_foreground: points near it that other groups answer for, but that it has to know.
        other_background: likewise.
    """

    foreground: Points
    background: Points
    other_foreground: Points
    other_background: Points

    @property
    def key(self) -> tuple[bytes, ...]:
        """Equal for equal points."""
        return tuple(
            points.tobytes()
            for points in (
                self.foreground, self.background, self.other_foreground, self.other_background
            )
        )  # fmt: skip

    @property
    def all_foreground(self) -> Points:
        """Its own points and those that it knows of."""
        return np.concatenate([self.foreground, self.other_foreground])

    @property
    def all_background(self) -> Points:
        """Its own points and those that it knows of."""
        return np.concatenate([self.background, self.other_background])

    def scribbles(self) -> ScribbleSet:
        """All that it knows of, as scribbles on the working grid."""
        scribbles = ScribbleSet()
        if len(self.all_foreground):
            scribbles = scribbles.add(self.all_foreground, "foreground")
        if len(self.all_background):
            scribbles = scribbles.add(self.all_background, "background")
        return scribbles

    def box(self, margin: int, shape: tuple[int, int, int]) -> Box:
        """Box around all points plus ``margin`` voxels, cut at the grid."""
        return box_around(np.concatenate([self.foreground, self.background]), margin, shape)


def find_groups(
    foreground: Points, background: Points, shape: tuple[int, int, int], reach: int
) -> list[Group]:
    """Points joined when their blocks of ``reach`` voxels touch.

    So points of different groups are more than ``reach`` voxels apart along some axis, unless they
    are pieces of a group that was cut because it was long. Depends on the sets of points only.

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
        found += _cut(members[0], members[1])
    return found


def _cut(foreground: Points, background: Points) -> list[Group]:
    """One group, or its pieces in the cells of a fixed lattice where it is too long."""
    nobody = np.empty((0, 3), dtype=np.int64)
    both = np.concatenate([foreground, background])
    if np.ptp(both, axis=0).max() < _LONGEST:
        return [Group(foreground, background, nobody, nobody)]
    pieces = []
    for cell in np.unique(both // _LONGEST, axis=0):
        inside = [(points // _LONGEST == cell).all(axis=1) for points in (foreground, background)]
        own = [points[i] for points, i in zip((foreground, background), inside, strict=True)]
        members = np.concatenate(own)
        low, high = members.min(axis=0) - _AWARE, members.max(axis=0) + _AWARE
        other = [
            points[~i & ((points >= low) & (points <= high)).all(axis=1)]
            for points, i in zip((foreground, background), inside, strict=True)
        ]
        pieces.append(Group(*own, *other))
    return pieces
