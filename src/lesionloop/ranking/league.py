"""All that is said of a ranking at once: order, uncertainty, tests, robustness."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.ranking.bootstrap import Bootstrap, bootstrap
from lesionloop.ranking.schemes import CHALLENGE, Ranking, Rules, rank
from lesionloop.ranking.significance import Significance, compare_pairs
from lesionloop.ranking.stability import LeftOut, leave_out_centres
from lesionloop.ranking.table import METRICS, ScoreTable

__all__ = ["League", "analyse"]


@dataclass(frozen=True, eq=False)
class League:
    """A ranking and what can be said of it.

    Args:
        table: what was ranked.
        rules: how.
        ranking: of all cases.
        lesion_free: (cases,) where the reference holds no lesion.
        without_empty: the ranking without these cases; None when there are none, or no others.
        bootstrap: over cases, within centres; None for a scheme that it does not fit.
        tests: metric that ranks -> tests of all pairs.
        left_out: rankings without each centre.
    """

    table: ScoreTable
    rules: Rules
    ranking: Ranking
    lesion_free: NDArray[np.bool_]
    without_empty: Ranking | None
    bootstrap: Bootstrap | None
    tests: Mapping[str, Significance]
    left_out: tuple[LeftOut, ...]


def analyse(
    table: ScoreTable,
    rules: Rules = CHALLENGE,
    *,
    lesion_free: NDArray[np.bool_] | None = None,
    resamples: int = 1000,
    seed: int = 1,
    level: float = 0.95,
    alpha: float = 0.05,
) -> League:
    """Rank a table and say how far the order can be trusted.

    Args:
        table: scores.
        rules: of the ranking.
        lesion_free: (cases,) where the reference holds no lesion; none by default.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        level: of its intervals.
        alpha: family-wise level of the pairwise tests.

    Raises:
        InputError: the table cannot be ranked, or an option makes no sense.
    """
    empty = np.zeros(len(table.cases), dtype=np.bool_) if lesion_free is None else lesion_free
    ranking = rank(table, rules)
    without = None
    if empty.any() and not empty.all():
        try:
            without = rank(table.only(~empty), rules)
        except InputError:  # nothing is left of a metric
            without = None
    stable = rules.scheme != "test-then-rank"
    return League(
        table,
        rules,
        ranking,
        empty,
        without,
        bootstrap(table, rules, resamples=resamples, seed=seed, level=level) if stable else None,
        {
            name: compare_pairs(
                table.values[name], higher_is_better=METRICS[name].higher_is_better, alpha=alpha
            )
            for name in rules.weights
        },
        tuple(leave_out_centres(table, rules)),
    )
