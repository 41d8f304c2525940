"""Lesions out of a segmentation made elsewhere, ready to be corrected."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging.dicom.segmentation_reading import read_dicom_seg
from lesionloop.imaging.grid import Grid
from lesionloop.quantification.lesions import split_lesions

__all__ = ["read_lesion_seg"]


def read_lesion_seg(
    path: Path | str, grid: Grid, *, segments: Collection[int] | None = None
) -> NDArray[np.unsignedinteger[Any]]:
    """Read a DICOM SEG and split it into lesions.

    A segment that holds several separate parts becomes as many lesions; lesions that touch stay
    apart when they are segments of their own. Where segments overlap the highest number stays, and
    a warning says so. See :func:`lesionloop.read_dicom_seg` for a SEG on another grid.

    Args:
        path: the SEG file, of any maker.
        grid: of the study's PET.
        segments: numbers of the segments that are lesions; None: all of them.

    Returns:
        Labels [x, y, z] on ``grid``, numbered by falling volume, as
        :func:`lesionloop.quantification.split_lesions` gives them.

    Raises:
        InputError: the file cannot be read, a segment does not exist, or it does not lie in the
            grid; see :func:`lesionloop.read_dicom_seg`.
    """
    return split_lesions(read_dicom_seg(path, grid, segments=segments, as_labels=True).values)
