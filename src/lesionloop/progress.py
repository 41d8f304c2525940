"""How far a long computation is, told to whoever watches; the watcher may stop it.

A computation calls :func:`tell` between its steps, wherever nothing is half changed. A watcher that
raises there ends it, and what was computed so far is dropped::

    with watched(lambda part: print(f"{part:.0%}")):
        segmenter.open(study)

The watcher belongs to the thread (more exactly the context) that set it. Work that is handed to
other threads does not see it: tell where their results are taken.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

__all__ = ["CancelledError", "stage", "tell", "watched"]

#: Is told the part that is done, 0 to 1.
Watcher = Callable[[float], None]

_watcher: Final[ContextVar[Watcher | None]] = ContextVar("lesionloop_watcher", default=None)


class CancelledError(BaseException):
    """Raised by a watcher to end a computation.

    Not an `Exception`: what catches the failures of segmenters must not take it for one.
    """


def tell(part: float) -> None:
    """Say that a part from 0 to 1 of the current stage is done. Costs nothing unless watched.

    Raises:
        CancelledError: the watcher wants no more of it.
    """
    watcher = _watcher.get()
    if watcher is not None:
        watcher(part)


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Let a function be told of everything within; it replaces one from further out."""
    token = _watcher.set(watcher)
    try:
        yield
    finally:
        _watcher.reset(token)


@contextmanager
def stage(start: float, stop: float) -> Iterator[None]:
    """What is told within, 0 to 1, is the part from ``start`` to ``stop`` of the whole.

    Tells the start.
    """
    outer = _watcher.get()
    if outer is None:
        yield
        return
    outer(start)
    with watched(lambda part: outer(start + (stop - start) * part)):
        yield
