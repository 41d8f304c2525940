"""Rows of the liver benchmark's tables: places, cells, tests of centres and other statistics."""

import csv
import io
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.output import finite, strict
from lesionloop.ranking.stability import kendall_tau
from lesionloop.ranking.trials.analysis import TaskResult, TrialsResult
from lesionloop.ranking.trials.centre_tests import quartiles
from lesionloop.ranking.trials.size_strata import CONVENTION

__all__ = ["cell_rows", "place_rows", "rows_csv", "statistics"]

Floats = NDArray[np.float64]


def place_rows(result: TrialsResult) -> list[dict[str, Any]]:
    """A row per task and competitor, the best first; None where there is no value."""
    rows = []
    for task, entry in result.tasks.items():
        ranking = entry.ranking
        blocks = ranking.block_means()
        for n in ranking.order:
            row: dict[str, Any] = {
                "task": task,
                "place": int(ranking.place[n]),
                "competitor": ranking.competitors[n],
                "average_rank": finite(float(ranking.average[n])),
            }
            row |= {f"{block}_rank": finite(float(means[n])) for block, means in blocks.items()}
            for column, cell in enumerate(ranking.cells):
                row[f"{cell.cell.place}_rank"] = finite(float(ranking.means[n, column]))
            row |= _interval(entry, ranking.competitors[n])
            row["places_without_centre"] = {
                centre: int(other.place[other.competitors.index(ranking.competitors[n])])
                for centre, other in entry.without.items()
                if ranking.competitors[n] in other.competitors
            }
            rows.append(row)
    return rows


def cell_rows(result: TrialsResult) -> list[dict[str, Any]]:
    """A row per cell and competitor: mean rank, and value, interval and rank of each metric."""
    rows = []
    for entry in result.tasks.values():
        boot = entry.bootstrap
        for ranked in entry.ranking.cells:
            cell = ranked.cell
            for n in np.argsort(ranked.mean, kind="stable"):
                name = cell.competitors[n]
                row: dict[str, Any] = {
                    "block": cell.block,
                    "centre": cell.centre,
                    "competitor": name,
                    "mean_rank": float(ranked.mean[n]),
                }
                for metric, ranks in ranked.ranks.items():
                    row[metric] = finite(float(cell.values[metric][n]))
                    if boot is not None:
                        drawn = boot.means[f"{cell.place}/{metric}"]
                        row |= _percentiles(
                            metric, drawn[:, boot.algorithms.index(name)], boot.level
                        )
                    row[f"{metric}_rank"] = float(ranks[n])
                rows.append(row)
    return rows


def statistics(result: TrialsResult) -> dict[str, Any]:
    """Centres, tasks and sizes, ready for JSON."""
    found: dict[str, Any] = {
        "centre_quartiles": [
            {
                "block": block,
                "metric": metric,
                "centre": centre,
                **strict(asdict(quartiles(values))),
            }
            for (block, metric), by_centre in result.samples.items()
            for centre, values in by_centre.items()
        ],
        "centre_tests": [
            {**asdict(test), "teams": " and ".join(map(str, test.teams))} for test in result.tests
        ],
        "task1_and_visible": None,
        "visible_minus_combined": {
            centre: {"teams": teams, "dice_per_case": gap}
            for centre, (teams, gap) in result.gaps.items()
        },
        "tau_without_centre": {
            task: _taus(entry) for task, entry in result.tasks.items() if entry.without
        },
    }
    if result.association is not None:
        found["task1_and_visible"] = strict(asdict(result.association))
    if result.strata:
        found["size_convention"] = CONVENTION
        found["size_strata_mm3"] = [
            {
                "competitor": competitor,
                "stratum": stratum.name,
                "tp": stratum.tp,
                "fp": stratum.fp,
                "fn": stratum.fn,
                "f1": finite(stratum.f1),
            }
            for competitor, strata in result.strata.items()
            for stratum in strata
        ]
    return found


def rows_csv(rows: Sequence[dict[str, Any]]) -> str:
    """A table of rows that need not have the same columns; nested values are left out."""
    names = dict.fromkeys(
        name for row in rows for name, value in row.items() if not isinstance(value, dict)
    )
    text = io.StringIO()
    writer = csv.DictWriter(text, list(names), lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def _interval(entry: TaskResult, name: str) -> dict[str, Any]:
    boot = entry.bootstrap
    if boot is None:
        return {}
    n = boot.algorithms.index(name)
    low, high = boot.place_interval()[n]
    return {
        "place_low": int(low),
        "place_high": int(high),
        **_percentiles("average_rank", boot.combined[:, n], boot.level),
    }


def _percentiles(name: str, drawn: Floats, level: float) -> dict[str, float | None]:
    """The percentile interval of the resamples in which there is a value."""
    drawn = drawn[np.isfinite(drawn)]
    tail = (1 - level) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail]) if drawn.size else (np.nan, np.nan)
    return {f"{name}_low": finite(float(low)), f"{name}_high": finite(float(high))}


def _taus(entry: TaskResult) -> dict[str, float | None]:
    """Centre -> Kendall's tau-b of the order without it with that of all centres."""
    found = {}
    for centre, other in entry.without.items():
        mine = entry.ranking
        both = [name for name in mine.competitors if name in other.competitors]
        order = mine.average[[mine.competitors.index(name) for name in both]]
        without = other.average[[other.competitors.index(name) for name in both]]
        found[centre] = finite(float(kendall_tau(order, without[None])[0]))
    return found
