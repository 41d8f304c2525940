"""One run of a cohort: a case, a segmenter, a strategy; the loop, its scores and its pictures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionloop.cohort.case_records import failure_of
from lesionloop.cohort.lesion_table import CaseRow, LesionRow, ReferenceLesions, lesion_rows
from lesionloop.cohort.pictures import write_pictures
from lesionloop.cohort.scoring import ScoreRow, score_trace, trace_overlaps
from lesionloop.datasets import CaseFiles
from lesionloop.errors import InputError
from lesionloop.interaction import SimulatedReader, TraceStep, run_loop
from lesionloop.interaction.readers import Mode
from lesionloop.reporting import CaseReport, StepRow
from lesionloop.segmenters import load_segmenter

__all__ = ["Run", "RunResult", "lost_run", "run_case", "segmenter_labels"]


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


def run_case(run: Run) -> RunResult:
    """Run one case and score it; what goes wrong becomes the reason, and the others go on."""
    try:
        return _scored(run)
    except Exception as error:
        reason, is_fault = failure_of(error, f"{run.files.name}, {run.label}")
        return RunResult(run, failure=reason, is_fault=is_fault)


def segmenter_labels(
    segmenters: Sequence[str], options: Mapping[str, Any] | None
) -> dict[str, str]:
    """The name in tables of each segmenter, by the name that it is asked for with.

    Raises:
        InputError: a name or an option makes no sense, or two would have one name in tables.
    """
    labels = {name: load_segmenter(name, **(options or {})).name for name in segmenters}
    if len(set(labels.values())) < len(labels):
        raise InputError(
            "two segmenters have the same name",
            cause=f"{', '.join(labels)}.",
            remedy="Evaluate them into folders of their own; `rank` brings them together.",
        )
    return labels


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
    write_pictures(study, trace, label.mask(), run.folder)
    report = CaseReport(
        case=study.name,
        segmenter=run.label,
        strategy=run.strategy,
        mode=run.mode,
        steps=[_step_row(row, step) for row, step in zip(rows, trace.steps, strict=True)],
        notes=(*study.provenance.notes, *_failures(trace.steps)),
    )
    return RunResult(run, tuple(rows), reference.case_row(study), tuple(lesions), report)


def lost_run(run: Run, reason: str) -> RunResult:
    """The result of a run that gave none."""
    return RunResult(run, failure=reason)


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
