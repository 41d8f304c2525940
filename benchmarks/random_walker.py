"""An outside yardstick: scikit-image's random walker, seeded by the same scribbles."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, binary_erosion
from skimage.segmentation import random_walker

from lesionloop import ScribbleSet, Study
from lesionloop.imaging.working import IsotropicGrid
from lesionloop.segmenters.protocol import honour

__all__ = ["RandomWalker"]


@dataclass(frozen=True)
class RandomWalker:
    """Scribbles and sure uptake as seeds; PET (log SUV) and CT as data, on 4 mm voxels.

    Without seeds of its own it would have no first mask: voxels above ``sure_suv`` are foreground
    and below ``never_suv`` background unless a scribble says otherwise.
    """

    sure_suv: float = 5.0
    never_suv: float = 1.0
    beta: float = 130.0  # the library's default

    @property
    def name(self) -> str:
        """Name in the tables."""
        return "random walker"

    @property
    def identity(self) -> dict[str, object]:
        """What decides the mask."""
        return {"name": self.name, "sure_suv": self.sure_suv, "never_suv": self.never_suv}

    def open(self, study: Study) -> "_Session":
        """Bring the study to 4 mm."""
        return _Session(self, study)


class _Session:
    def __init__(self, options: RandomWalker, study: Study) -> None:
        self._options, self._study = options, study
        self._grid = IsotropicGrid.of(study.grid)
        self._pet = self._grid.sample(study.pet.values)
        channels = [np.log(np.maximum(self._pet, 0) + 0.3)]
        if study.ct is not None:
            ct = self._grid.sample(study.ct.values)
            channels.append(np.clip(ct, -200, 200) / 200)
        self._data = np.stack(channels, axis=-1)

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """Mask for all scribbles, bool [x, y, z]."""
        seeds = np.zeros(self._pet.shape, dtype=np.int32)
        seeds[binary_erosion(self._pet > self._options.sure_suv)] = 1
        seeds[self._pet < self._options.never_suv] = 2
        for points, label in ((scribbles.background, 2), (scribbles.foreground, 1)):
            if not len(points):
                continue
            drawn = np.zeros(seeds.shape, dtype=bool)
            drawn[tuple(self._grid.nearest(points).T)] = True
            # Automatic seeds of the other class give way around a scribble.
            seeds[binary_dilation(drawn, iterations=3) & (seeds != label)] = 0
            seeds[drawn] = label
        mask = np.zeros(self._study.grid.shape, dtype=bool)
        if (seeds == 1).any() and (seeds == 2).any():
            # Parts without a seed are isolated from all others; the library marks them -1.
            odds = random_walker(
                self._data, seeds, beta=self._options.beta, mode="cg_j", channel_axis=-1,
                return_full_prob=True,
            )[0]  # fmt: skip
            x, y, z = (slice(0, n) for n in mask.shape)
            mask = self._grid.expand(odds.astype(np.float32), (x, y, z)) > 0.5
        return honour(mask, scribbles)
