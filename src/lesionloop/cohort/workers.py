"""Jobs in processes of their own, which end with the command and leave nothing half done.

A process that the system ends, for want of memory say, loses its job alone; another takes over.
"""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from types import FrameType
from typing import Any, Generic, TypeVar

from lesionloop.errors import InputError, LesionLoopError
from lesionloop.segmenters.learned.network import THREADS_VARIABLE

__all__ = ["in_processes"]

Job = TypeVar("Job")
Result = TypeVar("Result")

# Spawned, not forked: the image libraries start threads, which a fork does not survive.
_CONTEXT = multiprocessing.get_context("spawn")


def in_processes(
    work: Callable[[Job], Result],
    jobs: Sequence[Job],
    workers: int,
    *,
    lost: Callable[[Job, str], Result] | None = None,
    needs: Sequence[int] | None = None,
    memory: int | None = None,
) -> Iterator[Result]:
    """Yield the result of each job as it is done, in no order; one worker needs no process.

    When a job fails, or the command is interrupted or left by its caller, the jobs that have not
    begun are dropped and those that run are stopped, with time to remove unfinished files.

    Args:
        work: a function of a module, which a new process can import.
        jobs: its arguments.
        workers: processes at most.
        lost: the result of a job that has none because its process was ended, and how.
        needs: memory of each job, bytes.
        memory: what the jobs that run may need together, bytes; jobs wait until they fit, and one
            that never does runs alone.

    Raises:
        InputError: ``workers`` is below 1.
        LesionLoopError: a process was ended and ``lost`` is not given.
    """
    if workers < 1:
        raise InputError(f"--workers is at least 1, not {workers}", remedy="As in --workers 2.")
    if workers == 1 or len(jobs) < 2:
        yield from map(work, jobs)
        return
    pool: _Pool[Result] = _Pool(work, min(workers, len(jobs)))
    try:
        yield from _in_pool(pool, jobs, needs or [0] * len(jobs), memory, lost)
    finally:
        pool.stop()


def _in_pool(
    pool: "_Pool[Result]",
    jobs: Sequence[Job],
    needs: Sequence[int],
    memory: int | None,
    lost: Callable[[Job, str], Result] | None,
) -> Iterator[Result]:
    waiting = list(range(len(jobs)))
    while waiting or pool.running:
        while waiting and pool.has_room:
            used = sum(needs[number] for number in pool.running)
            fits = (n for n in waiting if memory is None or used + needs[n] <= memory)
            # The first that fits; when nothing runs, the first.
            number = next(fits, None if pool.running else waiting[0])
            if number is None:
                break
            waiting.remove(number)
            pool.start(number, jobs[number])
        for number, outcome in pool.finished():
            if isinstance(outcome, _Lost):
                if lost is None:
                    raise LesionLoopError(
                        f"a worker {outcome.reason}",
                        remedy="Use fewer workers; what was finished is kept.",
                    )
                yield lost(jobs[number], f"the worker {outcome.reason}")
            else:
                yield outcome


@dataclass(frozen=True)
class _Lost:
    reason: str


class _Worker:
    """A process with a pipe to it, and the number of the job that it does."""

    def __init__(self, work: Callable[[Any], Any], threads: int) -> None:
        self.pipe, theirs = _CONTEXT.Pipe()
        self.process = _CONTEXT.Process(target=_serve, args=(work, theirs, threads), daemon=False)
        with _interrupts_held():
            self.process.start()
        theirs.close()
        self.job: int | None = None


class _Pool(Generic[Result]):
    """Workers, started when there is work for them."""

    def __init__(self, work: Callable[[Any], Result], most: int) -> None:
        self._work, self._most = work, most
        self._threads = max(1, (os.cpu_count() or 1) // most)
        self._workers: list[_Worker] = []

    @property
    def running(self) -> list[int]:
        """Numbers of the jobs that are being done."""
        return [worker.job for worker in self._workers if worker.job is not None]

    @property
    def has_room(self) -> bool:
        """Whether another job can start."""
        return len(self.running) < self._most

    def start(self, number: int, job: object) -> None:
        """Give a job to an idle worker, or to a new one."""
        idle = [worker for worker in self._workers if worker.job is None]
        if not idle:
            idle = [_Worker(self._work, self._threads)]
            self._workers += idle
        idle[0].job = number
        with suppress(OSError):  # it has ended; ``finished`` finds out
            idle[0].pipe.send(job)

    def finished(self) -> list[tuple[int, "Result | _Lost"]]:
        """Wait for at least one job to end; the jobs that have, with their results.

        Raises:
            BaseException: what the work raised, which is a fault of the program.
        """
        found: list[tuple[int, Result | _Lost]] = []
        busy = [worker for worker in self._workers if worker.job is not None]
        ready = wait([worker.pipe for worker in busy])
        for worker in busy:
            if worker.pipe not in ready or worker.job is None:
                continue
            try:
                failed, outcome = worker.pipe.recv()
            except (EOFError, OSError):
                worker.process.join()
                self._workers.remove(worker)
                found.append((worker.job, _Lost(_how_it_ended(worker.process.exitcode))))
                continue
            if failed:
                raise outcome
            found.append((worker.job, outcome))
            worker.job = None
        return found

    def stop(self) -> None:
        """End idle workers, and those that work with a signal that lets them clean up."""
        for worker in self._workers:
            if worker.job is not None:
                worker.process.terminate()
            worker.pipe.close()
        for worker in self._workers:
            worker.process.join()
        self._workers.clear()


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """What is started in here has SIGINT blocked, until it can say what it does about it.

    Python itself would answer one that comes while it starts with a traceback.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # When it is started in between, it ends the block.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(work: Callable[[Any], Any], pipe: Connection, threads: int) -> None:
    """The life of a worker: one job after the other until the pipe is closed."""
    # Workers that each take all cores get in each other's way.
    os.environ.setdefault(THREADS_VARIABLE, str(threads))
    # Ctrl-C reaches all processes of a terminal; only the parent decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    signal.signal(signal.SIGTERM, _stop)
    threading.Thread(target=_die_with_the_parent, daemon=True).start()
    while True:
        try:
            job = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            answer = (False, work(job))
        except Exception as error:
            answer = (True, error)
        pipe.send(answer)


def _die_with_the_parent() -> None:
    """A parent that was killed says nothing; its next run must not meet us at the same files."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)


def _how_it_ended(code: int | None) -> str:
    if code is None or code >= 0:
        return f"ended by itself with exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    reason = "; probably there was not enough memory" if name == "SIGKILL" else ""
    return f"was ended by {name}{reason}"
