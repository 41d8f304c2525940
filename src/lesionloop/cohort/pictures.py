"""Pictures of a trace: the first mask and the last, with the scribbles, beside the reference.

They lie in the trace's folder, so that a report of thousands of runs need not hold them all.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lesionloop.imaging import Study
from lesionloop.output import write_bytes
from lesionloop.reporting import DrawnScribble, mip_picture, png_bytes

if TYPE_CHECKING:
    from lesionloop.interaction import Trace

__all__ = ["LAST_PICTURE", "front_png", "read_pictures", "write_pictures"]

#: SUV drawn black: the usual window for FDG; wider where the lesions are hotter than that.
_LEAST_WINDOW_SUV = 10.0
_HEIGHT_PX = 480
_COLOURS = 256

FIRST_PICTURE, LAST_PICTURE = "first.png", "last.png"


def write_pictures(
    study: Study, trace: "Trace", reference: NDArray[np.bool_], folder: Path
) -> None:
    """Draw the first and the last mask from the front, into ``first.png`` and ``last.png``.

    Args:
        study: gives the PET.
        trace: of the loop.
        reference: bool [x, y, z].
        folder: of the trace.

    Raises:
        OutputError: the folder cannot be written.
    """
    shown = [
        (FIRST_PICTURE, trace.steps[0], None),
        (LAST_PICTURE, trace.steps[-1], trace.scribbles),
    ]
    for name, step, scribbles in shown:
        masks = {"reference": reference}
        if step.mask is not None:
            masks["mask"] = step.mask
        write_bytes(folder / name, front_png(study, reference, masks=masks, scribbles=scribbles))


def front_png(
    study: Study,
    lesions: NDArray[np.bool_],
    *,
    masks: Mapping[str, NDArray[Any]],
    scribbles: Iterable[DrawnScribble] | None = None,
) -> bytes:
    """PNG of the PET from the front, in a window that lets the lesions be told apart.

    Args:
        study: gives the PET.
        lesions: bool [x, y, z], for the window.
        masks: name -> array [x, y, z] to outline.
        scribbles: to draw.
    """
    uptake = study.pet.values[lesions]
    window = max(_LEAST_WINDOW_SUV, float(np.median(uptake)) * 1.5 if uptake.size else 0.0)
    picture = mip_picture(
        study.pet, masks=masks, scribbles=scribbles, suv_max=window, height_px=_HEIGHT_PX
    )
    # A palette is enough for greys and a few colours, and makes the report a third as large.
    return png_bytes(picture.quantize(_COLOURS, Image.Quantize.MAXCOVERAGE))


def read_pictures(folder: Path, last_step: int) -> tuple[tuple[str, bytes], ...]:
    """Caption and PNG of the pictures of a trace, as far as they are there."""
    named = ((FIRST_PICTURE, "First mask"), (LAST_PICTURE, f"Step {last_step}"))
    return tuple(
        (caption, (folder / name).read_bytes())
        for name, caption in named
        if (folder / name).exists()
    )
