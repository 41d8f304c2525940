"""Lesions of a mask: its connected parts, numbered from the largest.

Voxels that share a face or an edge belong together (18 neighbours), as the challenge's scores count
them.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.occupied import occupied_voxels
from lesionloop.metrics import Connectivity, label_lesions

__all__ = ["LESION_CONNECTIVITY", "split_lesions"]

#: Neighbours that count as connected.
LESION_CONNECTIVITY: Connectivity = 18

_BLOCK = 8  # voxels along an edge of the blocks that parts are first sought in


def split_lesions(mask: ArrayLike) -> NDArray[np.unsignedinteger[Any]]:
    """Number the lesions of a mask by falling volume.

    Lesions of equal volume are numbered by their first voxels, x fastest, then y, then z. What is
    connected is first sought in blocks of 8 voxels, then voxel by voxel in the box of each part:
    the time goes with the size of the lesions, not with that of the scan.

    Args:
        mask: [x, y, z], bool or whole numbers of 0 or more; above 0 is lesion. Touching voxels of
            different numbers belong to different lesions.

    Returns:
        [x, y, z], x fastest in memory: 0 outside, 1 to n inside; uint16, or uint32 when n is above
        65535.

    Raises:
        InputError: not three axes, or values that are neither bool nor whole numbers of 0 or more.
    """
    values = np.asarray(mask)
    if values.ndim != 3 or values.dtype.kind not in "bui":
        raise InputError(
            f"lesions are split from a mask [x, y, z] of whole numbers, not from an array of shape"
            f" {values.shape} and type {values.dtype}"
        )
    found = occupied_voxels(values)
    index = np.array(np.unravel_index(found, values.shape, order="F")).T
    held = values[tuple(index.T)]
    if held.size and held.dtype.kind == "i" and held.min() < 0:
        raise InputError("a mask holds numbers of 0 or more", cause=f"Lowest: {held.min()}.")
    numbers = _number(index, held)
    size = np.uint16 if numbers.max(initial=0) <= np.iinfo(np.uint16).max else np.uint32
    labels = np.zeros(values.shape, dtype=size, order="F")
    labels.ravel(order="F")[found] = numbers
    return labels


def _number(index: NDArray[np.intp], held: NDArray[Any]) -> NDArray[np.int64]:
    """Lesion of each set voxel, (n,); ``index`` is (n, 3) with x fastest, ``held`` the values."""
    raw = np.zeros(len(index), dtype=np.int64)
    count = 0
    for part in _parts(index):
        places = index[part]
        start = places.min(axis=0)
        box = np.zeros(places.max(axis=0) - start + 1, dtype=_unsigned(held), order="F")
        where = tuple((places - start).T)
        box[where] = held[part]
        labels, found = label_lesions(box, connectivity=LESION_CONNECTIVITY)
        raw[part] = labels[where].astype(np.int64) + count
        count += found
    if not count:
        return raw
    volumes = np.bincount(raw, minlength=count + 1)[1:]
    firsts = np.full(count, len(raw))
    np.minimum.at(firsts, raw - 1, np.arange(len(raw)))
    order = np.lexsort((firsts, -volumes))
    ranks = np.empty(count + 1, dtype=np.int64)
    ranks[order + 1] = np.arange(1, count + 1)
    return ranks[raw]


def _unsigned(held: NDArray[Any]) -> np.dtype[Any]:
    return np.dtype(np.uint8) if held.dtype == bool else np.dtype(f"u{held.dtype.itemsize}")


def _parts(index: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Voxels, as positions in ``index``, of each group of touching blocks: nothing in one group is
    connected with anything in another."""
    if not len(index):
        return []
    blocks = index // _BLOCK
    blocks -= blocks.min(axis=0)
    coarse = np.zeros(blocks.max(axis=0) + 1, dtype=np.uint8, order="F")
    coarse[tuple(blocks.T)] = 1
    group = label_lesions(coarse, connectivity=26)[0][tuple(blocks.T)]
    order = np.argsort(group, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(group[order])) + 1)
