"""All that is said of the liver benchmark at once: orders, uncertainty, centres, tasks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.ranking.bootstrap import Bootstrap
from lesionloop.ranking.trials.association import Association, associate, mean_gap, paired_values
from lesionloop.ranking.trials.blocks import BLOCKS, TASKS, THOUSANDS
from lesionloop.ranking.trials.cells import Cell
from lesionloop.ranking.trials.centre_tests import (
    CentreTest,
    Family,
    centre_samples,
    compare_centres,
)
from lesionloop.ranking.trials.checks import (
    different_predictions,
    repeated_rows,
    unlike_predictions,
)
from lesionloop.ranking.trials.counts import rebuild_counts, with_penalty_terms
from lesionloop.ranking.trials.data_sets import LesionMeans, cell_of
from lesionloop.ranking.trials.records import CaseRecord, RecordTable
from lesionloop.ranking.trials.resampling import bootstrap_task, tables_of_task
from lesionloop.ranking.trials.size_strata import SizeStratum
from lesionloop.ranking.trials.standings import (
    TaskRanking,
    TrialsRules,
    rank_task,
    rank_without_centres,
)
from lesionloop.ranking.trials.tie_breaks import TieBreak

__all__ = ["TaskResult", "TrialsInputs", "TrialsOptions", "TrialsResult", "analyse_trials"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class TrialsInputs:
    """What is ranked.

    Args:
        cells: from tables of values per centre.
        records: per case.
        tie_breaks: declared orders of equal values.
        strata: competitor -> detection by lesion size.
    """

    cells: Sequence[Cell] = ()
    records: Sequence[CaseRecord] = ()
    tie_breaks: Sequence[TieBreak] = ()
    strata: Mapping[str, Sequence[SizeStratum]] = field(default_factory=dict)


@dataclass(frozen=True)
class TrialsOptions:
    """How it is ranked.

    Args:
        rules: of the ranking.
        not_teams: off-the-shelf models: no samples of the comparisons of centres and tasks.
        rebuild_penalties: replace RVD and distances of tables by the penalty term of the counts
            behind their precisions and recalls.
        lesion_means: what lesion scores of records are averaged over.
        family: of tests that are corrected together.
        resamples, seed, level: of the bootstraps.
    """

    rules: TrialsRules = field(default_factory=TrialsRules)
    not_teams: frozenset[str] = frozenset()
    rebuild_penalties: bool = False
    lesion_means: LesionMeans = "penalised"
    family: Family = "all"
    resamples: int = 1000
    seed: int = 1
    level: float = 0.95


@dataclass(frozen=True, eq=False)
class TaskResult:
    """A task.

    Args:
        ranking: its order.
        bootstrap: over cases; None where there are no records.
        without: centre -> the ranking without it; empty with one centre.
    """

    ranking: TaskRanking
    bootstrap: Bootstrap | None
    without: Mapping[str, TaskRanking]


@dataclass(frozen=True, eq=False)
class TrialsResult:
    """The benchmark.

    Args:
        options: how it was ranked.
        tasks: name -> result, for the tasks that there are.
        samples: (block, metric) -> centre -> values of the teams.
        tests: of the centres; empty with one centre.
        association: of Dice per case in Task 1 and Task 2 visible; None below three pairs.
        gaps: centre -> number of teams and mean of visible minus combined Dice per case.
        strata: competitor -> detection by lesion size.
        warnings: what looks wrong in the tables.
    """

    options: TrialsOptions
    tasks: Mapping[str, TaskResult]
    samples: Mapping[tuple[str, str], Mapping[str, Floats]]
    tests: Sequence[CentreTest]
    association: Association | None
    gaps: Mapping[str, tuple[int, float]]
    strata: Mapping[str, Sequence[SizeStratum]]
    warnings: Sequence[str]


def analyse_trials(inputs: TrialsInputs, options: TrialsOptions | None = None) -> TrialsResult:
    """Rank all tasks that there are, and say how far the orders can be trusted.

    Raises:
        InputError: there is nothing to rank, inputs contradict each other, or an option makes no
            sense.
    """
    options = options or TrialsOptions()
    printed = [_rebuilt(cell) if options.rebuild_penalties else cell for cell in inputs.cells]
    tables = {task: tables_of_task(inputs.records, task, options.rules) for task in TASKS}
    cells = list(printed)
    for found in tables.values():
        cells += [cell_of(table, options.lesion_means) for table in found if table.competitors]
    _check_names(cells, options)
    tasks = {
        task: _task(task, cells, tables[task], inputs, options)
        for task, blocks in TASKS.items()
        if any(cell.block in blocks for cell in cells)
    }
    if not tasks:
        raise InputError("there is nothing to rank", cause="The tables have no rows.")
    samples = centre_samples(cells, leave_out=options.not_teams)
    pairs = paired_values(cells, "task1", "visible", leave_out=options.not_teams)
    return TrialsResult(
        options,
        tasks,
        samples,
        compare_centres(samples, family=options.family),
        _association(pairs, options) if len(pairs) > 2 else None,
        mean_gap(cells, leave_out=options.not_teams),
        inputs.strata,
        [
            *repeated_rows(cells),
            *different_predictions(inputs.cells),
            *unlike_predictions(inputs.records),
        ],
    )


def _check_names(cells: Sequence[Cell], options: TrialsOptions) -> None:
    """A misspelt name would change the ranking without a word."""
    names = {name for cell in cells for name in cell.competitors}
    unknown = sorted(options.not_teams - names)
    if unknown:
        raise InputError(
            f"no competitor is named {unknown[0]!r}",
            remedy=f"There are {', '.join(sorted(names))}.",
        )


def _task(
    task: str,
    cells: Sequence[Cell],
    tables: Sequence[RecordTable],
    inputs: TrialsInputs,
    options: TrialsOptions,
) -> TaskResult:
    # Values without cases cannot be drawn again.
    drawn = bool(tables) and not any(cell.block in TASKS[task] for cell in inputs.cells)
    order = {"tie_breaks": inputs.tie_breaks}
    return TaskResult(
        rank_task(cells, task, options.rules, **order),
        bootstrap_task(
            tables,
            options.rules,
            lesion_means=options.lesion_means,
            resamples=options.resamples,
            seed=options.seed,
            level=options.level,
        )
        if drawn
        else None,
        rank_without_centres(cells, task, options.rules, **order),
    )


def _rebuilt(cell: Cell) -> Cell:
    """The cell with penalty terms, where its block ranks what they replace."""
    if not set(THOUSANDS) <= set(BLOCKS[cell.block].metrics):
        return cell
    return with_penalty_terms(cell, rebuild_counts(cell))


def _association(
    pairs: Sequence[tuple[str, str, float, float]], options: TrialsOptions
) -> Association:
    return associate(
        [pair[2] for pair in pairs],
        [pair[3] for pair in pairs],
        resamples=options.resamples,
        seed=options.seed,
        level=options.level,
    )
