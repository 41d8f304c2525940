"""The desk: open sessions, their documents and masks, and the turns in which these are brought up
to date.

An event is in the store before anything else happens with it. Then its session gets a turn; what
arrives until then is part of the same computation, and all who wait are answered from it.
"""

import json
import logging
import time
from collections.abc import Mapping
from concurrent.futures import Future
from dataclasses import replace
from hashlib import blake2b
from threading import Lock, Timer
from typing import TYPE_CHECKING, Any, Final

from lesionloop.errors import InputError, LesionLoopError
from lesionloop.imaging import Study
from lesionloop.progress import CancelledError
from lesionloop.segmenters.protocol import Segmenter, StepFailureError
from lesionloop.viewer.action_checks import checked_action
from lesionloop.viewer.document import ACTIVITY, MARKS, fold
from lesionloop.viewer.fair_queue import FairQueue
from lesionloop.viewer.label_map import LabelMap
from lesionloop.viewer.library import Library, StudyEntry
from lesionloop.viewer.opened import Opened, Waiting, refuse, tell
from lesionloop.viewer.outside import what_readers_are_told
from lesionloop.viewer.packed_mask import PackedMask
from lesionloop.viewer.projections import Projector
from lesionloop.viewer.refusals import ConflictError, StepFailedError
from lesionloop.viewer.store import Outcome, SessionRow, Store
from lesionloop.viewer.turns import Turns
from lesionloop.viewer.warm import WarmStudies
from lesionloop.viewer.work import Turn, Work

if TYPE_CHECKING:
    from lesionloop.viewer.snapshot import Answer

__all__ = ["Desk"]

_LOG = logging.getLogger(__name__)
#: They are found when nothing was drawn for so long, s.
_PAUSE_S: Final = 1.5
#: Events with voxels in them, which are checked against the study's grid.
_ON_THE_GRID: Final = ("scribble", *MARKS)
#: What a reader is told whose work was not computed.
_KEPT: Final = "What was drawn is kept: open the session again to go on."


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
        self.warm = WarmStudies(library, segmenter, store.mask, most_bytes)
        self._turns = Turns(self.warm, store, self._identity)
        self._open: dict[str, Opened] = {}
        self._lock = Lock()
        self._queue = FairQueue(self._turn, threads)

    def close(self) -> None:
        """Stop computing; whoever waits is told."""
        for held in list(self._open.values()):
            with held.lock:
                if held.turn is not None:
                    held.turn.cancel()
        self._queue.close()
        for held in list(self._open.values()):
            with held.lock:
                waiting = held.take_waiting()
            refuse(waiting, ConflictError("the server is ending", remedy=_KEPT))

    def open(self, study: str, reader: str, arm: str = "") -> SessionRow:
        """The session of a reader on a study, made when there is none.

        Args:
            study: id.
            reader: name.
            arm: of a reader study; in "manual" the mask is what is drawn.

        Raises:
            InputError: no such study, or no name.
            OutputError: the disk is full.
        """
        reader = reader.strip()
        if not reader or not reader.isprintable():
            raise InputError("a reader needs a name", remedy="Give 1 to 80 printable characters.")
        entry = self.library.entry(study)
        row = self.store.create(entry.id, entry.name, reader, arm)
        held = self._held(row.id)
        with held.lock:
            event = self.store.append(row.id, held.document.last + 1, "open", {})
            held.document = held.document.then(event)
        return row

    def begin(self, session: str) -> None:
        """Let a session be brought up to date; nobody waits for it.

        Raises:
            MissingError: there is no such session.
        """
        self._held(session)
        self._queue.ask(session)

    def work(self, session: str) -> Work:
        """What is being done for a session.

        Raises:
            MissingError: there is no such session.
        """
        held = self._held(session)
        with held.lock:
            if held.is_current:
                return Work("idle")
            if held.turn is not None and held.turn.what is not None:
                return held.turn.work
            ahead = self._queue.ahead(session)
            if ahead is None and held.turn is None:
                return Work("idle")
            return Work("queued", ahead=ahead or 0)

    def cancel(self, session: str) -> None:
        """Stop what is computed for a session; who waits for it is refused. Events are kept.

        Raises:
            MissingError: there is no such session.
        """
        held = self._held(session)
        with held.lock:
            self._queue.withdraw(session)
            if held.turn is not None and held.turn.what is not None:
                held.turn.cancel()
            waiting = held.take_waiting()
        refuse(waiting, ConflictError("the computation was cancelled", remedy=_KEPT))

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
        """The lesions of the mask before any scribble that counts; waits until they are known.

        Raises:
            InputError: the study cannot be read or segmented.
        """
        held = self._held(session)
        if held.first is None or held.first[0].start != held.document.start:
            self.current(session).result()
        assert held.first is not None  # noqa: S101  (every computation begins with it)
        return held.first[1]

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

    def current(
        self, session: str, since: int | None = None, *, lenient: bool = False
    ) -> "Future[Answer]":
        """The session with every event so far, and where its mask differs from revision ``since``.

        Where a segmenter from outside fails the future has a `StepFailedError`, or the last mask
        that there was and why it is no newer, when that is told by ``lenient``. Then nothing is
        tried again before the reader does something.

        Raises:
            MissingError: there is no such session.
        """
        held = self._held(session)
        with held.lock:
            document = held.document
            base = -1 if since is None else since
            return self._wait(held, document.last, document.revision, base=base, lenient=lenient)

    def submit(
        self,
        session: str,
        kind: str,
        data: Mapping[str, Any],
        *,
        key: str | None = None,
        base: int | None = None,
        mask: PackedMask | None = None,
    ) -> "Future[Answer]":
        """Record an event; when this returns it is on the disk. May read the study first.

        Args:
            session: id.
            kind: see `lesionloop.viewer.document.KINDS`.
            data: as an `Event` has it; a scribble may have "points_mm" (LPS) instead of "points".
            key: a second event with the same key is not recorded; the first one is answered again.
            base: revision of the mask that the client has; None: the one before this event.
            mask: of a start, on the grid of the study.

        Raises:
            MissingError: there is no such session.
            ConflictError: the event does not fit the state that the session is in.
            InputError: points outside the grid, or too many.
            OutputError: the disk is full; nothing was recorded.
        """
        held = self._held(session)
        if kind in _ON_THE_GRID and held.grid is None:
            self.current(session).result()
        with held.lock:
            if key is not None:
                known = self.store.number_of(session, key)
                if known is not None:
                    return self._wait(held, known, self._revision(session, known), base=base)
            held.document.check(kind)
            if kind in _ON_THE_GRID:
                data = checked_action(held, kind, data)
            if mask is not None:
                data = {**data, "mask": mask.digest}
            event = self.store.append(session, held.document.last + 1, kind, data, key, mask=mask)
            held.document = held.document.then(event)
            if held.turn is not None:
                held.turn.follow(held.document)
            after = held.document.revision
            return self._wait(held, event.number, after, base=base, quick=kind in ACTIVITY)

    def _revision(self, session: str, event: int) -> int:
        """The revision of the document after an event of the past."""
        return fold(e for e in self.store.events(session) if e.number <= event).revision

    def _wait(
        self,
        held: Opened,
        event: int,
        revision: int,
        *,
        base: int | None,
        quick: bool = False,
        lenient: bool = False,
    ) -> "Future[Answer]":
        """What answers an event: at once when nothing is to be computed. The lock is held."""
        future: Future[Answer] = Future()
        waiting = Waiting(event, revision, base, time.monotonic(), future, lenient)
        as_it_is = held.is_current or quick or (lenient and held.failure is not None)
        if held.current is not None and as_it_is:
            answer = held.answer(waiting, waiting.since)
            box = None if quick else answer.box
            future.set_result(replace(answer, box=box, queued_s=0.0, compute_s=0.0))
        else:
            held.waiting.append(waiting)
            self._queue.ask(held.row.id)
        return future

    def _held(self, session: str) -> Opened:
        with self._lock:
            if session not in self._open:
                row = self.store.session(session)
                self._open[session] = Opened(
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
            turn = held.turn = Turn(document, held.waiting)
            held.waiting = []
        try:
            if current is None or current.revision != document.revision:
                snapshot = self._turns.compute(held, turn)
                with held.lock:
                    held.remember(snapshot)
                if snapshot.places_revision != snapshot.revision:
                    self._later(session)
            elif not turn.waiting and current.places_revision != current.revision:
                self._turns.look(held, current, turn)
            with held.lock:
                held.turn = None
                answers = [(waiter, held.answer(waiter, started)) for waiter in turn.waiting]
        except CancelledError:
            with held.lock:
                held.turn = None
                held.waiting = turn.waiting + held.waiting
                if held.waiting:
                    self._queue.ask(session)
            return
        except StepFailureError as error:
            _LOG.warning("the segmenter failed at revision %d of a session", document.revision)
            drawn = bool(document.actions)
            self._fail(held, turn, what_readers_are_told(error, held.entry, drawn=drawn))
            return
        except BaseException as error:
            with held.lock:
                held.turn = None
                waiting = turn.waiting
            refuse(waiting, error)
            if not isinstance(error, LesionLoopError):
                raise
            return
        tell(answers)

    def _fail(self, held: Opened, turn: Turn[Waiting], error: StepFailedError) -> None:
        """A segmenter from outside failed: tell who waits, and those who take it the old mask."""
        with held.lock:
            held.turn = None
            held.failed = (turn.document.revision, error)
            to_answer = [w for w in turn.waiting if w.lenient and held.failure and held.current]
            answers = [(waiter, held.answer(waiter, waiter.since)) for waiter in to_answer]
        refuse([waiter for waiter in turn.waiting if waiter not in to_answer], error)
        tell(answers)

    def _later(self, session: str) -> None:
        """Ask for a turn after a pause: places must not hold up a reader who goes on drawing."""
        timer = Timer(_PAUSE_S, self._queue.ask, [session])
        timer.daemon = True
        timer.start()
