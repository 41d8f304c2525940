"""What commands share: how they speak, and the options that several have.

Progress goes to stderr, results to stdout; ``--json`` makes the result one JSON document.
"""

import json
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lesionloop.errors import InputError
from lesionloop.output import strict

if TYPE_CHECKING:
    from lesionloop.cohort.case_records import CaseOutcome

__all__ = [
    "CtOption", "DicomOption", "JsonOption", "OptionsOption", "SegmenterOption", "note",
    "parse_options", "parse_points", "print_json", "print_table", "progress", "take_cases",
]  # fmt: skip

_SECONDS_BETWEEN_LINES = 10.0

JsonOption = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
CtOption = Annotated[
    Path | None, typer.Option("--ct", help="CT in HU (NIfTI or MHA). May be left out.")
]
DicomOption = Annotated[
    Path | None, typer.Option("--dicom", help="Folder with the DICOM study, instead of files.")
]
SegmenterOption = Annotated[
    str,
    typer.Option(
        "--segmenter",
        help="Segmenter: default, propagate, threshold, or one made elsewhere (nnunet:FOLDER, "
        "nninteractive:FOLDER, seganypet:CHECKPOINT, container:IMAGE, command:PROGRAM).",
    ),
]
SegmentersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--segmenter",
        help="default, propagate, threshold, or one made elsewhere (nnunet:FOLDER, "
        "nninteractive:FOLDER, seganypet:CHECKPOINT, container:IMAGE, command:PROGRAM); repeat for "
        "several.",
    ),
]
OptionsOption = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", help="Option of the segmenter, NAME=VALUE. Repeatable."),
]


def parse_options(pairs: Iterable[str] | None) -> dict[str, Any]:
    """``["level_suv=3", "method=liver"]`` to ``{"level_suv": 3, "method": "liver"}``.

    Raises:
        InputError: an entry without "=".
    """
    options: dict[str, Any] = {}
    for pair in pairs or ():
        name, equals, text = pair.partition("=")
        if not equals or not name:
            raise InputError(f"--option {pair!r} is not NAME=VALUE", remedy="As in level_suv=3.")
        try:
            options[name.replace("-", "_")] = json.loads(text)
        except ValueError:
            options[name.replace("-", "_")] = text
    return options


def parse_points(given: Sequence[str]) -> tuple[int, ...]:
    """Numbers of points, ascending, from "1,3,5" or from several of such.

    Raises:
        InputError: something else.
    """
    try:
        return tuple(sorted({int(part) for text in given for part in text.split(",")}))
    except ValueError as error:
        raise InputError(
            f"--points {','.join(given)!r} is not a list of whole numbers", remedy="As in 1,3,5."
        ) from error


def note(text: str) -> None:
    """A line for the person at the terminal, on stderr."""
    typer.echo(text, err=True)


def print_json(value: Any) -> None:
    """The result as strict JSON on stdout: what JSON has no word for becomes text."""
    typer.echo(json.dumps(strict(value), indent=2, allow_nan=False, default=str))


_MOST_COLUMNS = 200


def print_table(
    columns: Sequence[str], rows: Iterable[Sequence[Any]], *, title: str | None = None
) -> None:
    """The result as a table on stdout; floats with four digits, NaN as a dash.

    As wide as its content up to 200 characters, whatever the terminal: numbers and names that are
    cut in two are worse than lines that the terminal wraps.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    rows = [list(row) for row in rows]
    table = Table(title=title, title_justify="left", header_style="bold", box=box.SIMPLE_HEAD)
    for number, column in enumerate(columns):
        numeric = all(isinstance(row[number], int | float) for row in rows)
        table.add_column(column, justify="right" if numeric else "left", overflow="fold")
    for row in rows:
        table.add_row(*(Text(_cell(value)) for value in row))
    console = Console(width=_MOST_COLUMNS)
    console.width = max(Console().width, console.measure(table).maximum)
    console.print(table)


@contextmanager
def progress(label: str, total: int | None) -> Iterator["Progress"]:
    """Progress on stderr: a bar at a terminal, which goes when the work ends; else a line at times.

    Args:
        label: what is going on.
        total: how many there are, when known.
    """
    from rich import progress as bars
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield Progress(label, total)
        return
    columns = [bars.TextColumn("{task.description}"), bars.BarColumn(), bars.MofNCompleteColumn()]
    columns += [bars.TimeElapsedColumn(), bars.TimeRemainingColumn()]
    with bars.Progress(*columns, console=console, transient=True) as bar:
        yield BarProgress(label, total, bar, bar.add_task(label, total=total))


class Progress:
    """How far a command is, as lines for a log: one at most every ten seconds."""

    def __init__(self, label: str, total: int | None) -> None:
        self._label, self._total = label, total
        self._spoken = self._told = time.monotonic()
        self._done = 0
        #: When the part that is at work began, and how many were done then.
        self._began = (self._told, 0)

    def update(self, done: int, label: str | None = None, total: int | None = None) -> None:
        """Say how many are done, of how many, and what was last.

        Another total, or fewer that are done, is a new part of the work, at a pace of its own.
        """
        if done < self._done or (total and self._total and total != self._total):
            self._began = (self._told, max(done - 1, 0))
        self._total = total or self._total
        self._told, self._done = time.monotonic(), done
        if self._told - self._spoken >= _SECONDS_BETWEEN_LINES:
            self._spoken = self._told
            counted = f"{done}/{self._total}{self._left(done)}" if self._total else f"{done}"
            note(": ".join(filter(None, (f"{self._label} {counted}", label))))

    def _left(self, done: int) -> str:
        """What is left by the pace so far, in words."""
        start, before = self._began
        if done <= before or self._total is None or done >= self._total:
            return ""
        seconds = (self._told - start) / (done - before) * (self._total - done)
        for unit, size in (("s", 1), ("min", 60)):
            if seconds < 90 * size:
                return f", about {seconds / size:.0f} {unit} left"
        return f", about {seconds / 3600:.1f} h left"


class BarProgress(Progress):
    """How far a command is, as a bar at the terminal."""

    def __init__(self, label: str, total: int | None, bar: Any, task: Any) -> None:
        super().__init__(label, total)
        self._bar, self._task = bar, task

    def update(self, done: int, label: str | None = None, total: int | None = None) -> None:
        """Move the bar."""
        changes = {"description": label, "total": total}
        known = {key: value for key, value in changes.items() if value is not None}
        self._bar.update(self._task, completed=done, **known)


def take_cases(
    label: str, cases: "Iterable[CaseOutcome]", total: int
) -> tuple[list[dict[str, Any]], dict[str, str], int]:
    """Take cases as they are done, with progress, and say at once what goes wrong.

    Returns:
        The records, the problems by case, and how many of these are faults of the program.
    """
    records: list[dict[str, Any]] = []
    failures: dict[str, str] = {}
    faults = 0
    with progress(label, total) as bar:
        for done, case in enumerate(cases, start=1):
            bar.update(done, label=case.name)
            if case.record is None:
                failures[case.name] = case.problem or ""
                faults += case.is_fault
                note(f"{case.name}: {case.problem}")
            else:
                records.append(case.record)
    return records, failures, faults


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return "–" if math.isnan(value) else f"{value:.4f}"  # noqa: RUF001
    return "" if value is None else str(value)
