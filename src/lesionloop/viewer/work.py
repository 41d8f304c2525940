"""What is being done for a session: which step, how far, and how it is stopped.

A turn is stopped between the steps of its computation, when nobody wants its result any more or
when what it computes is out of date: the reader took back what is in it, or began from another
mask. A stroke more does not make it so. The next turn adds it, and a reader who draws without a
pause would else never see a mask.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

from lesionloop.progress import CancelledError, watched
from lesionloop.viewer.document import Document

__all__ = ["Turn", "What", "Work"]

What = Literal["reading", "first mask", "correction"]
Waiter = TypeVar("Waiter")


@dataclass(frozen=True)
class Work:
    """What a session is at.

    Args:
        state: "idle" when its mask is up to date, or when nobody has asked for it.
        what: is computed.
        part: of that is done, 0 to 1; None when that is not known.
        ahead: turns before its own.
    """

    state: Literal["idle", "queued", "computing"]
    what: What | None = None
    part: float | None = None
    ahead: int = 0


class Turn(Generic[Waiter]):
    """One turn of a session, from its own thread and from those that ask how far it is."""

    def __init__(self, document: Document, waiting: list[Waiter]) -> None:
        """Begin to work on a document; ``waiting`` are answered from it."""
        self.document = document
        self.waiting = waiting
        self._at: tuple[What | None, float | None] = (None, None)
        self._cancelled = self._is_aside = False
        self._newer: Document | None = None

    @property
    def what(self) -> What | None:
        """The step that is computed; None outside of the steps that a reader waits for."""
        return self._at[0]

    @property
    def work(self) -> Work:
        """What it is at."""
        what, part = self._at
        return Work("computing", what, part)

    def cancel(self) -> None:
        """Stop as soon as may be."""
        self._cancelled = True

    def follow(self, document: Document) -> None:
        """Hear that the session is ``document`` now."""
        self._newer = document

    @contextmanager
    def at(self, what: What | None) -> Iterator[None]:
        """Work on a step; None: on what no reader waits for, which any action makes useless.

        Raises:
            CancelledError: the turn is to stop.
        """
        self._at, self._is_aside = (what, None), what is None
        self._check()
        with watched(self._hear):
            yield
        self._at = (None, None)

    def _hear(self, part: float) -> None:
        what, before = self._at
        self._at = (what, max(before or 0.0, min(part, 1.0)))
        self._check()

    def _check(self) -> None:
        if self._cancelled or (self._newer is not None and self._is_useless_for(self._newer)):
            raise CancelledError

    def _is_useless_for(self, newer: Document) -> bool:
        """Whether what is done now is of no use for a newer document.

        A study that was read and a first mask stay good for all that is drawn on them.
        """
        if self.what == "reading":
            return False
        mine = self.document.actions
        if self._is_aside:
            return newer.actions != mine
        others = newer.start != self.document.start
        return others or (self.what == "correction" and newer.actions[: len(mine)] != mine)
