"""The challenge's folder layout, from the side of the platform: inputs written, the mask read.

Written: ``images/ct``, ``images/pet``, ``lesion-clicks.json``; read:
``images/tumor-lesion-segmentation``.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study, read_label, write_volume
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.protocol import StepFailureError

__all__ = ["make_output", "read_output", "write_input"]

_CLICKS = "lesion-clicks.json"
_MASKS = Path("images") / "tumor-lesion-segmentation"


def write_input(folder: Path, study: Study, scribbles: ScribbleSet) -> None:
    """Write a study and all scribbles so far; without a PET or a CT its folder is empty."""
    # One name for all cases, as on the platform: a name tells an algorithm nothing.
    pet = study.pet if study.has_pet else None
    for kind, volume in (("pet", pet), ("ct", study.ct)):
        place = folder / "images" / kind
        place.mkdir(parents=True)
        if volume is not None:
            write_volume(volume, place / "case.mha")
    scribbles.write(folder / _CLICKS)


def make_output(folder: Path) -> None:
    """Make the folders into which the mask belongs."""
    (folder / _MASKS).mkdir(parents=True)


def read_output(folder: Path, study: Study, who: str) -> NDArray[np.bool_]:
    """The mask that was left, bool [x, y, z].

    Args:
        folder: the output folder.
        study: whose grid the mask must have.
        who: "the command", for messages.

    Raises:
        StepFailureError: there is not one mask, it cannot be read, or has another shape.
    """
    found = sorted((folder / _MASKS).glob("*.mha"))
    if len(found) != 1:
        raise StepFailureError(f"{who} left {len(found)} masks instead of one")
    try:
        label = read_label(found[0])
    except InputError as error:
        raise StepFailureError(f"{who}'s mask cannot be read: {error.what}") from error
    if label.grid.shape != study.grid.shape:
        raise StepFailureError(
            f"{who} gave a mask of shape {label.grid.shape}, the study has {study.grid.shape}"
        )
    return label.mask()
