"""The scores of one mask against its reference, as the autoPET V evaluator defines them.

A reference lesion is found (tp) when at least one predicted lesion matches it, a predicted lesion
is false (fp) when it matches none; a match is an IoU of the threshold or more. Many-to-one is
allowed both ways, so ``tp + fp`` need not be the number of predicted lesions. False volumes follow
another rule: they hold lesions that share no voxel at all with the other side. A lesion can
therefore count in fp and fn and add nothing to either volume.

Values for empty masks: ``lesionloop.metrics.empty``.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from lesionloop.errors import InputError
from lesionloop.metrics.empty import value_when_empty
from lesionloop.metrics.lesions import Connectivity
from lesionloop.metrics.overlap import LesionOverlap, find_overlap

__all__ = ["IOU_THRESHOLD", "CaseScore", "detection_f1", "score_case", "score_overlap"]

#: Smallest IoU of a match, inclusive (autoPET V).
IOU_THRESHOLD = 0.1


@dataclass(frozen=True)
class CaseScore:
    """Scores of one case.

    Args:
        dsc: Dice of the raw values of the whole volume, see ``score_case``; may be NaN.
        tp: reference lesions with a match.
        fp: predicted lesions without a match.
        fn: reference lesions without a match.
        f1: ``2 tp / (2 tp + fp + fn)``, from 0 to 1; NaN without reference lesions. Its name in
            autoPET V is DMM.
        fpv_ml: volume of predicted lesions that share no voxel with the reference, ml.
        fnv_ml: volume of reference lesions that share no voxel with the prediction, ml.
        n_reference: reference lesions, ``tp + fn``.
        n_prediction: predicted lesions.
    """

    dsc: float
    tp: int
    fp: int
    fn: int
    f1: float
    fpv_ml: float
    fnv_ml: float
    n_reference: int
    n_prediction: int


def score_case(
    prediction: ArrayLike,
    reference: ArrayLike,
    spacing: Sequence[float] | None = None,
    *,
    connectivity: Connectivity = 18,
    iou_threshold: float = IOU_THRESHOLD,
) -> CaseScore:
    """Score a prediction against its reference.

    Args:
        prediction: [x, y, z], bool or integers of 0 or more; parts of different value are
            different lesions.
        reference: [x, y, z] of the same shape. A maximum above 1 makes it an instance map that is
            taken as it is: its maximum is the number of lesions, ids that no voxel has are missed.
        spacing: mm along x, y, z; without it ``fpv_ml`` and ``fnv_ml`` are NaN.
        connectivity: neighbours that make one lesion, 6, 18 or 26.
        iou_threshold: smallest IoU of a match, inclusive, above 0 and at most 1.

    ``dsc`` multiplies the raw values, as the evaluator does: ``2 sum(p r) / (sum(p) + sum(r))``.
    For masks of 0 and 1 that is Dice; with an instance map, or a prediction that holds a 2, it is
    not and can exceed 1. Binarise first where Dice is wanted, or use ``voxel_dice``.

    Raises:
        InputError: shapes differ, values are not integers of 0 or more, a spacing is not above 0,
            or the threshold is out of range.

    Source:
        autoPET V evaluation code (commit bf665e2), rebuilt from its description.
    """
    overlap = find_overlap(prediction, reference, connectivity=connectivity)
    return score_overlap(overlap, spacing, iou_threshold=iou_threshold)


def score_overlap(
    overlap: LesionOverlap,
    spacing: Sequence[float] | None = None,
    *,
    iou_threshold: float = IOU_THRESHOLD,
) -> CaseScore:
    """``score_case`` of an overlap that is known already.

    Raises:
        InputError: a spacing is not above 0, or the threshold is out of range.
    """
    if not 0 < iou_threshold <= 1:
        raise InputError(f"the IoU threshold must be above 0 and at most 1, not {iou_threshold}")
    voxel_ml = _voxel_ml(spacing)
    n_reference, n_prediction = overlap.reference_voxels.size, overlap.prediction_voxels.size

    # In double precision a ratio of counts reaches 0.1 exactly when 10 |I| >= |U|: division
    # rounds correctly, and no other ratio of counts below 2**50 comes as close to 0.1.
    matches = overlap.pairs[overlap.iou() >= iou_threshold]
    tp = np.unique(matches[:, 0]).size
    fp = n_prediction - np.unique(matches[:, 1]).size
    fn = n_reference - tp

    def unless_empty(metric: str, value: float) -> float:
        fixed = value_when_empty(
            metric, reference_empty=n_reference == 0, prediction_empty=n_prediction == 0
        )
        return value if fixed is None else fixed

    fpv_ml, fnv_ml = math.nan, math.nan
    if voxel_ml is not None:
        fpv_ml = unless_empty("fpv_ml", _untouched_voxels(overlap, side=1) * voxel_ml)
        fnv_ml = unless_empty("fnv_ml", _untouched_voxels(overlap, side=0) * voxel_ml)
    return CaseScore(
        dsc=unless_empty("dsc", overlap.dice_numerator / max(overlap.dice_denominator, 1)),
        tp=tp,
        fp=fp,
        fn=fn,
        f1=unless_empty("f1", detection_f1(tp, fp, fn)),
        fpv_ml=fpv_ml,
        fnv_ml=fnv_ml,
        n_reference=n_reference,
        n_prediction=n_prediction,
    )


def detection_f1(tp: int, fp: int, fn: int) -> float:
    """Return ``2 tp / (2 tp + fp + fn)``, from 0 to 1; NaN without reference lesions."""
    if tp + fn == 0:
        return math.nan
    return 2 * tp / (2 * tp + fp + fn)


def _voxel_ml(spacing: Sequence[float] | None) -> float | None:
    if spacing is None:
        return None
    sides = np.asarray(spacing, dtype=float)
    if sides.shape != (3,) or not np.isfinite(sides).all() or (sides <= 0).any():
        raise InputError(f"spacing must be three numbers above 0 in mm, not {spacing}")
    return float(sides.prod()) / 1000.0


def _untouched_voxels(overlap: LesionOverlap, *, side: int) -> int:
    """Voxels of the lesions that share none with the other side; 0 reference, 1 prediction."""
    sizes = (overlap.reference_voxels, overlap.prediction_voxels)[side]
    touched = np.unique(overlap.pairs[:, side])
    return int(sizes.sum() - sizes[touched].sum())
