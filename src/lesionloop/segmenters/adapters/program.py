"""A program that runs for at most so long, and ends with all that it has started."""

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress

from lesionloop.segmenters.protocol import StepFailureError

__all__ = ["run_program"]

#: So much of what a failed program said is told.
_MOST_WORDS = 300


def run_program(words: Sequence[str], *, timeout_s: float, who: str) -> None:
    """Run a program to its end.

    Args:
        words: program and arguments.
        timeout_s: it is killed after so many seconds, and with it whatever it has started.
        who: "the command", for messages.

    Raises:
        StepFailureError: it took longer, or ended with another code than 0.
    """
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(  # noqa: S603  (the user names the program)
            words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
        )
        try:
            code = process.wait(timeout_s)
        except subprocess.TimeoutExpired as error:
            raise StepFailureError(f"{who} took longer than {timeout_s:g} s") from error
        finally:
            _end_group(process)
        if code:
            said.seek(max(0, said.seek(0, os.SEEK_END) - 4 * _MOST_WORDS))
            words_left = said.read().decode("utf-8", "replace").strip()[-_MOST_WORDS:]
            raise StepFailureError(f"{who} ended with {code}: {words_left}")


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """End the program and whatever it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
