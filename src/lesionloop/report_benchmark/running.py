"""Asking a model about every record, so that a run that was cut off goes on where it was.

Answers are appended to one file as they come, each as a whole line that is on the disk before the
next is asked for. A repeated run asks only for what is missing; answers to other questions or with
other settings are refused rather than mixed.
"""

import errno
import fcntl
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from threading import Thread
from typing import Final

from lesionloop.errors import GatewayError, InputError, OutputError
from lesionloop.output import make_folder
from lesionloop.report_benchmark.records import PromptRecord, ResultRecord, read_results
from lesionloop.report_benchmark.runners import Answer, AnswerError, Request, Runner

__all__ = ["RunResult", "ask_all"]

#: So many failures after each other, and the server is taken to be down.
_MOST_FAILURES: Final = 5


@dataclass(frozen=True)
class RunResult:
    """How a run ended.

    Args:
        asked: answers that this run added.
        kept: answers that were there before.
        failures: patient to the cause, where there is no answer.
    """

    asked: int
    kept: int
    failures: Mapping[str, str]


def ask_all(
    records: Sequence[PromptRecord],
    runner: Runner,
    out: Path,
    *,
    workers: int = 1,
    on_answer: Callable[[str, int, int], None] | None = None,
) -> RunResult:
    """Ask about every record that has no answer yet, and append the answers to ``out``.

    Args:
        records: what to ask.
        runner: the model.
        out: result records, JSON lines.
        workers: requests at a time.
        on_answer: is told the patient, how many are done, of how many.

    Raises:
        InputError: ``out`` holds answers to something else, or another run writes to it.
        GatewayError: the server refuses the key, or five requests after each other fail.
        OutputError: an answer cannot be written.
    """
    if not 1 <= workers <= runner.most_workers:
        raise InputError(
            f"{workers} requests at a time are not possible",
            remedy=f"Give 1 to {runner.most_workers} for {runner.name}.",
        )
    asked = {record.patient: Request.of(record).digest(runner.settings) for record in records}
    make_folder(out.parent)
    with _opened(out) as file:
        _cut_torn_line(file)
        kept = _kept(out, asked)
        missing = [record for record in records if record.patient not in kept]
        done, failures, in_row = len(kept), dict[str, str](), 0
        for record, answer in _answers(missing, runner, workers):
            if isinstance(answer, AnswerError):
                failures[record.patient] = str(answer)
                in_row += 1
                if in_row >= _MOST_FAILURES:
                    raise GatewayError(
                        f"{in_row} requests to {runner.name} after each other have no answer",
                        cause=f"The last: {answer}",
                        remedy="Check the server; the same command goes on where this one was.",
                    )
                continue
            in_row = 0
            done += 1
            _append(file, out, _result(record, answer, runner, asked[record.patient]))
            if on_answer is not None:
                on_answer(record.patient, done, len(records))
    return RunResult(done - len(kept), len(kept), failures)


def _answers(
    records: Sequence[PromptRecord], runner: Runner, workers: int
) -> Iterator[tuple[PromptRecord, Answer | AnswerError]]:
    """Answers as they come. When the taker stops, what was not begun is not asked.

    The threads are daemons, and no pool: an answer takes minutes, and whoever interrupts a run must
    not wait for it.
    """
    left = iter(records)
    waiting: SimpleQueue[PromptRecord | None] = SimpleQueue()
    finished: SimpleQueue[tuple[PromptRecord, Answer | BaseException]] = SimpleQueue()

    def work() -> None:
        while (record := waiting.get()) is not None:
            try:
                finished.put((record, runner.answer(Request.of(record))))
            except BaseException as error:  # raised again where the answers are taken
                finished.put((record, error))

    pending = 0
    for record in islice(left, workers):
        waiting.put(record)
        pending += 1
        Thread(target=work, name="lesionloop-ask", daemon=True).start()
    begun = pending
    try:
        while pending:
            record, answer = finished.get()
            pending -= 1
            if isinstance(answer, BaseException) and not isinstance(answer, AnswerError):
                raise answer
            yield record, answer
            following = next(left, None)
            if following is not None:
                waiting.put(following)
                pending += 1
    finally:
        for _ in range(begun):
            waiting.put(None)
        if pending:
            runner.stop()


def _result(record: PromptRecord, answer: Answer, runner: Runner, asked: str) -> ResultRecord:
    return ResultRecord(
        record.patient,
        answer.text,
        record.reference,
        answer.finish,
        answer.refused,
        asked,
        {"settings": dict(runner.settings), **answer.extra},
    )


@contextmanager
def _opened(out: Path) -> Iterator[int]:
    """The file, open for appending and ours alone."""
    try:
        file = os.open(out, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise OutputError(
            f"cannot write {out}",
            cause=f"{error.strerror or error}.",
            remedy="Choose a file in a folder that can be written.",
        ) from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise InputError(
                f"another run writes to {out}", remedy="Wait for it, or choose another file."
            ) from error
        try:
            yield file
        finally:
            if os.fstat(file).st_size == 0:
                out.unlink(missing_ok=True)
    finally:
        os.close(file)


def _cut_torn_line(file: int) -> None:
    """Drop what a run that was killed while it wrote left after the last whole line."""
    size = os.fstat(file).st_size
    end = size
    while end:
        start = max(0, end - 65_536)
        found = os.pread(file, end - start, start).rfind(b"\n")
        if found >= 0:
            end = start + found + 1
            break
        end = start
    if end < size:
        os.ftruncate(file, end)


def _kept(out: Path, asked: Mapping[str, str]) -> dict[str, ResultRecord]:
    """Answers that are there."""
    found = {record.patient: record for record in read_results(out)}
    for patient, record in found.items():
        if asked.get(patient) != record.asked:
            raise InputError(
                f"{out} holds an answer for {patient!r} to another question",
                cause="The records, the images, the model or its settings were different.",
                remedy="Choose another file for the results.",
            )
    return found


def _append(file: int, out: Path, record: ResultRecord) -> None:
    """Write a line as a whole; a part of it that a full disk took is taken back."""
    line, size = record.line().encode(), os.fstat(file).st_size
    try:
        if os.write(file, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(file)
    except OSError as error:
        os.ftruncate(file, size)
        raise OutputError(
            f"cannot write {out}",
            cause=f"{error.strerror or error}.",
            remedy="Free some space; the same command goes on where this one was.",
        ) from error
