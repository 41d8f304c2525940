"""Declared order of competitors whose printed values are equal: data, not logic.

Printed digits hide small differences. Where somebody knows which of two equal ones is better, a
file says so, and nothing else breaks a tie.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.ranking.schemes import Ties
from lesionloop.ranking.trials.blocks import THOUSANDS, TRIALS_METRICS, block_named
from lesionloop.ranking.trials.csv_rows import read_rows

__all__ = ["TieBreak", "break_ties", "read_tie_breaks"]

Floats = NDArray[np.float64]

#: All orders of so many equal ones are gone through; nobody declares an order of more.
_MOST_EQUAL = 8


@dataclass(frozen=True)
class TieBreak:
    """Of two equal competitors, which is better.

    Args:
        block: name of the block.
        centre: name of the centre.
        metric: on which they are equal.
        better: name of the better one.
        worse: name of the other.
    """

    block: str
    centre: str
    metric: str
    better: str
    worse: str


def read_tie_breaks(path: Path) -> list[TieBreak]:
    """Read a CSV table with the columns block, centre, metric, better and worse.

    Raises:
        InputError: the table cannot be read, or a block or metric is unknown.
    """
    found = []
    rows = read_rows(path, ("block", "centre", "metric", "better", "worse"))
    for number, row in enumerate(rows, start=2):
        metric = row["metric"]
        if metric.removesuffix("_k") in THOUSANDS:
            metric = metric.removesuffix("_k")
        if metric not in TRIALS_METRICS:
            raise InputError(f"{path}, line {number}: unknown metric {metric!r}")
        block = block_named(row["block"]).name
        found.append(TieBreak(block, row["centre"], metric, row["better"], row["worse"]))
    return found


def break_ties(
    ranks: Floats, names: Sequence[str], declared: Sequence[TieBreak], *, ties: Ties
) -> Floats:
    """Ranks of one metric in one cell, with equal ones told apart where an order is declared.

    Each of a group of equal ones gets the average (or, with "min", the best) of the ranks that it
    has in all orders of the group that agree with what is declared. Without a declaration that is
    the usual rank of equal values. A pair of which one is not ranked here is passed over.

    Args:
        ranks: (competitors,), equal ones with equal ranks.
        names: of the competitors.
        declared: for this metric and cell.
        ties: how equal values share their ranks.

    Raises:
        InputError: a declared order contradicts the values or another one, or the group is larger
            than eight.
    """
    row = {name: n for n, name in enumerate(names)}
    known = [entry for entry in declared if entry.better in row and entry.worse in row]
    broken = ranks.copy()
    groups = set()
    for entry in known:
        better, worse = ranks[row[entry.better]], ranks[row[entry.worse]]
        if better > worse:
            raise InputError(
                f"{entry.block}/{entry.centre}: {entry.better} is not better than {entry.worse}",
                cause=f"Their values of {entry.metric} differ, the other way round.",
                remedy="Correct the declared order.",
            )
        if better == worse:
            groups.add(float(better))
    for rank in groups:
        members = np.flatnonzero(ranks == rank)
        first = int((ranks < rank).sum()) + 1
        pairs = [(row[entry.better], row[entry.worse]) for entry in known]
        broken[members] = first + _positions([int(n) for n in members], pairs, ties, known[0])
    return broken


def _positions(
    members: list[int], pairs: list[tuple[int, int]], ties: Ties, example: TieBreak
) -> Floats:
    """Position from 0 of each member in the orders that agree with the pairs."""
    where = f"{example.block}/{example.centre}, {example.metric}"
    if len(members) > _MOST_EQUAL:
        raise InputError(f"{where}: more than {_MOST_EQUAL} equal values cannot be put in order")
    inside = [pair for pair in pairs if set(pair) <= set(members)]
    orders = [
        [order.index(member) for member in members]
        for order in permutations(members)
        if all(order.index(better) < order.index(worse) for better, worse in inside)
    ]
    if not orders:
        raise InputError(f"{where}: the declared orders contradict each other")
    combine = np.mean if ties == "average" else np.min
    return np.asarray(combine(orders, axis=0), dtype=np.float64)
