"""The classical segmenter: avid candidates first, then corrections that spread from the strokes.

First pass: voxels above an uptake level that suits the field of view, smoothed, without specks and
without what geometry recognises as physiologic. Corrections: every stroke shifts that level and
pulls voxels to its class within a bounded reach (:mod:`lesionloop.segmenters.influence`). All in
log-odds, so what is far from any stroke stays exactly as the first pass left it.
"""

from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.imaging.study import require_suv
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.boxes import Box, merge_boxes, overlap, within
from lesionloop.segmenters.influence import Influence, Reach, stroke_influence
from lesionloop.segmenters.parts import label_parts
from lesionloop.segmenters.physiology import physiologic_components
from lesionloop.segmenters.protocol import honour, point_sets
from lesionloop.segmenters.strokes import Stroke, find_strokes
from lesionloop.segmenters.working_grid import WorkingGrid

__all__ = ["Propagate"]

_FWHM = 2.3548  # full width at half maximum of a Gaussian, in standard deviations


@dataclass(frozen=True)
class Propagate:
    """Avid candidates, corrected by strokes. Needs no training; works with or without CT.

    Args:
        level_suv: uptake that separates lesion from background in the first pass, SUV; None
            chooses by the field of view: 4.0 where trunk organs can be in view (a fixed level
            used for lymphoma), 2.0 in shorter views.
        softness: width of the transition around the level, in units of log SUV.
        strength: log-odds that a stroke adds at its own place.
        smooth_mm: FWHM of the Gaussian that smooths the log-odds.
        least_ml: components below this volume are dropped as specks, unless they hold a foreground
            point or their peak is at least ``sure_factor`` times the level.
        sure_factor: see ``least_ml``.
        edge_mm: detour that crossing one unit of log SUV is worth when a stroke spreads.
        working_mm: spacing of the grid on which strokes spread.
        foreground_share: level that a foreground stroke asks for, as a part of the lower quartile
            of the uptake under it.
        background_share: level that a background stroke asks for, as a part of the median of the
            uptake under it.
        reach: how far a stroke acts.
    """

    level_suv: float | None = None
    softness: float = 0.4
    strength: float = 2.0
    smooth_mm: float = 6.0
    least_ml: float = 0.5
    sure_factor: float = 2.5
    edge_mm: float = 35.0
    working_mm: float = 4.0
    foreground_share: float = 0.7
    background_share: float = 0.8
    reach: Reach = field(default_factory=Reach)

    def __post_init__(self) -> None:
        if self.level_suv is not None and not 0 < self.level_suv < 1000:
            raise InputError(f"level_suv must be above 0, not {self.level_suv}")

    @property
    def name(self) -> str:
        """Registered name."""
        return "propagate"

    @property
    def identity(self) -> dict[str, object]:
        """All that decides the mask."""
        return {"name": self.name, "version": 1, **asdict(self)}

    def open(self, study: Study) -> "PropagateSession":
        """Make the first pass; takes most of the time."""
        require_suv(study)
        return PropagateSession(self, study)


class PropagateSession:
    """The first pass of one study, and the strokes' influences computed so far."""

    def __init__(self, options: Propagate, study: Study) -> None:
        self._options = options
        self._grid = study.grid
        suv = study.pet.values
        self._level = options.level_suv or _level_for(study)
        self._log_suv = _log_suv(suv)
        self._working = WorkingGrid.near(self._grid.shape, self._grid.spacing, options.working_mm)
        self._coarse = np.log(np.maximum(self._working.average(suv), 0) + np.float32(0.3))
        self._influences: dict[bytes, Influence] = {}
        self._first, self._physiologic = self._first_pass(study)

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """Mask for all scribbles so far, bool [x, y, z]."""
        scribbles.check(self._grid)
        mask = self._first.copy(order="K")
        shape, spacing = self._grid.shape, self._grid.spacing
        foreground, background = point_sets(scribbles, shape)
        strokes = [(stroke, True) for stroke in find_strokes(foreground, shape, spacing)]
        strokes += [(stroke, False) for stroke in find_strokes(background, shape, spacing)]
        if not strokes:
            return mask
        says = [self._say(stroke, is_foreground) for stroke, is_foreground in strokes]
        for box in merge_boxes([say.influence.box for say in says]):
            self._correct(mask, box, [say for say in says if overlap(say.influence.box, box)])
        self._drop_fragments(mask, [say.influence.box for say in says], foreground)
        return honour(mask, scribbles)

    def _first_pass(self, study: Study) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """First mask, and the voxels taken for physiologic uptake."""
        odds = self._evidence(self._log_suv, 0.0)
        candidates = self._smooth(odds) > 0
        labels, count = label_parts(candidates)
        physiologic = np.zeros(count + 1, dtype=bool)
        physiologic[1:] = physiologic_components(study, labels, count)[1:]
        keep = ~self._specks(labels, count, self._log_suv) & ~physiologic
        keep[0] = False
        return keep[labels], physiologic[labels]

    def _specks(
        self, labels: NDArray[np.unsignedinteger], count: int, log_suv: NDArray[np.float32]
    ) -> NDArray[np.bool_]:
        """Which labels are too small and too faint to be believed, bool [count + 1]."""
        inside = np.flatnonzero(labels.ravel(order="F"))
        owner = labels.ravel(order="F")[inside]
        volumes = np.bincount(owner, minlength=count + 1) * self._grid.voxel_ml
        peaks = np.full(count + 1, -np.inf, dtype=np.float32)
        np.maximum.at(peaks, owner, log_suv.ravel(order="F")[inside])
        sure = np.log(self._options.sure_factor * self._level + _LOG_OFFSET)
        return np.asarray((volumes < self._options.least_ml) & (peaks < sure))

    def _evidence(
        self, log_suv: NDArray[np.float32], shift: float | NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Log-odds of lesion from uptake alone.

        Bounded below by what a stroke can overturn; twice as far above, so that a small hot lesion
        survives the smoothing.
        """
        options = self._options
        centre = float(np.log(self._level + _LOG_OFFSET))
        odds = np.asarray((log_suv - (shift + centre)) / options.softness, dtype=np.float32)
        np.clip(odds, -options.strength, 2 * options.strength, out=odds)
        return odds

    def _smooth(self, odds: NDArray[np.float32]) -> NDArray[np.float32]:
        sigma = self._options.smooth_mm / _FWHM / np.array(self._grid.spacing)
        smoothed: NDArray[np.float32] = gaussian_filter(odds, sigma, truncate=2.5)
        return smoothed

    def _say(self, stroke: Stroke, is_foreground: bool) -> "_Say":
        options, working = self._options, self._working
        spacing = np.array(self._grid.spacing) * np.array(working.factors)
        if stroke.key not in self._influences:
            coarse = Stroke(working.blocks(stroke.points), stroke.extent_mm)
            self._influences[stroke.key] = stroke_influence(
                coarse,
                self._coarse,
                (float(spacing[0]), float(spacing[1]), float(spacing[2])),
                reach=options.reach,
                edge_mm=options.edge_mm,
            )
        # Quartiles, not means: a stroke along a boundary also crosses what it is not meant for.
        uptake = np.exp(self._log_suv[tuple(stroke.points.T)]) - _LOG_OFFSET
        if is_foreground:
            level = options.foreground_share * float(np.quantile(uptake, 0.25))
        else:
            level = options.background_share * float(np.quantile(uptake, 0.5))
        shift = float(np.log((max(level, 0) + _LOG_OFFSET) / (self._level + _LOG_OFFSET)))
        shift = min(shift, 0.0) if is_foreground else max(shift, 0.0)
        return _Say(self._influences[stroke.key], is_foreground, shift)

    def _correct(self, mask: NDArray[np.bool_], box: Box, says: list["_Say"]) -> None:
        """Decide the voxels of ``box`` (working grid) again from evidence and strokes."""
        working = self._working
        pull, shift = _combine(says, box)
        fine = working.fine_box(box)
        odds = self._evidence(self._log_suv[fine], working.expand(shift, box))
        odds[self._physiologic[fine]] = np.minimum(odds[self._physiologic[fine]], -1.0)
        odds += np.float32(self._options.strength) * working.expand(pull, box)
        spoken = working.expand(((pull != 0) | (shift != 0)).astype(np.float32), box) > 0
        target = mask[fine]
        np.copyto(target, self._smooth(odds) > 0, where=spoken)

    def _drop_fragments(
        self, mask: NDArray[np.bool_], boxes: list[Box], foreground: NDArray[np.intp]
    ) -> None:
        """Remove specks that the corrections left within their reach."""
        points = np.column_stack(np.unravel_index(foreground, mask.shape))
        mask[tuple(points.T)] = True
        for box in merge_boxes(boxes):
            fine = self._working.fine_box(box)
            labels, count = label_parts(mask[fine])
            drop = self._specks(labels, count, self._log_suv[fine])
            for side in _faces(labels):
                drop[side] = False  # goes on outside the box: not a speck of ours to judge
            drop[labels[tuple(within(points, fine).T)]] = False
            drop[0] = False
            mask[fine] &= ~drop[labels]


@dataclass(frozen=True)
class _Say:
    """A stroke's influence, its class, and the level shift it asks for (log SUV)."""

    influence: Influence
    is_foreground: bool
    shift: float


_LOG_OFFSET = 0.05  # SUV; keeps the logarithm finite in air


def _log_suv(suv: NDArray[np.float32]) -> NDArray[np.float32]:
    result = np.maximum(suv, 0, dtype=np.float32)
    result += np.float32(_LOG_OFFSET)
    return np.log(result, out=result)


#: Views longer than this along the body can hold liver, heart and kidneys, mm.
_TRUNK_VIEW_MM = 350.0


def _level_for(study: Study) -> float:
    axes = np.abs(np.array(study.grid.direction).reshape(3, 3)[2])
    length = float((axes * np.array(study.grid.spacing) * np.array(study.grid.shape)).max())
    return 4.0 if length >= _TRUNK_VIEW_MM else 2.0


def _combine(says: list[_Say], box: Box) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Pull (-1 to 1) and level shift on ``box``: per class the strongest stroke, then the sum."""
    shape = tuple(s.stop - s.start for s in box)
    pulls = {True: np.zeros(shape, np.float32), False: np.zeros(shape, np.float32)}
    shifts = {True: np.zeros(shape, np.float32), False: np.zeros(shape, np.float32)}
    for say in says:
        inside = tuple(
            slice(s.start - b.start, s.stop - b.start)
            for s, b in zip(say.influence.box, box, strict=True)
        )
        pull, shift = pulls[say.is_foreground][inside], shifts[say.is_foreground][inside]
        np.maximum(pull, say.influence.pull, out=pull)
        strongest = np.minimum if say.is_foreground else np.maximum
        strongest(shift, np.float32(say.shift) * say.influence.nearness, out=shift)
    return pulls[True] - pulls[False], shifts[True] + shifts[False]


def _faces(labels: NDArray[np.unsignedinteger]) -> list[NDArray[np.unsignedinteger]]:
    return [np.unique(labels.take(end, axis=axis)) for axis in range(3) for end in (0, -1)]
