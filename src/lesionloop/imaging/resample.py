"""From one grid to another: CT linearly, labels by the nearest voxel."""

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import affine_transform

from lesionloop.imaging.grid import Grid
from lesionloop.imaging.volume import Volume
from lesionloop.progress import tell

__all__ = ["AIR_HU", "resample_ct", "resample_label"]

#: HU given to places without CT, as in the autoPET data.
AIR_HU = -1024

_SLAB = 16  # slices resampled at once: small temporaries, and work for several threads


def resample_ct(ct: Volume, grid: Grid) -> Volume:
    """CT on ``grid`` by linear interpolation; -1024 HU outside, and never below.

    Values below -1024 (scanners pad with -2000 or -3024) are raised to -1024 first, so that
    padding does not bleed into the body. In the half voxel around the outermost centres the value
    at the border holds, as in ITK. Nothing is copied when the CT is on ``grid`` already and needs
    no change.

    Args:
        ct: values [x, y, z], finite.
        grid: where the CT is wanted.

    Returns:
        Whole numbers stay whole, rounded half to even: int16, or int32 where the CT's type needs
        it; all else is float32.
    """
    dtype = _ct_type(ct.values.dtype)
    values = ct.values.astype(dtype, copy=False)
    if values.min() < AIR_HU:
        values = np.maximum(values, dtype.type(AIR_HU))
    if not ct.grid.agrees_with(grid):
        values = _resample(values, ct.grid, grid, order=1, outside=AIR_HU)
    return replace(ct, values=values, grid=grid)


def resample_label(label: Volume, grid: Grid) -> Volume:
    """Label map on ``grid``: each voxel takes the label of the nearest one, 0 outside.

    The number type stays; nothing is copied when the map is on ``grid`` already.
    """
    values = label.values
    if not label.grid.agrees_with(grid):
        stored = values.view(np.uint8) if values.dtype == bool else values
        values = _resample(stored, label.grid, grid, order=0, outside=0).view(values.dtype)
    return replace(label, values=values, grid=grid)


def _ct_type(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """The number type of a CT on the PET grid; it can hold -1024."""
    if dtype.kind in "biu":
        for whole in (np.int16, np.int32):
            if np.can_cast(dtype, whole):
                return np.dtype(whole)
    return np.dtype(np.float32)


def _resample(
    values: NDArray[Any], source: Grid, target: Grid, *, order: int, outside: float
) -> NDArray[Any]:
    """``values`` of grid ``source`` on grid ``target``, in the same number type, x fastest."""
    to_source = np.linalg.inv(source.affine) @ target.affine
    to_source[np.abs(to_source) < 1e-12] = 0.0  # rounding of the inverse
    parallel = np.count_nonzero(to_source[:3, :3]) == 3 and to_source[:3, :3].diagonal().all()
    result = np.empty(target.shape, dtype=values.dtype, order="F")
    # Linear weights of whole numbers need decimals; int32 needs more than float32 has.
    precise = np.dtype(np.float64 if values.dtype == np.int32 else np.float32)

    def fill(start: int) -> None:
        stop = min(start + _SLAB, target.shape[2])
        slab = result[:, :, start:stop]
        matrix, offset = to_source[:3, :3], to_source[:3, 3] + to_source[:3, 2] * start
        # Transposed: the arrays are x-fastest, and the library runs through the last axis fastest.
        moved = affine_transform(
            values.T,
            matrix.diagonal()[::-1] if parallel else matrix[::-1, ::-1],  # the quicker path
            offset[::-1],
            slab.T.shape,
            output=values.dtype if order == 0 else precise,
            order=order,
            mode="nearest",
            prefilter=False,
        ).T
        if order and values.dtype.kind == "i":
            moved = np.rint(moved, out=moved)
        np.copyto(slab, moved, casting="unsafe")
        np.copyto(slab, outside, where=~_inside(matrix, offset, slab.shape, source.shape))

    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as pool:
        starts = range(0, target.shape[2], _SLAB)
        for number, _ in enumerate(pool.map(fill, starts)):
            tell((number + 1) / len(starts))
    return result


def _inside(
    matrix: NDArray[np.float64],
    offset: NDArray[np.float64],
    shape: tuple[int, ...],
    source_shape: tuple[int, int, int],
) -> NDArray[np.bool_]:
    """Which voxels of a slab lie in a voxel of the source: within half a voxel of its centres."""
    steps = np.ix_(*(np.arange(n) for n in shape))
    inside = np.ones((1, 1, 1), dtype=bool)
    for row, shift, n in zip(matrix, offset, source_shape, strict=True):
        place = np.full((1, 1, 1), shift)
        for weight, step in zip(row, steps, strict=True):
            if weight:  # parallel axes keep this a matter of one axis at a time
                place = place + weight * step
        inside = inside & (place >= -0.5) & (place < n - 0.5)
    return inside
