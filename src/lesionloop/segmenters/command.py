"""Algorithms from outside: a command that works in the challenge's folder layout.

The command is started afresh at every step, as the platform starts a container, with two arguments:
a folder to read (``images/ct``, ``images/pet``, ``lesion-clicks.json``) and a folder to write
(``images/tumor-lesion-segmentation``). What it gives is measured as it is: nothing makes it honour
a scribble.
"""

import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study, read_label, write_volume
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.options import file_hash, require_number
from lesionloop.segmenters.protocol import StepFailureError

__all__ = ["Command"]

_CLICKS = "lesion-clicks.json"
_MASKS = Path("images") / "tumor-lesion-segmentation"
#: So much of what a failed command said is told.
_MOST_WORDS = 300


@dataclass(frozen=True)
class Command:
    """A command as segmenter, ``command:./run.sh --option`` by name.

    Args:
        command: program and arguments, as in a shell but without one; the folders come behind.
        timeout_s: limit of one step; the challenge's is 600 s.
        memory_gib: address space that its processes may have each; the challenge's container has
            30 GB. 0 for no limit.

    Raises:
        InputError: there is no such program, or a limit is out of range.
    """

    command: str
    timeout_s: float = 600.0
    memory_gib: float = 0.0
    program: str = field(init=False)

    def __post_init__(self) -> None:
        require_number("timeout_s", self.timeout_s, above=0)
        require_number("memory_gib", self.memory_gib, at_least=0)
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise InputError(
                f"cannot read the command {self.command!r}", cause=f"{error}."
            ) from error
        program = shutil.which(words[0]) if words else None
        if program is None:
            raise InputError(
                f"there is no program {words[0] if words else ''!r}",
                remedy="Give a file that can be run, as in command:./run.sh.",
            )
        object.__setattr__(self, "program", str(Path(program).resolve()))

    @property
    def name(self) -> str:
        """ "command-" and the name of the program."""
        return f"command-{Path(self.program).name}"

    @property
    def identity(self) -> dict[str, object]:
        """The command, its limits and what its program's file holds."""
        return {"name": self.name, **asdict(self), "file": file_hash(self.program)}

    def open(self, study: Study) -> "CommandSession":
        """Start on a study; the command itself starts at the first step."""
        return CommandSession(self, study)


class CommandSession:
    """Runs the command for one study."""

    def __init__(self, options: Command, study: Study) -> None:
        self._options, self._study = options, study

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """The command's mask, bool [x, y, z].

        Raises:
            StepFailureError: it failed, took too long, or left no mask on the study's grid.
        """
        with tempfile.TemporaryDirectory(prefix="lesionloop-step-") as folder:
            source, target = Path(folder) / "input", Path(folder) / "output"
            self._write(source, scribbles)
            (target / _MASKS).mkdir(parents=True)
            self._run(source, target)
            return self._read(target / _MASKS)

    def _write(self, folder: Path, scribbles: ScribbleSet) -> None:
        # One name for all cases, as on the platform: a name tells an algorithm nothing.
        for kind, volume in (("pet", self._study.pet), ("ct", self._study.ct)):
            place = folder / "images" / kind
            place.mkdir(parents=True)
            if volume is not None:
                write_volume(volume, place / "case.mha")
        scribbles.write(folder / _CLICKS)

    def _run(self, source: Path, target: Path) -> None:
        words = [self._options.program, *shlex.split(self._options.command)[1:]]
        words += [str(source), str(target)]
        if self._options.memory_gib:
            kib = int(self._options.memory_gib * 2**20)
            words = ["sh", "-c", f'ulimit -v {kib} && exec "$@"', "sh", *words]
        with tempfile.TemporaryFile() as said:
            process = subprocess.Popen(  # noqa: S603  (the user names the program)
                words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
            )
            try:
                code = process.wait(self._options.timeout_s)
            except subprocess.TimeoutExpired as error:
                raise StepFailureError(
                    f"the command took longer than {self._options.timeout_s:g} s"
                ) from error
            finally:
                _end_group(process)
            if code:
                said.seek(max(0, said.seek(0, os.SEEK_END) - 4 * _MOST_WORDS))
                words_left = said.read().decode("utf-8", "replace").strip()[-_MOST_WORDS:]
                raise StepFailureError(f"the command ended with {code}: {words_left}")

    def _read(self, folder: Path) -> NDArray[np.bool_]:
        found = sorted(folder.glob("*.mha"))
        if len(found) != 1:
            raise StepFailureError(f"the command left {len(found)} masks instead of one")
        try:
            label = read_label(found[0])
        except InputError as error:
            raise StepFailureError(f"the command's mask cannot be read: {error.what}") from error
        if label.grid.shape != self._study.grid.shape:
            raise StepFailureError(
                f"the command gave a mask of shape {label.grid.shape}, "
                f"the study has {self._study.grid.shape}"
            )
        return label.mask()


def _end_group(process: "subprocess.Popen[bytes]") -> None:
    """End the command and whatever it has started."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
