"""What a replay of recorded sessions leaves: tables, summary and report."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lesionloop.cohort.lesion_table import CaseRow, LesionRow
from lesionloop.cohort.reader_curves import (
    CARRIED,
    CURVE_COLUMNS,
    AreaAgreement,
    MaskMean,
    ReaderCurve,
    area_agreement,
    carried_forward,
    last_step,
    mask_means,
    reader_curves,
)
from lesionloop.cohort.recorded import SessionFolder
from lesionloop.cohort.replaying import MaskAgreementRow, Replayed, ReplayRun
from lesionloop.cohort.scoring import ScoreRow
from lesionloop.cohort.tables import csv_text
from lesionloop.metrics.loop_summary import LoopScores, summarise_loops
from lesionloop.output import finite, strict, write_json, write_text
from lesionloop.reporting.clinician_report import (
    AreaPlot,
    ClinicianFindings,
    CurveRow,
    MaskRow,
    SessionRow,
    write_clinician_report,
)
from lesionloop.versions import versions

__all__ = ["ReplayResult", "write_replay"]


@dataclass(frozen=True)
class ReplayResult:
    """All runs of a replay.

    Args:
        runs: in the order of case, segmenter, reader.
        summary: as written to ``summary.json``.
        notes: what was found in the folder of sessions and not used, a line each.
    """

    runs: tuple[ReplayRun, ...]
    summary: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def has_failures(self) -> bool:
        """Whether a run has no scores, or a mask could not be used."""
        return bool(self.summary["failures"])

    @property
    def has_faults(self) -> bool:
        """Whether one of them is a fault of the program."""
        return any(run.is_fault for run in self.runs)


@dataclass(frozen=True)
class _Gathered:
    """All that the outputs are made of."""

    found: SessionFolder
    results: Sequence[Replayed]
    last: int
    curves: Sequence[ReaderCurve]
    areas: Sequence[AreaAgreement]
    masks: Sequence[MaskMean]
    sessions: Sequence["_SessionLine"]
    notes: Sequence[str]

    @property
    def runs(self) -> list[ReplayRun]:
        return [run for result in self.results for run in result.runs]

    @property
    def missing(self) -> list[tuple[str, str]]:
        return self.found.missing({result.replay.files.name for result in self.results})


@dataclass(frozen=True)
class _SessionLine:
    """The columns of ``sessions.csv`` in their order."""

    case: str
    reader: str
    steps: int
    strokes: int
    foreground_points: int
    background_points: int
    reader_seconds: float


@dataclass(frozen=True)
class _CurveLine:
    """The columns of ``curves.csv`` in their order."""

    segmenter: str
    reader: str
    kind: str
    step: int
    dice: float
    dmm: float
    fpv_ml: float
    fnv_ml: float
    cases: int
    carried: int


def write_replay(
    out: Path,
    found: SessionFolder,
    results: Sequence[Replayed],
    segmenters: Sequence[str],
    *,
    notes: Sequence[str] = (),
    facts: Mapping[str, str] | None = None,
) -> ReplayResult:
    """Write all tables, ``summary.json`` and ``clinicians.html``.

    Args:
        out: folder.
        found: the sessions.
        results: one for each case and segmenter, at least one session with scores.
        segmenters: names in tables, in order.
        notes: what was found and not used, a line each.
        facts: more lines for the report's last section.

    Raises:
        OutputError: ``out`` cannot be written.
    """
    runs = [run for result in results for run in result.runs]
    last = last_step(runs)
    masks = [row for result in results for row in result.agreement]
    gathered = _Gathered(
        found,
        results,
        last,
        [curve for name in segmenters for curve in reader_curves(runs, name, last)],
        [entry for name in segmenters for entry in area_agreement(runs, name, last)],
        mask_means(masks),
        _session_lines(runs),
        notes,
    )
    summary = _summary(gathered)
    good = [run for run in runs if run.rows]
    rows = [row for run in good for row in run.rows]
    write_text(out / "scores.csv", csv_text(ScoreRow, rows))
    if any(run.reader is None for run in good):
        of_readers = [row for run in good if run.reader is not None for row in run.rows]
        write_text(out / "reader-scores.csv", csv_text(ScoreRow, of_readers))
    write_text(
        out / "lesions.csv", csv_text(LesionRow, [row for run in good for row in run.lesions])
    )
    case_rows = {r.case.case: r.case for r in results if r.case is not None}
    write_text(out / "cases.csv", csv_text(CaseRow, list(case_rows.values())))
    write_text(out / "agreement.csv", csv_text(MaskAgreementRow, masks))
    write_text(out / "sessions.csv", csv_text(_SessionLine, gathered.sessions))
    write_text(out / "curves.csv", csv_text(_CurveLine, _curve_lines(gathered.curves)))
    write_json(out / "summary.json", summary)
    used = [case for case in found.cases if case in case_rows]
    write_clinician_report(
        out / "clinicians.html",
        findings=_findings(gathered, summary),
        facts={
            "cases": str(len(used)),
            "readers": ", ".join(found.readers),
            "common axis": f"steps 0 to {last}. {CARRIED}",
            **(facts or {}),
            **versions(),
        },
    )
    return ReplayResult(tuple(runs), summary, tuple(notes))


def _summary(gathered: _Gathered) -> dict[str, Any]:
    found, results, last = gathered.found, gathered.results, gathered.last
    runs = gathered.runs
    loops = [run for run in runs if run.rows and run.reader is not None]
    failures = [
        {
            "case": run.case,
            "segmenter": run.segmenter,
            "strategy": run.strategy,
            "reason": run.failure,
        }
        for run in runs
        if run.failure
    ]
    failures += [
        {"case": result.replay.files.name, "segmenter": "", "strategy": f"own mask of {reader}",
         "reason": reason}
        for result in results
        for reader, reason in result.failures.items()
    ]  # fmt: skip
    return {
        "mode": "recorded",
        "steps": last,
        "seed": results[0].replay.seed if results[0].replay.own_errors else None,
        "skipped": [],
        "readers": list(found.readers),
        "carried_forward": {
            "rule": CARRIED,
            "last_step": last,
            "sessions": sum(len(run.rows) - 1 < last for run in loops),
            "of": len(loops),
        },
        "results": _results(runs, last),
        "curves": [
            {
                "segmenter": curve.segmenter,
                "reader": curve.reader,
                "kind": curve.kind,
                "cases": curve.cases,
                "auc_dice_normalised": finite(curve.auc_dice),
                "auc_dmm_normalised": finite(curve.auc_dmm),
                **{name: [finite(v) for v in curve.values[name]] for name in CURVE_COLUMNS},
                "carried": curve.carried.tolist(),
            }
            for curve in gathered.curves
        ],
        "agreement": {
            "masks": [strict(asdict(mean)) for mean in gathered.masks],
            "areas": [_area_entry(entry) for entry in gathered.areas],
        },
        "missing_sessions": [{"reader": reader, "case": case} for reader, case in gathered.missing],
        "failures": failures,
        "notes": list(gathered.notes),
        "versions": versions(),
    }


def _results(runs: Sequence[ReplayRun], last: int) -> list[dict[str, Any]]:
    """Means per segmenter and strategy, all loops carried forward to the end of the axis."""
    groups: dict[tuple[str, str], list[ReplayRun]] = {}
    for run in runs:
        if run.rows:
            groups.setdefault((run.segmenter, run.strategy), []).append(run)
    entries = []
    for (segmenter, strategy), group in sorted(groups.items(), key=lambda item: item[0]):
        summary = summarise_loops([_loop(run, last) for run in group])
        short = sum(len(run.rows) - 1 < last for run in group)
        values = asdict(replace(summary, cases_short=short))
        entries.append({"segmenter": segmenter, "strategy": strategy, **strict(values)})
    return entries


def _loop(run: ReplayRun, last: int) -> LoopScores:
    seconds = [row.seconds for row in run.rows]
    columns = {
        name: carried_forward([getattr(row, name) for row in run.rows], last).tolist()
        for name in CURVE_COLUMNS
    }
    return LoopScores(
        steps=range(last + 1),
        seconds=[*seconds, *[math.nan] * (last + 1 - len(seconds))],
        **columns,
    )


def _area_entry(entry: AreaAgreement) -> dict[str, Any]:
    return {
        "segmenter": entry.segmenter,
        "metric": f"{entry.metric}_normalised",
        "rule": entry.rule,
        "readers": list(entry.readers),
        "icc": strict(asdict(entry.correlation)),
        "pairs": [
            {"reader_a": pair.reader_a, "reader_b": pair.reader_b} | strict(asdict(pair.limits))
            for pair in entry.pairs
        ],
    }


def _session_lines(runs: Sequence[ReplayRun]) -> list[_SessionLine]:
    found = {}
    for run in runs:
        if run.session is None or run.reader is None:
            continue
        scribbles = run.session.scribbles
        found[run.case, run.reader] = _SessionLine(
            run.case,
            run.reader,
            run.session.steps,
            len(scribbles),
            len(scribbles.foreground),
            len(scribbles.background),
            run.session.total_seconds,
        )
    return list(found.values())


def _curve_lines(curves: Sequence[ReaderCurve]) -> list[_CurveLine]:
    lines = []
    for curve in curves:
        for step, carried in enumerate(curve.carried.tolist()):
            dice, dmm, fpv, fnv = (float(curve.values[name][step]) for name in CURVE_COLUMNS)
            lines.append(
                _CurveLine(
                    curve.segmenter, curve.reader, curve.kind, step,
                    dice, dmm, fpv, fnv, curve.cases, carried,
                )
            )  # fmt: skip
    return lines


def _findings(gathered: _Gathered, summary: Mapping[str, Any]) -> ClinicianFindings:
    found = gathered.found
    return ClinicianFindings(
        last_step=gathered.last,
        carried=CARRIED,
        curves=[
            CurveRow(
                curve.segmenter, curve.reader, curve.kind, curve.cases,
                {name: values.tolist() for name, values in curve.values.items()},
                curve.auc_dice, curve.auc_dmm, int(curve.carried[-1]),
            )
            for curve in gathered.curves
        ],
        masks=[
            MaskRow(
                mean.segmenter or "readers' own masks", f"{mean.reader_a} and {mean.reader_b}"
                if mean.reader_a != mean.reader_b else "all pairs",
                mean.cases, mean.lesion_free, mean.dice, mean.dice_with_lesions, mean.dmm,
                mean.cases_without_dmm,
            )
            for mean in gathered.masks
        ],
        areas=[
            AreaPlot(
                entry.segmenter, entry.metric, entry.rule, pair.reader_a, pair.reader_b,
                pair.cases, pair.first.tolist(), pair.second.tolist(), pair.limits,
                entry.correlation,
            )
            for entry in gathered.areas
            for pair in entry.pairs
        ],
        sessions=[_session_row(reader, gathered.sessions) for reader in found.readers],
        missing=[f"{case}: no session of {reader}" for reader, case in gathered.missing],
        failures=[
            f"{entry['case']}, {entry['segmenter'] or 'no segmenter'}, {entry['strategy']}: "
            f"{entry['reason']}"
            for entry in summary["failures"]
        ],
        notes=summary["notes"],
    )  # fmt: skip


def _session_row(reader: str, lines: Sequence[_SessionLine]) -> SessionRow:
    own = [line for line in lines if line.reader == reader]
    return SessionRow(
        reader,
        [line.steps for line in own],
        sum(line.strokes for line in own),
        sum(line.foreground_points for line in own),
        sum(line.background_points for line in own),
        [line.reader_seconds for line in own],
    )
