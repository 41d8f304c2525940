"""One step of the challenge's loop in its folder layout (autoPET V spec, sections 1 and 6).

``images/ct/<name>.mha``, ``images/pet/<name>.mha`` and ``lesion-clicks.json`` come in, the mask
``images/tumor-lesion-segmentation/<name>.mha`` goes out under the CT's name. The input may be
read-only, the output empty; no state is kept between steps.
"""

import time
from dataclasses import dataclass
from pathlib import Path

from lesionloop.errors import InputError
from lesionloop.imaging import read_study, write_mask
from lesionloop.imaging.names import strip_ending
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import Segmenter

__all__ = ["StepReport", "run_step"]

_CLICKS = "lesion-clicks.json"
_MASK_FOLDER = Path("images") / "tumor-lesion-segmentation"


@dataclass(frozen=True)
class StepReport:
    """What a step did: the mask file, scribble points read, seconds, notes for the log."""

    mask: Path
    points: int
    seconds: float
    notes: tuple[str, ...]


def run_step(input_folder: Path, output_folder: Path, segmenter: Segmenter) -> StepReport:
    """Run one step.

    Raises:
        InputError: the layout is not as described, or a file is damaged.
        OutputError: the mask cannot be written.
    """
    start = time.perf_counter()
    pet = _only_image(input_folder / "images" / "pet", required=True)
    ct = _only_image(input_folder / "images" / "ct", required=False)
    study = read_study(ct, pet or "")
    notes = list(study.provenance.notes)
    clicks = input_folder / _CLICKS
    if clicks.exists():
        scribbles = ScribbleSet.read(clicks, study.grid)
    else:
        scribbles = ScribbleSet()
        notes.append(f"There is no {_CLICKS}: this is a first mask.")
    mask = segmenter.open(study).segment(scribbles)
    out = output_folder / _MASK_FOLDER / f"{strip_ending(ct or pet or '')}.mha"
    write_mask(mask, study, out)
    points = len(scribbles.foreground) + len(scribbles.background)
    return StepReport(out, points, time.perf_counter() - start, tuple(notes))


def _only_image(folder: Path, *, required: bool) -> Path | None:
    found = sorted(folder.glob("*.mha")) if folder.is_dir() else []
    if len(found) == 1 or (not found and not required):
        return found[0] if found else None
    raise InputError(
        f"{folder} must hold exactly one .mha file",
        cause=f"It holds {len(found)}.",
        remedy="Give the folder layout of the challenge: images/ct, images/pet.",
    )
