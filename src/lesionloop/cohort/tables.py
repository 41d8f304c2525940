"""Tables of a cohort: CSV, whole when all is done, and Parquet, run by run as they finish."""

import csv
import io
import shutil
from collections.abc import Sequence
from dataclasses import asdict, astuple, fields
from hashlib import blake2b
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lesionloop.cohort.scoring import ScoreRow
from lesionloop.output import atomic_path, make_folder

__all__ = ["PARQUET_FOLDER", "ScoreParts", "csv_text"]

PARQUET_FOLDER = "scores.parquet"


def csv_text(kind: type[Any], rows: Sequence[Any]) -> str:
    """A table of dataclasses: numbers in full precision, ``nan`` where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in fields(kind)])
    for row in rows:
        writer.writerow([repr(v) if isinstance(v, float) else v for v in astuple(row)])
    return text.getvalue()


class ScoreParts:
    """``scores.parquet``: a folder with a file per finished run, read as one table.

    Needs pyarrow (``lesionloop[tables]``); without it nothing is written. Parts of an evaluation
    before this one go first: they may be of other settings.

    Args:
        out: folder of the evaluation.

    Raises:
        OutputError: the folder cannot be written.
    """

    def __init__(self, out: Path) -> None:
        self._folder = out / PARQUET_FOLDER
        shutil.rmtree(self._folder, ignore_errors=True)
        self._on = find_spec("pyarrow") is not None
        if self._on:
            make_folder(self._folder)

    def add(self, rows: Sequence[ScoreRow]) -> None:
        """Write the scores of a run.

        Raises:
            OutputError: the disk is full, or the folder cannot be written.
        """
        if not self._on or not rows:
            return
        # An extra, and heavy.
        import pyarrow  # noqa: PLC0415
        from pyarrow import parquet  # noqa: PLC0415

        run = "\n".join((rows[0].case, rows[0].segmenter, rows[0].strategy))
        name = blake2b(run.encode(), digest_size=16).hexdigest()
        table = pyarrow.Table.from_pylist([asdict(row) for row in rows])
        with atomic_path(self._folder / f"{name}.parquet") as temporary:
            parquet.write_table(table, temporary)
