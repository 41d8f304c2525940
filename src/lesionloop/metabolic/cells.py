"""Tables of a cohort, CSV or Parquet, and their cells as numbers."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Any

from lesionloop.errors import InputError
from lesionloop.ranking.trials.csv_rows import read_rows

__all__ = ["SUBJECT_COLUMNS", "Table", "is_missing", "read_table"]

#: Columns that may name the subject, the first that is there counts.
SUBJECT_COLUMNS = ("subject", "study", "case")

_MISSING = frozenset({"", "na", "nan", "n/a", "null", "none"})


@dataclass(frozen=True)
class Table:
    """A table as it stands in the file.

    Args:
        path: the file, for messages.
        columns: their names.
        rows: cells by column; text from CSV, whatever it holds from Parquet.
        first: number of the first row in messages: the line of the file for CSV.
    """

    path: Path
    columns: tuple[str, ...]
    rows: Sequence[dict[str, Any]]
    first: int

    def subject_column(self) -> str:
        """The column that names the subject.

        Raises:
            InputError: there is none.
        """
        for name in SUBJECT_COLUMNS:
            if name in self.columns:
                return name
        raise InputError(
            f"{self.path} has no column {SUBJECT_COLUMNS[0]!r}",
            cause=f"It has {', '.join(self.columns)}.",
            remedy=f"Name the subjects in a column {' or '.join(SUBJECT_COLUMNS)}.",
        )

    def row_of_subject(self) -> dict[str, int]:
        """Number of the row of each subject, in the order of the rows.

        Raises:
            InputError: no column names the subject, a name is empty, or one is there twice.
        """
        column = self.subject_column()
        found: dict[str, int] = {}
        for row in range(len(self.rows)):
            subject = self.text(row, column)
            if subject in found:
                raise InputError(
                    f"{self.where(row, column)}: {subject} is there twice",
                    remedy="Give each subject one row.",
                )
            found[subject] = row
        return found

    def require(self, names: Sequence[str]) -> None:
        """See that columns are there.

        Raises:
            InputError: names those that are not.
        """
        lacking = [name for name in names if name not in self.columns]
        if lacking:
            raise InputError(
                f"{self.path} has no column {', '.join(map(repr, lacking))}",
                cause=f"It has {', '.join(self.columns)}.",
            )

    def text(self, row: int, column: str) -> str:
        """A cell that must say something.

        Raises:
            InputError: it is empty.
        """
        value = self.rows[row][column]
        if is_missing(value):
            raise InputError(
                f"{self.where(row, column)}: the cell is empty",
                remedy="Fill it in, or remove the row.",
            )
        return str(value).strip()

    def number(self, row: int, column: str) -> float:
        """A cell as a number; NaN where it is empty (or NA, NaN, null).

        Raises:
            InputError: it is neither, or infinite.
        """
        value = self.rows[row][column]
        if is_missing(value):
            return nan
        try:
            number = float(value)
        except (TypeError, ValueError):
            number = nan
        if not isfinite(number):
            raise InputError(
                f"{self.where(row, column)}: {str(value)[:40]!r} is not a number",
                remedy="Correct the cell, or leave it empty when there is no value.",
            )
        return number

    def where(self, row: int, column: str) -> str:
        """Where a cell is, for messages."""
        return f"{self.path}, row {self.first + row}, column {column!r}"


def is_missing(value: Any) -> bool:
    """Whether a cell stands for "no value"."""
    if value is None or (isinstance(value, float) and value != value):  # noqa: PLR0124
        return True
    return isinstance(value, str) and value.strip().lower() in _MISSING


def read_table(path: Path) -> Table:
    """Read ``.csv`` or ``.parquet``.

    Raises:
        InputError: it cannot be read, is empty, names a column twice, or is Parquet and pyarrow
            is not installed.
    """
    if path.suffix.lower() in {".parquet", ".pq"}:
        columns, rows, first = *_read_parquet(path), 1
    else:
        found = read_rows(path)
        with path.open(encoding="utf-8-sig", newline="") as file:
            columns = tuple(name.strip() for name in next(csv.reader(file), []))
        rows = [dict(zip(columns, row.values(), strict=False)) for row in found]
        first = 2
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise InputError(
            f"{path} has more than one column {twice[0]!r}",
            remedy="Give each column a name of its own.",
        )
    if not rows:
        raise InputError(f"{path} has no rows", remedy="Give a row for each subject.")
    return Table(path, columns, rows, first)


def _read_parquet(path: Path) -> tuple[tuple[str, ...], list[dict[str, Any]]]:
    try:
        # An extra, and heavy.
        from pyarrow import ArrowException, parquet  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise InputError(
            f"reading {path} needs pyarrow",
            remedy="Install it: pip install 'lesionloop[tables]', or give CSV.",
        ) from error
    try:
        table = parquet.read_table(path)
    except OSError as error:
        raise InputError(
            f"cannot read {path}", cause=f"{error.strerror or error}.", remedy="Check the path."
        ) from error
    except ArrowException as error:
        raise InputError(
            f"{path} is not a Parquet table",
            cause=f"{error}.",
            remedy="Write it again, or give CSV.",
        ) from error
    return tuple(table.column_names), table.to_pylist()
