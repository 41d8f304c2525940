"""The bootstrap over the cases of every centre: how much of the benchmark's order is chance.

From the records of the cases alone, all metrics of the data set and the whole ranking are made
anew for every drawing.
"""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.ranking.bootstrap import Bootstrap
from lesionloop.ranking.schemes import places
from lesionloop.ranking.stability import kendall_tau
from lesionloop.ranking.trials.blocks import BLOCKS, TASKS
from lesionloop.ranking.trials.data_sets import LesionMeans, data_set_metrics
from lesionloop.ranking.trials.records import CaseRecord, RecordTable, stack_records
from lesionloop.ranking.trials.standings import (
    TrialsRules,
    mean_over_cells,
    metric_ranks,
)

__all__ = ["bootstrap_task", "draw_cases", "tables_of_task"]

Floats = NDArray[np.float64]


def tables_of_task(
    records: Sequence[CaseRecord], task: str, rules: TrialsRules | None = None
) -> list[RecordTable]:
    """The records of a task, a table per cell, by block and then by centre.

    With missing="worst" every competitor of the task is in every cell, else those that have a
    record there.

    Raises:
        InputError: see ``stack_records``.
    """
    rules = rules or TrialsRules()
    cells: dict[tuple[int, str], list[CaseRecord]] = {}
    for record in records:
        if record.block in TASKS[task]:
            place = (TASKS[task].index(record.block), record.centre)
            cells.setdefault(place, []).append(record)
    members = [cells[place] for place in sorted(cells)]
    names = dict.fromkeys(record.competitor for cell in members for record in cell)
    tables = []
    for cell in members:
        there = {record.competitor for record in cell}
        pool = [
            name
            for name in names
            if name not in rules.outside and (rules.missing == "worst" or name in there)
        ]
        tables.append(stack_records(cell, pool, rules.missing))
    return tables


def bootstrap_task(
    tables: Sequence[RecordTable],
    rules: TrialsRules | None = None,
    *,
    lesion_means: LesionMeans = "penalised",
    resamples: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> Bootstrap:
    """Rank a task again and again on cases drawn with replacement, the same for all competitors.

    Every centre keeps its number of cases. Blocks that have the same cases at a centre (visible and
    combined) get the same drawing. Declared orders of ties play no part.

    Args:
        tables: those of ``tables_of_task``.
        rules: of the ranking.
        lesion_means: what lesion scores are averaged over.
        resamples: how often. The paper does not say; 1000 is usual.
        seed: of the drawing.
        level: of the intervals.

    Returns:
        Places and averages of the task; ``means`` holds "block/centre/metric" for every metric
        that ranks and "block/centre" for the mean rank, (resamples, competitors) each, NaN for a
        competitor that is not in the cell.

    Raises:
        InputError: an option makes no sense, or there is nobody to rank.
    """
    rules = rules or TrialsRules()
    if resamples < 1 or seed < 0 or not 0 < level < 1:
        raise InputError(
            "resamples are 1 or more, the seed 0 or more, and the level is between 0 and 1"
        )
    names = tuple(dict.fromkeys(name for table in tables for name in table.competitors))
    if not names:
        raise InputError("nobody is left to rank")
    found: dict[str, Floats] = {}
    cells, whole = [], []
    for table in tables:
        columns = [names.index(name) for name in table.competitors]
        key = f"{table.block}/{table.centre}"
        drawn = draw_cases(table.centre, table.cases, resamples, seed)
        # The first row is the data set itself.
        counts = np.vstack([np.ones((1, len(table.cases))), drawn])
        values = data_set_metrics(table, counts, lesion_means)
        ranks = []
        for metric in BLOCKS[table.block].metrics:
            ranks.append(metric_ranks(values[metric].T, metric, rules.ties).T)
            found[f"{key}/{metric}"] = _placed(values[metric][1:], columns, len(names))
        mean = _placed(np.mean(ranks, axis=0), columns, len(names))
        found[key] = mean[1:]
        cells.append(mean[1:])
        whole.append(mean[:1])
    combined = mean_over_cells(np.stack(cells, axis=-1))
    original = mean_over_cells(np.stack(whole, axis=-1))[0]
    return Bootstrap(
        names, places(combined), combined, found, kendall_tau(original, combined), level
    )


def draw_cases(centre: str, cases: Sequence[str], resamples: int, seed: int) -> Floats:
    """How often each case is drawn, (resamples, cases).

    The drawing depends on the seed, the centre and the names of its cases, not on what else is
    ranked.
    """
    stream = crc32("\n".join([centre, *cases]).encode())
    rng = np.random.default_rng([seed, stream])
    share = np.full(len(cases), 1 / len(cases))
    return rng.multinomial(len(cases), share, size=resamples).astype(np.float64)


def _placed(values: Floats, columns: Sequence[int], count: int) -> Floats:
    """Columns of a cell's competitors among those of the task."""
    found = np.full((len(values), count), np.nan)
    found[:, columns] = values
    return found
