"""A session of the learned segmenter.

Everything is decided on the working grid from the first pass and from groups of strokes. What a
group says depends on its points and the study alone, and is kept from call to call; so a warm
session gives to the last bit what a cold one gives.
"""

from copy import copy
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.progress import stage, tell
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.boxes import Box, place_in
from lesionloop.segmenters.learned.advice import (
    LesionAdvice,
    Place,
    describe_lesions,
    places_to_look,
)
from lesionloop.segmenters.learned.fine_mask import FineMask
from lesionloop.segmenters.learned.groups import Group, find_groups
from lesionloop.segmenters.learned.network import Runtime, Weights
from lesionloop.segmenters.learned.view import StudyView
from lesionloop.segmenters.parts import label_parts
from lesionloop.segmenters.physiology import find_landmarks
from lesionloop.segmenters.propagate import Propagate
from lesionloop.segmenters.propagation import PropagateSession, shows_trunk
from lesionloop.segmenters.protocol import honour, point_sets
from lesionloop.segmenters.specks import SpeckRule, find_specks

if TYPE_CHECKING:
    from lesionloop.segmenters.learned.segmenter import Learned

__all__ = ["LearnedSession"]

#: Over this last part of its reach a correction gives way to the first pass, mm.
_TAPER_MM = 16.0
#: The network sees this much more than what it may change, mm.
_CONTEXT_MM = 16.0
#: What the mask of `propagate` for the same strokes adds in views of a trunk, in logits, to what it
#: marks and to what it does not. Lesions are far rarer and smaller there than in the patches that
#: the network learned from, hence so much against.
_RULES_FOR = 1.5
_RULES_AGAINST = 5.0
#: A stroke decides its own voxel by this many logits, and less up to the distance where it ends.
_OWN_LOGITS = 1.0
_OWN_MM = 5.0
#: What takes up less is air, SUV: no lesion, and a stroke there speaks for its own voxels alone.
_AIR_SUV = 0.2
#: How sure a mask made elsewhere is of itself, in logits.
_GIVEN_LOGITS = 3.0
#: Of opening a study, the parts that are done when its view is made and when `propagate` has run;
#: the rest is the network's. Measured on two cores.
_VIEWED = 0.03
_RULED = 0.08
#: Logit of what is outside the body.
_NEVER = np.float32(-30)

_EVERYWHERE: Box = (slice(None), slice(None), slice(None))

Floats = NDArray[np.float32]
Points = NDArray[np.int64]


class LearnedSession:
    """The first pass of one study, and what the groups of strokes seen last say."""

    def __init__(
        self,
        options: "Learned",
        study: Study,
        weights: Weights,
        runtime: Runtime,
        start: NDArray[np.bool_] | None = None,
    ) -> None:
        self._study = study
        self._weights = weights
        self._runtime = runtime
        self._options = options
        self._is_given = start is not None
        if options.threshold is None:
            self._threshold = weights.logit_threshold
        else:
            odds = np.log(options.threshold / (1 - options.threshold))
            self._threshold = float((odds - weights.bias) * weights.temperature)
        self._view = StudyView.of(study, weights.spacing_mm, geodesic=weights.geodesic)
        tell(_VIEWED)
        self._rules, self._sure = self._classical() if start is None else (None, 0.0)
        self._first = self._first_pass() if start is None else self._as_logits(start)
        self._previous = np.asarray(1 / (1 + np.exp(-self._first)), dtype=np.float32)
        voxel_ml = weights.spacing_mm**3 / 1000
        sure = float(np.log(options.sure / (1 - options.sure)) - weights.bias)
        self._specks = SpeckRule(options.least_ml / voxel_ml, sure * weights.temperature)
        self._cleaned = self._first  # without specks: what holds where no stroke reaches
        if start is None:
            self._cleaned = self._first.copy()
            everywhere = np.ones(self._cleaned.shape, dtype=np.bool_)
            self._drop_specks(self._cleaned, np.empty((0, 3), dtype=np.int64), everywhere)
        self._given = None if start is None else (start, self._first)
        self._forget_strokes()

    def afresh(self) -> "LearnedSession":
        """A session as this one was when it was opened; see `Repeatable`."""
        other = copy(self)
        other._forget_strokes()
        return other

    def _forget_strokes(self) -> None:
        """Set all that strokes change, and nothing else does, to what it is without any."""
        if self._rules is not None:
            self._rules = self._rules.afresh()
        self._corrections: dict[tuple[bytes, ...], tuple[Box, Floats, Floats, Floats]] = {}
        self._fine = FineMask(
            self._view.grid, self._threshold, self._study.pet.values, given=self._given
        )
        self._fine.follow(self._decided(ScribbleSet()))

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """Mask for all scribbles so far, bool [x, y, z].

        Raises:
            InputError: a point is outside the grid.
        """
        scribbles.check(self._study.grid)
        mask = self._fine.follow(self._decided(scribbles))
        return honour(mask.copy(order="K"), scribbles)

    def probability(self, scribbles: ScribbleSet) -> Floats:
        """Calibrated probability of lesion, float32 [x, y, z] on the PET grid, 0 to 1.

        Raises:
            InputError: a point is outside the grid.
        """
        scribbles.check(self._study.grid)
        result = np.zeros_like(self._study.pet.values, dtype=np.float32)
        logits = np.maximum(self._decided(scribbles), _NEVER)
        x, y, z = (slice(0, n) for n in result.shape)
        result[...] = self._weights.probability(self._view.grid.expand(logits, (x, y, z)))
        result[tuple(scribbles.background.T)] = 0
        result[tuple(scribbles.foreground.T)] = 1
        return result

    def lesions(self, scribbles: ScribbleSet) -> list[LesionAdvice]:
        """Volume, uptake and confidence of each lesion of the mask, the largest first."""
        return describe_lesions(self.segment(scribbles), self.probability(scribbles), self._study)

    def next_places(self, scribbles: ScribbleSet, count: int = 5) -> list[Place]:
        """Up to ``count`` places where a scribble is likely to gain most, the best first."""
        scribbles.check(self._study.grid)
        foreground, background = self._working_points(scribbles)
        logits = self._decided(scribbles)
        tell(0.0)
        return places_to_look(
            self._weights.probability(np.maximum(logits, _NEVER)),
            logits > self._threshold,
            np.concatenate([foreground, background]),
            self._view.grid,
            count,
        )

    def _first_pass(self) -> Floats:
        """Logits of the whole working grid without any stroke."""
        logits = np.full(self._view.grid.shape, _NEVER, dtype=np.float32)
        with stage(_RULED, 1.0):
            logits[self._view.body] = self._look(self._view.body)
        logits += self._prior(ScribbleSet(), _EVERYWHERE)
        logits[self._view.pet < _AIR_SUV] = _NEVER
        return logits

    def _classical(self) -> tuple[PropagateSession | None, float]:
        """`propagate` on the working grid, and how much it counts for, in views of the trunk.

        The network has seen few real bodies. The first mask of `propagate` holds what is hot and by
        rule not physiologic, and near a stroke what takes up like it; without landmarks its rules
        are silent, and it only speaks against what is not hot.
        """
        grid = Grid(
            self._view.grid.shape,
            (self._weights.spacing_mm,) * 3,
            self._study.grid.origin,
            self._study.grid.direction,
        )
        pet = Volume(self._view.pet, grid, Quantity.SUV_BW)
        ct = None if self._view.ct is None else Volume(self._view.ct, grid, Quantity.HU)
        study = Study(pet, ct, self._study.name, self._view.tracer)
        if not shows_trunk(study):
            return None, 0.0
        sure = _RULES_FOR if find_landmarks(study) is not None else 0.0
        with stage(_VIEWED, _RULED):
            return Propagate().open(study), sure

    def _prior(self, scribbles: ScribbleSet, box: Box) -> Floats | float:
        """What the rules add to the logits of a box for strokes on the working grid."""
        if self._rules is None:
            return 0.0
        marked = self._rules.segment(scribbles)[box]
        return np.where(marked, np.float32(self._sure), np.float32(-_RULES_AGAINST))

    def _as_logits(self, mask: NDArray[np.bool_]) -> Floats:
        """A mask made elsewhere, as a first pass that is rather sure of it would have put it."""
        share = self._view.grid.sample(mask.astype(np.float32))
        return np.asarray(self._threshold + _GIVEN_LOGITS * (2 * share - 1), dtype=np.float32)

    def _look(self, box: Box, **prompts: Points | Floats) -> Floats:
        weights = self._weights
        return self._view.logits(
            self._runtime,
            weights.multiple,
            box,
            window=weights.window,
            **prompts,  # type: ignore[arg-type]
        )

    def _working_points(self, scribbles: ScribbleSet) -> tuple[Points, Points]:
        """Working voxels under foreground and background strokes, without those in air."""
        shape = self._study.grid.shape
        found = []
        for flat in point_sets(scribbles, shape):
            points = np.column_stack(np.unravel_index(flat, shape)).astype(np.int64)
            cubes = self._view.grid.nearest(points) if len(points) else points
            found.append(cubes[self._view.pet[tuple(cubes.T)] >= _AIR_SUV])
        return found[0], found[1]

    def _decided(self, scribbles: ScribbleSet) -> Floats:
        """Logits on the working grid for these scribbles, specks taken out."""
        foreground, background = self._working_points(scribbles)
        reach = int(np.ceil(self._options.reach_mm / self._weights.spacing_mm))
        groups = find_groups(foreground, background, self._view.grid.shape, reach)
        corrections = {}
        for number, group in enumerate(groups):
            with stage(number / len(groups), (number + 1) / len(groups)):
                known = self._corrections.get(group.key)
                corrections[group.key] = known or self._correct(group, reach)
        self._corrections = corrections
        result = self._cleaned.copy()
        if not corrections:
            return result
        nearest = np.full(result.shape, self._options.reach_mm, dtype=np.float32)
        for box, logits, weight, distance in corrections.values():
            merged = self._first[box] + weight * (logits - self._first[box])
            # Where two groups reach, the one whose stroke is closer has the word.
            closer = distance < nearest[box]
            np.copyto(result[box], merged, where=closer)
            np.copyto(nearest[box], distance, where=closer)
        if not self._is_given:
            self._drop_specks(result, foreground, nearest < self._options.reach_mm)
        return result

    def _correct(self, group: Group, reach: int) -> tuple[Box, Floats, Floats, Floats]:
        """Where a group acts, the logits there, how much they count, 0 to 1, and its distance."""
        spacing = self._weights.spacing_mm
        box = group.box(reach, self._view.grid.shape)
        wide = group.box(reach + round(_CONTEXT_MM / spacing), self._view.grid.shape)
        with stage(0.0, 0.8):
            logits = self._look(
                wide,
                foreground=group.all_foreground,
                background=group.all_background,
                previous=self._previous,
            )
        inner = place_in(box, wide)
        near, against = (
            self._view.distance(points, wide)[inner]
            for points in (group.all_foreground, group.all_background)
        )
        own = np.concatenate([group.foreground, group.background])
        distance = self._view.distance(own, wide)[inner]
        with stage(0.8, 1.0):
            logits = logits[inner] + self._prior(group.scribbles(), box)
        logits = self._own_say(logits, near, against)
        logits[self._view.pet[box] < _AIR_SUV] = _NEVER
        weight = np.clip((self._options.reach_mm - distance) / _TAPER_MM, 0, 1)
        return box, logits, np.asarray(weight, dtype=np.float32), distance

    def _own_say(self, logits: Floats, near: Floats, against: Floats) -> Floats:
        """Make a stroke win at its own place, and a little around it, so that no voxel is alone."""
        for distance, other, sign in ((near, against, 1), (against, near, -1)):
            ramp = _OWN_LOGITS * (1 - distance / _OWN_MM)
            own = (ramp > 0) & (distance < other if sign < 0 else distance <= other)
            wanted = self._threshold + sign * ramp
            bounded = np.maximum(logits, wanted) if sign > 0 else np.minimum(logits, wanted)
            logits = np.where(own, bounded, logits).astype(np.float32)
        return logits

    def _drop_specks(self, logits: Floats, foreground: Points, where: NDArray[np.bool_]) -> None:
        """Push components that are small and unsure below the threshold, in place.

        Only ``where`` a stroke may change something: what a correction cuts off beyond its reach
        stays as it was.
        """
        labels, count = label_parts(np.asfortranarray(logits > self._threshold))
        specks = find_specks(labels, count, logits, self._specks)
        specks[labels[tuple(foreground.T)]] = False
        specks[0] = False
        if specks.any():
            low = np.float32(self._threshold - _OWN_LOGITS)
            np.minimum(logits, low, out=logits, where=specks[labels] & where)
