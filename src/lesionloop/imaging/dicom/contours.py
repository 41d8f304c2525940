"""Outlines of a flat mask along the edges of its pixels.

Filling an outline by the even-odd rule gives the pixels back exactly, because every pixel's centre
is half a pixel away from it. Pixels that share an edge make one outline; those that only touch at
a corner make two. A hole is joined to what surrounds it by a keyhole, a channel of no width along a
row of pixel edges (DICOM PS3.3 C.8.8.6.3), so each region is one closed path and no rule for
combining outlines is needed.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["pixel_outlines"]

_Corner = tuple[int, int]  # row, column: corner (r, c) is the upper left one of pixel (r, c)

_Edge = tuple[_Corner, int]  # where it begins, and its direction along _STEPS

_STEPS: tuple[_Corner, ...] = ((0, 1), (1, 0), (0, -1), (-1, 0))  # right, down, left, up


def pixel_outlines(mask: NDArray[Any]) -> list[NDArray[np.float64]]:
    """Closed paths around the regions of a mask.

    Args:
        mask: [row, column], true where not 0.

    Returns:
        One path for each region of edge-connected pixels: (n, 2) corners as (row, column), where
        whole numbers are pixel centres and corners lie at halves; the last point is joined to the
        first and not repeated. Without holes the path runs clockwise, rows pointing down.
    """
    outer: list[list[_Corner]] = []
    holes: list[list[_Corner]] = []
    for path in _trace(mask):
        (outer if _area(path) > 0 else holes).append(path)
    owner = {corner: i for i, path in enumerate(outer) for corner in path}
    for hole in sorted(holes, key=lambda path: min(c for _, c in path)):
        _join(hole, outer, owner)
    return [_straightened(path) for path in outer]


def _trace(mask: NDArray[Any]) -> list[list[_Corner]]:
    """Loops of corners one pixel apart, the mask on the right-hand side."""
    inside = np.pad(np.asarray(mask) != 0, 1)
    centre = inside[1:-1, 1:-1]
    neighbours = (inside[:-2, 1:-1], inside[1:-1, 2:], inside[2:, 1:-1], inside[1:-1, :-2])
    starts = ((0, 0), (0, 1), (1, 1), (1, 0))  # of the upper, right, lower and left edge
    edges: dict[_Edge, None] = {}  # in a fixed order, unlike a set
    for way, (outside, (down, right)) in enumerate(zip(neighbours, starts, strict=True)):
        rows, columns = np.nonzero(centre & ~outside)
        corners = zip((rows + down).tolist(), (columns + right).tolist(), strict=True)
        edges.update(dict.fromkeys((corner, way) for corner in corners))
    left = edges.copy()
    loops = []
    while left:
        first = edge = next(iter(left))
        loop: list[_Corner] = []
        while not loop or edge != first:
            loop.append(edge[0])
            del left[edge]
            edge = _following(edge, edges)
        loops.append(loop)
    return loops


def _following(edge: _Edge, edges: dict[_Edge, None]) -> _Edge:
    """The edge to go on with: a right turn stays with the pixel where two meet at a corner."""
    (row, column), way = edge
    corner = row + _STEPS[way][0], column + _STEPS[way][1]
    turns = ((corner, turn % 4) for turn in (way + 1, way, way + 3))
    return next(turn for turn in turns if turn in edges)


def _area(path: list[_Corner]) -> int:
    """Twice the area; above 0 for a clockwise loop, rows pointing down."""
    rows, columns = np.array(path).T
    return int((columns * np.roll(rows, -1) - rows * np.roll(columns, -1)).sum())


def _join(hole: list[_Corner], outer: list[list[_Corner]], owner: dict[_Corner, int]) -> None:
    """Join a hole to the path that is met to the left of its leftmost corner.

    On the way there pixels above and below belong to the region, so the corner that is met lies on
    one path only, and once. Holes further left have been joined before.
    """
    column, row = min((c, r) for r, c in hole)
    begin = hole.index((row, column))
    met = next(c for c in range(column - 1, -1, -1) if (row, c) in owner)
    index = owner[(row, met)]
    path = outer[index]
    at = path.index((row, met))
    there = [(row, c) for c in range(met, column)]
    loop = hole[begin:] + hole[:begin] + [(row, column)]
    outer[index] = path[:at] + there + loop + there[::-1] + path[at + 1 :]
    owner.update(dict.fromkeys(hole, index))


def _straightened(path: list[_Corner]) -> NDArray[np.float64]:
    """Corners where the path turns, moved so that pixel centres are whole numbers."""
    corners = np.array(path, dtype=np.float64)
    ahead = np.roll(corners, -1, axis=0) - corners
    turns = (ahead != np.roll(ahead, 1, axis=0)).any(axis=1)
    return np.asarray(corners[turns] - 0.5)
