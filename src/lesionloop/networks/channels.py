"""The input channels of an interactive network, in order; no torch here, inference reads it too."""

from enum import IntEnum

__all__ = ["CHANNELS", "NO_CT_HU", "NO_SCRIBBLE_MM", "OUTSIDE_HU", "Channel"]


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

#: Distance that stands for "no scribble of this class", mm: further than any body is long.
NO_SCRIBBLE_MM = 1e4

#: CT outside the field, HU (air), and the constant that stands for a missing CT.
OUTSIDE_HU = -1000.0
NO_CT_HU = 0.0
