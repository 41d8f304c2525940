"""Components of a mask, numbered in the order in which a scan of the array meets them.

Voxels that share a face belong together. The first axis is the slowest of the scan, whatever the
order in memory: the first component is the one with the lowest x, then y, then z of its first
voxel. The released code's decisions depend on these numbers (see ``matching``).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lesionloop.metrics.lesions import label_lesions

__all__ = ["Components", "Shared", "number_components", "shared_voxels"]


@dataclass(frozen=True, eq=False)
class Components:
    """The components of one mask.

    Args:
        labels: [x, y, z], 0 outside and 1 to n inside, contiguous in the memory order of the mask.
        voxels: (n,) voxels of each.
        inside: (k,) positions in memory of all labelled voxels.
    """

    labels: NDArray[np.unsignedinteger[Any]]
    voxels: NDArray[np.int64]
    inside: NDArray[np.intp]

    @property
    def count(self) -> int:
        """Number of components."""
        return self.voxels.size


@dataclass(frozen=True)
class Shared:
    """A predicted and a reference component that overlap.

    Args:
        prediction: number of the predicted component, from 1.
        reference: number of the reference component, from 1.
        voxels: that both hold, 1 or more.
    """

    prediction: int
    reference: int
    voxels: int


def number_components(mask: NDArray[np.uint8]) -> Components:
    """Number the components of a mask [x, y, z] of 0 and 1, contiguous in memory."""
    labels, count = label_lesions(mask, connectivity=6)
    flat = labels.ravel(order="K")
    inside = np.flatnonzero(flat != 0)
    held = flat[inside]
    place = inside
    if not mask.flags.c_contiguous:  # x fastest: memory is not in the order of the scan
        index = np.unravel_index(inside, mask.shape, order="F")
        place = np.asarray(np.ravel_multi_index(index, mask.shape))
    first = np.full(count + 1, mask.size)
    np.minimum.at(first, held, place)
    number = np.zeros(count + 1, dtype=labels.dtype)
    number[np.argsort(first[1:]) + 1] = np.arange(1, count + 1)
    held = number[held]
    flat[inside] = held
    voxels = np.bincount(held, minlength=count + 1)[1:].astype(np.int64)
    return Components(flat.reshape(mask.shape, order=_order(mask)), voxels, inside)


def _order(mask: NDArray[np.uint8]) -> Literal["C", "F"]:
    return "C" if mask.flags.c_contiguous else "F"


def shared_voxels(prediction: Components, reference: Components) -> list[Shared]:
    """All pairs of components that overlap, by prediction and then by reference.

    Both have one shape and one memory order.
    """
    predicted = prediction.labels.ravel(order="K")[prediction.inside].astype(np.int64)
    referred = reference.labels.ravel(order="K")[prediction.inside]
    both = referred != 0
    keys = predicted[both] * (reference.count + 1) + referred[both]
    found, counts = np.unique(keys, return_counts=True)
    first, second = np.divmod(found, reference.count + 1)
    return [Shared(*row) for row in np.stack([first, second, counts], axis=1).tolist()]
