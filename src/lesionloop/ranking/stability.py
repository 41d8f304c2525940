"""How stable an order is: rank correlation, and what leaving out a centre changes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.ranking.schemes import CHALLENGE, Ranking, Rules, rank
from lesionloop.ranking.table import ScoreTable

__all__ = ["LeftOut", "kendall_tau", "leave_out_centres"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LeftOut:
    """The ranking without one centre.

    Args:
        centre: which.
        cases: number of cases left.
        ranking: of these.
        tau: Kendall's tau-b with the ranking of all cases.
    """

    centre: str
    cases: int
    ranking: Ranking
    tau: float


def kendall_tau(order: Floats, others: Floats) -> Floats:
    """Kendall's tau-b of ranks (n,) with each of others (m, n), as (m,); NaN where all are tied.

    Source: Kendall, Biometrika 33:239-251 (1945). As ``scipy.stats.kendalltau``, for many at once.
    """
    first, second = np.triu_indices(len(order), 1)
    mine = np.sign(np.round(order[first] - order[second], 9))
    theirs = np.sign(np.round(others[:, first] - others[:, second], 9))
    agreement = theirs @ mine
    norm = np.sqrt((mine**2).sum() * (theirs**2).sum(axis=1))
    tau = np.full(len(others), np.nan)
    np.divide(agreement, norm, out=tau, where=norm > 0)
    return tau


def leave_out_centres(table: ScoreTable, rules: Rules = CHALLENGE) -> list[LeftOut]:
    """Rank without each centre in turn, by name; empty when there is one centre only.

    A centre without which nothing could be ranked (no lesion elsewhere) is passed over.
    """
    names = sorted(set(table.centres))
    if len(names) < 2:
        return []
    whole = rank(table, rules)
    centres = np.array(table.centres)
    found = []
    for name in names:
        rest = table.only(centres != name)
        try:
            without = rank(rest, rules)
        except InputError:
            continue
        tau = float(kendall_tau(whole.combined, without.combined[None])[0])
        found.append(LeftOut(name, len(rest.cases), without, tau))
    return found
