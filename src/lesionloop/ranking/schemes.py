"""Ranking schemes: from a table of scores to an order of the algorithms.

Every scheme gives each algorithm a rank per metric (1 is best), and the weighted mean of these
ranks decides.

- "aggregate-then-rank": the mean over cases, then its rank. The autoPET V challenge does this with
  AUC-Dice and AUC-DMM at equal weights (challenge page, 2026).
- "rank-then-aggregate": the rank on every case, the mean of these over cases, then its rank.
- "test-then-rank": the number of other algorithms that are significantly worse (one-sided paired
  Wilcoxon signed-rank tests, not corrected), then its rank.

The names are those of Wiesenfarth et al., Methods and tools for analyzing and visualizing challenge
results, Sci Rep 11:2369 (2021), doi:10.1038/s41598-021-82017-6.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from lesionloop.errors import InputError
from lesionloop.ranking.significance import beaten
from lesionloop.ranking.table import METRICS, Metric, ScoreTable

__all__ = ["CHALLENGE", "SCHEMES", "TIES", "Ranking", "Rules", "mean_ranks", "per_case", "rank"]

Scheme = Literal["aggregate-then-rank", "rank-then-aggregate", "test-then-rank"]
SCHEMES: tuple[Scheme, ...] = ("aggregate-then-rank", "rank-then-aggregate", "test-then-rank")
Ties = Literal["average", "min"]
TIES: tuple[Ties, ...] = ("average", "min")

Floats = NDArray[np.float64]

#: Decimals to which means and ranks are told apart: sums in another order differ by less.
_DECIMALS = 12


@dataclass(frozen=True)
class Rules:
    """How to rank.

    Args:
        weights: metric name -> its share of the combined rank.
        scheme: one of ``SCHEMES``.
        ties: rank of equal values: "average" of the places they take up, or "min", the best.
        alpha: level of the tests of "test-then-rank".

    Raises:
        InputError: an entry is unknown or out of range.
    """

    weights: Mapping[str, float]
    scheme: Scheme = "aggregate-then-rank"
    ties: Ties = "average"
    alpha: float = 0.05

    def __post_init__(self) -> None:
        unknown = sorted(set(self.weights) - set(METRICS))
        if unknown:
            raise InputError(
                f"unknown metric {unknown[0]!r}", remedy=f"Known are: {', '.join(METRICS)}."
            )
        if not self.weights or min(self.weights.values()) <= 0:
            raise InputError("a ranking needs metrics, each with a weight above 0")
        if self.scheme not in SCHEMES:
            raise InputError(f"unknown scheme {self.scheme!r}", remedy=f"Use {', '.join(SCHEMES)}.")
        if self.ties not in TIES:
            raise InputError(f"unknown rule for ties {self.ties!r}", remedy="Use average or min.")
        if not 0 < self.alpha < 1:
            raise InputError(f"alpha is between 0 and 1, not {self.alpha}")


#: The challenge's rules. Its page is silent about ties; equal values share the average rank here.
CHALLENGE = Rules({"auc_dice": 0.5, "auc_dmm": 0.5})


@dataclass(frozen=True, eq=False)
class Ranking:
    """An order of algorithms; arrays are (algorithms,) in the order of the table.

    Args:
        algorithms: names.
        means: metric name -> mean over the cases that have a value.
        ranks: metric name -> rank, for the metrics that count.
        combined: weighted mean of the ranks.
        place: place in the order, 1 is best; equal ones share the better place.
    """

    algorithms: tuple[str, ...]
    means: Mapping[str, Floats]
    ranks: Mapping[str, Floats]
    combined: Floats
    place: NDArray[np.int64]

    @property
    def order(self) -> list[int]:
        """Indices of the algorithms, the best first; equal ones by name."""
        return sorted(
            range(len(self.algorithms)), key=lambda n: (self.combined[n], self.algorithms[n])
        )


def rank(table: ScoreTable, rules: Rules = CHALLENGE) -> Ranking:
    """Rank the algorithms of a table.

    Raises:
        InputError: the table lacks a metric, an algorithm or a case, or no case has a value.
    """
    if not table.algorithms or not table.cases:
        raise InputError("there is nothing to rank", cause="The table has no algorithm or no case.")
    ranks = {}
    for name in rules.weights:
        if name not in table.values:
            raise InputError(f"the table has no values of {name}")
        values, metric = table.values[name], METRICS[name]
        if not np.isfinite(values).any(axis=1).all():
            raise InputError(
                f"{metric.label} has no value on any case",
                remedy="Rank by other metrics, or add cases with lesions.",
            )
        ranks[name] = _metric_ranks(values, metric, rules)
    combined = mean_ranks(ranks, rules)
    return Ranking(
        table.algorithms,
        {name: _mean(values) for name, values in table.values.items()},
        ranks,
        combined,
        places(combined),
    )


def per_case(values: Floats, metric: Metric, rules: Rules) -> tuple[Floats, bool]:
    """Values per case whose mean over cases is ranked, (algorithms, cases), and if more is better.

    Both schemes that aggregate over cases are a mean of something per case.
    """
    if rules.scheme == "rank-then-aggregate":
        return ranks_of(values, higher_is_better=metric.higher_is_better, ties=rules.ties), False
    return values, metric.higher_is_better


def ranks_of(values: Floats, *, higher_is_better: bool, ties: Ties) -> Floats:
    """Ranks along the first axis, 1 is best; where nobody has a value the ranks are NaN.

    An algorithm that alone lacks a value comes last.
    """
    keyed = np.where(np.isnan(values), np.inf, -values if higher_is_better else values)
    ranks = rankdata(np.round(keyed, _DECIMALS), method=ties, axis=0)
    return np.where(np.isnan(values).all(axis=0), np.nan, ranks)


def mean_ranks(ranks: Mapping[str, Floats], rules: Rules) -> Floats:
    """Weighted mean of the ranks per metric."""
    total = sum(rules.weights.values())
    parts = [rules.weights[name] / total * ranks[name] for name in rules.weights]
    return np.asarray(np.sum(parts, axis=0))


def places(combined: Floats) -> NDArray[np.int64]:
    """Places along the last axis, 1 is best; equal ones share the better place."""
    rounded = np.round(combined, _DECIMALS)
    return np.asarray(rankdata(rounded, method="min", axis=-1), dtype=np.int64)


def _metric_ranks(values: Floats, metric: Metric, rules: Rules) -> Floats:
    if rules.scheme == "test-then-rank":
        wins = beaten(values, higher_is_better=metric.higher_is_better, alpha=rules.alpha)
        return ranks_of(wins.astype(np.float64), higher_is_better=True, ties=rules.ties)
    counted, higher = per_case(values, metric, rules)
    return ranks_of(_mean(counted), higher_is_better=higher, ties=rules.ties)


def _mean(values: Floats) -> Floats:
    """Mean over the cases that have a value, NaN without any."""
    defined = np.isfinite(values)
    count = defined.sum(axis=-1)
    total = np.where(defined, values, 0.0).sum(axis=-1)
    mean = np.full(count.shape, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean
