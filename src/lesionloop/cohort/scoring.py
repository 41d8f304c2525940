"""Scores of a trace, step by step, as the challenge's loop counts them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lesionloop.cohort.lesion_table import count_lesions
from lesionloop.interaction import Trace
from lesionloop.metrics import voxel_dice
from lesionloop.metrics.case_score import score_overlap
from lesionloop.metrics.overlap import LesionOverlap, find_overlap

__all__ = ["ScoreRow", "score_trace", "trace_overlaps"]


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
    overlaps: Sequence[LesionOverlap | None] | None = None,
) -> list[ScoreRow]:
    """Score every step of a trace.

    A failed step scores Dice and DMM 0 and finds no lesion, as in the challenge's loop (DMM stays
    0 there even when the reference is empty).

    Args:
        trace: of the loop.
        reference: reference lesions [x, y, z]; values above 1 make it an instance map for DMM.
        spacing: mm along x, y, z.
        segmenter, strategy: names for the rows.
        overlaps: those of ``trace_overlaps``, when they are known already.
    """
    nothing = _Scores(0.0, 0.0, 0, 0, count_lesions(reference), nan, nan)
    rows: list[ScoreRow] = []
    scored: dict[int, _Scores] = {}
    found = trace_overlaps(trace, reference) if overlaps is None else overlaps
    for step, overlap in zip(trace.steps, found, strict=True):
        if overlap is None or step.mask is None:
            current = nothing
        else:
            current = scored.get(id(overlap)) or _score(overlap, step.mask, reference, spacing)
            scored[id(overlap)] = current
        rows.append(
            ScoreRow(trace.case, segmenter, strategy, step.step, *current, seconds=step.seconds)
        )
    return rows


def trace_overlaps(trace: Trace, reference: NDArray[Any]) -> list[LesionOverlap | None]:
    """Lesions of every step and of the reference, and what they share; None for a failed step.

    A mask that stood is looked at once.
    """
    found: list[LesionOverlap | None] = []
    seen: dict[int, LesionOverlap] = {}
    for step in trace.steps:
        if step.failure is not None or step.mask is None:
            found.append(None)
            continue
        if id(step.mask) not in seen:
            seen[id(step.mask)] = find_overlap(step.mask, reference, connectivity=18)
        found.append(seen[id(step.mask)])
    return found


class _Scores(NamedTuple):
    dice: float
    dmm: float
    tp: int
    fp: int
    fn: int
    fpv_ml: float
    fnv_ml: float


def _score(
    overlap: LesionOverlap,
    mask: NDArray[np.bool_],
    reference: NDArray[Any],
    spacing: tuple[float, float, float],
) -> _Scores:
    case = score_overlap(overlap, spacing)
    dice = voxel_dice(mask, reference)
    return _Scores(dice, case.f1, case.tp, case.fp, case.fn, case.fpv_ml, case.fnv_ml)
