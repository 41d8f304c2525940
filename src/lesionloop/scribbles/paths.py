"""The line along a skeleton: from one end of its longest extent to the other.

Ties decide which of many equal paths is taken, so every order here is part of the definition.
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["farthest_pair", "shortest_path"]


def farthest_pair(image: NDArray[np.bool_]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the two pixels of ``image`` that are farthest apart in a straight line.

    Pixels are ordered by x, then y. Among equal pairs the one with the lowest first pixel wins,
    then the one with the lowest second.

    Args:
        image: bool [x, y] with at least two pixels set.

    Returns:
        ((x, y), (x, y)), the earlier pixel first.
    """
    # A pixel between two others of its column or row is never the end of a longest line. What is
    # left is two pixels per column (or row) at most, so the table of all pairs stays small.
    extreme = _ends_along_y(image) & _ends_along_y(image.T).T
    pixels = np.argwhere(extreme)
    offset = pixels[:, None] - pixels[None]
    squared = (offset * offset).sum(axis=2)
    first, second = np.unravel_index(int(np.argmax(squared)), squared.shape)
    (x1, y1), (x2, y2) = pixels[[first, second]].tolist()
    return (x1, y1), (x2, y2)


def _ends_along_y(image: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The first and the last set pixel of each line along y."""
    before = np.logical_or.accumulate(image, axis=1)
    after = np.logical_or.accumulate(image[:, ::-1], axis=1)[:, ::-1]
    ends = image.copy()
    ends[:, 1:-1] &= ~(before[:, :-2] & after[:, 2:])
    return ends


def shortest_path(
    image: NDArray[np.bool_], source: tuple[int, int], target: tuple[int, int]
) -> NDArray[np.int64]:
    """Return a shortest path through set pixels; each of the eight steps costs 1.

    Breadth-first search from both ends. The forward fringe is expanded when it is not larger than
    the backward one, always a whole level, in the order in which its pixels were found; neighbours
    are visited by x, then y. The path joins at the first pixel that both sides know.

    Args:
        image: bool [x, y].
        source: first pixel of the path.
        target: last pixel, another one, connected to ``source``.

    Returns:
        (n, 2) pixels x, y from ``source`` to ``target``.

    Source: the tie rules are those of networkx's unweighted bidirectional shortest path, which the
        autoPET V evaluation code calls.
    """
    padded = np.pad(image, 1)
    pitch = padded.shape[1]
    # Plain integers, a set and lists: most skeletons have tens of pixels.
    free = set(np.flatnonzero(padded).tolist())
    steps = tuple(dx * pitch + dy for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy)
    start, end = ((x + 1) * pitch + y + 1 for x, y in (source, target))
    parents: tuple[dict[int, int], dict[int, int]] = ({start: start}, {end: end})
    fringes = [[start], [end]]
    meeting = None
    while meeting is None and fringes[0] and fringes[1]:
        side = 0 if len(fringes[0]) <= len(fringes[1]) else 1
        meeting = _expand(fringes, side, parents, free, steps)
    if meeting is None:
        raise ValueError(f"pixels {source} and {target} are not connected")
    forward, backward = (_trace(meeting, parent) for parent in parents)
    x, y = np.divmod(np.array(forward[::-1] + backward[1:], dtype=np.int64), pitch)
    return np.column_stack([x, y]) - 1


def _expand(
    fringes: list[list[int]],
    side: int,
    parents: tuple[dict[int, int], dict[int, int]],
    free: set[int],
    steps: tuple[int, ...],
) -> int | None:
    """Replace one fringe by the next level; the pixel where both sides meet, if they do."""
    known, other = parents[side], parents[1 - side]
    level, fringes[side] = fringes[side], []
    for pixel in level:
        for step in steps:
            neighbour = pixel + step
            if neighbour not in free:
                continue
            if neighbour not in known:
                known[neighbour] = pixel
                fringes[side].append(neighbour)
            if neighbour in other:
                return neighbour
    return None


def _trace(pixel: int, parent: dict[int, int]) -> list[int]:
    """From ``pixel`` back to the root, which is its own parent."""
    line = [pixel]
    while parent[pixel] != pixel:
        pixel = parent[pixel]
        line.append(pixel)
    return line
