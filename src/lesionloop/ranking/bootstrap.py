"""The bootstrap over cases: how much of a ranking is owed to the choice of cases."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.ranking.schemes import CHALLENGE, Rules, mean_ranks, per_case, places, ranks_of
from lesionloop.ranking.stability import kendall_tau
from lesionloop.ranking.table import METRICS, ScoreTable

__all__ = ["Bootstrap", "bootstrap"]

Floats = NDArray[np.float64]

#: Resamples whose case counts are held in memory at once, times cases.
_MOST_COUNTS = 4_000_000


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """Rankings of resampled cases; arrays are (resamples, algorithms).

    Args:
        algorithms: names.
        places: place in the order, 1 is best; equal ones share the better place.
        combined: combined rank.
        means: metric name -> mean over the resampled cases.
        tau: (resamples,) Kendall's tau-b between the combined ranks of the resample and of all
            cases.
        level: of the intervals.
    """

    algorithms: tuple[str, ...]
    places: NDArray[np.int64]
    combined: Floats
    means: Mapping[str, Floats]
    tau: Floats
    level: float

    def place_interval(self) -> Floats:
        """Lower and upper place, (algorithms, 2): the percentile interval."""
        return _interval(self.places.astype(np.float64), self.level, method="inverted_cdf")

    def mean_interval(self, metric: str) -> Floats:
        """Lower and upper mean of a metric, (algorithms, 2): the percentile interval."""
        return _interval(self.means[metric], self.level)

    def place_shares(self) -> Floats:
        """Share of resamples in which an algorithm takes a place, (algorithms, places)."""
        count = len(self.algorithms)
        return np.stack(
            [np.bincount(column, minlength=count + 1)[1:] for column in self.places.T]
        ) / len(self.places)


def bootstrap(
    table: ScoreTable,
    rules: Rules = CHALLENGE,
    *,
    resamples: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> Bootstrap:
    """Rank again and again on cases drawn with replacement, the same for all algorithms.

    Every centre keeps its number of cases. A resample in which a metric has no value at all for an
    algorithm gives it the last rank there.

    Args:
        table: scores.
        rules: of the ranking; not "test-then-rank", whose tests would see cases twice.
        resamples: how often.
        seed: of the drawing.
        level: of the intervals.

    Raises:
        InputError: an option makes no sense, or the table lacks a metric.
    """
    if rules.scheme == "test-then-rank":
        raise InputError(
            "the bootstrap does not work with test-then-rank",
            cause="A case that is drawn twice would count as two in the tests.",
        )
    if resamples < 1 or not 0 < level < 1:
        raise InputError("resamples are 1 or more, and the level is between 0 and 1")
    absent = sorted(set(rules.weights) - set(table.values))
    if absent:
        raise InputError(f"the table has no values of {absent[0]}")
    rng = np.random.default_rng(seed)
    chunk = max(1, _MOST_COUNTS // max(1, len(table.cases)))
    parts = []
    for start in range(0, resamples, chunk):
        counts = _draw(table.centres, min(chunk, resamples - start), rng)
        parts.append(_rank_resamples(table, rules, counts))
    whole = np.ones((1, len(table.cases)))
    combined = np.concatenate([part[0] for part in parts])
    means = {name: np.concatenate([part[1][name] for part in parts]) for name in table.values}
    return Bootstrap(
        table.algorithms,
        places(combined),
        combined,
        means,
        kendall_tau(_rank_resamples(table, rules, whole)[0][0], combined),
        level,
    )


def _draw(centres: tuple[str, ...], resamples: int, rng: np.random.Generator) -> Floats:
    """How often each case is drawn, (resamples, cases)."""
    counts = np.zeros((resamples, len(centres)))
    names = np.array(centres)
    for centre in sorted(set(centres)):
        members = np.flatnonzero(names == centre)
        share = np.full(len(members), 1 / len(members))
        counts[:, members] = rng.multinomial(len(members), share, size=resamples)
    return counts


def _rank_resamples(
    table: ScoreTable, rules: Rules, counts: Floats
) -> tuple[Floats, dict[str, Floats]]:
    """Combined ranks (resamples, algorithms), and the means of every metric likewise."""
    ranks = {}
    for name in rules.weights:
        counted, higher = per_case(table.values[name], METRICS[name], rules)
        columns = _weighted_means(counted, counts).T
        ranks[name] = ranks_of(columns, higher_is_better=higher, ties=rules.ties).T
        np.copyto(ranks[name], len(table.algorithms), where=np.isnan(ranks[name]))
    means = {name: _weighted_means(values, counts) for name, values in table.values.items()}
    return mean_ranks(ranks, rules), means


def _weighted_means(values: Floats, counts: Floats) -> Floats:
    """(resamples, algorithms) from values (algorithms, cases) and counts (resamples, cases)."""
    defined = np.isfinite(values)
    total = counts @ np.where(defined, values, 0.0).T
    number = counts @ defined.T.astype(np.float64)
    means = np.full(total.shape, np.nan)
    np.divide(total, number, out=means, where=number > 0)
    return means


def _interval(samples: Floats, level: float, method: str = "linear") -> Floats:
    tail = (1 - level) / 2
    return np.asarray(np.nanquantile(samples, [tail, 1 - tail], axis=0, method=method).T)  # type: ignore[call-overload]
