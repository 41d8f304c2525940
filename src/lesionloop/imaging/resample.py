"""From one grid to another: CT linearly, labels by the nearest voxel."""

from dataclasses import replace
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813  (the library's own short name)
from numpy.typing import NDArray

from lesionloop.imaging.grid import Grid
from lesionloop.imaging.volume import Volume

__all__ = ["AIR_HU", "from_image", "resample_ct", "resample_label", "to_image"]

#: HU given to places without CT, as in the autoPET data.
AIR_HU = -1024


def resample_ct(ct: Volume, grid: Grid) -> Volume:
    """CT on ``grid`` by linear interpolation; -1024 HU outside, and never below.

    Values below -1024 (scanners pad with -2000 or -3024) are raised to -1024 first, so that
    padding does not bleed into the body. Integer CT stays integer (rounded).
    """
    values = ct.values
    if values.dtype.kind not in "iuf" or values.dtype.itemsize > 4:
        values = values.astype(np.float32)
    if ct.grid.agrees_with(grid):
        if values.min() < AIR_HU:
            values = np.maximum(values, AIR_HU)
        return replace(ct, values=values, grid=grid)
    image = sitk.Clamp(to_image(values, ct.grid), lowerBound=AIR_HU, upperBound=float(values.max()))
    moved = _resample(image, grid, sitk.sitkLinear, AIR_HU)
    return replace(ct, values=from_image(moved), grid=grid)


def resample_label(label: Volume, grid: Grid) -> Volume:
    """Label map on ``grid``: each voxel takes the label of the nearest one, 0 outside."""
    if label.grid.agrees_with(grid):
        return replace(label, grid=grid)
    values = label.values.astype(np.uint8) if label.values.dtype == bool else label.values
    moved = _resample(to_image(values, label.grid), grid, sitk.sitkNearestNeighbor, 0)
    return replace(label, values=from_image(moved), grid=grid)


def to_image(values: NDArray[Any], grid: Grid) -> sitk.Image:
    """A SimpleITK image of an array [x, y, z]; the pixels are copied once."""
    image = sitk.GetImageFromArray(np.asarray(values).T)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(grid.direction)
    return image


def from_image(image: sitk.Image) -> NDArray[Any]:
    """The pixels as an array [x, y, z], x fastest in memory; copied once."""
    values: NDArray[Any] = sitk.GetArrayFromImage(image).T
    return values


def _resample(image: sitk.Image, grid: Grid, interpolator: int, outside: float) -> sitk.Image:
    return sitk.Resample(
        image,
        grid.shape,
        sitk.Transform(),
        interpolator,
        grid.origin,
        grid.spacing,
        grid.direction,
        outside,
        image.GetPixelID(),
    )
