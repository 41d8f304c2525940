"""The component that a simulated scribble is drawn on: the largest one in any axial slice.

The mask is reduced to its non-empty rows along x, each row to runs, and runs that touch in adjacent
rows are joined as a graph. So the whole volume is read once, and the work after that grows with the
surface of the lesions only.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from lesionloop.errors import InputError

__all__ = ["Component", "Rows", "TieRule", "largest_component", "occupied_rows", "require_mask"]

#: How equally large components of one slice are ranked, see `largest_component`.
TieRule = Literal["block", "voxel"]

#: Voxels turned into runs at a time; bounds the memory on masks that are mostly noise.
_SLAB_VOXELS = 1 << 23


@dataclass(frozen=True, eq=False)
class Component:
    """The part of an axial slice that a scribble is drawn on.

    Attributes:
        image: bool [x, y], the part alone, cut to its bounding box; one 8-connected piece, or
            several where a caller wants them taken together.
        origin: x and y index in the slice of ``image[0, 0]``.
        z: index of the slice.
        slice_shape: voxels of the whole slice along x and y.
    """

    image: NDArray[np.bool_]
    origin: tuple[int, int]
    z: int
    slice_shape: tuple[int, int]


@dataclass(frozen=True, eq=False)
class Rows:
    """The non-empty rows of a mask, ordered by z, then y.

    Attributes:
        values: bool (n, number of x), one row each.
        y: (n,) index of each row.
        z: (n,) index of each row.
        shape: voxels of the mask along x, y, z.
    """

    values: NDArray[np.bool_]
    y: NDArray[np.int64]
    z: NDArray[np.int64]
    shape: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class _Runs:
    """Runs of foreground along x, ordered by z, then y, then x; ``stop`` is exclusive."""

    start: NDArray[np.int64]
    stop: NDArray[np.int64]
    y: NDArray[np.int64]
    z: NDArray[np.int64]

    def select(self, which: NDArray[Any]) -> "_Runs":
        return _Runs(self.start[which], self.stop[which], self.y[which], self.z[which])


def require_mask(mask: NDArray[Any], name: str = "mask") -> None:
    """Refuse what is not a 3-D array of booleans or numbers.

    Raises:
        InputError: names the argument, its shape and its type.
    """
    if mask.ndim != 3 or mask.dtype.kind not in "biuf":
        raise InputError(
            f"the {name} has shape {mask.shape} and type {mask.dtype}",
            cause="A mask is a 3-D array [x, y, z] of booleans or numbers.",
        )


def occupied_rows(*masks: NDArray[Any]) -> tuple[Rows, ...]:
    """Take from each mask the rows along x in which at least one of the masks is not empty.

    All results have the same rows, so masks can be combined row by row, and nothing of the size of
    the volume is allocated unless the masks fill it.

    Args:
        masks: [x, y, z] of one shape; voxels other than 0 are foreground. Any memory order;
            x-fastest is the quickest.
    """
    occupied = _any_along_x(masks[0])
    for mask in masks[1:]:
        occupied |= _any_along_x(mask)
    z, y = np.nonzero(occupied.T)
    shape = (masks[0].shape[0], masks[0].shape[1], masks[0].shape[2])
    return tuple(Rows(_as_bool(mask.T[z, y]), y, z, shape) for mask in masks)


def largest_component(rows: Rows, ties: TieRule) -> Component | None:
    """Find the largest 8-connected component of all axial slices; None when there is none.

    It is the largest single component that counts, not the slice with most foreground. The lowest
    slice wins among equals. Inside that slice the component with the lowest key wins:

    * ``"block"``: (y div 2, x div 2), lowest over its voxels; the order in which cc3d >= 4.0
      numbers the components of a boolean slice. For slices of odd size the published code is
      undefined (cc3d mislabels them); the rule is applied there as well.
    * ``"voxel"``: (y, x) of its first voxel; the order for a slice of integers.

    Both are the rules for x-fastest arrays and are applied whatever the memory order.

    Source: autoPET V evaluation code, scribble simulation.
    """
    best: _Runs | None = None
    best_size = 0
    for slab in _slabs(rows):
        runs = _runs(slab)
        if not len(runs.start):
            continue
        label = _label(runs, rows.shape)
        size = np.bincount(label, weights=runs.stop - runs.start)
        if size.max() > best_size:
            best_size = int(size.max())
            best = _first_of(runs, label, size == best_size, ties)
    return None if best is None else _component(best, rows.shape)


def _any_along_x(mask: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether each row along x holds foreground, bool [y, z]."""
    if mask.dtype.kind in "iu" and mask.dtype.itemsize == 1:
        # The same question without converting every voxel.
        mask = mask.view(np.bool_)
    return np.asarray(mask.any(axis=0))


def _as_bool(values: NDArray[Any]) -> NDArray[np.bool_]:
    return values if values.dtype == np.bool_ else np.asarray(values != 0)


def _slabs(rows: Rows) -> list[Rows]:
    """Cut between slices so that no part is much larger than `_SLAB_VOXELS`."""
    step = max(1, _SLAB_VOXELS // max(1, rows.shape[0]))
    ends = np.arange(step, len(rows.z), step)
    cuts = np.unique([0, *np.searchsorted(rows.z, rows.z[ends]), len(rows.z)])
    return [
        Rows(rows.values[a:b], rows.y[a:b], rows.z[a:b], rows.shape)
        for a, b in pairwise(cuts.tolist())
    ]


def _runs(rows: Rows) -> _Runs:
    columns = np.flatnonzero(rows.values.any(axis=0))
    if not len(columns):
        none = np.empty(0, dtype=np.int64)
        return _Runs(none, none, none, none)
    low, width = int(columns[0]), int(columns[-1] - columns[0]) + 1
    # A background column between rows: a run never goes on into the next row.
    padded = np.zeros((len(rows.z) + 1, width + 1), dtype=np.bool_)
    padded[:-1, 1:] = rows.values[:, low : low + width]
    flat = padded.ravel()
    change = np.flatnonzero(flat[1:] != flat[:-1])
    row, start = np.divmod(change[0::2], width + 1)
    return _Runs(
        start=start + low,
        stop=start + low + change[1::2] - change[0::2],
        y=rows.y[row],
        z=rows.z[row],
    )


def _label(runs: _Runs, shape: tuple[int, int, int]) -> NDArray[np.int64]:
    """Number of the component of each run."""
    # One number line for all rows: rows follow each other at a fixed distance, with a free row
    # between slices, so "touches in the next row" is a search in two sorted arrays.
    pitch = shape[0] + 1
    row = (runs.z * (shape[1] + 1) + runs.y) * pitch
    start, stop = row + runs.start, row + runs.stop
    # Runs touch by corner as well: stop is exclusive, hence equality counts on both sides.
    first = np.searchsorted(stop, start + pitch, side="left")
    last = np.searchsorted(start, stop + pitch, side="right")
    count = np.maximum(last - first, 0)
    pointer = np.concatenate([[0], np.cumsum(count)])
    neighbour = np.arange(pointer[-1]) + np.repeat(first - pointer[:-1], count)
    graph = csr_array(
        (np.ones(len(neighbour), dtype=np.int8), neighbour, pointer),
        shape=(len(count), len(count)),
    )
    return np.asarray(connected_components(graph, directed=False)[1], dtype=np.int64)


def _first_of(
    runs: _Runs, label: NDArray[np.int64], wanted: NDArray[np.bool_], ties: TieRule
) -> _Runs:
    """Runs of the first component among those ``wanted``: lowest z, then the tie rule."""
    candidate = np.flatnonzero(wanted[label])
    candidate = candidate[runs.z[candidate] == runs.z[candidate[0]]]
    x, y = runs.start[candidate], runs.y[candidate]
    # lexsort is stable, its last key counts most.
    order = np.lexsort((x, y) if ties == "voxel" else (x // 2, y // 2))
    return runs.select(label == label[candidate[order[0]]])


def _component(runs: _Runs, shape: tuple[int, int, int]) -> Component:
    low_x, low_y = int(runs.start.min()), int(runs.y.min())
    image = np.zeros((int(runs.stop.max()) - low_x, int(runs.y.max()) - low_y + 1), dtype=np.bool_)
    length = runs.stop - runs.start
    before = np.cumsum(length) - length
    x = np.arange(int(length.sum())) + np.repeat(runs.start - before, length)
    image[x - low_x, np.repeat(runs.y, length) - low_y] = True
    return Component(image, (low_x, low_y), int(runs.z[0]), (shape[0], shape[1]))
