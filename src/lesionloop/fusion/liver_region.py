"""The part of a scan around the liver: what is outside of it is neither registered nor fused."""

from dataclasses import replace

import numpy as np

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Volume
from lesionloop.metrics.box import Box, foreground_box

__all__ = ["MARGIN", "crop", "liver_box"]

#: Share of each side of the liver's box that is added at both ends, as the method that won the
#: TriALS challenge of 2025 has it (arXiv 2605.16572).
MARGIN = 0.05


def liver_box(label: Volume, *, margin: float = MARGIN, least_mm: float = 0.0) -> Box:
    """Box around all of a label map, slices along x, y, z.

    Args:
        label: [x, y, z]; liver and lesions are above 0.
        margin: share of each side that is added at both ends.
        least_mm: added at both ends at the least, mm.

    Raises:
        InputError: the map is empty, or the margin is negative.
    """
    if margin < 0 or least_mm < 0:
        raise InputError(f"a margin is 0 or more, not {min(margin, least_mm)}")
    if not label.values.any():
        raise InputError(
            f"{label.source} holds no liver",
            cause="All its voxels are 0, so there is nothing to look around.",
            remedy="Give a label map with the liver as 1 and lesions as 2.",
        )
    box = foreground_box(label.values)
    grown = []
    for side, spacing, length in zip(box, label.grid.spacing, label.grid.shape, strict=True):
        extra = max(margin * (side.stop - side.start), least_mm / spacing)
        rim = int(np.ceil(extra))
        grown.append(slice(max(0, side.start - rim), min(length, side.stop + rim)))
    return (grown[0], grown[1], grown[2])


def crop(volume: Volume, box: Box) -> Volume:
    """The part of a volume in a box, a view; its voxels stay where they are in the patient."""
    starts = [side.indices(n)[0] for side, n in zip(box, volume.grid.shape, strict=True)]
    values = volume.values[box]
    origin = volume.grid.to_world(starts)
    shape = (values.shape[0], values.shape[1], values.shape[2])
    grid = Grid(
        shape=shape,
        spacing=volume.grid.spacing,
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
        direction=volume.grid.direction,
        frame_uid=volume.grid.frame_uid,
    )
    return replace(volume, values=values, grid=grid)
