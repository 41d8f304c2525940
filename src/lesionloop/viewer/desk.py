"""The desk: open sessions, their documents and masks, and the turns in which these are brought up
to date.

An event is in the store before anything else happens with it. Then its session gets a turn; what
arrives until then is part of the same computation, and all who wait are answered from it.
"""

import json
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import reduce
from hashlib import blake2b
from threading import Lock, RLock, Timer
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError, LesionLoopError
from lesionloop.imaging import Grid, Quantity, Study
from lesionloop.quantification import LesionMeasures, measure_lesions, split_lesions, totals
from lesionloop.scribbles.formats import MAX_POINTS
from lesionloop.segmenters.boxes import Box, hull
from lesionloop.segmenters.protocol import Segmenter
from lesionloop.viewer.document import ACTIONS, ACTIVITY, MARKS, Document, fold
from lesionloop.viewer.fair_queue import FairQueue
from lesionloop.viewer.label_map import LabelMap
from lesionloop.viewer.library import Library, StudyEntry
from lesionloop.viewer.projections import Projector
from lesionloop.viewer.refusals import ConflictError
from lesionloop.viewer.snapshot import Answer, Lesion, Place, Snapshot
from lesionloop.viewer.store import Outcome, SessionRow, Store
from lesionloop.viewer.warm import Desktop, WarmStudies

__all__ = ["MOST_POINTS", "Desk"]

#: Past revisions of a session that changes can be told against.
_KEPT_REVISIONS: Final = 1000
#: Points of all scribbles of a session: what a session file may hold.
MOST_POINTS: Final = MAX_POINTS
_PLACES: Final = 5
#: They are found when nothing was drawn for so long, s.
_PAUSE_S: Final = 1.5
#: A reader who drew a stroke has looked at what is this close to it, mm.
_LOOKED_AT_MM: Final = 20.0


@dataclass(frozen=True, eq=False)
class _Waiting:
    event: int
    revision: int  # of the document after the event
    base: int | None  # revision that the client has
    since: float
    future: "Future[Answer]"


@dataclass(eq=False)
class _Open:
    """An open session; its lock guards all fields."""

    row: SessionRow
    entry: StudyEntry
    document: Document
    outcomes: dict[int, Outcome]
    lock: RLock = field(default_factory=RLock)
    grid: Grid | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    current: Snapshot | None = None
    first: LabelMap | None = None
    steps: dict[int, Box | None] = field(default_factory=dict)  # change since the one before
    waiting: list[_Waiting] = field(default_factory=list)

    def answer(self, waiting: _Waiting, started: float) -> Answer:
        """What one who waits is told, from the current snapshot."""
        current = self.current
        assert current is not None  # noqa: S101  (asked after a computation)
        base = waiting.base
        if base is None:
            base = max((known for known in self.steps if known < waiting.revision), default=-1)
        if base < min(self.steps):
            whole: Box | None = current.labels.whole()
            told, box = None, whole
        else:
            boxes = [box for revision, box in self.steps.items() if box and revision > base]
            told, box = base, reduce(hull, boxes) if boxes else None
        queued = max(started - waiting.since, 0.0)
        return Answer(waiting.event, current, self.document, told, box, queued, current.seconds)

    def remember(self, snapshot: Snapshot) -> None:
        """Make a snapshot the current one."""
        before = self.current
        box = before and snapshot.labels.difference(before.labels)
        self.steps[snapshot.revision] = box or None
        self.current = snapshot
        while len(self.steps) > _KEPT_REVISIONS:
            del self.steps[min(self.steps)]


class Desk:
    """All open sessions of a server; asked from any thread."""

    def __init__(
        self,
        library: Library,
        store: Store,
        segmenter: Segmenter,
        *,
        threads: int = 1,
        most_bytes: int | None = None,
    ) -> None:
        """Start the threads that compute; see :class:`WarmStudies` for ``most_bytes``."""
        self.library, self.store = library, store
        self.segmenter = segmenter
        text = json.dumps(segmenter.identity, sort_keys=True, default=str)
        self._identity = blake2b(text.encode(), digest_size=8).hexdigest()
        self.warm = WarmStudies(library, segmenter, most_bytes)
        self._open: dict[str, _Open] = {}
        self._lock = Lock()
        self._queue = FairQueue(self._turn, threads)

    def close(self) -> None:
        """Stop computing; whoever waits is told."""
        self._queue.close()
        for held in list(self._open.values()):
            with held.lock:
                waiting, held.waiting = held.waiting, []
            for waiter in waiting:
                waiter.future.set_exception(
                    ConflictError("the server is ending", remedy="What was drawn is kept.")
                )

    def open(self, study: str, reader: str) -> SessionRow:
        """The session of a reader on a study, made when there is none.

        Raises:
            InputError: no such study.
            OutputError: the disk is full.
        """
        entry = self.library.entry(study)
        row = self.store.create(entry.id, entry.name, reader)
        held = self._held(row.id)
        with held.lock:
            event = self.store.append(row.id, held.document.last + 1, "open", {})
            held.document = held.document.then(event)
        return row

    def row(self, session: str) -> SessionRow:
        """A session's reader and study.

        Raises:
            MissingError: there is none.
        """
        return self._held(session).row

    def entry(self, session: str) -> StudyEntry:
        """The study of a session.

        Raises:
            MissingError: there is no such session, or its study has gone.
        """
        return self._held(session).entry

    def study(self, session: str) -> Study:
        """The study of a session, in memory.

        Raises:
            InputError: it cannot be read.
        """
        return self.warm.study(self._held(session).entry)

    def facts(self, session: str) -> dict[str, Any]:
        """What a client needs to know of the study; after `current`."""
        return self._held(session).facts

    def first(self, session: str) -> LabelMap:
        """The lesions of the mask before any scribble; waits until they are known.

        Raises:
            InputError: the study cannot be read or segmented.
        """
        held = self._held(session)
        if held.first is None:
            self.current(session).result()
        assert held.first is not None  # noqa: S101  (every computation begins with it)
        return held.first

    def projector(self, session: str) -> Projector:
        """What draws the study of a session from any side.

        Raises:
            InputError: it cannot be read.
        """
        return self.warm.projector(self._held(session).entry)

    def outcomes(self, session: str) -> dict[int, Outcome]:
        """Figures by the number of the action that they follow; 0 is the first mask."""
        held = self._held(session)
        with held.lock:
            return dict(held.outcomes)

    def current(self, session: str, since: int | None = None) -> "Future[Answer]":
        """The session with every event so far, and where its mask differs from revision ``since``.

        Raises:
            MissingError: there is no such session.
        """
        held = self._held(session)
        with held.lock:
            document = held.document
            return self._wait(
                held, document.last, document.revision, base=-1 if since is None else since
            )

    def submit(
        self,
        session: str,
        kind: str,
        data: Mapping[str, Any],
        *,
        key: str | None = None,
        base: int | None = None,
    ) -> "Future[Answer]":
        """Record an event; when this returns it is on the disk. May read the study first.

        Args:
            session: id.
            kind: see `lesionloop.viewer.document.KINDS`.
            data: as an `Event` has it; a scribble may have "points_mm" (LPS) instead of "points".
            key: a second event with the same key is not recorded; the first one is answered again.
            base: revision of the mask that the client has; None: the one before this event.

        Raises:
            MissingError: there is no such session.
            ConflictError: the event does not fit the state that the session is in.
            InputError: points outside the grid, or too many.
            OutputError: the disk is full; nothing was recorded.
        """
        held = self._held(session)
        if kind in ACTIONS and held.grid is None:
            self.current(session).result()
        with held.lock:
            if key is not None:
                known = self.store.number_of(session, key)
                if known is not None:
                    return self._wait(held, known, self._revision(session, known), base=base)
            held.document.check(kind)
            if kind in ACTIONS:
                data = self._checked(held, kind, data)
            event = self.store.append(session, held.document.last + 1, kind, data, key)
            held.document = held.document.then(event)
            after = held.document.revision
            return self._wait(held, event.number, after, base=base, quick=kind in ACTIVITY)

    def _revision(self, session: str, event: int) -> int:
        """The revision of the document after an event of the past."""
        return fold(e for e in self.store.events(session) if e.number <= event).revision

    def _wait(
        self, held: _Open, event: int, revision: int, *, base: int | None, quick: bool = False
    ) -> "Future[Answer]":
        """What answers an event: at once when nothing is to be computed. The lock is held."""
        future: Future[Answer] = Future()
        waiting = _Waiting(event, revision, base, time.monotonic(), future)
        ready = held.current is not None and held.current.revision == held.document.revision
        if held.current is not None and (ready or quick):
            answer = held.answer(waiting, waiting.since)
            box = None if quick else answer.box
            future.set_result(replace(answer, box=box, queued_s=0.0, compute_s=0.0))
        else:
            held.waiting.append(waiting)
            self._queue.ask(held.row.id)
        return future

    def _held(self, session: str) -> _Open:
        with self._lock:
            if session not in self._open:
                row = self.store.session(session)
                self._open[session] = _Open(
                    row,
                    self.library.entry(row.study),
                    fold(self.store.events(session)),
                    self.store.outcomes(session, self._identity),
                )
            return self._open[session]

    def _turn(self, session: str) -> None:
        """Bring a session up to date and answer all who wait for it."""
        held = self._held(session)
        started = time.monotonic()
        with held.lock:
            document, current = held.document, held.current
            waiting, held.waiting = held.waiting, []
        try:
            if current is None or current.revision != document.revision:
                snapshot = self._compute(held, document)
                with held.lock:
                    held.remember(snapshot)
                if snapshot.places_revision != snapshot.revision:
                    self._later(session)
            elif not waiting and current.places_revision != current.revision:
                self._look(held, current)
            with held.lock:
                answers = [(waiter, held.answer(waiter, started)) for waiter in waiting]
        except BaseException as error:
            for waiter in waiting:
                waiter.future.set_exception(error)
            if not isinstance(error, LesionLoopError):
                raise
            return
        for waiter, answer in answers:
            waiter.future.set_result(answer)

    def _later(self, session: str) -> None:
        """Ask for a turn after a pause: places must not hold up a reader who goes on drawing."""
        timer = Timer(_PAUSE_S, self._queue.ask, [session])
        timer.daemon = True
        timer.start()

    def _look(self, held: _Open, current: Snapshot) -> None:
        """Find the places of a snapshot whose mask is told already."""
        desktop = self.warm.desktop(held.row.id, held.entry)
        places = _places(desktop, current.document)
        with held.lock:
            if held.current is current:
                held.current = replace(current, places=places, places_revision=current.revision)

    def _compute(self, held: _Open, document: Document) -> Snapshot:
        start = time.monotonic()
        desktop = self.warm.desktop(held.row.id, held.entry)
        study = desktop.study
        if held.grid is None:
            self._introduce(held, study)
        if held.first is None:  # before the strokes: what is warm stays theirs
            first = split_lesions(desktop.evaluator.mask(Document()))
            held.first = LabelMap.of(first)
        labels = split_lesions(desktop.evaluator.mask(document))
        measures = _measured(labels, study)
        label_map = LabelMap.of(labels)
        locked = {
            label_map.at(_first_inside(region.box, region.inside))
            for region in desktop.evaluator.locked(document)
        }
        accepted = {label_map.at(at) for at in desktop.evaluator.accepted(document)}
        lesions = tuple(Lesion(m, m.number in locked, m.number in accepted) for m in measures)
        before = held.current
        if before is None:
            places, of_revision = _places(desktop, document), document.revision
        else:
            places = _not_drawn_at(before.places, document, study.grid)
            of_revision = before.places_revision
        snapshot = Snapshot(
            document=document,
            labels=label_map,
            lesions=lesions,
            totals=totals(measures),
            places=places,
            places_revision=of_revision,
            seconds=time.monotonic() - start,
        )
        self._note(held, snapshot)
        return snapshot

    def _introduce(self, held: _Open, study: Study) -> None:
        with held.lock:
            held.grid = study.grid
            held.facts = {
                "tracer": study.tracer,
                "suv": study.pet.quantity is Quantity.SUV_BW,
                "has_ct": study.ct is not None,
                "shape": study.grid.shape,
                "spacing": study.grid.spacing,
                "origin": study.grid.origin,
                "direction": study.grid.direction,
                "notes": study.provenance.notes,
            }

    def _note(self, held: _Open, snapshot: Snapshot) -> None:
        """Keep the figures for the curve."""
        actions = snapshot.document.actions
        number = actions[-1].number if actions else 0
        sums = snapshot.totals
        outcome = Outcome(number, sums.mtv_ml, sums.tlg, sums.count)
        with held.lock:
            held.outcomes[number] = outcome
        self.store.keep(held.row.id, self._identity, outcome)

    def _checked(self, held: _Open, kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data of an action as it is recorded. The lock is held.

        Raises:
            InputError: outside the grid, or too many points.
            ConflictError: a mark on no lesion, or an unlock of one that is not locked.
        """
        assert held.grid is not None  # noqa: S101  (submit sees to it)
        if kind in MARKS:
            at = _voxels(np.asarray([data["at"]]), held.grid)[0]
            current = held.current
            # When strokes are being computed the lesion may be coming: then the mark is taken.
            if current is not None and current.revision == held.document.revision:
                number = current.labels.at(at)
                if not number:
                    raise ConflictError(
                        f"there is no lesion at voxel {at}", remedy="Click inside a lesion."
                    )
                if kind == "unlock" and not current.lesions[number - 1].locked:
                    raise ConflictError(f"the lesion at voxel {at} is not locked")
            return {"at": at}
        given = data.get("points")
        points = np.floor(held.grid.to_index(data["points_mm"]) + 0.5) if given is None else given
        voxels = _voxels(np.asarray(points), held.grid)
        voxels = [v for number, v in enumerate(voxels) if not number or v != voxels[number - 1]]
        so_far = sum(len(stroke.data["points"]) for stroke in held.document.strokes)
        if so_far + len(voxels) > MOST_POINTS:
            raise InputError(
                f"the scribbles of a session hold at most {MOST_POINTS} points",
                remedy="Undo some, or draw thinner strokes.",
            )
        return {"label": data["label"], "points": voxels}


def _voxels(points: NDArray[Any], grid: Grid) -> list[list[int]]:
    if not grid.contains(points).all():
        first = points[np.argmin(grid.contains(points))].tolist()
        raise InputError(
            f"a point at voxel {[int(p) for p in first]} is outside the study",
            cause=f"Its grid has {grid.shape} voxels along x, y, z.",
            remedy="Draw inside the image.",
        )
    return [[int(v) for v in point] for point in points.tolist()]


def _measured(labels: NDArray[Any], study: Study) -> list[LesionMeasures]:
    """Measures of all lesions; where the PET is not SUV, of activity under the same names."""
    if study.pet.quantity is not Quantity.SUV_BW:
        study = replace(study, pet=replace(study.pet, quantity=Quantity.SUV_BW))
    return measure_lesions(labels, study)


def _places(desktop: Desktop, document: Document) -> tuple[Place, ...]:
    """Where to look next, from segmenters that say."""
    ask = getattr(desktop.session, "next_places", None)
    if ask is None:
        return ()
    found = ask(document.scribbles(), _PLACES)
    return tuple(Place(p.point, p.kind, p.gain_ml, p.probability) for p in found)


def _not_drawn_at(places: tuple[Place, ...], document: Document, grid: Grid) -> tuple[Place, ...]:
    """Those of earlier places that no stroke is near to."""
    scribbles = document.scribbles()
    drawn = np.concatenate([scribbles.foreground, scribbles.background])
    spacing = np.array(grid.spacing)
    return tuple(
        place
        for place in places
        if not (np.linalg.norm((drawn - place.at) * spacing, axis=1) < _LOOKED_AT_MM).any()
    )


def _first_inside(box: Box, inside: NDArray[np.bool_]) -> tuple[int, int, int]:
    first = np.unravel_index(int(np.argmax(inside)), inside.shape)
    x, y, z = (int(i) + s.start for i, s in zip(first, box, strict=True))
    return (x, y, z)
