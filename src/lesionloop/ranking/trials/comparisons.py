"""Comparisons from outside the ranking: with a second reader, and with the year before."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import wilcoxon

from lesionloop.errors import InputError

__all__ = ["Ceiling", "YearChange", "compare_years", "reader_ceiling"]


@dataclass(frozen=True)
class Ceiling:
    """How the mean of readers compares with that of an algorithm.

    Readers are scored by lesion (0 for a lesion that the other lacks) and algorithms by whole
    volume, so the two are not strictly comparable, although the paper compares them.

    Args:
        mean, low, high: of the readers, with a percentile bootstrap interval over cases.
        algorithm: the mean of the algorithm.
        inside: whether that lies in the interval.
    """

    mean: float
    low: float
    high: float
    algorithm: float
    inside: bool


@dataclass(frozen=True)
class YearChange:
    """Change of the mean score on the same cases.

    Args:
        before, after: means; of the cases that both have, when paired.
        change: after minus before.
        cases: number of pairs; 0 when only means are known.
        p: Wilcoxon's signed-rank test, two-sided; NaN when only means are known.
    """

    before: float
    after: float
    change: float
    cases: int
    p: float


def reader_ceiling(
    readers: ArrayLike,
    algorithm: float,
    *,
    resamples: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> Ceiling:
    """Is an algorithm's mean inside the interval of the agreement between readers.

    Args:
        readers: (cases,) agreement of two readers; NaN is left out.
        algorithm: its mean.
        resamples, seed, level: of the bootstrap over cases.

    Raises:
        InputError: there is no case, or an option makes no sense.
    """
    values = np.asarray(readers, dtype=np.float64)
    values = values[np.isfinite(values)]
    if not values.size or resamples < 1 or seed < 0 or not 0 < level < 1:
        raise InputError(
            "a ceiling needs a case with a value, resamples of 1 or more, a seed of 0 or more and "
            "a level between 0 and 1"
        )
    drawn = np.random.default_rng(seed).integers(values.size, size=(resamples, values.size))
    tail = (1 - level) / 2
    low, high = np.quantile(values[drawn].mean(axis=1), [tail, 1 - tail])
    return Ceiling(
        float(values.mean()), float(low), float(high), algorithm, bool(low <= algorithm <= high)
    )


def compare_years(
    before: float | Mapping[str, float], after: float | Mapping[str, float]
) -> YearChange:
    """Change between two years: paired where both have scores per case, else of the means.

    Args:
        before, after: case -> score, or the mean.

    Raises:
        InputError: two sets of scores per case share no case.
    """
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        cases = [
            case
            for case in sorted(set(before) & set(after))
            if np.isfinite(before[case]) and np.isfinite(after[case])
        ]
        if not cases:
            raise InputError("the two years share no case")
        old, new = (np.array([year[case] for case in cases]) for year in (before, after))
        # Values equal but for rounding are equal.
        difference = np.round(new - old, 12)
        p = float(wilcoxon(difference).pvalue) if difference.any() else 1.0
        mean, later = float(old.mean()), float(new.mean())
        return YearChange(mean, later, float((new - old).mean()), len(cases), p)
    mean, later = _mean(before), _mean(after)
    return YearChange(mean, later, later - mean, 0, nan)


def _mean(year: float | Mapping[str, float]) -> float:
    if not isinstance(year, Mapping):
        return float(year)
    values = np.array(list(year.values()), dtype=np.float64)
    values = values[np.isfinite(values)]
    return float(values.mean()) if values.size else nan
