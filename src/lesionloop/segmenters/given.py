"""Correcting a mask made elsewhere with any segmenter.

A segmenter that can begin from a mask does. For the others the mask is a function of the given one
and of two of the segmenter's own, with the scribbles and without:

1. Where the segmenter's two masks differ it has heard the strokes, and its word holds; elsewhere
   the given mask does.
2. A foreground stroke adds what it touches of the segmenter's mask, within 20 mm and the stroke's
   extent: a lesion that the segmenter had all along and the given mask lacks.
3. A background stroke takes away what it touches of the given mask, and of what was added to it,
   as far as that is deep under the stroke: the distance from the stroke's deepest point to the
   border, and 4 mm.
4. Each stroke ends where one of the other class is nearer, and every point is honoured.

By depth, a stroke through the middle of a false lesion removes it, one along a leak removes the
leak and not the lesion behind it, and one at a border takes off a piece there.
"""

import edt
import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Grid, Study
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.boxes import box_around, within
from lesionloop.segmenters.protocol import (
    Segmenter,
    Session,
    StartsFromMask,
    honour,
    point_sets,
)
from lesionloop.segmenters.strokes import Stroke, find_strokes
from lesionloop.segmenters.touched import touched_region

__all__ = ["GivenSession", "open_from"]

Mask = NDArray[np.bool_]

#: How far foreground goes beyond a stroke of its own extent, mm.
_ADDS_MM = 20.0
#: How far background goes beyond the depth under the stroke, mm, and the most that counts as depth.
#: On a phantom of balls and a leak, 3 mm voxels, 0 to 6 mm: 4 is the least that takes out a false
#: ball of 12 mm radius from one point in it; it takes 0.9 % of the lesion behind a leak.
_TAKES_MM = 4.0
_DEEPEST_MM = 60.0


def open_from(segmenter: Segmenter, study: Study, mask: Mask) -> Session:
    """A session that begins from a mask made elsewhere.

    Args:
        segmenter: any.
        study: what was scanned.
        mask: on its PET grid, bool [x, y, z]; kept, never changed.

    Raises:
        InputError: the study is not one that the segmenter can work on.
    """
    if isinstance(segmenter, StartsFromMask):
        return segmenter.open_from(study, mask)
    return GivenSession(segmenter.open(study), study.grid, mask)


class GivenSession:
    """A given mask with what a segmenter's session and the strokes change in it."""

    def __init__(self, session: Session, grid: Grid, mask: Mask) -> None:
        """Correct ``mask``, bool [x, y, z] on ``grid``, with a session of the same study."""
        self._session, self._grid, self._given = session, grid, mask
        self._first: Mask | None = None

    def segment(self, scribbles: ScribbleSet) -> Mask:
        """Mask for all scribbles so far, bool [x, y, z].

        Raises:
            InputError: a point is outside the grid.
        """
        scribbles.check(self._grid)
        shape, spacing = self._grid.shape, self._grid.spacing
        flat = point_sets(scribbles, shape)
        if not any(len(points) for points in flat):
            return self._given.copy(order="K")
        if self._first is None:
            self._first = self._session.segment(ScribbleSet())
        said = self._session.segment(scribbles)
        result = np.where(said != self._first, said, self._given)
        # Not the result: there a segmenter may have made a hole of the stroke, touching nothing.
        whole = self._given.copy(order="K")
        drawn, against = (
            np.column_stack(np.unravel_index(points, shape)).astype(np.int64) for points in flat
        )
        for stroke in find_strokes(flat[0], shape, spacing):
            reach = _ADDS_MM + stroke.extent_mm
            box, added = touched_region(said, stroke, against, spacing=spacing, reach_mm=reach)
            result[box] |= added
            whole[box] |= added
        for stroke in find_strokes(flat[1], shape, spacing):
            reach = self._depth_mm(whole, stroke)
            box, taken = touched_region(whole, stroke, drawn, spacing=spacing, reach_mm=reach)
            result[box] &= ~taken
        return honour(result, scribbles)

    def _depth_mm(self, mask: Mask, stroke: Stroke) -> float:
        """How far a background stroke goes: to the border from its deepest point, and a little."""
        spacing = self._grid.spacing
        box = box_around(stroke.points, np.ceil(_DEEPEST_MM / np.array(spacing)), mask.shape)
        # The border of the box counts as inside, like the border of the grid.
        depth = edt.edt(mask[box], anisotropy=spacing)[tuple(within(stroke.points, box).T)]
        return _TAKES_MM + min(float(depth.max()), _DEEPEST_MM)
