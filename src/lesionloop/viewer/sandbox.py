"""Work on files from elsewhere, in a process of its own with limits.

A file can declare far more than it holds, or make a decoder crash or run without end. What opens it
first is therefore a process that may be lost: bounded in address space, computing time, time and
the size of the files that it writes, without the server's environment (which may hold its token).
It ends with the server. Where the system has no `resource` module only the time is bounded.

The process is this module (``python -m lesionloop.viewer.sandbox``): a line of JSON on its stdin
says what to call, a JSON document on its stdout is what came of it.
"""

import importlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from lesionloop.errors import InputError, LesionLoopError, OutputError
from lesionloop.viewer.refusals import ConflictError, MissingError, TooLargeError

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

__all__ = ["run_limited"]

_TASK: Final = re.compile(r"lesionloop(\.[a-z]\w*)+:[a-z]\w*", re.ASCII)
#: What the process gets of the server's environment: where Python and its files are.
_KEPT: Final = (
    "PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "PYTHONPATH", "LD_LIBRARY_PATH",
    "SYSTEMROOT",
)  # fmt: skip
#: One thread each: threads reserve address space, and the server needs the cores.
_SET: Final = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
_MOST_ANSWER: Final = 64 << 20
#: How often it is looked whether the work is still wanted, s.
_STEP_S: Final = 0.05
#: A process that has closed its stdout is about to end, s.
_PATIENCE_S: Final = 5.0
#: Errors that come back as what they were; others as the nearest of these they are a kind of.
_KINDS: Final[dict[str, type[LesionLoopError]]] = {
    kind.__name__: kind
    for kind in (
        InputError, OutputError, MissingError, ConflictError, TooLargeError, LesionLoopError,
    )
}  # fmt: skip


def run_limited(
    task: str,
    arguments: dict[str, Any],
    *,
    memory_bytes: int = 6 << 30,
    cpu_seconds: int = 300,
    wall_seconds: float = 600,
    file_bytes: int = 16 << 30,
    cancelled: Callable[[], bool] | None = None,
    subject: str = "the file",
) -> Any:
    """Call a function in a process with limits and wait for it.

    Args:
        task: "package.module:function", of this package.
        arguments: given to it by name; JSON, as is what it returns.
        memory_bytes: address space.
        cpu_seconds: computing time, s.
        wall_seconds: time, s.
        file_bytes: size of any file that it writes.
        cancelled: asked now and then; True ends the process.
        subject: what is worked on, for messages.

    Raises:
        LesionLoopError: what the function raised: its kind, what, cause and remedy.
        InputError: it went beyond a limit, crashed, or failed in a way nobody thought of.
        ConflictError: it was cancelled.
        ValueError: ``task`` is none of this package.
    """
    if not _TASK.fullmatch(task):
        raise ValueError(f"{task!r} is no function of this package")
    limits = {"memory": memory_bytes, "cpu": cpu_seconds, "file": file_bytes}
    request = {"task": task, "arguments": arguments, "limits": limits}
    line = json.dumps(request, allow_nan=False).encode() + b"\n"
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "lesionloop.viewer.sandbox"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: os.environ[name] for name in _KEPT if name in os.environ} | _SET,
        start_new_session=True,
    )
    answer = bytearray()
    listener = threading.Thread(target=_listen, args=(process, line, answer), daemon=True)
    listener.start()
    end = time.monotonic() + wall_seconds
    try:
        while listener.is_alive():
            listener.join(_STEP_S)
            if cancelled is not None and cancelled():
                raise ConflictError("the work was cancelled")
            if time.monotonic() > end:
                raise _refused(subject, f"It took more than {wall_seconds:g} s.")
    finally:
        told_all = not listener.is_alive() and len(answer) <= _MOST_ANSWER
        _end(process, _PATIENCE_S if told_all else 0.0)
        listener.join()
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):
                stream.close()  # type: ignore[union-attr]
    if len(answer) > _MOST_ANSWER:
        raise _refused(subject, "What it holds takes too much to tell.")
    try:
        told = json.loads(bytes(answer))
    except ValueError:
        raise _refused(subject, _how_it_ended(process.returncode, limits)) from None
    if "result" in told:
        return told["result"]
    if "memory" in told:
        raise _refused(subject, _memory(limits))
    if "fault" in told:
        raise _refused(subject, f"Reading it failed: {told['fault']}.")
    raise _KINDS[told["kind"]](told["what"], cause=told["cause"], remedy=told["remedy"])


def _listen(process: "subprocess.Popen[bytes]", line: bytes, answer: bytearray) -> None:
    """Say what to do, and take the answer as far as its bound."""
    assert process.stdin is not None  # noqa: S101  (both are pipes)
    assert process.stdout is not None  # noqa: S101
    with suppress(OSError):  # it has ended: its answer, or none, tells
        process.stdin.write(line)
        process.stdin.flush()  # stays open: its end is the server's end
    while len(answer) <= _MOST_ANSWER and (piece := process.stdout.read1(1 << 20)):  # type: ignore[attr-defined]
        answer += piece


def _end(process: "subprocess.Popen[bytes]", patience_s: float) -> None:
    """End a process and all that it started; one that has told its answer is given a moment."""
    with suppress(subprocess.TimeoutExpired):
        process.wait(patience_s)
        return
    with suppress(ProcessLookupError, PermissionError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()
    process.wait()


def _refused(subject: str, cause: str) -> InputError:
    return InputError(
        f"{subject} cannot be opened",
        cause=cause,
        remedy="Check that it is whole and no larger than a study; export it again.",
    )


def _memory(limits: dict[str, int]) -> str:
    return f"It needs more than {limits['memory'] / (1 << 30):.3g} GiB of memory."


def _how_it_ended(code: int, limits: dict[str, int]) -> str:
    """Why a process gave no answer, in words."""
    if code >= 0:
        return f"The process that opened it ended by itself (exit code {code})."
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = f"signal {-code}"
    if name == "SIGXCPU":
        return f"It took more than {limits['cpu']} s of computing."
    if name == "SIGKILL":
        return "The system ended the process that opened it, probably for want of memory."
    return (
        f"The process that opened it crashed ({name}):"
        " it is damaged, or needs more memory than it may have."
    )


def main() -> None:
    """The process: one task, then the end."""
    # Libraries that print must not spoil the answer.
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request = json.loads(sys.stdin.buffer.readline())
    threading.Thread(target=_die_with_the_server, daemon=True).start()
    _limit(request["limits"])
    answer.write(json.dumps(_answer(request), allow_nan=False).encode())
    answer.flush()
    os._exit(0)  # the thread that listens for the server's end would hold up an orderly exit


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    try:
        module, _, name = request["task"].partition(":")
        return {"result": getattr(importlib.import_module(module), name)(**request["arguments"])}
    except LesionLoopError as error:
        kind = next(base.__name__ for base in type(error).__mro__ if base.__name__ in _KINDS)
        return {"kind": kind, "what": error.what, "cause": error.cause, "remedy": error.remedy}
    except MemoryError:
        return {"memory": True}
    except Exception as error:
        # Where and which kind, but not its words: they may be of the file, a name for instance.
        where = traceback.extract_tb(error.__traceback__)[-1]
        return {"fault": f"{type(error).__name__} in {where.name}, line {where.lineno}"}


def _limit(limits: dict[str, int]) -> None:
    """Take on the limits; one that is tighter already stays."""
    if resource is None:
        return
    for kind, most in (
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_CPU, limits["cpu"]),
        (resource.RLIMIT_FSIZE, limits["file"]),
        (resource.RLIMIT_CORE, 0),
    ):
        soft, _ = resource.getrlimit(kind)
        least = most if soft == resource.RLIM_INFINITY else min(most, soft)
        # Only the soft limit of the time: its signal ends the process and tells why.
        with suppress(ValueError, OSError):  # macOS refuses some
            hard = resource.getrlimit(kind)[1] if kind == resource.RLIMIT_CPU else least
            resource.setrlimit(kind, (least, hard))


def _die_with_the_server() -> None:
    """The server keeps our stdin open as long as it lives and wants an answer."""
    while sys.stdin.buffer.read(1 << 16):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
