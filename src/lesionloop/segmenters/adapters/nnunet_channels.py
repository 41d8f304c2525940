"""The input of an nnU-Net model: its channels, and the order of its axes.

Scribbles become maps on the PET grid, before nnU-Net normalises and resamples them like images:

- "voxel": 1 at every point (the autoPET V baseline);
- "gaussian": "voxel" smoothed by a Gaussian of ``size`` voxels (the autoPET IV baseline, 3);
- "distance": ``max(0, 1 - d / size)``, d the distance in voxels to the nearest point.

Source: the published baselines of autoPET IV (lab-midas/autoPETCTIV) and autoPET V.
"""

from dataclasses import dataclass

import edt
import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from lesionloop.imaging import Grid

__all__ = ["CHANNELS", "CLICKS", "DEFAULT_SIZE", "AxisOrder", "click_map"]

#: Kinds of channels, in the order that goes with each number of channels.
CHANNELS = {
    2: ("ct", "pet"),
    4: ("ct", "pet", "foreground", "background"),
    5: ("ct", "pet", "foreground", "background", "previous"),
}

#: How scribbles are drawn into a map.
CLICKS = ("voxel", "gaussian", "distance")

#: Voxels; of each way that has a size.
DEFAULT_SIZE = {"gaussian": 3.0, "distance": 10.0}


def click_map(
    points: NDArray[np.int64], shape: tuple[int, int, int], clicks: str, size: float
) -> NDArray[np.float32]:
    """Points as a map, float32 [x, y, z]; all 0 without points.

    Args:
        points: (n, 3) voxel indices x, y, z, inside the grid.
        shape: of the grid.
        clicks: one of `CLICKS`.
        size: see the module; in voxels along every axis.
    """
    drawn = np.zeros(shape, dtype=np.float32)
    if not len(points):
        return drawn
    drawn[tuple(points.T)] = 1.0
    if clicks == "gaussian":
        return np.asarray(gaussian_filter(drawn, sigma=size), dtype=np.float32)
    if clicks == "distance":
        away = edt.edt(drawn == 0, anisotropy=(1.0, 1.0, 1.0), parallel=1)
        return np.asarray(np.maximum(0.0, 1.0 - away / size), dtype=np.float32)
    return drawn


@dataclass(frozen=True)
class AxisOrder:
    """From [x, y, z] of a grid to the order in which a network has learned to see, and back.

    nnU-Net's arrays are [z, y, x]. Its usual readers leave the axes as they are stored; the one
    named NibabelIOWithReorient turns every image to right, anterior, superior first.

    Args:
        axes: which axis of ours becomes the first, second and third of x, y, z.
        flipped: which of these are reversed.
    """

    axes: tuple[int, int, int] = (0, 1, 2)
    flipped: tuple[bool, bool, bool] = (False, False, False)

    @classmethod
    def towards_ras(cls, grid: Grid) -> "AxisOrder":
        """The axes of a grid sorted and turned to right, anterior, superior.

        An oblique axis counts for the direction that it is closest to, as in nibabel's
        ``io_orientation``.
        """
        ras = np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine
        found = nib.orientations.io_orientation(ras)
        order = np.argsort(found[:, 0])
        x, y, z = (int(axis) for axis in order)
        flips = [bool(found[axis, 1] < 0) for axis in (x, y, z)]
        return cls((x, y, z), (flips[0], flips[1], flips[2]))

    def _steps(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1 if flip else 1) for flip in self.flipped)

    def to_network(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """A view [z, y, x] of an array [x, y, z]."""
        return values.transpose(self.axes)[self._steps()].T

    def from_network(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """A view [x, y, z] of an array [z, y, x]."""
        back = np.argsort(self.axes)
        return values.T[self._steps()].transpose(*back)

    def spacing(self, spacing: tuple[float, float, float]) -> list[float]:
        """mm along z, y, x of the network."""
        return [spacing[axis] for axis in reversed(self.axes)]
