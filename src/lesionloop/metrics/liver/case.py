"""The record of one case: detection, scores of detected lesions, and what data sets need of it.

Nothing in a record refers to voxels, so values of a data set, of a resampled one too, come from
records alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError
from lesionloop.metrics.box import crop_to_foreground
from lesionloop.metrics.liver.components import Components, number_components, shared_voxels
from lesionloop.metrics.liver.lesion_scores import LesionScores, score_lesion
from lesionloop.metrics.liver.mask_values import MaskValues, lesion_mask
from lesionloop.metrics.liver.matching import Group, accept_groups, match_groups
from lesionloop.metrics.liver.modes import DEFAULT_MODE, Mode, rules_of

__all__ = ["IOU_THRESHOLDS", "Detection", "LiverCase", "missing_case", "score_liver_case"]

#: A match is above, not at, the threshold.
IOU_THRESHOLDS = (0.0, 0.5)

#: What the released code's labels of components (16 bits, with a sign) and its map of detected
#: references (8 bits) can count to.
_MOST_COMPONENTS = 32767
_MOST_REFERENCES = 255


@dataclass(frozen=True)
class Detection:
    """Lesions found at one threshold.

    A merged group counts once, so ``tp + fp`` and ``tp + fn`` are the numbers of components.

    Args:
        tp: accepted groups.
        fp: predicted components less ``tp``.
        fn: reference components less ``tp``.
        references: number of each accepted group: the first of its reference components, ascending.
        predictions: the first predicted component of each, in the same order.
    """

    tp: int
    fp: int
    fn: int
    references: tuple[int, ...] = ()
    predictions: tuple[int, ...] = ()

    @property
    def precision(self) -> float:
        """``tp / (tp + fp)``, 0 without a predicted component."""
        return self.tp / (self.tp + self.fp) if self.tp + self.fp else 0.0

    @property
    def recall(self) -> float:
        """``tp / (tp + fn)``, 0 without a reference component."""
        return self.tp / (self.tp + self.fn) if self.tp + self.fn else 0.0


@dataclass(frozen=True)
class LiverCase:
    """Scores of one case.

    Args:
        any_overlap: detection at IoU > 0.
        half: detection at IoU > 0.5.
        lesions: scores of the groups accepted at IoU > 0.5, in the order of ``half.references``.
        intersection: voxels of both masks.
        size_sum: voxels of the prediction plus voxels of the reference.
        dice: of the whole volume; 1 when both are empty, 0 when one is.
        reference_sizes: voxels of the reference components, by their numbers from 1.
        prediction_sizes: voxels of the predicted components, by their numbers from 1.
        spacing: mm along x, y, z.
        missing: there was no prediction, and the worst values stand for it.
    """

    any_overlap: Detection
    half: Detection
    lesions: tuple[LesionScores, ...]
    intersection: int
    size_sum: int
    dice: float
    reference_sizes: tuple[int, ...]
    prediction_sizes: tuple[int, ...]
    spacing: tuple[float, float, float]
    missing: bool = False

    @property
    def reference_voxels(self) -> int:
        """Voxels of the reference."""
        return sum(self.reference_sizes)


def score_liver_case(
    prediction: ArrayLike,
    reference: ArrayLike,
    spacing: Sequence[float],
    *,
    mode: Mode = DEFAULT_MODE,
    prediction_values: MaskValues = "binary",
    reference_values: MaskValues = "binary",
) -> LiverCase:
    """Score a prediction against its reference.

    Args:
        prediction: [x, y, z], bool or numbers.
        reference: [x, y, z] of the same shape. Components are numbered by a scan with x slowest.
        spacing: mm along x, y, z. A NIfTI header has 32-bit numbers; for its results round these
            to 32 bits first.
        mode: "official", "paper" (the same for a case) or "strict".
        prediction_values: how to read the prediction, one of ``MASK_VALUES``.
        reference_values: how to read the reference.

    Raises:
        InputError: shapes differ, a mask holds other values, a spacing is not above 0, or there are
            more components than the released code can count (modes "official" and "paper").

    Source:
        TriALS, arXiv 2605.16572, and its released code (commit de701ea), rebuilt from their
        description.
    """
    rules = rules_of(mode)
    sides = _checked(spacing)
    cuts = crop_to_foreground(
        lesion_mask(prediction, prediction_values), lesion_mask(reference, reference_values)
    )
    predicted, referred = (number_components(cut) for cut in cuts)
    if rules.small_labels:
        _refuse_many(predicted, referred)
    pairs = shared_voxels(predicted, referred)
    groups = match_groups(pairs, predicted.voxels, referred.voxels)
    found = [
        accept_groups(groups, threshold, union_by_row=rules.union_by_row)
        for threshold in IOU_THRESHOLDS
    ]
    any_overlap, half = (_detection(accepted, predicted, referred) for accepted in found)
    size_sum = int(predicted.voxels.sum() + referred.voxels.sum())
    intersection = sum(pair.voxels for pair in pairs)
    return LiverCase(
        any_overlap=any_overlap,
        half=half,
        lesions=_lesion_scores(found[1], predicted, referred, sides),
        intersection=intersection,
        size_sum=size_sum,
        dice=2 * intersection / size_sum if size_sum else 1.0,
        reference_sizes=tuple(referred.voxels.tolist()),
        prediction_sizes=tuple(predicted.voxels.tolist()),
        spacing=sides,
    )


def missing_case(
    reference: ArrayLike,
    spacing: Sequence[float],
    *,
    mode: Mode = DEFAULT_MODE,
    reference_values: MaskValues = "binary",
) -> LiverCase:
    """The worst values, for a case without a prediction: all lesions missed, Dice 0.

    Raises:
        InputError: as ``score_liver_case``.
    """
    nothing = np.zeros(np.shape(reference), dtype=np.uint8)
    case = score_liver_case(
        nothing, reference, spacing, mode=mode, reference_values=reference_values
    )
    return replace(case, dice=0.0, missing=True)


def _checked(spacing: Sequence[float]) -> tuple[float, float, float]:
    sides = np.asarray(spacing, dtype=float)
    if sides.shape != (3,) or not np.isfinite(sides).all() or (sides <= 0).any():
        raise InputError(f"spacing must be three numbers above 0 in mm, not {spacing}")
    return float(sides[0]), float(sides[1]), float(sides[2])


def _refuse_many(predicted: Components, referred: Components) -> None:
    for side, count, most in (
        ("prediction", predicted.count, _MOST_COMPONENTS),
        ("reference", referred.count, _MOST_REFERENCES),
    ):
        if count > most:
            raise InputError(
                f"the {side} has {count} components",
                cause=f"The released code counts to {most} and is wrong beyond.",
                remedy="Use the mode strict, or remove specks first.",
            )


def _detection(accepted: list[Group], predicted: Components, referred: Components) -> Detection:
    tp = len(accepted)
    return Detection(
        tp=tp,
        fp=predicted.count - tp,
        fn=referred.count - tp,
        references=tuple(group.reference for group in accepted),
        predictions=tuple(group.prediction for group in accepted),
    )


def _lesion_scores(
    accepted: list[Group], predicted: Components, referred: Components, spacing: Sequence[float]
) -> tuple[LesionScores, ...]:
    if not accepted:
        return ()
    # Heavy, and only those who have a match need it.
    from scipy import ndimage  # noqa: PLC0415

    boxes = [ndimage.find_objects(side.labels) for side in (predicted, referred)]
    scores = []
    for group in accepted:
        members = [boxes[0][p - 1] for p in group.predictions]
        members += [boxes[1][r - 1] for r in group.references]
        box = tuple(
            slice(min(b[axis].start for b in members), max(b[axis].stop for b in members))
            for axis in range(3)
        )
        prediction = _one_of(predicted, group.predictions)[predicted.labels[box]]
        reference = _one_of(referred, group.references)[referred.labels[box]]
        scores.append(score_lesion(prediction, reference, spacing))
    return tuple(scores)


def _one_of(side: Components, numbers: Sequence[int]) -> NDArray[Any]:
    """Whether a label, the index, is one of some; (n + 1,) bool."""
    table = np.zeros(side.count + 1, dtype=np.bool_)
    table[list(numbers)] = True
    return table
