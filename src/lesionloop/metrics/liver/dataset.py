"""From the records of cases to the values of a data set.

Lesion scores are means over the lesions of all cases together, precision and recall come from
summed counts, Dice per case is a mean over cases. Where there is no lesion at all to divide by,
means are NaN: the released code ends there with an error.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from math import fsum, nan

from lesionloop.metrics.liver.case import Detection, LiverCase
from lesionloop.metrics.liver.lesion_scores import WORST, LesionScores
from lesionloop.metrics.liver.modes import DEFAULT_MODE, Mode, rules_of

__all__ = [
    "LESION_SCORES",
    "accepted_means",
    "lesion_sums",
    "liver_dataset",
    "penalised_means",
    "total_detection",
]

#: Names of the scores of a lesion, in their order.
LESION_SCORES = tuple(column.name for column in fields(LesionScores))

_WORST: Mapping[str, float] = asdict(WORST)


def liver_dataset(cases: Sequence[LiverCase], *, mode: Mode = DEFAULT_MODE) -> dict[str, float]:
    """The values of a data set, under the names of the benchmark's own table.

    Args:
        cases: records, made in the same mode.
        mode: "paper" includes penalties in lesion means, "official" and "strict" do not.

    Returns:
        ``lesion_precision`` and ``lesion_recall`` at IoU > 0.5, the same with ``_greater_zero`` at
        IoU > 0; ``lesion_`` with each of ``LESION_SCORES``; ``lesion_dice_per_case`` and
        ``lesion_dice_global``, the Dice of whole volumes.
    """
    half = total_detection([case.half for case in cases])
    any_overlap = total_detection([case.any_overlap for case in cases])
    means = penalised_means(cases) if rules_of(mode).penalised else accepted_means(cases)
    size_sum = sum(case.size_sum for case in cases)
    shared = sum(case.intersection for case in cases)
    return {
        "lesion_precision": half.precision,
        "lesion_recall": half.recall,
        "lesion_precision_greater_zero": any_overlap.precision,
        "lesion_recall_greater_zero": any_overlap.recall,
        **{f"lesion_{name}": value for name, value in means.items()},
        "lesion_dice_per_case": fsum(c.dice for c in cases) / len(cases) if cases else nan,
        "lesion_dice_global": 2 * shared / size_sum if size_sum else nan,
    }


def total_detection(detections: Sequence[Detection]) -> Detection:
    """Summed counts; numbers of components mean nothing across cases and are left out."""
    return Detection(
        tp=sum(found.tp for found in detections),
        fp=sum(found.fp for found in detections),
        fn=sum(found.fn for found in detections),
    )


def lesion_sums(case: LiverCase) -> dict[str, float]:
    """Sum of each lesion score over the accepted lesions of a case; 0 without any."""
    return {name: fsum(getattr(lesion, name) for lesion in case.lesions) for name in LESION_SCORES}


def accepted_means(cases: Sequence[LiverCase]) -> dict[str, float]:
    """Mean of each lesion score over accepted lesions (released code).

    Without any: the worst values, NaN when there is no foreground either.
    """
    count = sum(len(case.lesions) for case in cases)
    if not count:
        known = any(case.size_sum for case in cases)
        return dict(_WORST) if known else dict.fromkeys(LESION_SCORES, nan)
    return {name: value / count for name, value in _total(cases).items()}


def penalised_means(cases: Sequence[LiverCase]) -> dict[str, float]:
    """Mean of each lesion score over accepted lesions, and the worst value for each of fp and fn.

    NaN without a lesion. This is what the printed tables of the benchmark hold: with 9001 mm for
    every false or missed lesion the distances tell hardly more than detection.
    """
    half = total_detection([case.half for case in cases])
    wrong = half.fp + half.fn
    if not half.tp + wrong:
        return dict.fromkeys(LESION_SCORES, nan)
    return {
        name: (value + _WORST[name] * wrong) / (half.tp + wrong)
        for name, value in _total(cases).items()
    }


def _total(cases: Sequence[LiverCase]) -> dict[str, float]:
    sums = [lesion_sums(case) for case in cases]
    return {name: fsum(of_case[name] for of_case in sums) for name in LESION_SCORES}
