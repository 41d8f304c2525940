"""From the scores of cases to one score of a data set."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from lesionloop.errors import InputError
from lesionloop.metrics.case_score import CaseScore, detection_f1

__all__ = ["Aggregate", "aggregate", "mean_without_nan", "subset_of"]


@dataclass(frozen=True)
class Aggregate:
    """Scores of a data set; NaN where no case (or subset) has the score."""

    dsc: float
    f1: float


def aggregate(
    scores: Mapping[str, CaseScore] | Iterable[CaseScore], weighted: bool = False
) -> Aggregate:
    """Return one Dice and one detection F1 for many cases.

    Unweighted: dsc is the mean over the cases that have one; f1 comes from the sums of tp, fp and
    fn over all cases, so a case without reference lesions still adds its fp.

    Weighted: both are made per subset, then averaged over the subsets that have them. A subset
    without any reference lesion drops out of f1, and its fp with it.

    Args:
        scores: case name -> score. A plain iterable will do when unweighted.
        weighted: give every subset the same weight. The subset of ``tracer_centre_rest`` is
            ``tracer_centre``.

    Raises:
        InputError: weighted without case names, with a name that has no subset, or with fewer than
            two subsets.

    Source:
        autoPET V evaluation code (commit bf665e2), rebuilt from its description.
    """
    if not weighted:
        return _pool(list(scores.values() if isinstance(scores, Mapping) else scores))
    if not isinstance(scores, Mapping):
        raise InputError(
            "weighted scores need case names",
            cause="The subset of a case is read from its name, tracer_centre_rest.",
            remedy="Give a mapping from case name to score.",
        )
    subsets: dict[str, list[CaseScore]] = {}
    for name, score in scores.items():
        subsets.setdefault(subset_of(name), []).append(score)
    if len(subsets) < 2:
        raise InputError(
            f"weighted scores need at least two subsets, not {len(subsets)}",
            cause=f"The case names hold {', '.join(sorted(subsets)) or 'none'}.",
            remedy="Ask for the unweighted scores.",
        )
    pooled = [_pool(cases) for cases in subsets.values()]
    return Aggregate(
        dsc=mean_without_nan(part.dsc for part in pooled),
        f1=mean_without_nan(part.f1 for part in pooled),
    )


def subset_of(name: str) -> str:
    """Return ``tracer_centre`` of a case name ``tracer_centre_rest``.

    Raises:
        InputError: the name has no underscore.
    """
    parts = name.split("_")
    if len(parts) < 2:
        raise InputError(
            f"case name {name!r} names no subset",
            cause="A name is tracer_centre_rest, for instance psma_lmu_0012.",
        )
    return "_".join(parts[:2])


def mean_without_nan(values: Iterable[float]) -> float:
    """Return the mean of what is not NaN; NaN when nothing is left."""
    kept = [value for value in values if not math.isnan(value)]
    return math.fsum(kept) / len(kept) if kept else math.nan


def _pool(cases: list[CaseScore]) -> Aggregate:
    return Aggregate(
        dsc=mean_without_nan(case.dsc for case in cases),
        f1=detection_f1(
            sum(case.tp for case in cases),
            sum(case.fp for case in cases),
            sum(case.fn for case in cases),
        ),
    )
