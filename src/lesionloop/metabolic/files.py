"""The files of a run: tables, summary, figures and the report."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lesionloop.errors import InputError
from lesionloop.metabolic.analysis import Analysis
from lesionloop.metabolic.figures import network_figures
from lesionloop.metabolic.report import report_page
from lesionloop.metabolic.tables import Row, rows_csv, summary, tables
from lesionloop.output import all_or_none, atomic_path, write_json, write_text
from lesionloop.reporting.standalone import plain_svg_text

__all__ = ["require_parquet", "write_analysis"]

#: Every table and kind of figure that a run may write; those that an earlier run wrote and this one
#: does not are removed.
_TABLES = ("edges", "nodes", "matrix", "difference", "individuals")
_FIGURE = re.compile(r"(matrix|body|difference)(-\d+)?")


def require_parquet() -> None:
    """See that Parquet can be written, before any work is done.

    Raises:
        InputError: pyarrow is not installed.
    """
    try:
        import pyarrow  # noqa: F401, PLC0415  # an extra, and heavy
    except ModuleNotFoundError as error:
        raise InputError(
            "writing Parquet needs pyarrow", remedy="Install it: pip install 'lesionloop[tables]'."
        ) from error


def write_analysis(
    out: Path, analysis: Analysis, facts: Mapping[str, str], *, parquet: bool = False
) -> dict[str, Any]:
    """Write tables, summary, figures and the report; returns the summary.

    Args:
        out: the folder.
        analysis: what was found.
        facts: name -> value of what a reader needs to repeat the work.
        parquet: tables as Parquet beside CSV.

    Raises:
        OutputError: the folder cannot be written; new files are removed.
    """
    found = tables(analysis)
    figures = network_figures(analysis)
    told = summary(analysis, facts)
    files = {f"{name}.csv" for name in found} | {"summary.json", "report.html"}
    files |= {f"{name}.parquet" for name in found} if parquet else set()
    files |= {f"figures/{name}.svg" for name in figures}
    with all_or_none([out / name for name in sorted(files)]):
        for name, rows in found.items():
            write_text(out / f"{name}.csv", rows_csv(rows))
            if parquet:
                _write_parquet(out / f"{name}.parquet", rows)
        for name, figure in figures.items():
            write_text(out / "figures" / f"{name}.svg", plain_svg_text(figure))
        write_text(out / "report.html", report_page(analysis, figures, facts))
        write_json(out / "summary.json", told)
    _remove_stale(out, files)
    return told


def _remove_stale(out: Path, files: set[str]) -> None:
    """Take away what an earlier run with other options wrote: it would pass for this one's."""
    old = [f"{name}.{ending}" for name in _TABLES for ending in ("csv", "parquet")]
    figures = (path for path in (out / "figures").glob("*.svg") if _FIGURE.fullmatch(path.stem))
    old += [f"figures/{path.name}" for path in figures]
    for name in set(old) - files:
        (out / name).unlink(missing_ok=True)


def _write_parquet(path: Path, rows: Sequence[Row]) -> None:
    import pyarrow  # noqa: PLC0415  # an extra, and heavy
    from pyarrow import parquet  # noqa: PLC0415

    with atomic_path(path) as temporary:
        parquet.write_table(pyarrow.Table.from_pylist([dict(row) for row in rows]), temporary)
