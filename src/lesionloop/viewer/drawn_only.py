"""Where no segmenter can work, as on a PET that is not SUV: the mask is what the reader draws."""

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Study
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.protocol import honour

__all__ = ["DrawnOnly"]


class DrawnOnly:
    """A session whose mask holds the foreground points and nothing else."""

    def __init__(self, study: Study) -> None:
        self._grid = study.grid

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """Mask on the PET grid, bool [x, y, z].

        Raises:
            InputError: a point is outside the grid.
        """
        scribbles.check(self._grid)
        return honour(np.zeros(self._grid.shape, dtype=np.bool_, order="F"), scribbles)
