"""Statistics of the uptake of a set of voxels.

Where the Image Biomarker Standardisation Initiative (Zwanenburg et al., Radiology 2020; 295:
328-338; reference manual arXiv:1612.07003) defines a feature, it is that one; its code is named.
"""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

__all__ = ["Intensities", "intensities"]


@dataclass(frozen=True)
class Intensities:
    """Uptake of some voxels, each counted once, in the unit of the values; NaN without voxels.

    Args:
        voxels: how many.
        mean: Q4LE.
        median: Y12H.
        sd: root of the variance ECT3, which divides by the number of voxels.
        low: minimum, 1GSF.
        high: maximum, 84IY.
        p5, p25, p75, p95: percentiles, linear between neighbours in rank (as QG58 and 8DWT, the
            10th and the 90th).
    """

    voxels: int = 0
    mean: float = nan
    median: float = nan
    sd: float = nan
    low: float = nan
    high: float = nan
    p5: float = nan
    p25: float = nan
    p75: float = nan
    p95: float = nan


def intensities(values: NDArray[np.floating]) -> Intensities:
    """Statistics of the values, (n,); finite."""
    if not len(values):
        return Intensities()
    exact = values.astype(np.float64)
    p5, p25, median, p75, p95 = (float(p) for p in np.percentile(exact, [5, 25, 50, 75, 95]))
    return Intensities(
        voxels=len(exact),
        mean=float(exact.mean()),
        median=median,
        sd=float(exact.std()),
        low=float(exact.min()),
        high=float(exact.max()),
        p5=p5,
        p25=p25,
        p75=p75,
        p95=p95,
    )
