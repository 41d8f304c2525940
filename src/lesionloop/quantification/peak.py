"""SUVpeak: mean uptake of the sphere of 1 ml that is placed best.

PERCIST asks for the mean SUV of a sphere of about 1 cm3 (1.2 cm across) in the hottest part of the
tumour (Wahl et al., J Nucl Med 2009; 50 Suppl 1: 122S-150S). Here the centre is the lesion's voxel
that makes the mean largest; the sphere itself may reach beyond the lesion.

A voxel that the surface cuts counts by the part of it that is inside, found from 20 x 20 x 20
points per voxel. (The "local" and "global" intensity peak of IBSI, VJGA and 0F91, count a voxel
wholly when its centre is inside.) Where the sphere reaches beyond the scan, the mean is that of the
part inside.
"""

import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging.volume import Volume

__all__ = ["PEAK_RADIUS_MM", "PeakMap", "PeakSphere"]

#: Radius of a sphere of 1 ml: (3 / (4 pi))^(1/3) cm, mm.
PEAK_RADIUS_MM = 10.0 * (3.0 / (4.0 * math.pi)) ** (1.0 / 3.0)

_POINTS = 20  # per voxel and axis

_DENSE = 4  # a box is cut in two when it has more voxels than this for each wanted one ...
_SMALL_BOX = 6000  # ... and more than this in all


class PeakSphere:
    """The sphere of 1 ml on a grid.

    Args:
        spacing: mm between voxel centres along x, y, z. The direction of the grid does not matter
            to a sphere.
    """

    def __init__(self, spacing: tuple[float, float, float]) -> None:
        self._octant = _octant(spacing)
        self.reach = tuple(n - 1 for n in self._octant.shape)

    @property
    def weights(self) -> NDArray[np.float64]:
        """Part of each voxel that is inside, [x, y, z] with odd sides around the centre voxel."""
        return np.pad(self._octant, [(r, 0) for r in self.reach], mode="reflect")

    def means(self, values: NDArray[Any], index: NDArray[np.intp]) -> NDArray[np.float64]:
        """Mean of the sphere around each of some voxels.

        Args:
            values: [x, y, z], finite.
            index: (n, 3) voxels, inside ``values``.

        Returns:
            (n,) means, in the unit of ``values``.
        """
        found = np.zeros(len(index))
        for part in _dense_parts(index):
            voxels = index[part]
            start, stop = voxels.min(axis=0), voxels.max(axis=0) + 1
            means = self._box(values, start, stop)
            found[part] = means[tuple((voxels - start).T)]
        return found

    def _box(
        self, values: NDArray[Any], start: NDArray[np.intp], stop: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """Means at all voxels of a box."""
        reach = np.array(self.reach)
        low, high = start - reach, stop + reach
        shape = np.array(values.shape)
        inner = tuple(
            slice(a, b) for a, b in zip(np.maximum(low, 0), np.minimum(high, shape), strict=True)
        )
        near = np.asarray(values[inner], dtype=np.float64)
        if (low >= 0).all() and (high <= shape).all():
            return self._sums(near) / self._whole
        edges = [
            (max(0, -int(a)), max(0, int(b - n))) for a, b, n in zip(low, high, shape, strict=True)
        ]
        inside = np.pad(np.ones(near.shape), edges)
        return np.asarray(self._sums(np.pad(near, edges)) / self._sums(inside))

    @property
    def _whole(self) -> float:
        """Sum of all weights, voxels."""
        twice = [np.where(np.arange(n) == 0, 1.0, 2.0) for n in self._octant.shape]
        return float(np.einsum("xyz,x,y,z->", self._octant, *twice))

    def _sums(self, near: NDArray[np.float64]) -> NDArray[np.float64]:
        """Weighted sums at the voxels further than ``reach`` from the sides of ``near``.

        The sphere is its own mirror image along each axis, so mirrored neighbours are added first
        and weighted once: eight times fewer products.
        """
        # The longest run in memory goes last, where numpy is fastest.
        axes = (2, 1, 0) if near.flags.f_contiguous and not near.flags.c_contiguous else (0, 1, 2)
        near = np.ascontiguousarray(near.transpose(axes))
        octant = self._octant.transpose(axes)
        sums = np.zeros([n - 2 * (w - 1) for n, w in zip(near.shape, octant.shape, strict=True)])
        for i, plane in enumerate(octant):
            if not plane.any():
                continue
            planes = _mirrored(near, 0, i, octant.shape[0] - 1)
            for j, row in enumerate(plane):
                if not row.any():
                    continue
                rows = _mirrored(planes, 1, j, octant.shape[1] - 1)
                for k in np.flatnonzero(row):
                    sums += row[k] * _mirrored(rows, 2, int(k), octant.shape[2] - 1)
        return sums.transpose(axes)  # (2, 1, 0) undoes itself


class PeakMap:
    """Means of the sphere of 1 ml around voxels of one volume, each computed once.

    A correction changes few voxels of a mask; keep one map per study to measure it quickly. It
    grows by 16 bytes for each voxel that was ever asked for. Not for several threads at once.

    Args:
        volume: what to average; its values must not change.
    """

    def __init__(self, volume: Volume) -> None:
        self.volume = volume
        self._sphere = PeakSphere(volume.grid.spacing)
        self._places = np.zeros(0, dtype=np.intp)  # sorted positions of the voxels asked for
        self._means = np.zeros(0)

    def means(self, index: NDArray[np.intp]) -> NDArray[np.float64]:
        """Mean of the sphere around each voxel of ``index`` (n, 3), all different; (n,)."""
        wanted = np.ravel_multi_index(tuple(index.T), self.volume.grid.shape, order="F")
        new = ~self._holds(wanted)
        if new.any():
            places = np.concatenate([self._places, wanted[new]])
            means = self._sphere.means(self.volume.values, index[new])
            order = np.argsort(places)
            self._places = places[order]
            self._means = np.concatenate([self._means, means])[order]
        return np.asarray(self._means[np.searchsorted(self._places, wanted)])

    def _holds(self, wanted: NDArray[np.intp]) -> NDArray[np.bool_]:
        if not len(self._places):
            return np.zeros(len(wanted), dtype=bool)
        at = np.minimum(np.searchsorted(self._places, wanted), len(self._places) - 1)
        return np.asarray(self._places[at] == wanted)


def _mirrored(near: NDArray[np.float64], axis: int, step: int, reach: int) -> NDArray[np.float64]:
    """Neighbours ``step`` ahead plus those ``step`` behind, without the outer ``reach`` voxels."""
    length = near.shape[axis] - 2 * reach

    def shifted(by: int) -> NDArray[np.float64]:
        cut = [slice(None)] * 3
        cut[axis] = slice(reach + by, reach + by + length)
        return near[tuple(cut)]

    return shifted(0) if step == 0 else shifted(step) + shifted(-step)


@lru_cache(maxsize=16)
def _octant(spacing: tuple[float, float, float]) -> NDArray[np.float64]:
    """Part of each voxel inside the sphere, for offsets of 0 and more along x, y, z."""
    reach = [max(0, math.ceil(PEAK_RADIUS_MM / s - 0.5)) for s in spacing]
    points = (np.arange(_POINTS) + 0.5) / _POINTS - 0.5
    squares = [
        (((np.arange(n + 1)[:, None] + points) * s) ** 2).ravel()
        for n, s in zip(reach, spacing, strict=True)
    ]
    sides = [n + 1 for n in reach]
    inside = np.zeros(sides)
    plane = squares[1][:, None] + squares[2]
    for i in range(sides[0]):  # one layer of voxels at a time: fine grids would fill the memory
        for square in squares[0][i * _POINTS : (i + 1) * _POINTS]:
            hit = plane <= PEAK_RADIUS_MM**2 - square
            inside[i] += hit.reshape(sides[1], _POINTS, sides[2], _POINTS).sum(axis=(1, 3))
    octant = inside / _POINTS**3
    octant.flags.writeable = False
    return octant


def _dense_parts(index: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    """Positions in ``index`` (n, 3), in groups whose boxes hold little else."""
    waiting = [np.arange(len(index))] if len(index) else []
    while waiting:
        part = waiting.pop()
        voxels = index[part]
        start, stop = voxels.min(axis=0), voxels.max(axis=0) + 1
        sides = stop - start
        if sides.prod() <= max(_SMALL_BOX, _DENSE * len(part)):
            yield part
            continue
        axis = int(np.argmax(sides))
        ahead = voxels[:, axis] >= start[axis] + sides[axis] // 2
        waiting += [part[ahead], part[~ahead]]
