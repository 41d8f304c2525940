"""How far a stroke speaks, and what it says.

A stroke acts inside a bounded reach that grows with its own extent, in two ways. It *pulls*: voxels
near it, measured along paths on which the uptake changes little, lean to the stroke's class. And it
*shifts* the uptake level that separates lesion from background towards what the reader pointed at:
down to a foreground stroke's uptake, up to a background stroke's. Both fade smoothly to exactly
nothing at the reach, so no stroke changes anything further away.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray

from lesionloop.scribbles import geodesic_distance
from lesionloop.segmenters.boxes import Box, box_around, overlap, place_in, within
from lesionloop.segmenters.options import require_number
from lesionloop.segmenters.strokes import Stroke

__all__ = ["Influence", "Reach", "Say", "combine", "stroke_influence"]


@dataclass(frozen=True)
class Reach:
    """Reach of a stroke in mm: ``base + per_extent * extent``, at most ``most``."""

    base: float = 16.0
    per_extent: float = 0.6
    most: float = 90.0
    level_factor: float = 1.5  # the level shifts further out than the pull acts

    def __post_init__(self) -> None:
        require_number("reach.base", self.base, above=0)
        require_number("reach.per_extent", self.per_extent, at_least=0)
        require_number("reach.most", self.most, at_least=self.base)
        require_number("reach.level_factor", self.level_factor, at_least=1)

    def pull_mm(self, extent_mm: float) -> float:
        """Reach of the pull, measured along geodesic paths."""
        return min(self.base + self.per_extent * extent_mm, self.most)

    def level_mm(self, extent_mm: float) -> float:
        """Reach of the level shift, measured straight."""
        return self.level_factor * self.pull_mm(extent_mm)


@dataclass(frozen=True)
class Influence:
    """One stroke's say on the working grid.

    Args:
        box: where on the working grid; nothing outside.
        pull: 0 to 1, how strongly a voxel leans to the stroke's class.
        nearness: 0 to 1, how much of the level shift applies.
    """

    box: Box
    pull: NDArray[np.float32]
    nearness: NDArray[np.float32]


@dataclass(frozen=True)
class Say:
    """A stroke's influence, its class, and the level shift it asks for (log SUV)."""

    stroke: Stroke
    influence: Influence
    is_foreground: bool
    shift: float


def stroke_influence(
    stroke: Stroke,
    log_suv: NDArray[np.float32],
    spacing: tuple[float, float, float],
    *,
    reach: Reach,
    edge_mm: float,
) -> Influence:
    """Influence of one stroke.

    Args:
        stroke: points on the working grid.
        log_suv: compressed uptake on the working grid [x, y, z].
        spacing: of the working grid, mm.
        reach: how far.
        edge_mm: detour in mm that crossing one unit of ``log_suv`` is worth.
    """
    far = reach.level_mm(stroke.extent_mm)
    near = reach.pull_mm(stroke.extent_mm)
    box = box_around(stroke.points, np.ceil(far / np.array(spacing)), log_suv.shape)
    local = within(stroke.points, box)
    crop = log_suv[box]
    outside = np.ones(crop.shape, dtype=bool, order="F")
    outside[tuple(local.T)] = False
    straight = edt.edt(outside, anisotropy=spacing)
    path = np.full(crop.shape, near, dtype=np.float32, order="F")
    for part, points in _portions(local, near, spacing, crop.shape):
        np.minimum(
            path[part],
            geodesic_distance(points, crop[part], spacing, suv_weight_mm=edge_mm, limit_mm=near),
            out=path[part],
        )
    return Influence(box, _fade(path / near), _fade(straight / far))


def combine(says: Sequence[Say], box: Box) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pull (-1 to 1) and level shift on ``box``: per class the strongest stroke, then the sum."""
    shape = tuple(s.stop - s.start for s in box)
    pulls = {True: np.zeros(shape, np.float32), False: np.zeros(shape, np.float32)}
    shifts = {True: np.zeros(shape, np.float32), False: np.zeros(shape, np.float32)}
    for say in says:
        own = say.influence.box
        if not overlap(own, box):
            continue
        x, y, z = (
            slice(max(p.start, q.start), min(p.stop, q.stop)) for p, q in zip(own, box, strict=True)
        )
        shared = (x, y, z)
        there, here = place_in(shared, own), place_in(shared, box)
        pull, shift = pulls[say.is_foreground][here], shifts[say.is_foreground][here]
        np.maximum(pull, say.influence.pull[there], out=pull)
        strongest = np.minimum if say.is_foreground else np.maximum
        strongest(shift, np.float32(say.shift) * say.influence.nearness[there], out=shift)
    return pulls[True] - pulls[False], shifts[True] + shifts[False]


def _portions(
    points: NDArray[np.int64],
    limit_mm: float,
    spacing: tuple[float, float, float],
    shape: tuple[int, ...],
) -> Iterator[tuple[Box, NDArray[np.int64]]]:
    """Points in portions that lie together, each with the box that paths up to the limit stay in.

    A path search over the box of a stroke across the whole body would take gigabytes; the distance
    to the stroke is the least of the distances to its portions.
    """
    reach = np.ceil(limit_mm / np.array(spacing)).astype(int)
    cells = (points - points.min(axis=0)) // np.maximum(2 * reach, 1)
    _, owner = np.unique(cells, axis=0, return_inverse=True)
    owner = owner.ravel()
    for number in range(int(owner.max()) + 1):
        members = points[owner == number]
        part = box_around(members, reach, shape)
        yield part, within(members, part)


def _fade(distance: NDArray[np.floating]) -> NDArray[np.float32]:
    """Biweight kernel: 1 at 0, 0 from 1 on, smooth in between."""
    inside = np.maximum(1.0 - np.square(np.minimum(distance, 1.0)), 0.0)
    return np.asarray(np.square(inside), dtype=np.float32)
