"""Which tracer a study shows, when nobody says."""

from itertools import combinations

import cc3d
import numpy as np
from numpy.typing import NDArray

__all__ = ["infer_tracer"]

#: Kidneys under PSMA ligands: two parts above this uptake, each of at least this volume. Under FDG
#: the renal pelvis may be as hot, but is small; brain and bladder are large, but are not a pair.
_KIDNEY_SUV = 12.0
_KIDNEY_ML = (40.0, 500.0)
#: How far apart kidneys lie: between left and right, and along the body at most, mm.
_ASIDE_MM = (60.0, 260.0)
_ALONG_MM = 90.0


def infer_tracer(pet: NDArray[np.float32], spacing_mm: float) -> str:
    """ "psma" where a pair of very hot kidneys is seen, else "fdg", which is far more common.

    Args:
        pet: SUV on cubes, [x, y, z] with x to the left and z to the head.
        spacing_mm: side of the cubes.
    """
    hot = np.asfortranarray(pet > _KIDNEY_SUV)
    labels = cc3d.connected_components(hot.view(np.uint8), connectivity=18)
    facts = cc3d.statistics(labels)
    volumes = facts["voxel_counts"] * (spacing_mm**3 / 1000)
    low, high = _KIDNEY_ML
    alike = [n for n in range(1, len(volumes)) if low <= volumes[n] <= high]
    for one, other in combinations(alike, 2):
        apart = np.abs(facts["centroids"][one] - facts["centroids"][other]) * spacing_mm
        if _ASIDE_MM[0] <= apart[0] <= _ASIDE_MM[1] and apart[2] <= _ALONG_MM:
            return "psma"
    return "fdg"
