"""The table of a study: one row for each planned reading, read or not."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import combinations
from math import nan
from pathlib import Path

from lesionloop.imaging.files import read_label, read_label_pair
from lesionloop.metrics import label_lesions, mean_without_nan, score_case, voxel_dice
from lesionloop.ranking.agreement import mask_agreement
from lesionloop.reader_study.plan import Reading
from lesionloop.reader_study.times import Logged, effort_of, gaps, times_of

__all__ = ["Agreement", "CaseRow", "EventRow", "Kept", "agreements", "case_row", "event_rows"]


@dataclass(frozen=True)
class Kept:
    """What is kept of a reading that was begun.

    Args:
        session: its id.
        log: its events, in order.
        computing: seconds that the mask after an event was computed, by the event's number; that
            of the first mask is under the number of the event which opened the session.
        mask: file of the mask as it was when the reader finished; None when there is none.
    """

    session: str
    log: Sequence[Logged]
    computing: Mapping[int, float] = field(default_factory=dict)
    mask: Path | None = None


@dataclass(frozen=True)
class CaseRow:
    """A reading; NaN or nothing where there is no value.

    Args:
        reader, case, arm, period, position, label: of the plan.
        state: "waiting", "open" or "done".
        session: id.
        started, finished: ISO 8601, UTC.
        active_s, wait_s, idle_s: see `lesionloop.reader_study.times`.
        task_s: active and waiting, s.
        first_mask_s: reading the study and computing the first mask, s.
        foreground, background: strokes drawn.
        undone: steps of undo.
        accepted: marks that accept a lesion.
        confidence: 1 to 5.
        lesions, mtv_ml: 18-connected parts of the final mask, and its volume.
        dice, dmm, fpv_ml, fnv_ml: against the reference.
    """

    reader: str
    case: str
    arm: str
    period: int
    position: int
    label: str
    state: str
    session: str = ""
    started: str = ""
    finished: str = ""
    active_s: float = nan
    wait_s: float = nan
    idle_s: float = nan
    task_s: float = nan
    first_mask_s: float = nan
    foreground: int | None = None
    background: int | None = None
    undone: int | None = None
    accepted: int | None = None
    confidence: int | None = None
    lesions: int | None = None
    mtv_ml: float = nan
    dice: float = nan
    dmm: float = nan
    fpv_ml: float = nan
    fnv_ml: float = nan


@dataclass(frozen=True)
class EventRow:
    """An event of a reading; the times are those since the event before it, s."""

    reader: str
    label: str
    arm: str
    number: int
    time: str
    kind: str
    active_s: float
    wait_s: float
    idle_s: float


@dataclass(frozen=True)
class Agreement:
    """How well readers agree on a case in an arm.

    Args:
        case, arm: of which.
        readers: whose mask there is.
        dice: mean of all pairs of readers; NaN below two.
        dmm: the same, of both directions of each pair.
    """

    case: str
    arm: str
    readers: int
    dice: float
    dmm: float


def case_row(reading: Reading, kept: Kept | None, reference: Path | None = None) -> CaseRow:
    """The row of a reading.

    Args:
        reading: of the plan.
        kept: None when it was not begun.
        reference: label map of the case, or None.

    Raises:
        InputError: a mask or the reference cannot be read, or they are not on one grid.
    """
    plan = {
        "reader": reading.reader, "case": reading.case, "arm": reading.arm,
        "period": reading.period, "position": reading.position, "label": reading.label,
    }  # fmt: skip
    if kept is None:
        return CaseRow(**plan, state="waiting")  # type: ignore[arg-type]
    effort = effort_of(kept.log)
    times = times_of(kept.log, kept.computing)
    done = effort.done is not None
    figures = _figures(kept.mask, reference) if done and kept.mask is not None else {}
    return CaseRow(
        **plan,  # type: ignore[arg-type]
        state="done" if done else "open",
        session=kept.session,
        started=_moment(kept.log[0].time) if kept.log else "",
        finished=_moment(effort.done),
        active_s=times.active_s,
        wait_s=times.wait_s,
        idle_s=times.idle_s,
        task_s=times.task_s,
        first_mask_s=kept.computing.get(kept.log[0].number, nan) if kept.log else nan,
        foreground=effort.foreground,
        background=effort.background,
        undone=effort.undone,
        accepted=effort.accepted,
        confidence=effort.confidence,
        **figures,  # type: ignore[arg-type]
    )


def event_rows(reading: Reading, kept: Kept) -> list[EventRow]:
    """The log of a reading as rows."""
    passed = dict(gaps(kept.log, kept.computing))
    rows = []
    for event in kept.log:
        times = passed.get(event.number)
        parts = (times.active_s, times.wait_s, times.idle_s) if times else (0.0, 0.0, 0.0)
        moment = _moment(event.time)
        rows.append(
            EventRow(
                reading.reader, reading.label, reading.arm, event.number, moment, event.kind, *parts
            )
        )
    return rows


def agreements(masks: Iterable[tuple[Reading, Path]]) -> list[Agreement]:
    """Agreement of readers for each case and arm, from their final masks.

    Raises:
        InputError: a mask cannot be read, or two are not on one grid.
    """
    groups: dict[tuple[str, str], list[Path]] = {}
    for reading, path in masks:
        groups.setdefault((reading.case, reading.arm), []).append(path)
    found = []
    for (case, arm), paths in sorted(groups.items()):
        pairs = []
        for one, two in combinations(paths, 2):
            first, second = read_label_pair(one, two)
            pairs.append(mask_agreement(first.values, second.values))
        dice = mean_without_nan([pair.dice for pair in pairs])
        dmm = mean_without_nan([pair.dmm for pair in pairs])
        found.append(Agreement(case, arm, len(paths), dice, dmm))
    return found


def _figures(mask: Path, reference: Path | None) -> dict[str, float | int]:
    if reference is None:
        volume = read_label(mask)
        scores: dict[str, float | int] = {}
    else:
        volume, known = read_label_pair(mask, reference)
        score = score_case(volume.values > 0, known.values, volume.grid.spacing)
        scores = {
            "dice": voxel_dice(volume.values, known.values),
            "dmm": score.f1, "fpv_ml": score.fpv_ml, "fnv_ml": score.fnv_ml,
        }  # fmt: skip
    x, y, z = volume.grid.spacing
    inside = volume.values > 0
    _, lesions = label_lesions(inside, connectivity=18)
    return {"lesions": lesions, "mtv_ml": float(inside.sum()) * x * y * z / 1000, **scores}


def _moment(when: float | None) -> str:
    return "" if when is None else datetime.fromtimestamp(when, UTC).isoformat("T", "milliseconds")
