"""Connected lesions as lists of voxels: small beside the box that they are in."""

import cc3d
import numpy as np
from numpy.typing import NDArray

__all__ = ["Labels", "Voxels", "number_lesions", "voxels_by_number"]

Labels = NDArray[np.int32]
#: (n, 3), each x, y, z.
Voxels = NDArray[np.intp]

#: Lesions are connected over faces, edges and corners.
_CONNECTIVITY = 26


def number_lesions(mask: NDArray[np.bool_]) -> Labels:
    """Connected lesions of a mask as numbers from 1, 0 outside; int32 [x, y, z]."""
    return np.asarray(cc3d.connected_components(mask, connectivity=_CONNECTIVITY), dtype=np.int32)


def voxels_by_number(labels: Labels) -> list[Voxels]:
    """The voxels of lesion 1, 2, ..."""
    voxels = np.argwhere(labels)
    numbers = labels[tuple(voxels.T)]
    order = np.argsort(numbers, kind="stable")
    ends = np.flatnonzero(np.diff(numbers[order])) + 1
    return list(np.split(voxels[order], ends)) if len(voxels) else []
