"""From scribbles to clicks: strokes, the lesions they belong to, points along them.

All of it depends on the two sets of points only. The network was trained with clicks one after the
other, so strokes are put in an order of their own: foreground before background, each by its first
voxel.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from lesionloop.segmenters.strokes import Stroke, find_strokes

__all__ = ["EVERY_MM", "MOST_POINTS", "Target", "find_targets", "sample_points"]

#: Points along a stroke, as long as nothing else is asked for: so far apart, mm, and so many.
EVERY_MM, MOST_POINTS = 9.0, 5

_Points = NDArray[np.int64]


@dataclass(frozen=True)
class Target:
    """One object to segment: what was drawn on it, and against it.

    Args:
        anchor: the voxel nearest the middle of its longest stroke. Corrections tend to be shorter
            than the first stroke, so it seldom moves.
        foreground: sampled voxels (n, 3) of each of its strokes.
        background: those of all background strokes of the study.
    """

    anchor: _Points
    foreground: tuple[_Points, ...]
    background: tuple[_Points, ...]


def find_targets(
    foreground: NDArray[np.intp],
    background: NDArray[np.intp],
    shape: tuple[int, int, int],
    spacing: tuple[float, float, float],
    *,
    link_mm: float,
    every_mm: float,
    most: int,
) -> list[Target]:
    """Objects, each prompted for itself: foreground strokes that are near each other.

    Args:
        foreground: flat indices (C order) of the points.
        background: the same; none of them is foreground.
        shape: of the PET grid.
        spacing: mm.
        link_mm: strokes whose nearest points are at most so far apart belong to one object.
        every_mm: points along a stroke are at least so far apart.
        most: points per stroke at most.
    """
    drawn = find_strokes(foreground, shape, spacing)
    against = tuple(
        sample_points(stroke.points, spacing, every_mm=every_mm, most=most)
        for stroke in find_strokes(background, shape, spacing)
    )
    members: dict[int, list[Stroke]] = {}
    for stroke, owner in zip(drawn, _owners(drawn, spacing, link_mm), strict=True):
        members.setdefault(owner, []).append(stroke)
    targets = []
    for strokes in members.values():
        clicks = [
            sample_points(stroke.points, spacing, every_mm=every_mm, most=most)
            for stroke in strokes
        ]
        longest = max(range(len(strokes)), key=lambda number: len(strokes[number].points))
        targets.append(Target(clicks[longest][0], tuple(clicks), against))
    return targets


def sample_points(
    points: _Points, spacing: tuple[float, float, float], *, every_mm: float, most: int
) -> _Points:
    """Points spread over a stroke, (m, 3), m from 1 to ``most``.

    The first is nearest the middle; each further one is the farthest from all before, until none is
    ``every_mm`` away. Of equals the first in the order of ``points``.
    """
    places = points * np.array(spacing)
    middle = np.linalg.norm(places - places.mean(axis=0), axis=1)
    chosen = [int(np.argmin(middle.round(6)))]
    away = np.linalg.norm(places - places[chosen[0]], axis=1)
    while len(chosen) < most and away.max() >= every_mm:
        chosen.append(int(np.argmax(away.round(6))))
        away = np.minimum(away, np.linalg.norm(places - places[chosen[-1]], axis=1))
    return points[chosen]


def _owners(
    strokes: Sequence[Stroke], spacing: tuple[float, float, float], link_mm: float
) -> list[int]:
    """Number of the object of every stroke."""
    places = [stroke.points * np.array(spacing) for stroke in strokes]
    trees = [cKDTree(place) for place in places]
    near = [
        (one, other)
        for one in range(len(strokes))
        for other in range(one)
        if trees[one].query(places[other], distance_upper_bound=link_mm + 1e-6)[0].min() <= link_mm
    ]
    pairs = np.array(near, dtype=np.intp).reshape(-1, 2)
    links = coo_array(
        (np.ones(len(pairs), dtype=bool), (pairs[:, 0], pairs[:, 1])), shape=(len(strokes),) * 2
    )
    return [int(owner) for owner in connected_components(links, directed=False)[1]]
