"""Clinical efficacy: does a report give each organ the uptake state that the reference gives it?

Macro precision and recall are means over the three abnormal states, pooled over all patients and
organs; F1 is the harmonic mean of the two, not the mean of three F1: that is the only reading under
which the published table of PET2Rep agrees with itself.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lesionloop.report_benchmark.vocabulary import STATES

__all__ = ["Efficacy", "efficacy", "harmonic_mean", "state_counts"]

_ABNORMAL: Final = len(STATES) - 1


@dataclass(frozen=True, eq=False)
class Efficacy:
    """Efficacy over a set of patients; 0/0 is 0, and the counts tell where that was.

    Args:
        precision, recall, f1: macro.
        micro_precision, micro_recall, micro_f1: of the pooled counts of the abnormal states.
        states: state to its precision, recall, F1 and counts (tp, fp, fn, positives).
        organs: organ to micro precision, recall, F1 and counts over the abnormal states.
    """

    precision: float
    recall: float
    f1: float
    micro_precision: float
    micro_recall: float
    micro_f1: float
    states: Mapping[str, Mapping[str, float]]
    organs: Mapping[str, Mapping[str, float]]


def state_counts(
    report: Mapping[str, str],
    reference: Mapping[str, str],
    organs: Sequence[str],
    *,
    strict: bool = False,
) -> NDArray[np.int64]:
    """True positives, false positives and false negatives of one patient, (organs, states, 3).

    Args:
        report, reference: organ to state, of organs that are spoken of.
        organs: which count, in order.
        strict: an organ that the report does not speak of has no state, which misses the one of
            the reference, normal too; one that the reference does not speak of is left out.
            Otherwise what is not spoken of is normal.
    """
    counts = np.zeros((len(organs), len(STATES), 3), dtype=np.int64)
    for row, organ in enumerate(organs):
        if strict and organ not in reference:
            continue
        told = report.get(organ, None if strict else "normal")
        expected = reference.get(organ, "normal")
        if told == expected:
            counts[row, STATES.index(expected), 0] += 1
        else:
            counts[row, STATES.index(expected), 2] += 1
            if told is not None:
                counts[row, STATES.index(told), 1] += 1
    return counts


def efficacy(counts: NDArray[Any], organs: Sequence[str]) -> Efficacy:
    """Efficacy of summed counts, (organs, states, 3) as of `state_counts`."""
    by_state = counts.sum(axis=0)
    ratios = np.array([_ratios(row) for row in by_state])
    precision, recall = (float(value) for value in ratios[:_ABNORMAL, :2].mean(axis=0))
    micro = _ratios(by_state[:_ABNORMAL].sum(axis=0))
    return Efficacy(
        precision,
        recall,
        harmonic_mean(precision, recall),
        *micro,
        states={state: _entry(row) for state, row in zip(STATES, by_state, strict=True)},
        organs={
            organ: _entry(row)
            for organ, row in zip(organs, counts[:, :_ABNORMAL].sum(axis=1), strict=True)
        },
    )


def harmonic_mean(first: float, second: float) -> float:
    """``2ab / (a + b)``, 0 when both are 0."""
    return 2 * first * second / (first + second) if first + second > 0 else 0.0


def _ratios(row: NDArray[Any]) -> tuple[float, float, float]:
    """Precision, recall and F1 of (tp, fp, fn)."""
    hit, false, missed = (int(value) for value in row)
    precision = hit / (hit + false) if hit + false else 0.0
    recall = hit / (hit + missed) if hit + missed else 0.0
    return precision, recall, harmonic_mean(precision, recall)


def _entry(row: NDArray[Any]) -> dict[str, float]:
    precision, recall, f1 = _ratios(row)
    hit, false, missed = (int(value) for value in row)
    return {
        "precision": precision, "recall": recall, "f1": f1,
        "tp": hit, "fp": false, "fn": missed, "positives": hit + missed,
    }  # fmt: skip
