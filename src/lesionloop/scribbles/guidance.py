"""Guidance maps: scribbles as volumes, so that a segmenter can weigh how near a voxel is to one.

Every map is a function of a list of points alone, or of points and SUV. A grid is given as a `Grid`
or as ``(shape, spacing)``: voxels and mm along x, y, z.
"""

from collections.abc import Iterator
from itertools import product
from typing import Any, Final

import edt
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import dijkstra

from lesionloop.errors import InputError
from lesionloop.imaging.crop import Box
from lesionloop.imaging.grid import Grid

__all__ = [
    "GAUSSIAN_REACH",
    "MAX_GEODESIC_VOXELS",
    "AnyGrid",
    "distance_map",
    "gaussian_map",
    "geodesic_distance",
    "voxel_map",
]

AnyGrid = Grid | tuple[tuple[int, int, int], tuple[float, float, float]]
_Shape = tuple[int, int, int]

#: Gaussians are cut to 0 beyond so many sigmas, where they are below 4e-6.
GAUSSIAN_REACH: Final = 5.0

#: Voxels that one geodesic map may have to search; it takes some 350 bytes for each.
MAX_GEODESIC_VOXELS: Final = 4_000_000


def voxel_map(points: ArrayLike, grid: AnyGrid) -> NDArray[np.float32]:
    """Return 1 at the points and 0 elsewhere.

    Args:
        points: (n, 3) voxel indices x, y, z; n may be 0.
        grid: the grid that the points index.

    Returns:
        float32 [x, y, z], x-fastest.

    Raises:
        InputError: points are not whole numbers of shape (n, 3), or one is outside the grid.
    """
    grid = _grid(grid)
    values = np.zeros(grid.shape, dtype=np.float32, order="F")
    values[tuple(_points(points, grid.shape).T)] = 1.0
    return values


def distance_map(
    points: ArrayLike, grid: AnyGrid, *, limit_mm: float | None = None, closeness: bool = False
) -> NDArray[np.float32]:
    """Return the distance in mm from each voxel centre to the nearest point's.

    Args:
        points: (n, 3) voxel indices x, y, z; n may be 0.
        grid: the grid that the points index.
        limit_mm: larger distances become this one, in mm, above 0; None for no limit. With a limit
            only the neighbourhood of the points is worked on.
        closeness: give ``max(0, 1 - distance / limit_mm)`` instead, without a unit: 1 at the
            points, 0 from the limit on. Needs a limit.

    Returns:
        float32 [x, y, z], x-fastest. Without points the distance is ``limit_mm`` everywhere, or
        infinite when there is no limit.

    Raises:
        InputError: points are not whole numbers of shape (n, 3), one is outside the grid, or the
            limit is missing or not above 0.
    """
    grid = _grid(grid)
    if limit_mm is not None:
        _check_length("limit_mm", limit_mm, at_least=None)
    elif closeness:
        raise InputError("closeness is relative to limit_mm, which is not given")
    far = np.inf if limit_mm is None else limit_mm
    distance = np.full(grid.shape, far, dtype=np.float32, order="F")
    for box, group in _neighbourhoods(_points(points, grid.shape), grid, limit_mm):
        free = np.ones([part.stop - part.start for part in box], dtype=np.uint8, order="F")
        free[tuple(group.T - np.array([[part.start] for part in box]))] = 0
        # Distance of the ones to the nearest zero; the border of the box is no zero.
        near = edt.edt(free, anisotropy=grid.spacing, black_border=False)
        np.minimum(distance[box], near, out=distance[box])
    if closeness:
        np.divide(distance, -np.float32(far), out=distance)
        distance += np.float32(1.0)
        np.maximum(distance, 0.0, out=distance)
    return distance


def gaussian_map(points: ArrayLike, grid: AnyGrid, *, sigma_mm: float) -> NDArray[np.float32]:
    """Return ``exp(-d^2 / (2 sigma_mm^2))``, d the distance in mm to the nearest point.

    So the value is 1 at each point, however close together they are. Beyond `GAUSSIAN_REACH` sigmas
    it is 0.

    Args:
        points: (n, 3) voxel indices x, y, z; n may be 0.
        grid: the grid that the points index.
        sigma_mm: width in mm; 0 gives `voxel_map`.

    Returns:
        float32 [x, y, z], x-fastest, in [0, 1].

    Raises:
        InputError: points are not whole numbers of shape (n, 3), one is outside the grid, or the
            width is negative.
    """
    _check_length("sigma_mm", sigma_mm, at_least=0.0)
    if sigma_mm == 0:
        return voxel_map(points, grid)
    grid = _grid(grid)
    reach_mm = GAUSSIAN_REACH * sigma_mm
    distance = distance_map(points, grid, limit_mm=reach_mm)
    values = np.zeros(grid.shape, dtype=np.float32, order="F")
    near = distance < np.float32(reach_mm)
    values[near] = np.exp(-0.5 * (distance[near] / np.float32(sigma_mm)) ** 2)
    return values


def geodesic_distance(
    points: ArrayLike,
    values: NDArray[Any],
    spacing: tuple[float, float, float],
    *,
    suv_weight_mm: float,
    limit_mm: float | None = None,
) -> NDArray[np.float32]:
    """Return the length in mm of the shortest way to a point, changes of SUV being a climb.

    Ways go from voxel to voxel over the 26 neighbours. A step of length l (mm) between voxels whose
    SUV differs by s costs ``sqrt(l^2 + (suv_weight_mm * s)^2)``. The result is exact for this graph
    and does not depend on the order of the points.

    Args:
        points: (n, 3) indices x, y, z into ``values``; n may be 0.
        values: SUV [x, y, z], finite. Give a crop: 0.3 to 0.6 s for 300,000 voxels on one core.
        spacing: mm between voxel centres along x, y, z.
        suv_weight_mm: mm of way that a change by 1 SUV is worth, 0 or more; with 0 the result is
            the length of the shortest 26-connected way.
        limit_mm: larger values become this one, in mm, above 0; None for no limit. With a limit
            only the neighbourhood of the points is searched.

    Returns:
        float32 [x, y, z] of the shape of ``values``, x-fastest. Without points it is ``limit_mm``
        everywhere, or infinite when there is no limit.

    Raises:
        InputError: points are not whole numbers of shape (n, 3), one is outside, values are not
            finite, a length is out of range, or more than `MAX_GEODESIC_VOXELS` must be searched.
    """
    if values.ndim != 3:
        raise InputError(f"the SUV values have shape {values.shape}, not three axes")
    grid = _grid((values.shape, spacing))
    _check_length("suv_weight_mm", suv_weight_mm, at_least=0.0)
    if limit_mm is not None:
        _check_length("limit_mm", limit_mm, at_least=None)
    seeds = _points(points, grid.shape)
    far = np.inf if limit_mm is None else limit_mm
    distance = np.full(grid.shape, far, dtype=np.float32, order="F")
    if not len(seeds):
        return distance
    # A way is never shorter than its length in mm, so a limit bounds the box as well.
    box = _box_around(seeds, grid, limit_mm)
    crop = np.ascontiguousarray(values[box], dtype=np.float64)
    if not np.isfinite(crop).all():
        raise InputError("SUV values are not all finite", remedy="Mend or mask the PET first.")
    if crop.size > MAX_GEODESIC_VOXELS:
        raise InputError(
            f"a geodesic map over {crop.size} voxels needs too much memory",
            remedy="Give a crop around the scribbles, or a limit_mm.",
        )
    start = np.ravel_multi_index(
        tuple((seeds - [part.start for part in box]).T), (crop.shape[0], *crop.shape[1:])
    )
    found = dijkstra(
        _graph(crop, grid.spacing, suv_weight_mm),
        indices=np.unique(start),
        min_only=True,
        limit=far,
    )
    np.minimum(distance[box], found.reshape(crop.shape), out=distance[box], casting="same_kind")
    return distance


def _graph(
    values: NDArray[np.float64], spacing: tuple[float, float, float], suv_weight_mm: float
) -> csr_array:
    """Costs between 26-neighbours. Each voxel has 26 entries; those out of the box cost infinity.

    With a fixed number per voxel the arrays of the sparse matrix are filled in place, which takes
    half the time of sorting a list of edges.
    """
    half = [step for step in product((-1, 0, 1), repeat=3) if step > (0, 0, 0)]
    cost = np.full((*values.shape, 26), np.inf)
    for index, step in enumerate(half):
        lower: Any = tuple(
            slice(max(0, -d), n - max(0, d)) for d, n in zip(step, values.shape, strict=True)
        )
        upper: Any = tuple(
            slice(max(0, d), n + min(0, d)) for d, n in zip(step, values.shape, strict=True)
        )
        length_squared = sum((d * mm) ** 2 for d, mm in zip(step, spacing, strict=True))
        climb = suv_weight_mm * (values[lower] - values[upper])
        climb *= climb
        climb += length_squared
        np.sqrt(climb, out=climb)
        cost[(*lower, index)] = climb
        cost[(*upper, index + 13)] = climb
    stride = np.array([values.shape[1] * values.shape[2], values.shape[2], 1])
    ahead = np.array(half) @ stride
    neighbour = np.arange(values.size, dtype=np.int32)[:, None] + np.concatenate(
        [ahead, -ahead]
    ).astype(np.int32)
    # Any valid number will do for a neighbour out of the box.
    np.clip(neighbour, 0, values.size - 1, out=neighbour)
    pointer = np.arange(0, 26 * values.size + 1, 26, dtype=np.int32)
    return csr_array(
        (cost.reshape(-1), neighbour.reshape(-1), pointer), shape=(values.size, values.size)
    )


def _neighbourhoods(
    points: NDArray[np.int64], grid: Grid, limit_mm: float | None
) -> Iterator[tuple[Box, NDArray[np.int64]]]:
    """Groups of near points, each with a box that holds all voxels within the limit of them."""
    if not len(points):
        return
    if limit_mm is None:
        yield _box_around(points, grid, None), points
        return
    # Groups by cells of twice the limit: scribbles far apart do not share one large box.
    cell = np.maximum(1, np.ceil(2 * limit_mm / np.array(grid.spacing))).astype(np.int64)
    _, group = np.unique(points // cell, axis=0, return_inverse=True)
    group = group.reshape(-1)
    for number in range(int(group.max()) + 1):
        members = points[group == number]
        yield _box_around(members, grid, limit_mm), members


def _box_around(points: NDArray[np.int64], grid: Grid, margin_mm: float | None) -> Box:
    if margin_mm is None:
        return slice(0, grid.shape[0]), slice(0, grid.shape[1]), slice(0, grid.shape[2])
    x, y, z = (
        slice(max(0, int(low - np.ceil(margin_mm / mm))), int(min(n, high + margin_mm // mm + 2)))
        for low, high, n, mm in zip(
            points.min(axis=0), points.max(axis=0), grid.shape, grid.spacing, strict=True
        )
    )
    return x, y, z


def _grid(grid: AnyGrid) -> Grid:
    return grid if isinstance(grid, Grid) else Grid(shape=grid[0], spacing=grid[1])


def _points(points: ArrayLike, shape: _Shape) -> NDArray[np.int64]:
    given = np.asarray(points)
    if given.size == 0:
        return np.empty((0, 3), dtype=np.int64)
    if given.ndim != 2 or given.shape[1] != 3 or given.dtype.kind not in "iu":
        raise InputError(
            f"points are whole numbers of shape (n, 3), not {given.dtype} of shape {given.shape}"
        )
    outside = ((given < 0) | (given >= np.array(shape))).any(axis=1)
    if outside.any():
        first = int(np.argmax(outside))
        raise InputError(
            f"point {first} is {given[first].tolist()}, outside the grid of {shape} voxels along"
            " x, y, z"
        )
    return given.astype(np.int64)


def _check_length(name: str, value: float, *, at_least: float | None) -> None:
    """Refuse a length below ``at_least``; None: one that is not above 0."""
    bad = not value > 0 if at_least is None else not value >= at_least
    if bad or not np.isfinite(value):
        wanted = "above 0" if at_least is None else f"at least {at_least:g}"
        raise InputError(f"{name} is a length in mm {wanted}, not {value!r}")
