"""The input channels of an interactive network, in order; no torch here, inference reads it too."""

from enum import IntEnum
from typing import Any

import edt
import numpy as np
from numpy.typing import NDArray

from lesionloop.scribbles.guidance import geodesic_distance

__all__ = [
    "CHANNELS",
    "GUIDANCE_REACH_MM",
    "NO_CT_HU",
    "NO_SCRIBBLE_MM",
    "OUTSIDE_HU",
    "Channel",
    "scribble_channel",
]


class Channel(IntEnum):
    """Index of each input channel; all are float32 volumes in physical quantities."""

    PET = 0  # SUV (body weight)
    CT = 1  # HU; NO_CT_HU everywhere where a study has no CT
    FOREGROUND = 2  # distance to the nearest foreground scribble voxel, mm
    BACKGROUND = 3  # distance to the nearest background scribble voxel, mm
    PREVIOUS = 4  # probability of lesion in the previous mask, 0 where there is none
    TRACER = 5  # +1 FDG, -1 PSMA, 0 unknown
    FIELD = 6  # 1 inside the scanned field, 0 in padding


CHANNELS = len(Channel)

#: Guidance is bounded: far from a scribble it is 0 and the network behaves as in the first pass.
GUIDANCE_REACH_MM = 40.0

#: Way that a change by 1 SUV is worth in geodesic guidance, mm.
_SUV_MM = 4.0

#: Distance that stands for "no scribble of this class", mm: further than any body is long.
NO_SCRIBBLE_MM = 1e4

#: CT outside the field, HU (air), and the constant that stands for a missing CT.
OUTSIDE_HU = -1000.0
NO_CT_HU = 0.0


def scribble_channel(
    points: NDArray[np.int64], pet: NDArray[Any], spacing_mm: float, *, geodesic: bool = False
) -> NDArray[np.float32]:
    """Channel of one class of scribbles, mm, float32 [x, y, z].

    Args:
        points: (n, 3) scribbled voxels, n may be 0.
        pet: SUV [x, y, z].
        spacing_mm: of its cubes.
        geodesic: count a change of the uptake as way, up to `GUIDANCE_REACH_MM`; else the
            Euclidean distance.
    """
    if not len(points):
        return np.full(pet.shape, NO_SCRIBBLE_MM, dtype=np.float32)
    spacing = (spacing_mm, spacing_mm, spacing_mm)
    if geodesic:
        return geodesic_distance(
            points, pet, spacing, suv_weight_mm=_SUV_MM, limit_mm=GUIDANCE_REACH_MM
        )
    away = np.ones(pet.shape, dtype=np.uint8)
    away[tuple(points.T)] = 0
    return np.asarray(edt.edt(away, anisotropy=spacing, parallel=1), dtype=np.float32)
