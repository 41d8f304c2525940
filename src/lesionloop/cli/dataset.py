"""``lesionloop dataset``: what is wrong with a data set, and what a longitudinal one holds."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol, TypeVar

import typer

from lesionloop.cli.console import JsonOption, note, print_json, print_table, progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from lesionloop.datasets import CtScan, DatasetCheck, Finding

NAME = "dataset"
EXAMPLES = (
    "Examples: lesionloop dataset check dataset/ --workers 4   ·   "
    "lesionloop dataset pairs Longitudinal-CT/ --json"
)

#: Rows of one kind in the table; --json has them all.
_MOST_ROWS = 5


class Action(StrEnum):
    """What to do with the data set."""

    CHECK = "check"
    PAIRS = "pairs"


def run(
    action: Annotated[
        Action,
        typer.Argument(
            help="check: find what is wrong with an nnU-Net, autoPET or TriALS folder."
            " pairs: list the scans of a longitudinal CT folder."
        ),
    ],
    folder: Annotated[Path, typer.Argument(help="The data set.")],
    workers: Annotated[int, typer.Option(help="check: cases that are read at a time.")] = 1,
    json: JsonOption = False,
) -> None:
    """Check a data set before it is used; exit code 2 when there are errors."""
    if action is Action.PAIRS:
        _pairs(folder, json)
        return
    from lesionloop.datasets import Severity, check_dataset
    from lesionloop.datasets.check_trials import check_trials
    from lesionloop.datasets.trials import is_trials

    if is_trials(folder):
        found = check_trials(folder, spread=_Spread(workers))
    else:
        found = check_dataset(folder, spread=_Spread(workers))
    if json:
        print_json(_summary(folder, found) | {"findings": [asdict(f) for f in found.findings]})
    else:
        _print(found)
    if found.count(Severity.ERROR):
        raise typer.Exit(2)


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Job = TypeVar("Job")
Checked = TypeVar("Checked", bound=_Named)


class _Spread:
    """Jobs in processes, with progress."""

    def __init__(self, workers: int) -> None:
        self._workers = workers

    def __call__(
        self, work: "Callable[[Job], Checked]", jobs: "Sequence[Job]"
    ) -> "Iterator[Checked]":
        from lesionloop.cohort.workers import in_processes

        with progress("checking", len(jobs)) as bar:
            for done, check in enumerate(in_processes(work, jobs, self._workers), start=1):
                bar.update(done, label=check.name)
                yield check


def _summary(folder: Path, found: "DatasetCheck") -> dict[str, Any]:
    from lesionloop.datasets import Severity

    counts = {f"{severity}s": found.count(severity) for severity in Severity}
    return {"folder": folder, "cases": found.cases, **counts}


def _print(found: "DatasetCheck") -> None:
    from lesionloop.datasets import Severity

    shown: list[Finding] = []
    more: dict[str, int] = {}
    for finding in found.findings:
        key = f"{finding.severity} {finding.kind}"
        more[key] = more.get(key, 0) + 1
        if more[key] <= _MOST_ROWS:
            shown.append(finding)
    if shown:
        columns = ("severity", "what", "file", "detail", "remedy")
        print_table(columns, [_row(finding) for finding in shown])
    for key, count in more.items():
        if count > _MOST_ROWS:
            typer.echo(f"{key}: {count - _MOST_ROWS} more, see --json")
    counts = ", ".join(
        f"{count} {severity}{'' if count == 1 else 's'}"
        for severity in Severity
        for count in [found.count(severity)]
    )
    typer.echo(f"{found.cases} case{'' if found.cases == 1 else 's'}: {counts}")


def _row(finding: "Finding") -> tuple[str, ...]:
    files = "\n".join(finding.files)
    return finding.severity, finding.kind, files, finding.detail, finding.remedy


def _pairs(folder: Path, json: bool) -> None:
    from lesionloop.datasets import find_pairs

    pairs = find_pairs(folder)
    for patient, text in dict.fromkeys((pair.patient, n) for pair in pairs for n in pair.notes):
        note(f"{patient}: note: {text}")
    if json:
        print_json([asdict(pair) for pair in pairs])
        return
    columns = ("patient", "baseline", "follow-up", "labels", "points", "lesions")
    print_table(
        columns,
        [
            (
                pair.patient,
                _part(pair.baseline),
                _part(pair.follow_up),
                _both(scan.label for scan in (pair.baseline, pair.follow_up) if scan),
                _both(scan.points for scan in (pair.baseline, pair.follow_up) if scan),
                len(pair.lesions),
            )
            for pair in pairs
        ],
    )


def _part(scan: "CtScan | None") -> str:
    return "missing" if scan is None else scan.ct.name


def _both(files: "Iterable[Path | None]") -> str:
    there = [path is not None for path in files]
    return "yes" if there and all(there) else "in part" if any(there) else "no"
