"""The benchmark's ranking: ranks per metric, their mean per centre, the mean over centres.

1. In every cell (a block at a centre) each metric is ranked; equal values share the average rank.
2. The mean of these ranks over the block's metrics is the mean rank of the cell.
3. A task is the mean over its cells: Task 1 over the centres, Task 2 over the centres of both
   blocks. The lowest comes first.

This is inferred from printed tables (arXiv 2605.16572), which it reproduces; no ranking code is
published. It ranks first and averages after, but over metrics of whole data sets: it is not what
challengeR calls "rank-then-aggregate", which ranks on every case.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.ranking.schemes import TIES, Ties, places, ranks_of
from lesionloop.ranking.trials.blocks import BLOCKS, TASKS, TRIALS_METRICS
from lesionloop.ranking.trials.cells import Cell
from lesionloop.ranking.trials.tie_breaks import TieBreak, break_ties

__all__ = [
    "MISSING_RULES",
    "CellRanks",
    "Missing",
    "TaskRanking",
    "TrialsRules",
    "cell_ranks",
    "cells_of_task",
    "competitors_of",
    "mean_over_cells",
    "metric_ranks",
    "rank_task",
    "rank_without_centres",
]

Floats = NDArray[np.float64]

#: What a competitor without a submission in a cell gets: the worst values, or no rank there.
Missing = Literal["worst", "skip"]
MISSING_RULES: tuple[Missing, ...] = ("worst", "skip")


@dataclass(frozen=True)
class TrialsRules:
    """How to rank.

    Args:
        ties: rank of equal values: "average" of the places they take up, or "min", the best.
        missing: "worst" ranks a competitor that lacks a cell there with the worst values; "skip"
            leaves it out of that cell, and its mean is over the cells that it has.
        outside: competitors that are not in the pool; the others are ranked as if they were not
            there. The printed tables have all in it, off-the-shelf models too.

    Raises:
        InputError: an entry is unknown.
    """

    ties: Ties = "average"
    missing: Missing = "worst"
    outside: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.ties not in TIES:
            raise InputError(f"unknown rule for ties {self.ties!r}", remedy="Use average or min.")
        if self.missing not in MISSING_RULES:
            raise InputError(
                f"unknown rule for missing submissions {self.missing!r}",
                remedy="Use worst or skip.",
            )


@dataclass(frozen=True, eq=False)
class CellRanks:
    """Ranks in one cell; arrays are (competitors,) in the order of the cell.

    Args:
        cell: the values.
        ranks: metric that ranks -> rank, 1 is best.
        mean: of the ranks.
    """

    cell: Cell
    ranks: Mapping[str, Floats]
    mean: Floats


@dataclass(frozen=True, eq=False)
class TaskRanking:
    """The order of a task; arrays are (competitors,).

    Args:
        task: its name.
        competitors: names.
        cells: ranks of every cell, in the order of the table.
        means: (competitors, cells) mean ranks; NaN where a competitor is not ranked.
        average: over the cells.
        place: in the order, 1 is best; equal ones share the better place.
    """

    task: str
    competitors: tuple[str, ...]
    cells: tuple[CellRanks, ...]
    means: Floats
    average: Floats
    place: NDArray[np.int64]

    @property
    def order(self) -> list[int]:
        """Indices of the competitors, the best first; equal ones by name."""
        return sorted(
            range(len(self.competitors)), key=lambda n: (self.place[n], self.competitors[n])
        )

    def block_means(self) -> dict[str, Floats]:
        """Mean rank over the centres of each block, (competitors,)."""
        blocks = np.array([entry.cell.block for entry in self.cells])
        return {
            str(block): mean_over_cells(self.means[:, blocks == block])
            for block in dict.fromkeys(blocks.tolist())
        }


def cells_of_task(cells: Iterable[Cell], task: str) -> list[Cell]:
    """The cells of a task, by block and then by centre.

    Raises:
        InputError: a cell stands twice.
    """
    blocks = TASKS[task]
    mine = sorted(
        (cell for cell in cells if cell.block in blocks),
        key=lambda cell: (blocks.index(cell.block), cell.centre),
    )
    names = [cell.place for cell in mine]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise InputError(f"{twice[0]} stands in more than one table")
    return mine


def competitors_of(cells: Iterable[Cell], rules: TrialsRules) -> list[str]:
    """Names of all competitors in the pool, in the order in which the cells have them."""
    names = dict.fromkeys(name for cell in cells for name in cell.competitors)
    return [name for name in names if name not in rules.outside]


def rank_task(
    cells: Sequence[Cell],
    task: str,
    rules: TrialsRules | None = None,
    *,
    tie_breaks: Sequence[TieBreak] = (),
) -> TaskRanking:
    """Rank the competitors of a task; those of one cell are expected in all.

    Args:
        cells: those of other tasks are passed over.
        task: a name of ``TASKS``.
        rules: of the ranking.
        tie_breaks: declared orders of equal values.

    Raises:
        InputError: no competitor is left, a cell stands twice, or a declared order is impossible.
    """
    rules = rules or TrialsRules()
    mine = cells_of_task(cells, task)
    competitors = competitors_of(mine, rules)
    if not competitors:
        raise InputError(f"nobody is left to rank in {task}")
    ranked = []
    means = np.full((len(competitors), len(mine)), np.nan)
    for column, cell in enumerate(mine):
        present = [name for name in competitors if name in cell.competitors]
        pool = competitors if rules.missing == "worst" else present
        ranked.append(cell_ranks(cell.only(pool), rules.ties, tie_breaks))
        means[[competitors.index(name) for name in pool], column] = ranked[-1].mean
    average = mean_over_cells(means)
    return TaskRanking(task, tuple(competitors), tuple(ranked), means, average, places(average))


def rank_without_centres(
    cells: Sequence[Cell],
    task: str,
    rules: TrialsRules | None = None,
    *,
    tie_breaks: Sequence[TieBreak] = (),
) -> dict[str, TaskRanking]:
    """The ranking of a task without each centre in turn; empty when there is only one."""
    mine = cells_of_task(cells, task)
    centres = sorted({cell.centre for cell in mine})
    if len(centres) < 2:
        return {}
    return {
        centre: rank_task(
            [cell for cell in mine if cell.centre != centre], task, rules, tie_breaks=tie_breaks
        )
        for centre in centres
    }


def cell_ranks(cell: Cell, ties: Ties = "average", declared: Sequence[TieBreak] = ()) -> CellRanks:
    """Ranks of the metrics of a cell and their mean."""
    ranks = {}
    for metric in BLOCKS[cell.block].metrics:
        mine = [
            entry
            for entry in declared
            if (entry.block, entry.centre, entry.metric) == (cell.block, cell.centre, metric)
        ]
        column = metric_ranks(cell.values[metric], metric, ties)
        ranks[metric] = break_ties(column, cell.competitors, mine, ties=ties)
    return CellRanks(cell, ranks, np.asarray(np.mean(list(ranks.values()), axis=0)))


def metric_ranks(values: Floats, metric: str, ties: Ties) -> Floats:
    """Ranks along the first axis, 1 is best; who has no value shares the last places.

    Args:
        values: (competitors, ...).
        metric: name.
        ties: how equal values share their ranks.
    """
    known = TRIALS_METRICS[metric]
    # Distances are thousands: in units of their worst value equal ones are equal to 12 decimals.
    scale = 1.0 if known.higher_is_better else known.worst or 1.0
    worst = -np.inf if known.higher_is_better else np.inf
    defined = np.where(np.isnan(values), worst, values / scale)
    return ranks_of(defined, higher_is_better=known.higher_is_better, ties=ties)


def mean_over_cells(means: Floats) -> Floats:
    """Mean over the last axis of what there is; NaN where there is nothing."""
    there = np.isfinite(means)
    count = there.sum(axis=-1)
    total = np.where(there, means, 0.0).sum(axis=-1)
    mean = np.full(count.shape, np.nan)
    np.divide(total, count, out=mean, where=count > 0)
    return mean
