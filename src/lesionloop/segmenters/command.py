"""Algorithms from outside: a command that works in the challenge's folder layout.

The command is started afresh at every step, as the platform starts a container, with two arguments:
a folder to read (``images/ct``, ``images/pet``, ``lesion-clicks.json``) and a folder to write
(``images/tumor-lesion-segmentation``). What it gives is measured as it is: nothing makes it honour
a scribble.
"""

import shlex
import shutil
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.adapters.program import run_program
from lesionloop.segmenters.adapters.step_folder import make_output, read_output, write_input
from lesionloop.segmenters.options import file_hash, require_number

__all__ = ["Command"]

_WHO = "the command"


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
        # Links stay: the Python of a virtual environment is one, and knows by it where it is.
        object.__setattr__(self, "program", str(Path(program).absolute()))

    @property
    def name(self) -> str:
        """ "command-" and the name of the program."""
        return f"command-{Path(self.program).name}"

    @property
    def identity(self) -> dict[str, object]:
        """The command, its limits and what its program's file holds."""
        return {"name": self.name, **asdict(self), "file": file_hash(self.program)}

    @property
    def needs_pet(self) -> bool:
        """False: what the program needs is its own affair."""
        return False

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
            write_input(source, self._study, scribbles)
            make_output(target)
            run_program(self._words(source, target), timeout_s=self._options.timeout_s, who=_WHO)
            return read_output(target, self._study, _WHO)

    def _words(self, source: Path, target: Path) -> list[str]:
        words = [self._options.program, *shlex.split(self._options.command)[1:]]
        words += [str(source), str(target)]
        if not self._options.memory_gib:
            return words
        kib = int(self._options.memory_gib * 2**20)
        return ["sh", "-c", f'ulimit -v {kib} && exec "$@"', "sh", *words]
