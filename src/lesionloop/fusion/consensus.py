"""STAPLE: one probability map from several masks, each weighed by how far it agrees.

Warfield, Zou and Wells, IEEE Trans Med Imaging 2004; 23: 903-921, as SimpleITK has it: the share of
foreground over all masks and voxels is the prior, so the result depends on how much background is
in the box. The box belongs to the result.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError

__all__ = ["Staple", "staple"]

#: Steps at most; it ends when nothing changes.
_MOST_STEPS = 1000


@dataclass(frozen=True, eq=False)
class Staple:
    """What STAPLE gives.

    Args:
        probability: of foreground, float64 [x, y, z].
        sensitivity, specificity: of each mask, in their order.
        steps: that it took.
    """

    probability: NDArray[np.float64]
    sensitivity: tuple[float, ...]
    specificity: tuple[float, ...]
    steps: int


def staple(masks: Sequence[NDArray[np.bool_]]) -> Staple:
    """Fuse masks on one grid.

    Args:
        masks: two or more, bool [x, y, z], of one shape. When all are empty, so is the result.

    Raises:
        InputError: less than two masks, their shapes differ, or SimpleITK is not installed.
    """
    if len(masks) < 2:
        raise InputError(f"STAPLE fuses two masks or more, not {len(masks)}")
    shapes = {mask.shape for mask in masks}
    if len(shapes) > 1:
        raise InputError(f"STAPLE needs masks of one shape, not of {sorted(shapes)}")
    if not any(mask.any() for mask in masks):  # nothing to estimate: ITK would give NaN
        nan = (float("nan"),) * len(masks)
        return Staple(np.zeros(masks[0].shape), nan, nan, 0)
    try:
        import SimpleITK as sitk  # noqa: N813, PLC0415  (an extra, and heavy)
    except ImportError as error:
        raise InputError(
            "label fusion needs SimpleITK",
            cause="The package is missing.",
            remedy="Install it: pip install 'lesionloop[register]'.",
        ) from error
    images = [
        sitk.GetImageFromArray(np.ascontiguousarray(mask.transpose(2, 1, 0)).astype(np.uint8))
        for mask in masks
    ]
    fusion = sitk.STAPLEImageFilter()
    fusion.SetForegroundValue(1.0)
    fusion.SetMaximumIterations(_MOST_STEPS)
    fused = sitk.GetArrayFromImage(fusion.Execute(images)).transpose(2, 1, 0)
    return Staple(
        np.asarray(fused, dtype=np.float64),
        tuple(fusion.GetSensitivity()),
        tuple(fusion.GetSpecificity()),
        int(fusion.GetElapsedIterations()),
    )
