"""One data set through the loop: cases x segmenters x strategies, by local processes.

Every run leaves its trace in ``<out>/traces/<segmenter>/<strategy>/<case>``; an evaluation that was
interrupted goes on from there. The tables are written when all runs are done.
"""

import csv
import io
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, astuple, dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any

from lesionloop.cohort.lesion_table import CaseRow, LesionRow, ReferenceLesions, lesion_rows
from lesionloop.cohort.pictures import draw_trace
from lesionloop.cohort.scoring import ScoreRow, score_trace, trace_overlaps
from lesionloop.cohort.workers import in_processes
from lesionloop.datasets import CaseFiles, find_cases
from lesionloop.errors import InputError, LesionLoopError
from lesionloop.interaction import SimulatedReader, TraceStep, run_loop
from lesionloop.interaction.readers import MODES, Mode
from lesionloop.interaction.trace import remove_left_overs
from lesionloop.output import make_folder, write_json, write_text
from lesionloop.reporting import CaseReport, StepRow, write_loop_report
from lesionloop.reporting.loop_records import group_cases
from lesionloop.scribbles import STRATEGIES
from lesionloop.scribbles.strategies import require_strategy
from lesionloop.segmenters import load_segmenter
from lesionloop.versions import versions

logger = logging.getLogger(__name__)

__all__ = ["Evaluation", "Run", "RunResult", "default_steps", "evaluate", "run_case"]


@dataclass(frozen=True)
class Run:
    """One case, one segmenter, one strategy.

    Args:
        files: of the case.
        segmenter: registered name, or command:PROGRAM.
        options: of the segmenter.
        strategy: of the simulated reader.
        mode: rules of the loop.
        steps: corrections after the first mask.
        seed: of the simulated reader.
        folder: of the trace.
        label: the segmenter's name in tables.
    """

    files: CaseFiles
    segmenter: str
    options: dict[str, Any]
    strategy: str
    mode: Mode
    steps: int
    seed: int
    folder: Path
    label: str


@dataclass(frozen=True)
class RunResult:
    """What a run gave: scores and a report of the case, or the reason why there are none.

    Args:
        run: which run.
        rows: scores by step.
        case: what the case is like.
        lesions: when each reference lesion was found.
        report: for the HTML report.
        failure: why there are no scores.
        is_fault: the failure is a fault of the program, not of the input.
    """

    run: Run
    rows: tuple[ScoreRow, ...] = ()
    case: CaseRow | None = None
    lesions: tuple[LesionRow, ...] = ()
    report: CaseReport | None = None
    failure: str | None = None
    is_fault: bool = False


@dataclass(frozen=True)
class Evaluation:
    """All runs of an evaluation.

    Args:
        results: in the order of case, segmenter, strategy.
        summary: as written to ``summary.json``.
        skipped: cases that reference mode leaves out.
    """

    results: tuple[RunResult, ...]
    summary: dict[str, Any]
    skipped: tuple[str, ...] = ()

    @property
    def failures(self) -> tuple[RunResult, ...]:
        """Runs without scores."""
        return tuple(result for result in self.results if result.failure)


#: In place of a strategy: each case has one of the three, as in the challenge's first category.
THIRDS = "thirds"


def _of_case(strategy: str, case: str) -> str:
    """The strategy of a case; of thirds by a hash of its name, whatever else is in the cohort."""
    if strategy != THIRDS:
        return strategy
    digest = blake2b(case.encode(), digest_size=8).digest()
    return STRATEGIES[int.from_bytes(digest, "big") % len(STRATEGIES)]


def default_steps(mode: Mode) -> int:
    """Corrections by default: five (six predictions), and four in the released code."""
    return 5 if mode == "protocol" else 4


def evaluate(
    dataset: Path | str,
    out: Path | str,
    *,
    segmenters: Sequence[str] = ("default",),
    options: dict[str, Any] | None = None,
    strategies: Sequence[str] = ("centerline",),
    mode: Mode = "protocol",
    steps: int | None = None,
    seed: int = 42,
    workers: int = 1,
    facts: dict[str, str] | None = None,
    on_result: Callable[[RunResult, int, int], None] | None = None,
) -> Evaluation:
    """Run a data set through the loop and write traces, tables and the report.

    Args:
        dataset: folder in the nnU-Net layout, with labels.
        out: gets ``traces``, ``scores.csv``, ``lesions.csv``, ``cases.csv``, ``summary.json`` and
            ``report.html``.
        segmenters: registered names, or command:PROGRAM.
        options: for all of them.
        strategies: of the simulated reader; "thirds" gives every case one of the three, by its
            name, so that each has about a third of the cases.
        mode: "protocol" or "reference".
        steps: corrections after the first mask; None for the mode's default.
        seed: of the simulated reader.
        workers: processes; 1 works in this one.
        facts: more lines for the report's last section, such as the command.
        on_result: called with each result, how many are done and how many there are.

    A case that fails is recorded with its reason and does not stop the others.

    Raises:
        InputError: the data set or an option makes no sense, or every run failed.
        RuntimeError: every run failed, by a fault of the program.
        OutputError: ``out`` cannot be written.
    """
    steps = default_steps(mode) if steps is None else steps
    if steps < 0 or workers < 1:
        raise InputError("steps must be 0 or more and workers at least 1")
    if mode not in MODES:
        raise InputError(f"unknown mode {mode!r}", remedy=f"Use {' or '.join(MODES)}.")
    for strategy in strategies:
        if strategy != THIRDS:
            require_strategy(strategy)
    labels = {name: load_segmenter(name, **(options or {})).name for name in segmenters}
    if len(set(labels.values())) < len(labels):
        raise InputError(
            "two segmenters have the same name",
            cause=f"{', '.join(labels)}.",
            remedy="Evaluate them into folders of their own; `rank` brings them together.",
        )
    out = make_folder(Path(out))
    remove_left_overs(out)
    cases = find_cases(dataset)
    skipped = [case.name for case in cases if mode == "reference" and _reference_skips(case)]
    runs = [
        Run(
            case, name, options or {}, strategy, mode, steps, seed,
            out / "traces" / labels[name] / strategy / case.name, labels[name],
        )
        for case in cases
        if case.name not in skipped
        for name in dict.fromkeys(segmenters)
        for strategy in dict.fromkeys(_of_case(strategy, case.name) for strategy in strategies)
    ]  # fmt: skip
    order = {run.folder: number for number, run in enumerate(runs)}
    results: list[RunResult] = []
    for result in _work(runs, workers):
        results.append(result)
        if on_result:
            on_result(result, len(results), len(runs))
    results.sort(key=lambda result: order[result.run.folder])
    good = [result for result in results if result.failure is None]
    if not good:
        if any(result.is_fault for result in results):
            raise RuntimeError(f"no run has a result: {results[0].failure}")
        reason = results[0].failure if results else "Every case is skipped in reference mode."
        raise InputError("no run has a result", cause=reason)
    summary = _summary(results, mode=mode, steps=steps, seed=seed, skipped=skipped)
    write_text(out / "scores.csv", _csv(ScoreRow, [row for r in good for row in r.rows]))
    write_text(out / "lesions.csv", _csv(LesionRow, [row for r in good for row in r.lesions]))
    cases_seen = {r.case.case: r.case for r in good if r.case is not None}
    write_text(out / "cases.csv", _csv(CaseRow, list(cases_seen.values())))
    write_json(out / "summary.json", summary)
    write_loop_report(
        out / "report.html",
        title=f"Interactive evaluation of {Path(dataset).resolve().name}",
        cases=[result.report for result in good if result.report is not None],
        facts={
            "mode": mode,
            "steps": str(steps),
            "seed": str(seed),
            **{f"failed: {r.run.files.name}": str(r.failure) for r in results if r.failure},
            **({"skipped": ", ".join(skipped)} if skipped else {}),
            **(facts or {}),
            **versions(),
        },
    )
    return Evaluation(tuple(results), summary, tuple(skipped))


def run_case(run: Run) -> RunResult:
    """Run one case and score it; what goes wrong becomes the reason, and the others go on."""
    try:
        return _scored(run)
    except LesionLoopError as error:
        return RunResult(run, failure=str(error))
    except Exception as error:
        logger.exception("%s, %s: a fault of the program", run.files.name, run.label)
        return RunResult(run, failure=f"{type(error).__name__}: {error}", is_fault=True)


def _scored(run: Run) -> RunResult:
    study, label = run.files.read()
    segmenter = load_segmenter(run.segmenter, **run.options)
    reader = SimulatedReader(label.values, run.strategy, run.seed, run.mode)
    trace = run_loop(segmenter, study, reader, run.steps, run.folder)
    overlaps = trace_overlaps(trace, label.values)
    names = {"segmenter": run.label, "strategy": run.strategy}
    rows = score_trace(trace, label.values, study.grid.spacing, overlaps=overlaps, **names)
    reference = ReferenceLesions.of(study, label.values)
    lesions = lesion_rows(overlaps, reference, case=study.name, **names)
    report = CaseReport(
        case=study.name,
        segmenter=run.label,
        strategy=run.strategy,
        mode=run.mode,
        steps=[_step_row(row, step) for row, step in zip(rows, trace.steps, strict=True)],
        pictures=draw_trace(study, trace, label.mask()),
        notes=(*study.provenance.notes, *_failures(trace.steps)),
    )
    return RunResult(run, tuple(rows), reference.case_row(study), tuple(lesions), report)


def _work(runs: list[Run], workers: int) -> Iterator[RunResult]:
    try:
        yield from in_processes(run_case, runs, workers)
    except BrokenProcessPool as error:
        raise LesionLoopError(
            "a worker process was ended by the system",
            cause="Probably there was not enough memory.",
            remedy="Use fewer workers; what was finished is kept, the next run goes on there.",
        ) from error


def _reference_skips(case: CaseFiles) -> bool:
    """Whether the released loop would silently leave a case out (autoPET V spec, 3.4)."""
    path = str(case.ct or case.pet)
    return "fdg" in path or "198" in path


def _step_row(row: ScoreRow, step: TraceStep) -> StepRow:
    scribble = step.scribble
    return StepRow(
        step=row.step,
        dice=row.dice,
        dmm=row.dmm,
        tp=row.tp,
        fp=row.fp,
        fn=row.fn,
        fpv_ml=row.fpv_ml,
        fnv_ml=row.fnv_ml,
        seconds=row.seconds,
        scribble_label=scribble.label if scribble else None,
        scribble_points=len(scribble.points) if scribble else 0,
    )


def _failures(steps: Sequence[TraceStep]) -> list[str]:
    return [f"Step {step.step}: {step.failure}." for step in steps if step.failure]


def _csv(kind: type[Any], rows: Sequence[Any]) -> str:
    """A table: numbers in full precision, ``nan`` where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([column.name for column in fields(kind)])
    for row in rows:
        writer.writerow([repr(v) if isinstance(v, float) else v for v in astuple(row)])
    return text.getvalue()


def _summary(results: list[RunResult], **facts: Any) -> dict[str, Any]:
    groups = group_cases([r.report for r in results if r.report is not None])
    return {
        **facts,
        "results": [
            {
                "segmenter": group.segmenter,
                "strategy": group.strategy,
                **{key: _finite(value) for key, value in asdict(group.summary).items()},
            }
            for group in groups
        ],
        "failures": [
            {
                "case": result.run.files.name,
                "segmenter": result.run.label,
                "strategy": result.run.strategy,
                "reason": result.failure,
            }
            for result in results
            if result.failure
        ],
        "versions": versions(),
    }


def _finite(value: float) -> float | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
