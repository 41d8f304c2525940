"""Scores of a trace, step by step, as the challenge's loop counts them."""

from dataclasses import dataclass
from math import nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lesionloop.interaction import Trace
from lesionloop.metrics import score_case, voxel_dice

__all__ = ["ScoreRow", "score_trace"]


@dataclass(frozen=True)
class ScoreRow:
    """Scores of one step of one run; the columns of ``scores.csv`` in their order.

    Args:
        case, segmenter, strategy: which run.
        step: from 0.
        dice: voxel Dice; 1 when both masks are empty.
        dmm: detection F1; NaN without reference lesions.
        tp, fp, fn: lesions found, false, missed.
        fpv_ml, fnv_ml: volumes of false and missed lesions, ml.
        seconds: the segmenter's time.
    """

    case: str
    segmenter: str
    strategy: str
    step: int
    dice: float
    dmm: float
    tp: int
    fp: int
    fn: int
    fpv_ml: float
    fnv_ml: float
    seconds: float


def score_trace(
    trace: Trace,
    reference: NDArray[Any],
    spacing: tuple[float, float, float],
    *,
    segmenter: str,
    strategy: str,
) -> list[ScoreRow]:
    """Score every step of a trace.

    A failed step scores Dice and DMM 0 and finds no lesion, as in the challenge's loop (DMM stays
    0 there even when the reference is empty).

    Args:
        trace: of the loop.
        reference: reference lesions [x, y, z]; values above 1 make it an instance map for DMM.
        spacing: mm along x, y, z.
        segmenter, strategy: names for the rows.
    """
    rows: list[ScoreRow] = []
    scores: _Scores | None = None
    before: NDArray[np.bool_] | None = None
    for step in trace.steps:
        if step.failure is not None or step.mask is None:
            current = _Scores(0.0, 0.0, 0, 0, _count(reference), nan, nan)
        else:
            if scores is None or step.mask is not before:  # a mask that stood is scored once
                scores, before = _score(step.mask, reference, spacing), step.mask
            current = scores
        rows.append(
            ScoreRow(trace.case, segmenter, strategy, step.step, *current, seconds=step.seconds)
        )
    return rows


class _Scores(NamedTuple):
    dice: float
    dmm: float
    tp: int
    fp: int
    fn: int
    fpv_ml: float
    fnv_ml: float


def _score(
    mask: NDArray[np.bool_], reference: NDArray[Any], spacing: tuple[float, float, float]
) -> _Scores:
    case = score_case(mask, reference, spacing)
    dice = voxel_dice(mask, reference)
    return _Scores(dice, case.f1, case.tp, case.fp, case.fn, case.fpv_ml, case.fnv_ml)


def _count(reference: NDArray[Any]) -> int:
    """Reference lesions, as the evaluator counts them."""
    return score_case(np.zeros_like(reference), reference).n_reference
