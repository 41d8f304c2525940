"""The part of a volume or a study in a box of voxels; its voxels stay where they are."""

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.study import Study
from lesionloop.imaging.volume import Volume

__all__ = ["MARGIN", "Box", "crop", "crop_grid", "crop_study", "foreground_box", "region_box"]

#: One slice per axis x, y, z; all three are ``slice(0, 0)`` when there is nothing to hold.
Box: TypeAlias = tuple[slice, slice, slice]

_NOTHING: Box = (slice(0, 0), slice(0, 0), slice(0, 0))

#: Share of each side of a region's box that is added at both ends, as the method that won the
#: TriALS challenge of 2025 has it (arXiv 2605.16572).
MARGIN = 0.05


def foreground_box(values: NDArray[Any]) -> Box:
    """Return the box of the voxels of ``values`` [x, y, z] that are not zero.

    Contiguous memory is scanned once, in the order in which it lies, whether x or z is fastest.
    """
    if values.flags.f_contiguous and not values.flags.c_contiguous:
        z, y, x = _box_slowest_first(values.T)
        return x, y, z
    return _box_slowest_first(values)


def _box_slowest_first(values: NDArray[Any]) -> Box:
    first = _extent(np.any(values, axis=(1, 2)))
    if first.stop == 0:
        return _NOTHING
    plane = np.asarray(np.any(values[first], axis=0))
    return first, _extent(np.any(plane, axis=1)), _extent(np.any(plane, axis=0))


def _extent(occupied: ArrayLike) -> slice:
    found = np.flatnonzero(occupied)
    return slice(int(found[0]), int(found[-1]) + 1) if found.size else slice(0, 0)


def region_box(region: Volume, *, margin: float = MARGIN, least_mm: float = 0.0) -> Box:
    """Box around a region and a rim, cut at the grid.

    Args:
        region: [x, y, z]; inside is what is above 0.
        margin: share of each side of the box that is added at both ends, in whole voxels upwards.
        least_mm: added at both ends at the least, mm.

    Raises:
        InputError: the region is empty, or the margin is not a number from 0.
    """
    if not (0 <= margin < np.inf and 0 <= least_mm < np.inf):
        raise InputError(f"a margin is a number from 0, not {margin:g} and {least_mm:g} mm")
    box = foreground_box(region.mask())
    if box[0].stop == 0:
        raise InputError(
            f"the region {region.source} is empty",
            cause="No voxel is above 0, so there is nothing to look around.",
            remedy="Give a mask or label map whose inside is above 0.",
        )
    grown = []
    for side, spacing, length in zip(box, region.grid.spacing, region.grid.shape, strict=True):
        rim = int(np.ceil(max(margin * (side.stop - side.start), least_mm / spacing)))
        grown.append(slice(max(0, side.start - rim), min(length, side.stop + rim)))
    return (grown[0], grown[1], grown[2])


def crop_grid(grid: Grid, box: Box) -> Grid:
    """The grid of the voxels in a box; the origin moves along the grid's own axes.

    Raises:
        InputError: no voxel is in the box.
    """
    starts, sizes = [], []
    for side, length in zip(box, grid.shape, strict=True):
        voxels = range(*side.indices(length))
        starts.append(voxels.start)
        sizes.append(len(voxels))
    origin = grid.to_world(starts)
    return replace(
        grid,
        shape=(sizes[0], sizes[1], sizes[2]),
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
    )


def crop(volume: Volume, box: Box) -> Volume:
    """The part of a volume in a box, a view.

    Raises:
        InputError: no voxel is in the box.
    """
    return replace(volume, values=volume.values[box], grid=crop_grid(volume.grid, box))


def crop_study(study: Study, box: Box) -> Study:
    """The part of a study in a box, views; the CT on its own grid is left behind.

    Raises:
        InputError: no voxel is in the box.
    """
    ct = None if study.ct is None else crop(study.ct, box)
    return replace(study, pet=crop(study.pet, box), ct=ct, load_native_ct=None)
