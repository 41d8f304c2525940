"""The trace of a loop: what happened at every step, in memory and on disk.

On disk a folder per case: ``step_<k>.nii.gz`` (mask), ``step_<k>_scribbles.json`` (all points so
far, plain form) and ``trace.json``. The latter is written last at every step, so a step that it
lists is whole; after a crash the loop goes on behind the last listed step, provided that the study,
the segmenter and the reader are the same by content.
"""

import json
import shutil
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError, OutputError
from lesionloop.imaging import Grid, Study, Volume, read_label, write_mask
from lesionloop.output import make_folder, write_json
from lesionloop.scribbles import Scribble, ScribbleSet

__all__ = ["Trace", "TraceFolder", "TraceStep", "remove_left_overs", "study_fingerprint"]

_VERSION = 2
_INDEX = "trace.json"


@dataclass(frozen=True, eq=False)
class TraceStep:
    """One prediction.

    Args:
        step: from 0; step 0 has no scribbles.
        mask: bool [x, y, z]; after a failure the one before. None when there is none (a segmenter
            that failed at once, or gave a mask of another shape).
        scribble: what the reader added before this prediction, if anything.
        seconds: the segmenter's time for this step; for step 0 with opening the study.
        failure: why the step has no valid result; None when all went well.
    """

    step: int
    mask: NDArray[np.bool_] | None
    scribble: Scribble | None
    seconds: float
    failure: str | None = None


@dataclass(frozen=True, eq=False)
class Trace:
    """All steps of one loop.

    Args:
        case: the study's name.
        mode: the reader's rules ("protocol", "reference", "recorded").
        steps: in order, from step 0.
        scribbles: everything drawn.
        facts: segmenter, reader, study and versions, as written to ``trace.json``.
    """

    case: str
    mode: str
    steps: tuple[TraceStep, ...]
    scribbles: ScribbleSet
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def mask(self) -> NDArray[np.bool_] | None:
        """The last mask."""
        return self.steps[-1].mask if self.steps else None


def study_fingerprint(study: Study) -> str:
    """A hash of all that a segmenter sees: PET, CT, grid and tracer."""
    digest = blake2b(digest_size=16)
    for volume in (study.pet, study.ct):
        if volume is not None:
            _update(digest, volume)
    digest.update(str(study.tracer).encode())
    return digest.hexdigest()


def _update(digest: Any, volume: Volume) -> None:
    grid = volume.grid
    digest.update(volume.quantity.value.encode())
    digest.update(repr((grid.shape, grid.spacing, grid.origin, grid.direction)).encode())
    digest.update(str(volume.values.dtype).encode())
    # ``.T`` of an x-fastest array is C-contiguous, so nothing is copied.
    digest.update(np.ascontiguousarray(volume.values.T).data)


class TraceFolder:
    """A trace on disk, written step by step.

    Args:
        folder: of this case; created when missing.
        facts: written to ``trace.json``. A stored trace is continued when all of them but the
            provenance (the same files may have moved) are equal.

    Raises:
        OutputError: the folder cannot be made.
    """

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        self.folder = make_folder(Path(folder))
        # As they come back from the file: tuples are lists there.
        self._facts = json.loads(json.dumps({"version": _VERSION, **facts}, default=str))
        self._entries: list[dict[str, Any]] = []
        remove_left_overs(self.folder)

    def resume(self, grid: Grid) -> list[TraceStep]:
        """Steps already on disk for the same facts, as far as they can be read back.

        A trace of other facts is removed: its masks must not be taken for the new ones.

        Args:
            grid: of the study.

        Raises:
            OutputError: an old trace cannot be removed.
        """
        entries = self._stored_entries()
        if entries is None:
            self._remove()
            return []
        steps: list[TraceStep] = []
        for entry in entries:
            try:
                steps.append(self._read_step(entry, grid))
            except (InputError, LookupError, TypeError, ValueError, ArithmeticError):
                break
            self._entries.append(entry)
        return steps

    def write(self, step: TraceStep, scribbles: ScribbleSet, study: Study) -> None:
        """Add a step: mask and scribbles first, the list last.

        Raises:
            OutputError: the folder cannot be written or the disk is full.
        """
        shown = None  # number of the step whose file holds the mask
        if step.mask is not None and step.failure is None:
            write_mask(step.mask, study, self._mask_path(step.step))
            shown = step.step
        elif step.mask is not None:
            shown = self._entries[-1]["mask"]
        scribbles.write(self.folder / f"step_{step.step}_scribbles.json", form="simple")
        added = step.scribble
        self._entries.append(
            {
                "step": step.step,
                "mask": shown,
                "seconds": round(step.seconds, 4),
                "failure": step.failure,
                "scribble": None
                if added is None
                else {
                    "label": added.label,
                    "step": added.step,
                    "points": added.points.tolist(),
                },
            }
        )
        write_json(self.folder / _INDEX, {**self._facts, "steps": self._entries})

    def _stored_entries(self) -> list[Any] | None:
        """Entries of a stored trace of the same facts; None when there is no such trace."""
        try:
            stored = json.loads((self.folder / _INDEX).read_text(encoding="utf-8"))
            entries = stored.pop("steps")
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None
        same = _decisive(stored) == _decisive(self._facts)
        return entries if same and isinstance(entries, list) else None

    def _remove(self) -> None:
        """The list first: without it no step counts."""
        old = [self.folder / _INDEX, *sorted(self.folder.glob("step_*"))]
        try:
            for path in old:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise OutputError(
                f"cannot remove the old trace in {self.folder}",
                cause=f"{error.strerror or error}.",
                remedy="Remove the folder, or choose another one.",
            ) from error

    def _mask_path(self, step: int) -> Path:
        return self.folder / f"step_{step}.nii.gz"

    def _read_step(self, entry: dict[str, Any], grid: Grid) -> TraceStep:
        number = int(entry["step"])
        if number != len(self._entries):
            raise ValueError("steps are not in order")
        drawn = entry["scribble"]
        scribble = None
        if drawn is not None:
            points = np.array(drawn["points"], dtype=np.int64)
            scribble = Scribble(points, drawn["label"], int(drawn["step"]))
            ScribbleSet((scribble,)).check(grid)
        mask = None
        if entry["mask"] is not None:
            stored = read_label(self._mask_path(int(entry["mask"])))
            if not stored.grid.agrees_with(grid):
                raise ValueError("the mask is on another grid")
            mask = stored.mask()
        return TraceStep(number, mask, scribble, float(entry["seconds"]), entry["failure"])


def remove_left_overs(folder: Path) -> None:
    """Remove what a process that was killed while writing has left in a folder."""
    for left_over in folder.glob(".lesionloop-*"):
        shutil.rmtree(left_over, ignore_errors=True)


def _decisive(facts: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in facts.items() if key != "provenance"}
