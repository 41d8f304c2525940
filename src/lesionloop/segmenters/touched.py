"""What a stroke touches: the parts of a mask under it, as far as it reaches."""

from typing import TypeAlias

import edt
import numpy as np
from numpy.typing import NDArray

from lesionloop.segmenters.boxes import Box, box_around, within
from lesionloop.segmenters.parts import label_parts
from lesionloop.segmenters.strokes import Stroke

__all__ = ["Region", "distance_mm", "touched_region"]

#: Voxels of a box.
Region: TypeAlias = tuple[Box, NDArray[np.bool_]]

Spacing: TypeAlias = tuple[float, float, float]


def touched_region(
    mask: NDArray[np.bool_],
    stroke: Stroke,
    others: NDArray[np.int64],
    *,
    spacing: Spacing,
    reach_mm: float,
) -> Region:
    """The parts of a mask that hold a point of the stroke, cut where its say ends.

    Parts are 18-connected within the stroke's reach.

    Args:
        mask: bool [x, y, z].
        stroke: inside the mask's grid.
        others: points (n, 3) of the other class; what is nearer to one of them is left out.
        spacing: of the voxels, mm.
        reach_mm: straight distance to the stroke at which its say ends.
    """
    box = box_around(stroke.points, np.ceil(reach_mm / np.array(spacing)), mask.shape)
    local = tuple(within(stroke.points, box).T)
    distance = distance_mm(local, mask[box].shape, spacing)
    labels, _ = label_parts(mask[box])
    touched = np.unique(labels[local])
    region = np.isin(labels, touched[touched > 0]) & (distance <= reach_mm)
    near = within(others, box)
    if len(near):
        region &= distance < distance_mm(tuple(near.T), labels.shape, spacing)
    return box, region


def distance_mm(
    points: tuple[NDArray[np.int64], ...], shape: tuple[int, ...], spacing: Spacing
) -> NDArray[np.float32]:
    """Straight distance in mm to the nearest of points, float32 [x, y, z]."""
    outside = np.ones(shape, dtype=bool, order="F")
    outside[points] = False
    distance: NDArray[np.float32] = edt.edt(outside, anisotropy=spacing)
    return distance
