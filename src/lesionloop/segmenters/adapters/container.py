"""Algorithms in containers, run as the challenge's platform runs them.

At every step a new container of the image gets two folders, ``/input`` (read only) and ``/output``,
and nothing else: no network, no rights, no state. What it gives is measured as it is: nothing makes
it honour a scribble.
"""

import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.adapters.choices import is_yes
from lesionloop.segmenters.adapters.program import run_program
from lesionloop.segmenters.adapters.step_folder import make_output, read_output, write_input
from lesionloop.segmenters.options import file_hash, require_number

__all__ = ["RUNTIMES", "Container"]

#: Programs that run containers, in order of preference.
RUNTIMES = ("docker", "podman", "apptainer", "singularity")
_DAEMONS = RUNTIMES[:2]

_WHO = "the container"
_ASK_S = 60.0


@dataclass(frozen=True)
class Container:
    """A container image as segmenter, ``container:IMAGE`` by name.

    Nothing is downloaded: the image must be on this machine.

    Args:
        image: name or identifier of an image (docker, podman), or a ``.sif`` file (apptainer).
        runtime: "docker", "podman", "apptainer" or "singularity"; None takes the first that is
            installed.
        timeout_s: limit of one step, start included; the challenge's is 600 s.
        memory_gb: of the container, without swap; the challenge's is 30. 0 for no limit.
        shared_memory_gb: of ``/dev/shm`` (docker, podman); the challenge's is 2.
        gpu: give it the machine's GPUs.

    Raises:
        InputError: there is no runtime, the image has no name, or a limit is out of range.
    """

    image: str
    runtime: str | None = None
    timeout_s: float = 600.0
    memory_gb: float = 30.0
    shared_memory_gb: float = 2.0
    gpu: bool | str = False
    program: str = field(init=False)

    def __post_init__(self) -> None:
        require_number("timeout_s", self.timeout_s, above=0)
        require_number("memory_gb", self.memory_gb, at_least=0)
        require_number("shared_memory_gb", self.shared_memory_gb, above=0)
        object.__setattr__(self, "gpu", is_yes("gpu", self.gpu))
        if self.runtime is not None and self.runtime not in RUNTIMES:
            raise InputError(
                f"option runtime must be {' or '.join(RUNTIMES)}, not {self.runtime!r}"
            )
        # An image's name never begins with a dash: it would be taken for an option.
        if not self.image or self.image.startswith("-"):
            raise InputError(
                f"{self.image!r} is not an image", remedy="Name one, as in container:lesionloop."
            )
        names = [self.runtime] if self.runtime else list(RUNTIMES)
        found = [(name, path) for name in names if (path := shutil.which(name))]
        if not found:
            raise InputError(
                f"cannot run the container {self.image}",
                cause=f"There is no {' or '.join(names)} on this machine.",
                remedy="Install one of them, or run the algorithm without: command:PROGRAM.",
            )
        object.__setattr__(self, "runtime", found[0][0])
        object.__setattr__(self, "program", found[0][1])

    @property
    def name(self) -> str:
        """ "container-" and the image's name, of letters, digits, dots and dashes."""
        plain = "".join(c if c.isalnum() or c in "._-" else "-" for c in Path(self.image).name)
        return f"container-{plain}"

    @property
    def identity(self) -> dict[str, object]:
        """The image's own identifier (for a file: its hash), the runtime and the limits.

        Raises:
            InputError: the image is not here, or the runtime cannot be asked.
        """
        return {
            "name": self.name,
            "image": self.image,
            "content": self._content(),
            "runtime": self.runtime,
            "timeout_s": self.timeout_s,
            "memory_gb": self.memory_gb,
            "shared_memory_gb": self.shared_memory_gb,
            "gpu": self.gpu,
        }

    @property
    def needs_pet(self) -> bool:
        """False: what the container needs is its own affair."""
        return False

    def open(self, study: Study) -> "ContainerSession":
        """Start on a study; a container starts at every step.

        Raises:
            InputError: the image is not here, or the runtime cannot be asked.
        """
        self._content()
        return ContainerSession(self, study)

    def words(self, name: str, source: Path, target: Path) -> list[str]:
        """The command that runs one step.

        Args:
            name: of the container, by which it can be killed.
            source: folder that becomes ``/input``.
            target: folder that becomes ``/output``.
        """
        if self.runtime not in _DAEMONS:
            return self._apptainer_words(source, target)
        words = [self.program, "run", "--rm", "--name", name, "--pull", "never"]
        words += ["--network", "none", "--cap-drop", "ALL"]
        words += ["--security-opt", "no-new-privileges"]
        words += ["--shm-size", f"{_bytes(self.shared_memory_gb)}"]
        if self.memory_gb:
            limit = f"{_bytes(self.memory_gb)}"
            words += ["--memory", limit, "--memory-swap", limit]
        if self.gpu:
            podman = ["--device", "nvidia.com/gpu=all"]
            words += podman if self.runtime == "podman" else ["--gpus", "all"]
        words += ["--mount", _mount(source, "/input", read_only=True)]
        words += ["--mount", _mount(target, "/output", read_only=False)]
        return [*words, self.image]

    def _apptainer_words(self, source: Path, target: Path) -> list[str]:
        words = [self.program, "run", "--containall", "--net", "--network", "none"]
        words += ["--no-privs"]
        if self.memory_gb:
            words += ["--memory", f"{_bytes(self.memory_gb)}"]
        if self.gpu:
            words += ["--nv"]
        words += ["--bind", f"{source}:/input:ro", "--bind", f"{target}:/output:rw"]
        return [*words, self.image]

    def kill(self, name: str) -> None:
        """End a container by its name, whatever state it is in."""
        if self.runtime in _DAEMONS:  # elsewhere it is a process of ours and has ended already
            with suppress(OSError, subprocess.TimeoutExpired):
                self._ask("rm", "--force", name)

    def _content(self) -> str:
        if self.runtime not in _DAEMONS:
            return file_hash(self.image)
        failed: str | None
        try:
            answer = self._ask("image", "inspect", "--format", "{{.Id}}", self.image)
        except (OSError, subprocess.TimeoutExpired) as error:
            failed = f"{error}"
        else:
            if answer.returncode == 0:
                return answer.stdout.strip()
            failed = answer.stderr.strip()[-300:]
        raise InputError(
            f"cannot run the container {self.image}",
            cause=f"{self.runtime} says: {failed}",
            remedy=f"Start {self.runtime} if it does not run; load or pull the image first:"
            " nothing is downloaded here.",
        )

    def _ask(self, *words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(  # noqa: S603  (one of RUNTIMES)
            [self.program, *words],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace",
            timeout=_ASK_S, check=False,
        )  # fmt: skip


class ContainerSession:
    """Runs a container for each step of one study."""

    def __init__(self, options: Container, study: Study) -> None:
        self._options, self._study = options, study

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """The container's mask, bool [x, y, z].

        Raises:
            StepFailureError: it failed, took too long, or left no mask on the study's grid.
        """
        options, name = self._options, f"lesionloop-{uuid4().hex}"
        # What a container writes as another user may resist being removed.
        with tempfile.TemporaryDirectory(
            prefix="lesionloop-step-", ignore_cleanup_errors=True
        ) as folder:
            source, target = Path(folder) / "input", Path(folder) / "output"
            write_input(source, self._study, scribbles)
            make_output(target)
            _open_to_all(source, folders=0o755, files=0o644)
            _open_to_all(target, folders=0o777, files=0o666)
            try:
                words = options.words(name, source, target)
                run_program(words, timeout_s=options.timeout_s, who=_WHO)
            finally:
                # The program that was killed is only the messenger; after a good end there is no
                # such container any more, and nothing happens.
                options.kill(name)
            return read_output(target, self._study, _WHO)


def _bytes(gigabytes: float) -> int:
    return int(gigabytes * 1e9)


def _mount(source: Path, target: str, *, read_only: bool) -> str:
    """One field of the mount is quoted as in CSV, so that a comma in a path is only a comma."""
    parts = ["type=bind", f"source={source}", f"target={target}"]
    parts += ["readonly"] if read_only else []
    return ",".join(f'"{part}"' if set(part) & {",", '"'} else part for part in parts)


def _open_to_all(folder: Path, *, folders: int, files: int) -> None:
    """Rights that do not depend on whom the container runs as."""
    for path in (folder, *folder.rglob("*")):
        path.chmod(folders if path.is_dir() else files)
