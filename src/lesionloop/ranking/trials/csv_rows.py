"""CSV tables with a header, as rows of text."""

import csv
from collections.abc import Sequence
from pathlib import Path

from lesionloop.errors import InputError

__all__ = ["read_rows"]


def read_rows(path: Path, needed: Sequence[str] = ()) -> list[dict[str, str]]:
    """Rows of a table by column name; the row with index n stands on line n + 2.

    Args:
        path: the file.
        needed: columns that it must have.

    Raises:
        InputError: it cannot be read, a column is missing, or a row has not as many cells as the
            header.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            names = reader.fieldnames or ()
            lacking = [name for name in needed if name not in names]
            if lacking:
                raise InputError(
                    f"{path} has no column {lacking[0]!r}", cause=f"It has {', '.join(names)}."
                )
            rows = list(reader)
    except OSError as error:
        raise InputError(
            f"cannot read {path}", cause=f"{error.strerror or error}.", remedy="Check the path."
        ) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is not a CSV table", cause=f"{error}.") from error
    for number, row in enumerate(rows, start=2):
        if None in row or None in row.values():
            raise InputError(f"{path}, line {number}: not as many cells as the header has")
    return rows
