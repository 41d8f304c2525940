"""``lesionloop reader-study``: the protocol of a reader study, its plan, and its results."""

import shlex
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lesionloop.cli.console import JsonOption, note, print_json, print_table, progress

if TYPE_CHECKING:
    from lesionloop.reader_study.results import Findings

NAME = "reader-study"
EXAMPLES = (
    'Examples: lesionloop reader-study init study.toml --data studies/ --readers "A,B"   ·   '
    "lesionloop reader-study plan study.toml   ·   "
    "lesionloop serve studies/ --reader-study study.toml --state reading/   ·   "
    "lesionloop reader-study table study.toml --state reading/ --references labels/ --out results/"
)


class Action(StrEnum):
    """What to do with the protocol."""

    INIT = "init"
    PLAN = "plan"
    TABLE = "table"


def run(
    action: Annotated[
        Action,
        typer.Argument(
            help="init: write a protocol. plan: print who reads what when. table: the results."
        ),
    ],
    protocol: Annotated[Path, typer.Argument(help="The protocol, a TOML file.")],
    template: Annotated[
        str, typer.Option(help="init: what to begin with; annotation-time.")
    ] = "annotation-time",
    data: Annotated[
        Path | None, typer.Option(help="init: the data folder, whose studies are the cases.")
    ] = None,
    readers: Annotated[
        str, typer.Option(help="init: names of the readers, with commas between them.")
    ] = "",
    state: Annotated[
        Path | None, typer.Option(help="table: folder of the sessions, as `serve --state` had it.")
    ] = None,
    references: Annotated[
        Path | None, typer.Option(help="table: folder of label maps named as the cases are.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="table: gets cases.csv, events.csv, summary.json and report.html."),
    ] = None,
    resamples: Annotated[int, typer.Option(help="table: of the bootstrap over cases.")] = 10_000,
    seed: Annotated[
        int, typer.Option(help="init: of the assignment. table: of the bootstrap.")
    ] = 1,
    json: JsonOption = False,
) -> None:
    """Plan a reader study, and work out its results; `serve --reader-study` runs it."""
    if action is Action.INIT:
        _init(protocol, template, data, readers, seed)
    elif action is Action.PLAN:
        _plan(protocol, json=json)
    else:
        _table(protocol, state, references, out, resamples=resamples, seed=seed, json=json)


def _init(path: Path, template: str, data: Path | None, readers: str, seed: int) -> None:
    from lesionloop.errors import InputError
    from lesionloop.output import write_text
    from lesionloop.reader_study.template import fill_template
    from lesionloop.viewer.library import Library

    if data is None:
        raise InputError("init needs --data", remedy="Give the folder of the studies.")
    if path.exists():
        raise InputError(
            f"{path} exists already",
            cause="A protocol that is in use must not be lost.",
            remedy="Choose another name, or remove the file.",
        )
    entries = Library(data).entries()
    names = [entry.name for entry in entries]
    cases = [entry.id if names.count(entry.name) > 1 else entry.name for entry in entries]
    given = [name.strip() for name in readers.split(",") if name.strip()]
    text, found = fill_template(template, readers=given, cases=cases, seed=seed)
    write_text(path, text)
    note(
        f"{len(found.cases)} cases, {len(found.readers)} readers; read it through before you begin"
    )
    typer.echo(str(path))


def _plan(path: Path, *, json: bool) -> None:
    from lesionloop.reader_study import plan_readings, read_protocol

    found = read_protocol(path)
    readings = plan_readings(found)
    columns = ("reader", "period", "label", "case", "arm")
    rows = [[getattr(reading, name) for name in columns] for reading in readings]
    if json:
        print_json([dict(zip(columns, row, strict=True)) for row in rows])
        return
    title = f"{found.title}: {found.design}, seed {found.seed}"
    if found.periods > 1:
        title += f", {found.washout_days:g} days between the periods"
    print_table(columns, rows, title=title)
    note("the table tells the cases: keep it from the readers")


def _table(
    path: Path,
    state: Path | None,
    references: Path | None,
    out: Path | None,
    *,
    resamples: int,
    seed: int,
    json: bool,
) -> None:
    from lesionloop.errors import InputError
    from lesionloop.reader_study import plan_readings, read_protocol
    from lesionloop.reader_study.results import find_results, write_results
    from lesionloop.versions import versions
    from lesionloop.viewer.study_log import kept_readings

    for option, value in (("--state", state), ("--out", out)):
        if value is None:
            raise InputError(f"table needs {option}", remedy="See lesionloop reader-study --help.")
    assert state is not None  # noqa: S101  (seen to above)
    assert out is not None  # noqa: S101
    found = read_protocol(path)
    kept = kept_readings(found, state)
    with progress("reading masks", len(plan_readings(found))) as bar:
        findings = find_results(
            found, kept, references=references, seed=seed, resamples=resamples, on_row=bar.update
        )
    facts = {"command": shlex.join(["lesionloop", *sys.argv[1:]]), **versions()}
    summary = write_results(findings, out, facts)
    for text in findings.notes:
        note(text)
    if json:
        print_json(summary)
        return
    _print(findings)
    typer.echo(str(out / "report.html"))


def _print(findings: "Findings") -> None:
    columns = ("task_s", "active_s", "wait_s", "idle_s", "dice", "dmm")
    rows: list[list[Any]] = []
    for arm in findings.protocol.arms:
        spreads = findings.spreads(arm)
        rows.append([arm, spreads["task_s"].count, *(spreads[name].median for name in columns)])
    print_table(("arm", "readings", *columns), rows, title="medians of finished readings")
    saving = findings.savings.get(("task_s", "all"))
    if saving is not None and saving.cases:
        typer.echo(
            f"time saved: {saving.median:.1%} (median of {saving.cases} cases; {saving.level:.0%}"
            f" interval {saving.low:.1%} to {saving.high:.1%}; Wilcoxon p = {saving.p:.2g})"
        )
