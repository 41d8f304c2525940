"""Work for many sessions, in turn: a session that asks again goes behind the others.

A session is worked on by one thread at a time, and stands in the queue at most once: whatever it
asks for until its turn comes is done in that turn.
"""

import logging
from collections import deque
from collections.abc import Callable
from threading import Condition, Thread

__all__ = ["FairQueue"]

_LOG = logging.getLogger(__name__)


class FairQueue:
    """Threads that do the work of sessions by their ids."""

    def __init__(self, work: Callable[[str], None], threads: int = 1) -> None:
        """Start the threads; ``work`` is called with the id of the session whose turn it is."""
        self._work = work
        self._changed = Condition()
        self._turns: deque[str] = deque()
        self._busy: set[str] = set()
        self._again: set[str] = set()
        self._closed = False
        self._threads = [
            Thread(target=self._run, name=f"viewer-{number}", daemon=True)
            for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def ask(self, session: str) -> None:
        """Let a session have a turn that begins after this call."""
        with self._changed:
            if session in self._busy:
                self._again.add(session)
            elif session not in self._turns:
                self._turns.append(session)
                self._changed.notify()

    def withdraw(self, session: str) -> None:
        """Take back what a session has asked for and has not got yet."""
        with self._changed:
            self._again.discard(session)
            if session in self._turns:
                self._turns.remove(session)

    def ahead(self, session: str) -> int | None:
        """Turns before the one that a session has asked for; None when it has asked for none."""
        with self._changed:
            if session in self._again:  # its own of now is one of them
                return len(self._turns) + len(self._busy)
            if session in self._turns:
                return self._turns.index(session) + len(self._busy)
            return None

    def close(self, timeout_s: float = 5.0) -> None:
        """Take no more turns; wait a while for those that are being worked on."""
        with self._changed:
            self._closed = True
            self._turns.clear()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join(timeout_s)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._turns or self._closed)
                if self._closed:
                    return
                session = self._turns.popleft()
                self._busy.add(session)
            try:
                self._work(session)
            except Exception:
                _LOG.exception("the viewer's work on a session failed")
            finally:
                with self._changed:
                    self._busy.discard(session)
                    if session in self._again:
                        self._again.discard(session)
                        if not self._closed:
                            self._turns.append(session)
                            self._changed.notify()
