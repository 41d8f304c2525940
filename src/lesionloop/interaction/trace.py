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

from lesionloop.errors import InputError
from lesionloop.imaging import Study, Volume, read_label, write_mask
from lesionloop.output import make_folder, write_json
from lesionloop.scribbles import Scribble, ScribbleSet

__all__ = ["Trace", "TraceFolder", "TraceStep", "study_fingerprint"]

_VERSION = 1


@dataclass(frozen=True, eq=False)
class TraceStep:
    """One prediction.

    Args:
        step: from 0; step 0 has no scribbles.
        mask: bool [x, y, z]; None when no mask exists (a segmenter that failed at once).
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
    digest.update(repr((grid.shape, grid.spacing, grid.origin, grid.direction)).encode())
    digest.update(str(volume.values.dtype).encode())
    # ``.T`` of an x-fastest array is C-contiguous, so nothing is copied.
    digest.update(np.ascontiguousarray(volume.values.T).data)


class TraceFolder:
    """A trace on disk, written step by step.

    Args:
        folder: of this case; created when missing.
        facts: identities that must be equal for a resumed loop, as JSON values.
    """

    def __init__(self, folder: Path, facts: dict[str, Any]) -> None:
        self.folder = make_folder(Path(folder))
        self._facts = json.loads(json.dumps(facts))
        self._entries: list[dict[str, Any]] = []
        for left_over in self.folder.glob(".lesionloop-*"):  # from a process that was killed
            shutil.rmtree(left_over, ignore_errors=True)

    def resume(self) -> tuple[list[TraceStep], ScribbleSet]:
        """Steps already on disk for the same facts; nothing when there are none.

        Steps that cannot be read back are dropped, with all later ones.
        """
        steps: list[TraceStep] = []
        scribbles = ScribbleSet()
        for entry in self._stored_entries():
            try:
                step = self._read_step(entry)
            except (InputError, KeyError, TypeError, ValueError):
                break
            if step.scribble is not None:
                scribbles = ScribbleSet((*scribbles.scribbles, step.scribble))
            steps.append(step)
            self._entries.append(entry)
        return steps, scribbles

    def write(self, step: TraceStep, scribbles: ScribbleSet, study: Study) -> None:
        """Add a step: mask and scribbles first, the list last.

        Raises:
            OutputError: the folder cannot be written or the disk is full.
        """
        if step.mask is not None and step.failure is None:
            write_mask(step.mask, study, self.folder / f"step_{step.step}.nii.gz")
        scribbles.write(self.folder / f"step_{step.step}_scribbles.json", form="simple")
        added = step.scribble
        self._entries.append(
            {
                "step": step.step,
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
        write_json(
            self.folder / "trace.json",
            {"version": _VERSION, **self._facts, "steps": self._entries},
        )

    def _stored_entries(self) -> list[dict[str, Any]]:
        path = self.folder / "trace.json"
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            entries = stored.pop("steps")
        except (OSError, ValueError, KeyError, AttributeError):
            return []
        same = stored == {"version": _VERSION, **self._facts}
        return entries if same and isinstance(entries, list) else []

    def _read_step(self, entry: dict[str, Any]) -> TraceStep:
        number = int(entry["step"])
        if number != len(self._entries):
            raise ValueError("steps are not in order")
        drawn = entry["scribble"]
        scribble = None
        if drawn is not None:
            points = np.array(drawn["points"], dtype=np.int64)
            scribble = Scribble(points, drawn["label"], int(drawn["step"]))
        return TraceStep(
            step=number,
            mask=self._mask_at(number, entry["failure"]),
            scribble=scribble,
            seconds=float(entry["seconds"]),
            failure=entry["failure"],
        )

    def _mask_at(self, number: int, failure: str | None) -> NDArray[np.bool_] | None:
        """Mask of a step; after a failure the last one that was written, if any."""
        first = number if failure is None else number - 1
        for step in range(first, -1, -1):
            path = self.folder / f"step_{step}.nii.gz"
            if failure is None or path.is_file():
                return read_label(path).mask()
        return None
