"""Counts of lesions behind printed precisions and recalls, and the penalty term they imply.

Means of RVD and of the surface distances in the printed tables hold a penalty of 9001 for every
lesion that is missed or false, so they are a statistic of detection plus thousandths of real
distance. Printed to one decimal of a thousand they have ties that the counts tell apart.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from lesionloop.errors import InputError
from lesionloop.ranking.trials.blocks import PENALTY, THOUSANDS
from lesionloop.ranking.trials.cells import Cell

__all__ = [
    "RebuiltCounts",
    "penalty_term",
    "rebuild_counts",
    "smallest_denominator",
    "with_penalty_terms",
]

#: Three printed decimals fit every number of lesions from 1000 on.
_DECIMALS = 3
_MOST_LESIONS = 999
#: Slack for numbers that are not binary fractions, in units of the value.
_SLACK = 1e-9


@dataclass(frozen=True)
class RebuiltCounts:
    """Counts of one competitor in one cell.

    Args:
        competitor: name.
        reference: components of the reference.
        tp05, tp0: detected at IoU > 0.5, and at any overlap.
        predicted_low, predicted_high: components of the prediction, the range that explains both
            precisions; both None when nothing is detected, as a precision of 0 says nothing.
    """

    competitor: str
    reference: int
    tp05: int
    tp0: int
    predicted_low: int | None
    predicted_high: int | None

    @property
    def predicted(self) -> int | None:
        """The middle of the range, the upper one of two."""
        if self.predicted_low is None or self.predicted_high is None:
            return None
        return (self.predicted_low + self.predicted_high + 1) // 2

    @property
    def penalty(self) -> float:
        """The penalty term at IoU > 0.5; the whole penalty when nothing is detected."""
        if self.predicted is None or self.tp05 == 0:
            return PENALTY
        return penalty_term(self.tp05, self.predicted - self.tp05, self.reference - self.tp05)


def penalty_term(tp: int, fp: int, fn: int) -> float:
    """Mean over lesions when accepted ones count 0: ``9001 (FP + FN) / (TP + FP + FN)``.

    Raises:
        InputError: there is no lesion at all.
    """
    if tp + fp + fn <= 0:
        raise InputError("there is no lesion to average over")
    return PENALTY * (fp + fn) / (tp + fp + fn)


def smallest_denominator(fractions: Sequence[float], *, most: int = _MOST_LESIONS) -> int:
    """The smallest N for which every fraction is k / N, rounded to three decimals.

    Raises:
        InputError: there is none up to ``most``.
    """
    values = np.asarray(fractions, dtype=np.float64)
    candidates = np.arange(1, most + 1)[:, None]
    fits = np.abs(np.round(values * candidates) / candidates - values) <= _half() + _SLACK
    found = np.flatnonzero(fits.all(axis=1))
    if not found.size:
        raise InputError(
            f"no number of lesions up to {most} explains all recalls",
            cause="A row may have been scored against another reference.",
            remedy="Give the number of lesions of that row.",
        )
    return int(found[0]) + 1


def rebuild_counts(cell: Cell, known: Mapping[str, int] | None = None) -> list[RebuiltCounts]:
    """Counts behind the precisions and recalls of a cell, printed with three decimals.

    The reference is the same for all, so its number of components is the smallest that explains all
    recalls. Recalls that happen to fit a smaller number would lead astray: the more competitors,
    the less likely that is.

    Args:
        cell: its precisions and recalls.
        known: competitor -> components of the reference, where they are known or differ from those
            of the others (a wrong row); these do not help to find the number of the others.

    Raises:
        InputError: no whole numbers explain the values.
    """
    known = known or {}
    recalls = [
        float(cell.values[metric][n])
        for metric in ("recall_iou05", "recall_iou0")
        for n, name in enumerate(cell.competitors)
        if name not in known
    ]
    try:
        common = smallest_denominator(recalls) if recalls else 0
    except InputError as error:
        raise InputError(f"{cell.place}: {error.what}", cause=error.cause) from error
    return [_counts_of(cell, n, known.get(name, common)) for n, name in enumerate(cell.competitors)]


def with_penalty_terms(cell: Cell, counts: Sequence[RebuiltCounts]) -> Cell:
    """The cell with RVD and the distances replaced by the penalty terms of the counts."""
    terms = np.array([entry.penalty for entry in counts])
    return replace(cell, values={**cell.values, **dict.fromkeys(THOUSANDS, terms)})


def _counts_of(cell: Cell, row: int, reference: int) -> RebuiltCounts:
    name = cell.competitors[row]
    found = []
    for threshold in ("iou05", "iou0"):
        recall = float(cell.values[f"recall_{threshold}"][row])
        tp = round(recall * reference)
        if abs(tp / reference - recall) > _half() + _SLACK:
            raise InputError(f"{cell.place}: {name} has a recall that is not k / {reference}")
        found.append((tp, float(cell.values[f"precision_{threshold}"][row])))
    if any(tp and precision <= _half() for tp, precision in found):
        raise InputError(f"{cell.place}: {name} detects lesions at a precision of 0.000")
    ranges = [_denominators(tp, precision) for tp, precision in found if tp]
    low = max((lowest for lowest, _ in ranges), default=None)
    high = min((highest for _, highest in ranges), default=None)
    if low is not None and high is not None and low > high:
        raise InputError(f"{cell.place}: no number of predicted lesions explains {name}")
    return RebuiltCounts(name, reference, found[0][0], found[1][0], low, high)


def _denominators(count: int, fraction: float) -> tuple[int, int]:
    """Smallest and largest n for which count / n rounds to the fraction."""
    high = count / (fraction - _half())
    low = max(count / (fraction + _half()), count)
    # Rounding of the quotients must not lose a bound that is a whole number.
    return int(np.ceil(low - 1e-6)), int(np.floor(high + 1e-6))


def _half() -> float:
    return 0.5 * 10.0**-_DECIMALS
