"""An open session: its document, what was computed last, and who waits for what comes next."""

from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field
from functools import reduce
from threading import RLock
from typing import Any, Final

from lesionloop.errors import LesionLoopError
from lesionloop.imaging import Grid, Quantity, Study
from lesionloop.segmenters.boxes import Box, hull
from lesionloop.viewer.document import Document
from lesionloop.viewer.label_map import LabelMap
from lesionloop.viewer.snapshot import Answer, Snapshot
from lesionloop.viewer.store import Outcome, SessionRow
from lesionloop.viewer.study_folder import StudyEntry
from lesionloop.viewer.work import Turn

__all__ = ["Opened", "Waiting", "refuse", "tell"]

#: Past revisions of a session that changes can be told against.
_KEPT_REVISIONS: Final = 1000


@dataclass(frozen=True, eq=False)
class Waiting:
    """One who waits for the mask after an event.

    Args:
        event: its number.
        revision: of the document after it.
        base: revision of the mask that the client has; None: the one before the event.
        since: when it came, s of the monotonic clock.
        future: that is answered.
        lenient: takes the mask of before where a segmenter from outside fails.
    """

    event: int
    revision: int
    base: int | None
    since: float
    future: "Future[Answer]"
    lenient: bool = False


@dataclass(eq=False)
class Opened:
    """An open session; its lock guards all fields."""

    row: SessionRow
    entry: StudyEntry
    document: Document
    outcomes: dict[int, Outcome]
    lock: RLock = field(default_factory=RLock)
    grid: Grid | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    current: Snapshot | None = None
    first: tuple[Document, LabelMap] | None = None  # of a start in force, or of none
    steps: dict[int, Box | None] = field(default_factory=dict)  # change since the one before
    waiting: list[Waiting] = field(default_factory=list)
    turn: Turn[Waiting] | None = None  # that is computed now
    failed: tuple[int, LesionLoopError] | None = None  # revision whose mask could not be had, why

    def introduce(self, study: Study) -> None:
        """Note what clients need to know of the study."""
        with self.lock:
            self.grid = study.grid
            self.facts = {
                "tracer": study.tracer,
                "suv": study.pet.quantity is Quantity.SUV_BW,
                "has_ct": study.ct is not None,
                "shape": study.grid.shape,
                "spacing": study.grid.spacing,
                "origin": study.grid.origin,
                "direction": study.grid.direction,
                "notes": study.provenance.notes,
            }

    def take_waiting(self) -> list[Waiting]:
        """All who wait, for this turn or the next; they wait no more."""
        taken, self.waiting = self.waiting, []
        if self.turn is not None:
            taken, self.turn.waiting = self.turn.waiting + taken, []
        return taken

    @property
    def is_current(self) -> bool:
        """Whether the snapshot is of the document as it is now."""
        return self.current is not None and self.current.revision == self.document.revision

    @property
    def failure(self) -> LesionLoopError | None:
        """Why the mask of the document as it is now could not be had; None until it was tried."""
        if self.failed is None or self.is_current or self.failed[0] != self.document.revision:
            return None
        return self.failed[1]

    def answer(self, waiting: Waiting, started: float) -> Answer:
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
        return Answer(
            waiting.event, current, self.document, told, box, queued, current.seconds, self.failure
        )

    def remember(self, snapshot: Snapshot) -> None:
        """Make a snapshot the current one."""
        before = self.current
        box = before and snapshot.labels.difference(before.labels)
        self.steps[snapshot.revision] = box or None
        self.current = snapshot
        while len(self.steps) > _KEPT_REVISIONS:
            del self.steps[min(self.steps)]


def refuse(waiting: list[Waiting], error: BaseException) -> None:
    """Answer all who wait with an error."""
    for waiter in waiting:
        with suppress(InvalidStateError):  # its client went away
            waiter.future.set_exception(error)


def tell(answers: list[tuple[Waiting, Answer]]) -> None:
    """Give those who waited their answers."""
    for waiter, answer in answers:
        with suppress(InvalidStateError):  # its client went away
            waiter.future.set_result(answer)
