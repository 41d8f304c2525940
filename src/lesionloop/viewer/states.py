"""From the desk's snapshots to the messages that tell them."""

from base64 import b64encode
from typing import Any

from lesionloop.errors import LesionLoopError
from lesionloop.output import finite
from lesionloop.segmenters.boxes import Box
from lesionloop.viewer.desk import Desk
from lesionloop.viewer.document import Document
from lesionloop.viewer.label_map import LabelMap
from lesionloop.viewer.messages import (
    Answered,
    Change,
    Changes,
    CurveState,
    LesionState,
    PlaceState,
    Problem,
    Seconds,
    SessionState,
    StartState,
    StateUpdate,
    StrokeState,
    StudyState,
    TotalsState,
)
from lesionloop.viewer.snapshot import Answer, Lesion, Snapshot

__all__ = ["answered", "change_of", "changes", "problem_of", "session_state"]


def session_state(
    desk: Desk, session: str, answer: Answer, *, label: str | None = None
) -> SessionState:
    """All of a session; with a label in place of the study's name, and without its notes."""
    entry, facts = desk.entry(session), desk.facts(session)
    arm = desk.row(session).arm
    notes = facts["notes"] if label is None else ()
    study = StudyState(
        id=entry.id,
        name=label or entry.name,
        **{**facts, "direction": list(facts["direction"]), "notes": list(notes)},
        arm="manual" if arm == "manual" else "assisted" if arm == "assisted" else None,
    )
    return SessionState(study=study, **_state(desk, session, answer, with_points=True))


def changes(desk: Desk, session: str, answer: Answer) -> Changes:
    """What has changed, for a client that has an earlier revision."""
    return Changes(**_changes(desk, session, answer))


def answered(desk: Desk, session: str, answer: Answer) -> Answered:
    """What came of an event."""
    return Answered(
        event=answer.event,
        seconds=Seconds(queued=answer.queued_s, compute=answer.compute_s),
        **_changes(desk, session, answer),
    )


def change_of(labels: LabelMap, box: Box | None) -> Change | None:
    """A box of labels, packed."""
    if box is None:
        return None
    x, y, z = box
    return Change(
        start=(x.start, y.start, z.start),
        stop=(x.stop, y.stop, z.stop),
        data=b64encode(labels.packed(box)).decode("ascii"),
    )


def _changes(desk: Desk, session: str, answer: Answer) -> dict[str, Any]:
    return {
        "revision": answer.snapshot.revision,
        "base": answer.base,
        "change": change_of(answer.snapshot.labels, answer.box),
        "state": StateUpdate(**_state(desk, session, answer)),
    }


def _state(
    desk: Desk, session: str, answer: Answer, *, with_points: bool = False
) -> dict[str, Any]:
    row, snapshot = desk.row(session), answer.snapshot
    # After a failure of the segmenter the mask is an older one; what was drawn is there to undo.
    document = snapshot.document if answer.failure is None else answer.document
    suv = bool(desk.facts(session)["suv"])
    sums = snapshot.totals
    return {
        "id": row.id,
        "reader": row.reader,
        "revision": snapshot.revision,
        "done": answer.document.done,
        "start": _start(document),
        "strokes": _strokes(document, with_points=with_points),
        "undo": document.undo,
        "redo": document.redo,
        "lesions": [_lesion(lesion, suv=suv) for lesion in snapshot.lesions],
        "totals": TotalsState(
            mtv_ml=sums.mtv_ml,
            tlg=finite(sums.tlg) if suv else None,
            count=sums.count,
            suv_max=finite(sums.suv_max) if suv else None,
        ),
        "curve": _curve(desk, session, snapshot, suv=suv),
        "places": [
            PlaceState(
                at=place.at,
                kind="missed" if place.kind == "missed" else "false",
                gain_ml=place.gain_ml,
                probability=place.probability,
            )
            for place in snapshot.places
        ],
        "places_revision": snapshot.places_revision,
        "problem": None if answer.failure is None else problem_of(answer.failure),
    }


def problem_of(error: LesionLoopError) -> Problem:
    """An error as a message."""
    return Problem(error=error.what, cause=error.cause, remedy=error.remedy)


def _start(document: Document) -> StartState | None:
    if document.start is None:
        return None
    said = document.start.data
    return StartState(name=said["name"], lesions=said["lesions"], notes=said["notes"])


def _strokes(document: Document, *, with_points: bool) -> list[StrokeState]:
    return [
        StrokeState(
            number=stroke.number,
            label=stroke.data["label"],
            step=stroke.stroke,
            points=stroke.data["points"] if with_points else None,
        )
        for stroke in document.strokes
    ]


def _lesion(lesion: Lesion, *, suv: bool) -> LesionState:
    measures = lesion.measures
    return LesionState(
        number=measures.number,
        volume_ml=measures.volume_ml,
        suv_max=finite(measures.suv_max) if suv else None,
        suv_mean=finite(measures.suv_mean) if suv else None,
        suv_peak=finite(measures.suv_peak) if suv else None,
        tlg=finite(measures.tlg) if suv else None,
        at=measures.at,
        centroid_mm=measures.centroid_mm,
        locked=lesion.locked,
        accepted=lesion.accepted,
    )


def _curve(desk: Desk, session: str, snapshot: Snapshot, *, suv: bool) -> list[CurveState]:
    """Figures by step, as far as they were computed; marks change those of their step."""
    outcomes = desk.outcomes(session)
    points: dict[int, CurveState] = {}
    step = 0
    for action in (snapshot.document.start, *snapshot.document.since_start):
        step = action.stroke or step if action else 0
        outcome = outcomes.get(action.number if action else 0)
        if outcome is not None:
            points[step] = CurveState(
                step=step,
                mtv_ml=outcome.mtv_ml,
                tlg=finite(outcome.tlg) if suv else None,
                count=outcome.count,
            )
    return [points[key] for key in sorted(points)]
