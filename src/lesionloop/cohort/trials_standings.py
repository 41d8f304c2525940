"""The liver benchmark's ranking of stored tables and records, and what is written of it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lesionloop.cohort.trials_tables import cell_rows, place_rows, rows_csv, statistics
from lesionloop.errors import InputError
from lesionloop.output import write_json, write_text
from lesionloop.ranking.trials.analysis import (
    TrialsInputs,
    TrialsOptions,
    TrialsResult,
    analyse_trials,
)
from lesionloop.ranking.trials.cells import Cell, is_cell_table, read_cells
from lesionloop.ranking.trials.checks import NOT_REPRODUCIBLE
from lesionloop.ranking.trials.csv_rows import read_rows
from lesionloop.ranking.trials.records import CaseRecord, is_record_table, read_records
from lesionloop.ranking.trials.size_strata import read_size_strata
from lesionloop.ranking.trials.tie_breaks import read_tie_breaks
from lesionloop.reporting.standalone import plain_svg_text
from lesionloop.reporting.trials_report import trials_figures, write_trials_report
from lesionloop.versions import versions

__all__ = ["RECORDS_FILE", "rank_trials", "read_trials"]

#: Name of the table of records in a folder of results.
RECORDS_FILE = "case_records.csv"


def rank_trials(
    places: Sequence[Path | str],
    out: Path | None = None,
    *,
    options: TrialsOptions | None = None,
    tie_breaks: Path | None = None,
    lesions: Path | None = None,
    facts: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Rank the competitors of tables and records.

    Args:
        places: tables of values per centre or of records per case, or folders with a
            ``case_records.csv``.
        out: gets ``ranking.json``, ``ranking.csv``, ``cells.csv``, ``centre_tests.csv``,
            ``ranking.html`` and ``figures``.
        options: how to rank.
        tie_breaks: a table of declared orders.
        lesions: a table of lesions, for detection by size.
        facts: more lines for the report's last section, such as the command.

    Returns:
        What ``ranking.json`` holds.

    Raises:
        InputError: a table cannot be read or ranked, or an option makes no sense.
        OutputError: ``out`` cannot be written.
    """
    options = options or TrialsOptions()
    cells, records = read_trials(places)
    result = analyse_trials(
        TrialsInputs(
            cells,
            records,
            read_tie_breaks(tie_breaks) if tie_breaks else (),
            read_size_strata(lesions) if lesions else {},
        ),
        options,
    )
    found = _as_json(result)
    if out is not None:
        told = {
            "results": ", ".join(str(place) for place in places),
            "declared ties": str(tie_breaks or "none"),
            "bootstrap": f"{options.resamples} resamples, seed {options.seed}",
            **(facts or {}),
            **versions(),
        }
        _write(out, found, result, told)
    return found


def read_trials(places: Sequence[Path | str]) -> tuple[list[Cell], list[CaseRecord]]:
    """Values per centre and records per case; the columns tell which a table holds.

    Raises:
        InputError: a table cannot be read, or holds neither.
    """
    cells: list[Cell] = []
    records: list[CaseRecord] = []
    for place in map(Path, places):
        path = place / RECORDS_FILE if place.is_dir() else place
        rows = read_rows(path)
        columns = list(rows[0]) if rows else []
        if is_record_table(columns):
            records += read_records(path)
        elif is_cell_table(columns):
            cells += read_cells(path)
        else:
            raise InputError(
                f"{path} is no table of the benchmark",
                cause="It has no rows, or neither the columns centre and dice_per_case nor those "
                "of records per case.",
                remedy="Give values per centre, or records per case.",
            )
    return cells, records


def _write(
    out: Path, found: dict[str, Any], result: TrialsResult, facts: Mapping[str, str]
) -> None:
    write_json(out / "ranking.json", found)
    write_text(out / "ranking.csv", rows_csv(place_rows(result)))
    write_text(out / "cells.csv", rows_csv(cell_rows(result)))
    write_text(out / "centre_tests.csv", rows_csv(found["centre_tests"]))
    figures = trials_figures(result)
    write_trials_report(out / "ranking.html", result, figures=figures, facts=facts)
    for name, figure in figures.items():
        write_text(out / "figures" / f"{name}.svg", plain_svg_text(figure))


def _as_json(result: TrialsResult) -> dict[str, Any]:
    options = result.options
    drawn = any(task.bootstrap is not None for task in result.tasks.values())
    return {
        "scheme": "trials",
        "ties": options.rules.ties,
        "missing": options.rules.missing,
        "lesion_means": options.lesion_means,
        "rebuilt_penalties": options.rebuild_penalties,
        "not_teams": sorted(options.not_teams),
        "outside_pool": sorted(options.rules.outside),
        "family": options.family,
        "resamples": options.resamples if drawn else 0,
        "seed": options.seed,
        "level": options.level,
        "ranking": place_rows(result),
        "cells": cell_rows(result),
        **statistics(result),
        "warnings": list(result.warnings),
        "not_reproducible": dict(NOT_REPRODUCIBLE),
        "versions": versions(),
    }
