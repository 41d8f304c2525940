"""Which voxels of a sparse mask are set, found without labelling or copying the whole volume.

Lesions fill a few thousandths of a whole-body scan. Memory is read once, eight bytes at a time;
what follows works on the list of set voxels.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["occupied_voxels"]


def occupied_voxels(values: NDArray[Any]) -> NDArray[np.intp]:
    """Positions, (n,), of the values that are not 0, in x-fastest order.

    Position ``x + nx * (y + ny * z)`` is voxel (x, y, z), the order of
    ``values.ravel(order="F")``. Sorted, whatever the order in memory.

    Args:
        values: [x, y, z], bool or numbers.
    """
    if values.flags.f_contiguous:
        return _set_in(values.ravel(order="F"))
    if not values.flags.c_contiguous:
        return _set_in(np.asfortranarray(values).ravel(order="F"))
    index = np.unravel_index(_set_in(values.ravel()), values.shape)
    found = np.asarray(np.ravel_multi_index(index, values.shape, order="F"), dtype=np.intp)
    found.sort()
    return found


def _set_in(flat: NDArray[Any]) -> NDArray[np.intp]:
    """Positions of values that are not 0 in a contiguous line of them."""
    each = flat.itemsize
    if each not in (1, 2, 4) or flat.dtype.kind not in "biu":
        return np.flatnonzero(flat)
    per_word = 8 // each
    whole = flat.size - flat.size % per_word
    words = np.flatnonzero(flat[:whole].view(np.uint64) != 0)
    near = (words[:, None] * per_word + np.arange(per_word)).ravel()
    tail = np.arange(whole, flat.size)
    candidates = np.concatenate([near, tail])
    return np.asarray(candidates[flat[candidates] != 0])
