"""Jobs in processes of their own, which end with the command and leave nothing half done."""

import multiprocessing
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from types import FrameType
from typing import TypeVar

from lesionloop.errors import InputError

__all__ = ["in_processes"]

Job = TypeVar("Job")
Result = TypeVar("Result")


def in_processes(
    work: Callable[[Job], Result], jobs: Sequence[Job], workers: int
) -> Iterator[Result]:
    """Yield the result of each job as it is done, in no order; one worker needs no process.

    When a job fails, or the command is interrupted or left by its caller, the jobs that have not
    begun are dropped and those that run are stopped, with time to remove unfinished files.

    Args:
        work: a function of a module, which a new process can import.
        jobs: its arguments.
        workers: processes at most.

    Raises:
        InputError: ``workers`` is below 1.
    """
    if workers < 1:
        raise InputError(f"--workers is at least 1, not {workers}", remedy="As in --workers 2.")
    if workers == 1 or len(jobs) < 2:
        yield from map(work, jobs)
        return
    # Spawned, not forked: the image libraries start threads, which a fork does not survive.
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(
        min(workers, len(jobs)), mp_context=context, initializer=_obey_the_parent
    )
    others = set(multiprocessing.active_children())
    try:
        for done in as_completed([pool.submit(work, job) for job in jobs]):
            yield done.result()
    except BaseException:
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _obey_the_parent() -> None:
    """Ctrl-C reaches all processes of a terminal; only the parent decides what it means."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _stop)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(128 + signal.SIGTERM)
