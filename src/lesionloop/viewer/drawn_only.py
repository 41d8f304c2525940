"""Where no segmenter works, as on a PET that is not SUV or in the manual arm of a reader study: the
mask is what the reader draws, on top of a mask made elsewhere when there is one.

Strokes are as on paper: foreground adds, background takes away, and where two meet the later one
holds. A segmenter's sessions know no order, and there foreground holds; here a reader who went too
far with the pen must be able to take that back, voxel by voxel.
"""

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Study
from lesionloop.scribbles import ScribbleSet

__all__ = ["DrawnOnly"]


class DrawnOnly:
    """A session whose mask is a given one, or none, with what is drawn on top."""

    def __init__(self, study: Study, start: NDArray[np.bool_] | None = None) -> None:
        self._grid = study.grid
        self._start = start

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """Mask on the PET grid, bool [x, y, z].

        Raises:
            InputError: a point is outside the grid.
        """
        scribbles.check(self._grid)
        if self._start is None:
            mask = np.zeros(self._grid.shape, dtype=np.bool_, order="F")
        else:
            mask = self._start.copy(order="K")
        for scribble in scribbles:  # oldest first
            mask[tuple(scribble.points.T)] = scribble.label == "foreground"
        return mask
