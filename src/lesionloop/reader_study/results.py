"""The results of a study: tables, a summary and a page, from the plan and what was kept."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np

from lesionloop.cohort.tables import csv_text
from lesionloop.errors import InputError
from lesionloop.imaging.names import IMAGE_ENDINGS
from lesionloop.metrics import mean_without_nan
from lesionloop.output import output_folder, strict, write_json, write_text
from lesionloop.reader_study.compare import Saving, Spread, compare_times, spread
from lesionloop.reader_study.plan import Reading, plan_readings
from lesionloop.reader_study.protocol import Protocol
from lesionloop.reader_study.table import (
    Agreement,
    CaseRow,
    EventRow,
    Kept,
    agreements,
    case_row,
    event_rows,
)

__all__ = ["Findings", "find_results", "write_results"]

#: Figures of a reading that are summed up by arm and period.
_SPREADS = (
    "task_s", "active_s", "wait_s", "idle_s", "first_mask_s", "foreground", "background", "undone",
    "confidence", "mtv_ml", "dice", "dmm", "fpv_ml", "fnv_ml",
)  # fmt: skip


@dataclass(frozen=True)
class Findings:
    """All that came of a study.

    Args:
        protocol: of the study.
        rows: of all planned readings.
        events: of all that were begun.
        savings: by what is compared: "task_s" or "active_s", and the reader or "all".
        saved: share of `task_s` saved by case, NaN where an arm lacks.
        agreement: by case and arm.
        notes: what is missing.
    """

    protocol: Protocol
    rows: Sequence[CaseRow]
    events: Sequence[EventRow]
    savings: Mapping[tuple[str, str], Saving]
    saved: Mapping[str, float]
    agreement: Sequence[Agreement]
    notes: Sequence[str]

    def spreads(self, arm: str, period: int | None = None) -> dict[str, Spread]:
        """Median and quartiles of the finished readings of an arm, in a period or in all."""
        rows = [
            row
            for row in self.rows
            if row.state == "done" and row.arm == arm and period in (None, row.period)
        ]
        return {
            name: spread(
                [nan if getattr(row, name) is None else getattr(row, name) for row in rows]
            )
            for name in _SPREADS
        }


def find_results(
    protocol: Protocol,
    kept: Mapping[Reading, Kept],
    *,
    references: Path | None = None,
    seed: int = 1,
    resamples: int = 10_000,
    level: float = 0.95,
    on_row: Callable[[int], None] = lambda _done: None,
) -> Findings:
    """Work out the results.

    Args:
        protocol: of the study.
        kept: what there is of the readings that were begun.
        references: folder of label maps named as the cases are, or None.
        seed: of the bootstrap.
        resamples: of the bootstrap.
        level: of its intervals.
        on_row: called with the number of readings that are done.

    Raises:
        InputError: there is no such folder, or a mask or reference cannot be used.
    """
    if references is not None and not references.is_dir():
        raise InputError(
            f"there is no folder {references}", remedy="Give the folder of the reference masks."
        )
    known = {case: _reference(references, case) for case in protocol.cases}
    rows, events = [], []
    for number, reading in enumerate(plan_readings(protocol), start=1):
        held = kept.get(reading)
        rows.append(case_row(reading, held, known[reading.case]))
        events += event_rows(reading, held) if held is not None else []
        on_row(number)
    done = {(row.reader, row.position) for row in rows if row.state == "done"}
    masks = [
        (reading, held.mask)
        for reading, held in kept.items()
        if held.mask is not None and (reading.reader, reading.position) in done
    ]
    savings: dict[tuple[str, str], Saving] = {}
    saved: dict[str, float] = {}
    if len(protocol.arms) == 2:
        crossover = protocol.design == "crossover"
        for measure in ("task_s", "active_s"):
            groups = {"all": rows}
            if crossover:
                groups |= {r: [row for row in rows if row.reader == r] for r in protocol.readers}
            for name, part in groups.items():
                manual, assisted = _by_case(protocol, part, measure, paired=crossover)
                savings[measure, name] = compare_times(
                    manual, assisted, seed=seed, resamples=resamples, level=level
                )
        manual, assisted = _by_case(protocol, rows, "task_s", paired=crossover)
        shares = [1 - a / m if m > 0 else nan for m, a in zip(manual, assisted, strict=True)]
        saved = dict(zip(protocol.cases, shares, strict=True))
    notes = _notes(rows, masks, known if references is not None else {})
    return Findings(protocol, rows, events, savings, saved, agreements(masks), notes)


def write_results(findings: Findings, out: Path, facts: Mapping[str, str]) -> dict[str, Any]:
    """Write cases.csv, events.csv, summary.json and report.html; the summary is returned.

    Args:
        findings: the results.
        out: folder, made when there is none.
        facts: what a reader of the page needs to repeat the work.

    Raises:
        OutputError: the folder cannot be written.
    """
    # Imported here: what builds pages is needed for writing them only.
    from lesionloop.reader_study.report import write_report  # noqa: PLC0415

    summary = _summary(findings)
    with output_folder(out):
        write_text(out / "cases.csv", csv_text(CaseRow, findings.rows))
        write_text(out / "events.csv", csv_text(EventRow, findings.events))
        write_json(out / "summary.json", summary)
        write_report(out / "report.html", findings, facts)
    return summary


def _summary(findings: Findings) -> dict[str, Any]:
    protocol = findings.protocol
    states = [row.state for row in findings.rows]
    periods = range(1, protocol.periods + 1)
    return {
        "title": protocol.title,
        "design": protocol.design,
        "seed": protocol.seed,
        "readers": list(protocol.readers),
        "cases": len(protocol.cases),
        "readings": {state: states.count(state) for state in ("done", "open", "waiting")},
        "saving": [
            {"of": of, "reader": reader, **strict(asdict(saving))}
            for (of, reader), saving in findings.savings.items()
        ],
        "saving_by_case": strict(findings.saved),
        "arms": [
            {
                "arm": arm,
                "period": period,
                **{name: strict(asdict(s)) for name, s in findings.spreads(arm, period).items()},
            }
            for arm in protocol.arms
            for period in (None, *(periods if protocol.periods > 1 else ()))
        ],
        "agreement": [strict(asdict(row)) for row in findings.agreement],
        "notes": list(findings.notes),
    }


def _by_case(
    protocol: Protocol, rows: Sequence[CaseRow], measure: str, *, paired: bool
) -> tuple[list[float], list[float]]:
    """Seconds by case in the manual and in the assisted arm, means over readers; NaN without any.

    With ``paired`` readers count who finished the case in both arms.
    """
    manual: list[float] = []
    assisted: list[float] = []
    for case in protocol.cases:
        of_arm = {
            arm: {
                row.reader: float(getattr(row, measure))
                for row in rows
                if row.state == "done" and (row.case, row.arm) == (case, arm)
            }
            for arm in ("manual", "assisted")
        }
        one, two = of_arm["manual"], of_arm["assisted"]
        both = one.keys() & two.keys()
        for found, values in ((manual, one), (assisted, two)):
            counted = [value for name, value in values.items() if not paired or name in both]
            found.append(float(np.mean(counted)) if counted else nan)
    return manual, assisted


def _reference(folder: Path | None, case: str) -> Path | None:
    if folder is None:
        return None
    places = (folder / f"{case}{ending}" for ending in (*IMAGE_ENDINGS, ".dcm"))
    return next((place for place in places if place.is_file()), None)


def _notes(
    rows: Sequence[CaseRow],
    masks: Sequence[tuple[Reading, Path]],
    known: Mapping[str, Path | None],
) -> list[str]:
    notes = []
    done = sum(row.state == "done" for row in rows)
    if done < len(rows):
        notes.append(f"{len(rows) - done} of {len(rows)} readings are not finished")
    if len(masks) < done:
        notes.append(f"{done - len(masks)} finished readings have no mask")
    absent = [case for case, path in known.items() if path is None]
    if absent:
        notes.append(f"no reference for {', '.join(absent)}")
    unlike = [row.label for row in rows if row.state == "done" and isnan(row.first_mask_s)]
    if unlike:
        notes.append(f"the first mask of {len(unlike)} readings was not timed: it counts as active")
    return notes


def mean_agreement(rows: Sequence[Agreement], arm: str) -> float:
    """Mean Dice between readers over the cases of an arm; NaN without any."""
    return mean_without_nan([row.dice for row in rows if row.arm == arm])
