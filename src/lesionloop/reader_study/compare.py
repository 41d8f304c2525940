"""What assistance saves, case by case: ``1 - t_assisted / t_manual``, with its interval and a test.

The unit is the case: readers of one case are not independent of each other, so their times are
averaged first.
"""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import wilcoxon

from lesionloop.errors import InputError

__all__ = ["Saving", "Spread", "compare_times", "spread"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of values; NaN without any.

    Args:
        count: number of values.
        median, q1, q3: by linear interpolation.
    """

    count: int
    median: float
    q1: float
    q3: float


@dataclass(frozen=True)
class Saving:
    """Share of time saved; 0.8 is four fifths, below 0 the assisted arm took longer.

    Args:
        cases: with a time in both arms.
        median, q1, q3: of the saving per case.
        low, high: percentile bootstrap interval of the median, cases drawn with replacement; NaN
            below two cases.
        p: two-sided Wilcoxon signed-rank test of the seconds, manual against assisted; cases that
            are equal do not count, and p is 1 when all are.
        level: of the interval.
        resamples, seed: of the bootstrap.
    """

    cases: int
    median: float
    q1: float
    q3: float
    low: float
    high: float
    p: float
    level: float
    resamples: int
    seed: int


def compare_times(
    manual: ArrayLike,
    assisted: ArrayLike,
    *,
    seed: int,
    resamples: int = 10_000,
    level: float = 0.95,
) -> Saving:
    """Compare the seconds of two arms on the same cases.

    Args:
        manual: (n,) s; a case with a NaN in either arm, or with 0 here, is left out.
        assisted: (n,) s.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        level: of its interval.

    Raises:
        InputError: the shapes differ, or the level or the resamples are out of range.

    Source:
        Wilcoxon, Biometrics Bull 1945;1:80-83 (the test); Efron and Tibshirani, An Introduction to
        the Bootstrap, 1993, chapter 13 (the percentile interval).
    """
    one, two = np.asarray(manual, dtype=float), np.asarray(assisted, dtype=float)
    if one.shape != two.shape or one.ndim != 1:
        raise InputError(f"paired times have one shape (n,), not {one.shape} and {two.shape}")
    if resamples < 1 or not 0 < level < 1:
        raise InputError("resamples are 1 or more, and the level is between 0 and 1")
    kept = np.isfinite(one) & np.isfinite(two) & (one > 0)
    one, two = one[kept], two[kept]
    saved = 1 - two / one
    middle = spread(saved)
    low, high = _interval(saved, seed, resamples, level)
    # Seconds equal but for rounding are equal.
    difference = np.round(one - two, 9)
    p = nan if not difference.size else 1.0
    if difference.any():
        p = float(wilcoxon(difference).pvalue)
    return Saving(
        len(saved), middle.median, middle.q1, middle.q3, low, high, p, level, resamples, seed
    )


def spread(values: ArrayLike) -> Spread:
    """Median and quartiles of values (n,); NaN ones are left out."""
    found = np.asarray(values, dtype=float)
    found = found[np.isfinite(found)]
    if not found.size:
        return Spread(0, nan, nan, nan)
    q1, median, q3 = (float(value) for value in np.quantile(found, [0.25, 0.5, 0.75]))
    return Spread(len(found), median, q1, q3)


def _interval(values: Floats, seed: int, resamples: int, level: float) -> tuple[float, float]:
    if len(values) < 2:
        return nan, nan
    rng = np.random.default_rng(seed)
    drawn = values[rng.integers(0, len(values), (resamples, len(values)))]
    tail = (1 - level) / 2
    low, high = np.quantile(np.median(drawn, axis=1), [tail, 1 - tail])
    return float(low), float(high)
