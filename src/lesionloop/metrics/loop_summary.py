"""From the loops of many cases to the headline numbers of one segmenter and strategy."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from statistics import median

from lesionloop.errors import InputError
from lesionloop.metrics.aggregate import mean_without_nan
from lesionloop.metrics.curves import auc, normalised_auc

__all__ = ["LoopScores", "LoopSummary", "summarise_loops"]


@dataclass(frozen=True)
class LoopScores:
    """Scores of one case at its steps; all sequences have the same length, 1 or more.

    Args:
        steps: step numbers, strictly rising, from 0 as a rule.
        dice: voxel Dice per step.
        dmm: detection F1 per step; NaN without reference lesions.
        fpv_ml: volume of false lesions per step, ml.
        fnv_ml: volume of missed lesions per step, ml.
        seconds: time of each step, s; NaN where not measured.
    """

    steps: Sequence[int]
    dice: Sequence[float]
    dmm: Sequence[float]
    fpv_ml: Sequence[float]
    fnv_ml: Sequence[float]
    seconds: Sequence[float]


@dataclass(frozen=True)
class LoopSummary:
    """Means over cases; a case whose value is NaN is left out of that mean.

    Args:
        cases: number of cases.
        cases_without_dmm: cases whose AUC-DMM is NaN: no reference lesion.
        cases_short: cases with fewer steps than the longest; their AUC covers fewer steps.
        steps: number of predictions of the longest case.
        auc_dice: mean area under Dice over the steps, not divided by the range.
        auc_dice_normalised: the same divided by the number of corrective steps.
        auc_dmm: mean area under DMM.
        auc_dmm_normalised: the same divided by the number of corrective steps.
        first_dice: mean Dice of the first step, before any scribble.
        first_dmm: mean DMM of the first step.
        final_dice: mean Dice of the last step.
        final_dmm: mean DMM of the last step.
        fpv_ml: mean false-lesion volume of the last step, ml.
        fnv_ml: mean missed-lesion volume of the last step, ml.
        seconds_first: median time of the first step, s.
        seconds_correction: median time of the later steps, s.
        seconds_median: median time of all steps, s.
        seconds_max: longest step, s.
    """

    cases: int
    cases_without_dmm: int
    cases_short: int
    steps: int
    auc_dice: float
    auc_dice_normalised: float
    auc_dmm: float
    auc_dmm_normalised: float
    first_dice: float
    first_dmm: float
    final_dice: float
    final_dmm: float
    fpv_ml: float
    fnv_ml: float
    seconds_first: float
    seconds_correction: float
    seconds_median: float
    seconds_max: float


def summarise_loops(loops: Sequence[LoopScores]) -> LoopSummary:
    """Average the loops of one segmenter and strategy.

    Raises:
        InputError: no case, or a case without steps or with sequences of different lengths.
    """
    if not loops:
        raise InputError("there is no case to summarise")
    for loop in loops:
        _check(loop)
    longest = max(len(loop.steps) for loop in loops)
    auc_dmm = [auc(loop.dmm, loop.steps) for loop in loops]
    first = [loop.seconds[0] for loop in loops]
    later = [seconds for loop in loops for seconds in loop.seconds[1:]]
    return LoopSummary(
        cases=len(loops),
        cases_without_dmm=sum(map(isnan, auc_dmm)),
        cases_short=sum(len(loop.steps) < longest for loop in loops),
        steps=longest,
        auc_dice=mean_without_nan(auc(loop.dice, loop.steps) for loop in loops),
        auc_dice_normalised=mean_without_nan(
            normalised_auc(loop.dice, loop.steps) for loop in loops
        ),
        auc_dmm=mean_without_nan(auc_dmm),
        auc_dmm_normalised=mean_without_nan(normalised_auc(loop.dmm, loop.steps) for loop in loops),
        first_dice=mean_without_nan(loop.dice[0] for loop in loops),
        first_dmm=mean_without_nan(loop.dmm[0] for loop in loops),
        final_dice=mean_without_nan(loop.dice[-1] for loop in loops),
        final_dmm=mean_without_nan(loop.dmm[-1] for loop in loops),
        fpv_ml=mean_without_nan(loop.fpv_ml[-1] for loop in loops),
        fnv_ml=mean_without_nan(loop.fnv_ml[-1] for loop in loops),
        seconds_first=_median(first),
        seconds_correction=_median(later),
        seconds_median=_median([*first, *later]),
        seconds_max=max(_measured([*first, *later]), default=float("nan")),
    )


def _check(loop: LoopScores) -> None:
    columns = (loop.steps, loop.dice, loop.dmm, loop.fpv_ml, loop.fnv_ml, loop.seconds)
    lengths = [len(column) for column in columns]
    if len(set(lengths)) != 1 or not lengths[0]:
        raise InputError(f"a loop needs one value of each kind per step, not {lengths}")


def _measured(values: Sequence[float]) -> list[float]:
    return [value for value in values if not isnan(value)]


def _median(values: Sequence[float]) -> float:
    kept = _measured(values)
    return float(median(kept)) if kept else float("nan")
