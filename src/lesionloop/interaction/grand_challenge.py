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
_REMEDY = "Give the folder layout of the challenge: one .mha file in images/pet, one in images/ct."


@dataclass(frozen=True)
class StepReport:
    """What a step did: the mask file, scribble points read, seconds, notes for the log."""

    mask: Path
    points: int
    seconds: float
    notes: tuple[str, ...]


def run_step(input_folder: Path, output_folder: Path, segmenter: Segmenter) -> StepReport:
    """Run one step.

    Args:
        input_folder: as the platform mounts it; nothing is written there. A missing or empty
            ``images/ct`` is a study without CT, a missing ``lesion-clicks.json`` a first mask.
        output_folder: gets ``images/tumor-lesion-segmentation``.
        segmenter: makes the mask.

    Raises:
        InputError: the layout is not as described, or a file is damaged; nothing is written.
        OutputError: the mask cannot be written.
    """
    start = time.perf_counter()
    images = input_folder / "images"
    pet, ct = _find_image(images / "pet"), _find_image(images / "ct")
    if pet is None:
        raise InputError(f"there is no PET in {images / 'pet'}", remedy=_REMEDY)
    study = read_study(ct, pet)
    notes = list(study.provenance.notes)
    clicks = input_folder / _CLICKS
    if clicks.exists():
        scribbles = ScribbleSet.read(clicks, study.grid)
    else:
        scribbles = ScribbleSet()
        notes.append(f"There is no {_CLICKS}: this is a first mask.")
    mask = segmenter.open(study).segment(scribbles)
    out = output_folder / _MASK_FOLDER / f"{strip_ending(ct or pet)}.mha"
    write_mask(mask, study, out)
    points = len(scribbles.foreground) + len(scribbles.background)
    return StepReport(out, points, time.perf_counter() - start, tuple(notes))


def _find_image(folder: Path) -> Path | None:
    """The only .mha file of a folder; None when the folder is missing or empty.

    A folder with files but no .mha is refused: a CT must not get lost unnoticed.
    """
    try:
        files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(
            f"cannot list {folder}", cause=f"{error.strerror or error}.", remedy=_REMEDY
        ) from error
    found = [path for path in files if path.suffix.lower() == ".mha"]
    if files and len(found) != 1:
        raise InputError(
            f"{folder} must hold exactly one .mha file",
            cause=f"It holds {len(found)}, among {len(files)} files; the first is {files[0].name}.",
            remedy=_REMEDY,
        )
    return found[0] if found else None
