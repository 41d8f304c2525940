"""The document of a session: what a list of events amounts to.

A pure fold. Scribbles, marks (accept, reject, lock, unlock) and starts from a mask made elsewhere
are actions: undo takes the last one back, as far as there are any; redo brings it again until
something new is done. The actions in force always are, in order, those that were in force when the
last of them was made. So whatever is computed for an action may be kept under its number.

A start begins anew: what was drawn and marked before it counts again when it is undone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any, Final

import numpy as np

from lesionloop.errors import InputError
from lesionloop.scribbles import ScribbleSet
from lesionloop.viewer.refusals import ConflictError

__all__ = ["ACTIONS", "KINDS", "MARKS", "Action", "Document", "Event", "fold"]

#: Marks on a lesion, by the voxel that was clicked.
MARKS: Final = ("accept", "reject", "lock", "unlock")
#: What undo takes back.
ACTIONS: Final = ("scribble", "start", *MARKS)
#: Events that only tell what the reader was doing.
ACTIVITY: Final = ("open", "view", "pause", "resume")
#: All kinds of events.
KINDS: Final = (*ACTIONS, "undo", "redo", "done", "reopen", *ACTIVITY)

_IN_WORDS: Final = {
    "accept": "accepting the lesion",
    "reject": "removing the lesion",
    "lock": "locking the lesion",
    "unlock": "unlocking the lesion",
}


@dataclass(frozen=True)
class Event:
    """One thing that a reader did.

    Args:
        number: from 1, without gaps in a session.
        time: Unix time, s.
        kind: one of `KINDS`.
        data: of a scribble "label" and "points" (lists of voxel indices x, y, z); of a mark "at"
            (voxel x, y, z); of a start "mask" (its digest in the store), "name", "lesions" and
            "notes"; of a view "what"; of done maybe "confidence" (1 to 5).
    """

    number: int
    time: float
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Action:
    """A scribble, a mark or a start that is, or was, in force.

    Args:
        number: of its event.
        kind: one of `ACTIONS`.
        data: of its event.
        stroke: number of the scribble since the start, from 1; 0 for all else.
    """

    number: int
    kind: str
    data: Mapping[str, Any]
    stroke: int = 0

    @property
    def words(self) -> str:
        """What undo would say that it takes back."""
        if self.kind == "scribble":
            return f"{self.data['label']} scribble {self.stroke}"
        if self.kind == "start":
            return f"start from {self.data['name']}"
        return f"{_IN_WORDS[self.kind]} at {', '.join(map(str, self.data['at']))}"


@dataclass(frozen=True)
class Document:
    """What the events of a session amount to.

    Args:
        revision: how many events have changed the actions.
        last: number of the last event of any kind.
        actions: in force, oldest first.
        undone: what redo brings back, the next one last.
        done: whether the reader has finished.
    """

    revision: int = 0
    last: int = 0
    actions: tuple[Action, ...] = ()
    undone: tuple[Action, ...] = ()
    done: bool = False

    @property
    def undo(self) -> str | None:
        """What undo would take back, in words; None when there is nothing."""
        return self.actions[-1].words if self.actions else None

    @property
    def redo(self) -> str | None:
        """What redo would bring back, in words; None when there is nothing."""
        return self.undone[-1].words if self.undone else None

    @property
    def start(self) -> Action | None:
        """The start in force: the last one; None where the segmenter's first mask is."""
        return next((a for a in reversed(self.actions) if a.kind == "start"), None)

    @property
    def since_start(self) -> tuple[Action, ...]:
        """The actions that count, oldest first: those after the start in force."""
        start = self.start
        return self.actions if start is None else self.actions[self.actions.index(start) + 1 :]

    @property
    def strokes(self) -> tuple[Action, ...]:
        """The scribbles that count, oldest first."""
        return tuple(action for action in self.since_start if action.kind == "scribble")

    def scribbles(self) -> ScribbleSet:
        """The scribbles that count; each is a step."""
        result = ScribbleSet()
        for stroke in self.strokes:
            points = np.asarray(stroke.data["points"], dtype=np.int64)
            result = result.add(points, stroke.data["label"], stroke.stroke)
        return result

    def before(self, action: Action) -> "Document":
        """The document as it was before one of its actions."""
        return replace(self, actions=self.actions[: self.actions.index(action)], undone=())

    def first(self) -> "Document":
        """The document without what came after the start in force, or without anything."""
        end = len(self.actions) - len(self.since_start)
        return replace(self, actions=self.actions[:end], undone=())

    def check(self, kind: str) -> None:
        """Refuse an event that cannot follow.

        Raises:
            InputError: no such kind.
            ConflictError: nothing to undo or redo, or the session is done.
        """
        if kind not in KINDS:
            raise InputError(f"unknown kind of event {kind!r}", remedy=f"Use {', '.join(KINDS)}.")
        if self.done and kind in (*ACTIONS, "undo", "redo"):
            raise ConflictError("the session is done", remedy="Reopen it to go on.")
        if kind == "undo" and not self.actions:
            raise ConflictError("there is nothing to undo")
        if kind == "redo" and not self.undone:
            raise ConflictError("there is nothing to redo")

    def then(self, event: Event) -> "Document":
        """The document after one more event."""
        kind, last = event.kind, event.number
        if kind in ACTIONS:
            stroke = len(self.strokes) + 1 if kind == "scribble" else 0
            action = Action(event.number, kind, event.data, stroke)
            return replace(
                self, revision=self.revision + 1, last=last,
                actions=(*self.actions, action), undone=(),
            )  # fmt: skip
        if kind == "undo" and self.actions:
            return replace(
                self, revision=self.revision + 1, last=last,
                actions=self.actions[:-1], undone=(*self.undone, self.actions[-1]),
            )  # fmt: skip
        if kind == "redo" and self.undone:
            return replace(
                self, revision=self.revision + 1, last=last,
                actions=(*self.actions, self.undone[-1]), undone=self.undone[:-1],
            )  # fmt: skip
        if kind in ("done", "reopen"):
            return replace(self, last=last, done=kind == "done")
        return replace(self, last=last)


def fold(events: Iterable[Event]) -> Document:
    """The document of events in their order."""
    return reduce(Document.then, events, Document())
