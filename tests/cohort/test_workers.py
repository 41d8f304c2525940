"""Jobs in processes: real ones, killed for real."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from lesionloop.cohort.workers import in_processes
from lesionloop.errors import InputError, LesionLoopError

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")


def square(number: int) -> int:
    return number * number


def square_or_die(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def fail(number: int) -> int:
    raise ZeroDivisionError(f"planted {number}")


def mark(path: Path) -> tuple[float, float]:
    """Begin and end of a job, s; the file shows that it runs."""
    begin = time.monotonic()
    path.touch()
    time.sleep(0.3)
    return begin, time.monotonic()


def lose(job: int, reason: str) -> str:
    return f"{job} lost: {reason}"


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_every_job_has_its_result(workers: int) -> None:
    assert sorted(in_processes(square, range(9), workers)) == [n * n for n in range(9)]
    assert list(in_processes(square, [], workers)) == []


def test_a_killed_process_loses_its_job_alone() -> None:
    found = list(in_processes(square_or_die, range(8), 2, lost=lose))
    texts = [entry for entry in found if isinstance(entry, str)]
    assert texts == [
        "3 lost: the worker was ended by SIGKILL; probably there was not enough memory"
    ]
    assert {entry for entry in found if isinstance(entry, int)} == {0, 1, 4, 16, 25, 36, 49}
    with pytest.raises(LesionLoopError, match="SIGKILL"):
        list(in_processes(square_or_die, range(8), 2))


def test_an_exception_comes_to_the_caller_and_ends_the_others() -> None:
    with pytest.raises(ZeroDivisionError, match="planted"):
        list(in_processes(fail, range(4), 2))
    assert not multiprocessing.active_children()


def test_a_caller_that_leaves_ends_the_processes(tmp_path: Path) -> None:
    results = in_processes(mark, [tmp_path / str(n) for n in range(8)], 2)
    next(results)
    results.close()  # type: ignore[attr-defined]
    assert not multiprocessing.active_children()
    assert len(list(tmp_path.iterdir())) < 8


def overlap(spans: list[tuple[float, float]]) -> bool:
    spans = sorted(spans)
    return any(second[0] < first[1] for first, second in pairwise(spans))


def test_jobs_wait_for_memory_and_a_large_one_runs_alone(tmp_path: Path) -> None:
    jobs = [tmp_path / str(n) for n in range(4)]
    needs = [6, 6, 20, 6]
    alone = list(in_processes(mark, jobs, 4, needs=needs, memory=10))
    assert len(alone) == 4
    assert not overlap(alone)
    together = list(in_processes(mark, jobs, 4, needs=needs, memory=100))
    assert overlap(together)


def test_no_worker_is_refused() -> None:
    with pytest.raises(InputError, match="workers"):
        list(in_processes(square, [1], 0))


#: A parent that is killed while its two workers sleep.
PARENT = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from sleeper import sleep_long
from lesionloop.cohort.workers import in_processes
if __name__ == "__main__":
    list(in_processes(sleep_long, [Path(sys.argv[1]) / str(n) for n in range(2)], 2))
"""
SLEEPER = """
import os, time
def sleep_long(path):
    path.write_text(str(os.getpid()))
    time.sleep(120)
"""


def test_workers_do_not_outlive_a_parent_that_was_killed(
    tmp_path: Path, process_ends: Callable[..., bool]
) -> None:
    (tmp_path / "sleeper.py").write_text(SLEEPER)
    (tmp_path / "parent.py").write_text(PARENT)
    pids = tmp_path / "pids"
    pids.mkdir()
    parent = subprocess.Popen([sys.executable, tmp_path / "parent.py", pids, tmp_path])
    deadline = time.monotonic() + 60
    while len([p for p in pids.iterdir() if p.read_text()]) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    parent.kill()
    parent.wait()
    running = [int(path.read_text()) for path in pids.iterdir()]
    assert all(process_ends(pid, within_s=60) for pid in running), "a worker lives on"
