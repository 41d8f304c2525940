"""Pictures of a trace: the first mask and the last, with the scribbles, beside the reference."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lesionloop.imaging import Study
from lesionloop.interaction import Trace
from lesionloop.reporting import mip_picture, png_bytes

__all__ = ["draw_trace"]

#: SUV drawn black: the usual window for FDG; wider where the lesions are hotter than that.
_LEAST_WINDOW_SUV = 10.0
_HEIGHT_PX = 480
_COLOURS = 256


def draw_trace(
    study: Study, trace: Trace, reference: NDArray[np.bool_]
) -> tuple[tuple[str, bytes], ...]:
    """Caption and PNG of the first and the last mask, from the front.

    Args:
        study: gives the PET.
        trace: of the loop.
        reference: bool [x, y, z].
    """
    uptake = study.pet.values[reference]
    window = max(_LEAST_WINDOW_SUV, float(np.median(uptake)) * 1.5 if uptake.size else 0.0)
    last = trace.steps[-1]
    shown = [("First mask", trace.steps[0], None), (f"Step {last.step}", last, trace.scribbles)]
    pictures = []
    for caption, step, scribbles in shown:
        masks = {"reference": reference}
        if step.mask is not None:
            masks["mask"] = step.mask
        picture = mip_picture(
            study.pet, masks=masks, scribbles=scribbles, suv_max=window, height_px=_HEIGHT_PX
        )
        # A palette is enough for greys and a few colours, and makes the report a third as large.
        pictures.append(
            (caption, png_bytes(picture.quantize(_COLOURS, Image.Quantize.MAXCOVERAGE)))
        )
    return tuple(pictures)
