"""A session of the ``propagate`` segmenter.

The mask is decided voxel by voxel: by the first pass where no stroke speaks, elsewhere by the
strokes near the voxel. So a session needs to decide again only what is near strokes that came or
went since the last call, and still gives to the last bit what a fresh one would.
"""

from copy import copy
from math import log
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from lesionloop.imaging import Study
from lesionloop.progress import tell
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.boxes import Box, grow, merge_boxes, overlap, place_in, within
from lesionloop.segmenters.influence import Say, combine, stroke_influence
from lesionloop.segmenters.parts import label_parts
from lesionloop.segmenters.physiology import physiologic_components
from lesionloop.segmenters.protocol import honour, point_sets
from lesionloop.segmenters.specks import SpeckRule, find_specks, update_without_specks
from lesionloop.segmenters.strokes import Stroke, find_strokes
from lesionloop.segmenters.working_grid import WorkingGrid

if TYPE_CHECKING:
    from lesionloop.segmenters.propagate import Propagate

__all__ = ["PropagateSession", "shows_trunk"]

_FWHM = 2.3548  # full width at half maximum of a Gaussian, in standard deviations
_TRUNCATE = 2.5  # the Gaussian is cut there, in standard deviations
_LOG_OFFSET = 0.05  # SUV; keeps the logarithm finite in air

#: No stroke takes the level below this, SUV: what has less is air, where one stray point would
#: otherwise fill its whole reach.
_LEAST_LEVEL_SUV = 0.2

#: Views longer than this along the body can hold liver, heart and kidneys, mm.
_TRUNK_VIEW_MM = 350.0

#: A stroke by its class and its points.
_Key = tuple[bool, bytes]


class PropagateSession:
    """The first pass of one study, and the mask for the strokes seen last."""

    def __init__(
        self, options: "Propagate", study: Study, start: NDArray[np.bool_] | None = None
    ) -> None:
        self._options = options
        self._start = start
        self._grid = study.grid
        suv = study.pet.values
        self._level = options.level_suv or _level_for(study)
        self._log_suv = _log_suv(suv)
        self._working = WorkingGrid.near(self._grid.shape, self._grid.spacing, options.working_mm)
        self._coarse_shape = self._working.shape
        tell(0.3)
        self._coarse = np.log(np.maximum(self._working.average(suv), 0) + np.float32(0.3))
        self._sigma = options.smooth_mm / _FWHM / np.array(self._grid.spacing)
        kernel = (_TRUNCATE * self._sigma + 0.5).astype(
            int
        )  # half width in voxels, as scipy has it
        # Blocks around a change that it can reach: by smoothing, and one by interpolation.
        self._spill = -(-kernel // np.array(self._working.factors)) + 1
        self._specks = SpeckRule(
            options.least_ml / self._grid.voxel_ml,
            log(options.sure_factor * self._level + _LOG_OFFSET),
        )
        self._first, self._physiologic = self._first_pass(study)
        self._forget_strokes()

    def afresh(self) -> "PropagateSession":
        """A session as this one was when it was opened; see `Repeatable`."""
        other = copy(self)
        other._forget_strokes()
        return other

    def _forget_strokes(self) -> None:
        """Set all that strokes change, and nothing else does, to what it is without any."""
        self._says: dict[_Key, Say] = {}
        self._decided = self._cleaned = self._first  # with and without specks, for these strokes
        self._stale: list[Box] = []  # not up to date: a call was interrupted

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """Mask for all scribbles so far, bool [x, y, z].

        Raises:
            InputError: a point is outside the grid.
        """
        scribbles.check(self._grid)
        says = self._says_of(scribbles)
        self._stale += [self._area(self._says[key]) for key in self._says.keys() - says.keys()]
        self._stale += [self._area(says[key]) for key in says.keys() - self._says.keys()]
        self._says = says
        if self._stale:
            self._update(merge_boxes(self._stale))
            self._stale = []
        return honour(self._cleaned.copy(order="K"), scribbles)

    def _first_pass(self, study: Study) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """First mask, and the voxels taken for physiologic uptake."""
        if self._start is not None:
            return self._start, np.zeros_like(self._start)
        candidates = self._smooth(self._evidence(self._log_suv, 0.0)) > 0
        tell(0.7)
        labels, count = label_parts(candidates)
        tell(0.8)
        physiologic = physiologic_components(study, labels, count)
        keep = ~find_specks(labels, count, self._log_suv, self._specks) & ~physiologic
        keep[0] = False
        return keep[labels], physiologic[labels]

    def _evidence(
        self, log_suv: NDArray[np.float32], shift: float | NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Log-odds of lesion from uptake alone.

        Bounded below by what a stroke can overturn; twice as far above, so that a small hot lesion
        survives the smoothing.
        """
        options = self._options
        centre = log(self._level + _LOG_OFFSET)
        odds = np.asarray((log_suv - (shift + centre)) / options.softness, dtype=np.float32)
        np.clip(odds, -options.strength, 2 * options.strength, out=odds)
        return odds

    def _smooth(self, odds: NDArray[np.float32]) -> NDArray[np.float32]:
        # The output is given so that it keeps the memory order.
        smoothed: NDArray[np.float32] = gaussian_filter(
            odds, self._sigma, truncate=_TRUNCATE, output=np.empty_like(odds)
        )
        return smoothed

    def _says_of(self, scribbles: ScribbleSet) -> dict[_Key, Say]:
        """What each stroke says; computed for those that the last call did not have."""
        shape, spacing = self._grid.shape, self._grid.spacing
        says: dict[_Key, Say] = {}
        for flat, is_foreground in zip(point_sets(scribbles, shape), (True, False), strict=True):
            for stroke in find_strokes(flat, shape, spacing):
                key = (is_foreground, stroke.key)
                says[key] = self._says.get(key) or self._say(stroke, is_foreground)
        return says

    def _say(self, stroke: Stroke, is_foreground: bool) -> Say:
        options, working = self._options, self._working
        influence = stroke_influence(
            Stroke(working.blocks(stroke.points), stroke.extent_mm),
            self._coarse,
            working.spacing(self._grid.spacing),
            reach=options.reach,
            edge_mm=options.edge_mm,
        )
        # Quartiles, not means: a stroke along a boundary also crosses what it is not meant for.
        uptake = np.exp(self._log_suv[tuple(stroke.points.T)]) - _LOG_OFFSET
        if is_foreground:
            level = options.foreground_share * float(np.quantile(uptake, 0.25))
        else:
            level = options.background_share * float(np.quantile(uptake, 0.5))
        level = max(level, _LEAST_LEVEL_SUV)
        shift = log((level + _LOG_OFFSET) / (self._level + _LOG_OFFSET))
        shift = min(shift, 0.0) if is_foreground else max(shift, 0.0)
        return Say(stroke, influence, is_foreground, shift)

    def _area(self, say: Say) -> Box:
        """Blocks where a stroke can make a difference."""
        return grow(say.influence.box, self._spill, self._coarse_shape)

    def _update(self, boxes: list[Box]) -> None:
        """Bring the masks up to date inside ``boxes`` (working grid)."""
        if self._decided is self._first:
            self._decided = self._first.copy(order="K")
            self._cleaned = self._first.copy(order="K")
        for number, box in enumerate(boxes):
            tell(number / len(boxes))  # may end here: the boxes are stale until all are done
            self._decide(box)
        foreground = [say.stroke.points for say in self._says.values() if say.is_foreground]
        kept = np.concatenate([np.empty((0, 3), dtype=np.int64), *foreground])
        for box in boxes:
            update_without_specks(
                self._cleaned,
                self._decided,
                self._working.fine_box(box),
                uptake=self._log_suv,
                rule=self._specks,
                kept=kept,
            )

    def _decide(self, box: Box) -> None:
        """Decide the voxels of ``box`` from evidence and strokes; specks are judged later."""
        fine = self._working.fine_box(box)
        target = self._decided[fine]
        target[...] = self._first[fine]
        wide = grow(box, self._spill, self._coarse_shape)
        says = [say for say in self._says.values() if overlap(say.influence.box, wide)]
        if not says:
            return
        smoothed, spoken = self._odds_of(wide, says)
        inner = place_in(fine, self._working.fine_box(wide))
        np.copyto(target, smoothed[inner] > 0, where=spoken[inner])
        for say in says:
            if say.is_foreground:
                target[tuple(within(say.stroke.points, fine).T)] = True

    def _odds_of(self, box: Box, says: list[Say]) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Smoothed log-odds on the fine voxels of ``box``, and where a stroke has a say."""
        working = self._working
        fine = working.fine_box(box)
        pull, shift = combine(says, box)
        odds = self._evidence(self._log_suv[fine], working.expand(shift, box))
        np.minimum(odds, -1.0, out=odds, where=self._physiologic[fine])
        fine_pull = working.expand(pull, box)
        strength = np.float32(self._options.strength)
        if self._start is not None:
            given = np.where(self._start[fine], strength, -strength)
            odds = given + np.abs(fine_pull) * (odds - given)
        odds += strength * fine_pull
        spoken = working.expand(((pull != 0) | (shift != 0)).astype(np.float32), box) > 0
        return self._smooth(odds), spoken


def _log_suv(suv: NDArray[np.float32]) -> NDArray[np.float32]:
    result = np.maximum(suv, 0, dtype=np.float32)
    result += np.float32(_LOG_OFFSET)
    return np.log(result, out=result)


def _level_for(study: Study) -> float:
    return 4.0 if shows_trunk(study) else 2.0


def shows_trunk(study: Study) -> bool:
    """Whether the view is long enough to hold liver, heart and kidneys."""
    axes = np.abs(np.array(study.grid.direction).reshape(3, 3)[2])
    length = float((axes * np.array(study.grid.spacing) * np.array(study.grid.shape)).max())
    return length >= _TRUNK_VIEW_MM
