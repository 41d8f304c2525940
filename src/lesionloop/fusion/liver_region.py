"""The part of a scan around the liver: what is outside of it is neither registered nor fused."""

from lesionloop.errors import InputError
from lesionloop.imaging import Volume
from lesionloop.imaging.crop import MARGIN, Box, crop, region_box

__all__ = ["MARGIN", "crop", "liver_box"]


def liver_box(label: Volume, *, margin: float = MARGIN, least_mm: float = 0.0) -> Box:
    """Box around all of a label map, slices along x, y, z; see `region_box`.

    Args:
        label: [x, y, z]; liver and lesions are above 0.
        margin: share of each side that is added at both ends.
        least_mm: added at both ends at the least, mm.

    Raises:
        InputError: the map is empty, or the margin is negative.
    """
    if not label.values.any():
        raise InputError(
            f"{label.source} holds no liver",
            cause="All its voxels are 0, so there is nothing to look around.",
            remedy="Give a label map with the liver as 1 and lesions as 2.",
        )
    return region_box(label, margin=margin, least_mm=least_mm)
