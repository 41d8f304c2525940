"""Work in the background that a page asks after: how far it is, what came of it, an end on demand.

A few run at a time, others wait their turn, and what has ended is forgotten after a while.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Literal
from uuid import uuid4

from lesionloop.errors import LesionLoopError
from lesionloop.viewer.refusals import ConflictError, MissingError

__all__ = ["Job", "Jobs"]

_LOG = logging.getLogger(__name__)

State = Literal["running", "done", "failed", "cancelled"]


@dataclass(eq=False)
class Job:
    """A piece of work; written by its own thread alone, but for the wish to end it.

    Args:
        subject: what it works on; there is one job of a subject at a time.
        state: "running" also while it waits for its turn.
        done: steps that are done.
        total: of how many; None when not known yet.
        problem: why it failed.
    """

    subject: str
    id: str = field(default_factory=lambda: uuid4().hex)
    state: State = "running"
    done: int = 0
    total: int | None = None
    problem: LesionLoopError | None = None
    _unwanted: Event = field(default_factory=Event)
    _ended: float | None = None

    def progress(self, done: int, total: int) -> None:
        """Say how far it is."""
        self.done, self.total = done, total

    def cancelled(self) -> bool:
        """Whether it is to end."""
        return self._unwanted.is_set()

    def cancel(self) -> None:
        """Ask it to end."""
        self._unwanted.set()

    def run(self, work: Callable[["Job"], None]) -> None:
        """Do the work and keep what came of it."""
        state: State = "failed"
        try:
            if not self.cancelled():
                work(self)
                state = "done"
        except LesionLoopError as error:
            self.problem = error
        except Exception as error:
            _LOG.error("a fault of ours in a job", exc_info=error)
            self.problem = LesionLoopError("a fault in the server", remedy="Please report it.")
        if state != "done" and self.cancelled():
            state, self.problem = "cancelled", None
        self._ended = time.monotonic()
        self.state = state

    def is_older(self, seconds: float) -> bool:
        """Whether it ended longer ago than that."""
        return self._ended is not None and time.monotonic() - self._ended > seconds


class Jobs:
    """The jobs of a server.

    Args:
        threads: that run at a time.
        most: that run or wait.
        kept_s: how long an ended one is remembered, s.
    """

    def __init__(self, *, threads: int = 2, most: int = 20, kept_s: float = 3600.0) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="job")
        self._most, self._kept_s = most, kept_s
        self._lock = Lock()
        self._jobs: dict[str, Job] = {}

    def start(self, subject: str, work: Callable[[Job], None]) -> Job:
        """Begin a job, or join the one of this subject that runs already.

        Raises:
            ConflictError: too many are waiting.
        """
        with self._lock:
            self._jobs = {i: j for i, j in self._jobs.items() if not j.is_older(self._kept_s)}
            running = [job for job in self._jobs.values() if job.state == "running"]
            for job in running:
                if job.subject == subject and not job.cancelled():
                    return job
            if len(running) >= self._most:
                raise ConflictError(
                    f"{self._most} jobs are waiting already",
                    remedy="Wait until some are done, or cancel one.",
                )
            job = Job(subject)
            self._jobs[job.id] = job
            self._pool.submit(job.run, work)
            return job

    def job(self, job: str) -> Job:
        """A job by its id.

        Raises:
            MissingError: there is none, or it ended long ago.
        """
        with self._lock:
            found = self._jobs.get(job)
        if found is None or found.is_older(self._kept_s):
            raise MissingError("there is no such job", remedy="Begin it again.")
        return found

    def close(self) -> None:
        """Cancel all and wait for their end."""
        with self._lock:
            for job in self._jobs.values():
                job.cancel()
        self._pool.shutdown(cancel_futures=True)
