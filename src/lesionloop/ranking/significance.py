"""Which algorithms differ: paired tests on the cases that they share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import wilcoxon

__all__ = ["Significance", "beaten", "compare_pairs", "holm"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Significance:
    """One-sided tests of every ordered pair.

    Args:
        p: (algorithms, algorithms) p value of "row is better than column"; 1 on the diagonal.
        adjusted: the same after Holm's correction for all ordered pairs.
        alpha: family-wise level.
    """

    p: Floats
    adjusted: Floats
    alpha: float

    @property
    def better(self) -> NDArray[np.bool_]:
        """Where the row is significantly better than the column."""
        return np.asarray(self.adjusted < self.alpha)


def compare_pairs(values: Floats, *, higher_is_better: bool, alpha: float = 0.05) -> Significance:
    """One-sided paired Wilcoxon signed-rank tests of all pairs, corrected after Holm.

    Args:
        values: (algorithms, cases); a case counts for a pair when both have a value.
        higher_is_better: whether more is better.
        alpha: family-wise level.

    Cases on which a pair is equal do not count; a pair that is equal on all has p = 1. The exact
    distribution is used up to 50 cases without ties, the normal approximation beyond.
    """
    count = len(values)
    p = np.ones((count, count))
    for row in range(count):
        for column in range(row):
            # Values equal but for rounding are equal.
            difference = np.round(values[row] - values[column], 12)
            difference = difference[np.isfinite(difference)]
            if not higher_is_better:
                difference = -difference
            if difference.any():
                p[row, column] = wilcoxon(difference, alternative="greater").pvalue
                p[column, row] = wilcoxon(difference, alternative="less").pvalue
    pairs = ~np.eye(count, dtype=np.bool_)
    adjusted = np.ones_like(p)
    adjusted[pairs] = holm(p[pairs])
    return Significance(p, adjusted, alpha)


def beaten(values: Floats, *, higher_is_better: bool, alpha: float) -> NDArray[np.int64]:
    """How many others each algorithm is significantly better than, (algorithms,), uncorrected."""
    tests = compare_pairs(values, higher_is_better=higher_is_better, alpha=alpha)
    return np.asarray((tests.p < alpha).sum(axis=1), dtype=np.int64)


def holm(p: Floats) -> Floats:
    """P values adjusted after Holm, Scand J Statist 6:65-70 (1979), (n,)."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * np.arange(len(p), 0, -1))
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(stepped, 1)
    return adjusted
