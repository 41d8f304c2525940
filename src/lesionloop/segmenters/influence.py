"""How far a stroke speaks, and what it says.

A stroke acts inside a bounded reach that grows with its own extent, in two ways. It *pulls*: voxels
near it, measured along paths on which the uptake changes little, lean to the stroke's class. And it
*shifts* the uptake level that separates lesion from background towards what the reader pointed at:
down to a foreground stroke's uptake, up to a background stroke's. Both fade smoothly to exactly
nothing at the reach, so no stroke changes anything further away.
"""

from dataclasses import dataclass

import edt
import numpy as np
from numpy.typing import NDArray

from lesionloop.scribbles import geodesic_distance
from lesionloop.segmenters.boxes import Box, box_around, within
from lesionloop.segmenters.strokes import Stroke

__all__ = ["Influence", "Reach", "stroke_influence"]


@dataclass(frozen=True)
class Reach:
    """Reach of a stroke in mm: ``base + per_extent * extent``, at most ``most``."""

    base: float = 16.0
    per_extent: float = 0.6
    most: float = 90.0
    level_factor: float = 1.5  # the level shifts further out than the pull acts

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
    # Two blocks more than the reach: smoothing at the edge of the box then meets no influence.
    margin = np.ceil(far / np.array(spacing)) + 2
    box = box_around(stroke.points, margin, log_suv.shape)
    local = within(stroke.points, box)
    crop = log_suv[box]
    outside = np.ones(crop.shape, dtype=bool, order="F")
    outside[tuple(local.T)] = False
    straight = edt.edt(outside, anisotropy=spacing)
    near = reach.pull_mm(stroke.extent_mm)
    path = geodesic_distance(local, crop, spacing, suv_weight_mm=edge_mm, limit_mm=near)
    return Influence(box, _fade(path / near), _fade(straight / far))


def _fade(distance: NDArray[np.floating]) -> NDArray[np.float32]:
    """Biweight kernel: 1 at 0, 0 from 1 on, smooth in between."""
    inside = np.maximum(1.0 - np.square(np.minimum(distance, 1.0)), 0.0)
    return np.asarray(np.square(inside), dtype=np.float32)
