"""The tables of ``lesionloop quantify``: all studies in one, from the files of each."""

import csv
import io
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lesionloop.errors import InputError
from lesionloop.output import atomic_path, write_text
from lesionloop.quantification.organ_uptake import ORGAN_COLUMNS, organs_csv

__all__ = ["burden_row", "require_pyarrow", "write_quantity_tables"]

_TEXT = ("study", "organ", "tracer", "percist_quantity")
_WHOLE = ("lesions", "voxels", "deauville_points", "percist_measurable")


def require_pyarrow() -> None:
    """Refuse to begin where Parquet cannot be written.

    Raises:
        InputError: the extra ``tables`` is not installed.
    """
    if find_spec("pyarrow") is None:
        raise InputError(
            "Parquet needs pyarrow",
            cause="The package is missing.",
            remedy="Install it (pip install 'lesionloop[tables]'), or leave --parquet out.",
        )


def burden_row(record: dict[str, Any]) -> dict[str, Any]:
    """One study in one row: totals, references, thresholds and helpers of its ``burden.json``."""
    totals, regions = record["totals"], record["reference_regions"]
    percist, deauville = record["helpers"]["percist"], record["helpers"]["deauville"]
    row = {"study": record["study"], "tracer": record["tracer"]}
    row |= {name: value for name, value in totals.items() if name != "dmax_lesions"}
    for name, region in regions.items():
        usable = region if region["ok"] else {}
        row |= {f"{name}_{key}": usable.get(key) for key in ("mean", "sd", "peak")}
    for name, above in record["thresholds"].items():
        row |= {f"mtv_{name}_ml": above["mtv_ml"], f"tlg_{name}": above["tlg"]}
    return row | {
        "percist_quantity": percist["quantity"],
        "percist_level": percist["level"],
        "percist_hottest_peak": percist["hottest_peak"],
        "percist_measurable": len(percist["measurable_lesions"]),
        "deauville_points": deauville["points"],
    }


def write_quantity_tables(
    records: Sequence[dict[str, Any]], out: Path, *, parquet: bool = False
) -> None:
    """Write ``burden.csv`` (a row a study) and ``organs.csv`` (a row a study and organ).

    Numbers in full precision, nothing where one is not defined.

    Args:
        records: ``burden.json`` of the studies; their ``organs.csv`` stand beside.
        out: folder of the studies' folders.
        parquet: write the same as ``burden.parquet`` and ``organs.parquet``.

    Raises:
        InputError: pyarrow is missing for Parquet.
        OutputError: ``out`` cannot be written.
    """
    burden = [burden_row(record) for record in records]
    text = io.StringIO()
    columns = list(dict.fromkeys(name for row in burden for name in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(burden)
    organs: list[list[str]] = []
    for record in records:
        table = out / record["study"] / "organs.csv"
        with table.open(encoding="utf-8", newline="") as lines:
            organs += list(csv.reader(lines))[1:]
    write_text(out / "burden.csv", text.getvalue())
    write_text(out / "organs.csv", organs_csv(organs))
    if parquet:
        _write_parquet(out / "burden.parquet", columns, [list(row.values()) for row in burden])
        _write_parquet(out / "organs.parquet", ORGAN_COLUMNS, organs)


def _write_parquet(path: Path, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    require_pyarrow()
    # An extra, and heavy.
    import pyarrow  # noqa: PLC0415
    from pyarrow import parquet  # noqa: PLC0415

    kinds = {name: pyarrow.string() for name in _TEXT} | {name: pyarrow.int64() for name in _WHOLE}
    schema = pyarrow.schema([(name, kinds.get(name, pyarrow.float64())) for name in columns])
    entries = [
        {name: _typed(name, value) for name, value in zip(columns, row, strict=True)}
        for row in rows
    ]
    table = pyarrow.Table.from_pylist(entries, schema=schema)
    with atomic_path(path) as temporary:
        parquet.write_table(table, temporary)


def _typed(name: str, value: Any) -> Any:
    if value is None or value == "":
        return None
    if name in _TEXT:
        return str(value)
    return int(value) if name in _WHOLE else float(value)
