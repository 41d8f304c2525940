"""Lesions: the connected parts of a mask.

What counts as connected changes the score, so it is always an argument. autoPET V scores with 18
neighbours (voxels that share a face or an edge, not a corner alone).
"""

from typing import Any, Literal

import cc3d
import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError

__all__ = ["Connectivity", "label_lesions"]

#: Neighbours of a voxel: 6 share a face, 18 a face or an edge, 26 also a corner.
Connectivity = Literal[6, 18, 26]


def label_lesions(
    mask: NDArray[Any], *, connectivity: Connectivity
) -> tuple[NDArray[np.unsignedinteger[Any]], int]:
    """Number the connected parts of a mask.

    Args:
        mask: [x, y, z], bool or integers of 0 or more. Touching voxels of different values belong
            to different lesions.
        connectivity: 6, 18 or 26.

    Returns:
        Labels [x, y, z], 0 outside and 1 to n inside, and n. Which lesion gets which number is
        not defined.

    Raises:
        InputError: the connectivity is another number.
    """
    if connectivity not in (6, 18, 26):
        raise InputError(f"connectivity must be 6, 18 or 26, not {connectivity}")
    if mask.size == 0:
        return np.zeros(mask.shape, dtype=np.uint16), 0
    # As bytes: in cc3d 4.0 to 4.1.1 bool arrays of odd size can be labelled wrongly.
    values = mask.view(np.uint8) if mask.dtype == np.bool_ else mask
    labels, count = cc3d.connected_components(values, connectivity=connectivity, return_N=True)
    return labels, int(count)
