"""Which lesions of a prediction and of a reference share voxels, and how many.

Each side is labelled once and all pairs are counted in one pass over the shared voxels, so the
cost grows with the voxels of the lesions, not with lesions times voxels.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError
from lesionloop.metrics.box import crop_to_foreground
from lesionloop.metrics.lesions import Connectivity, label_lesions

__all__ = ["LesionOverlap", "find_overlap"]

#: An id above this is a fault of the file (an instance map numbers lesions from 1 up).
_HIGHEST_ID = 2**24

#: Up to so many possible pairs they are counted in a table, beyond by sorting.
_LARGEST_TABLE = 2**22

_Int = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class LesionOverlap:
    """Sizes of all lesions and of what they share.

    Args:
        reference_voxels: (n,) voxels per reference lesion; 0 for an id that an instance map does
            not use.
        prediction_voxels: (m,) voxels per predicted lesion.
        pairs: (k, 2) index of the reference lesion and of the predicted lesion, from 0, of each
            pair that shares a voxel.
        shared_voxels: (k,) voxels that the pair shares, 1 or more.
        dice_numerator: twice the sum of the products of both raw values.
        dice_denominator: the sum of all raw values of both.
    """

    reference_voxels: _Int
    prediction_voxels: _Int
    pairs: _Int
    shared_voxels: _Int
    dice_numerator: int
    dice_denominator: int

    def iou(self) -> NDArray[np.float64]:
        """Intersection over union of each pair, (k,), above 0 and at most 1."""
        union = (
            self.reference_voxels[self.pairs[:, 0]]
            + self.prediction_voxels[self.pairs[:, 1]]
            - self.shared_voxels
        )
        return np.asarray(self.shared_voxels / union, dtype=np.float64)


def find_overlap(
    prediction: ArrayLike, reference: ArrayLike, *, connectivity: Connectivity
) -> LesionOverlap:
    """Find the lesions of both volumes and the pairs that share voxels.

    Args:
        prediction: [x, y, z], bool or integers of 0 or more; lesions are connected parts of equal
            value.
        reference: [x, y, z] of the same shape. Up to a maximum of 1 a mask, whose lesions are its
            connected parts; above 1 an instance map: each id from 1 to the maximum is one lesion,
            connected or not.
        connectivity: 6, 18 or 26 neighbours.

    Raises:
        InputError: shapes differ; values are not integers, negative, or ids above 16.7 million.
    """
    predicted, referred = (
        _as_unsigned(values) for values in crop_to_foreground(prediction, reference)
    )
    labels, n_prediction = label_lesions(predicted, connectivity=connectivity)
    highest = int(referred.max(initial=0))
    if highest > 1:
        instances, n_reference = referred, highest
    else:
        instances, n_reference = label_lesions(referred, connectivity=connectivity)

    # Flat views; the cuts share one memory order, so one index serves all four.
    inside = _nonzero(predicted)
    inside_reference = _nonzero(referred)
    label = _flat(labels)[inside]
    instance = _flat(instances)[inside]
    shared = instance > 0
    pairs, shared_voxels = _count_pairs(instance[shared], label[shared], n_reference, n_prediction)

    value = _flat(predicted)[inside].astype(np.int64)
    reference_value = _flat(referred)
    return LesionOverlap(
        reference_voxels=_sizes(_flat(instances)[inside_reference], n_reference),
        prediction_voxels=_sizes(label, n_prediction),
        pairs=pairs,
        shared_voxels=shared_voxels,
        dice_numerator=2 * int((value * reference_value[inside]).sum()),
        dice_denominator=int(value.sum())
        + int(reference_value[inside_reference].sum(dtype=np.int64)),
    )


def _as_unsigned(values: NDArray[Any]) -> NDArray[Any]:
    """The same values as unsigned integers, without a copy where they already are."""
    if values.dtype == np.bool_:
        return values.view(np.uint8)
    if not np.issubdtype(values.dtype, np.integer):
        raise InputError(
            f"a mask must hold bool or integers, not {values.dtype}",
            remedy="Binarise it first, for instance with values > 0.",
        )
    lowest, highest = int(values.min(initial=0)), int(values.max(initial=0))
    if lowest < 0 or highest > _HIGHEST_ID:
        raise InputError(
            f"a mask holds the value {lowest if lowest < 0 else highest}",
            cause=f"Masks are 0 and 1, instance maps number lesions from 1 to {_HIGHEST_ID}.",
            remedy="Binarise it, or number the lesions anew from 1.",
        )
    return values.astype(np.min_scalar_type(highest), order="K", copy=False)


def _flat(values: NDArray[Any]) -> NDArray[Any]:
    return values.ravel(order="K")


def _nonzero(values: NDArray[Any]) -> NDArray[np.intp]:
    # The comparison is not redundant: numpy finds True several times faster than a nonzero number.
    return np.flatnonzero(_flat(values) != 0)


def _sizes(labels: NDArray[Any], count: int) -> _Int:
    return np.bincount(labels, minlength=count + 1)[1:].astype(np.int64)


def _count_pairs(
    instance: NDArray[Any], label: NDArray[Any], n_reference: int, n_prediction: int
) -> tuple[_Int, _Int]:
    """Pairs (k, 2), from 0, and voxels (k,) of each, given both labels of every shared voxel."""
    keys = (instance.astype(np.int64) - 1) * n_prediction + (label.astype(np.int64) - 1)
    if n_reference * n_prediction <= _LARGEST_TABLE:
        table = np.bincount(keys)
        found = np.flatnonzero(table)
        counts = table[found]
    else:
        found, counts = np.unique(keys, return_counts=True)
    pairs = np.stack([found // max(n_prediction, 1), found % max(n_prediction, 1)], axis=1)
    return pairs.astype(np.int64), counts.astype(np.int64)
