"""How lesions are spread, and the uptake of all of them together."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging.occupied import occupied_voxels
from lesionloop.imaging.study import Study
from lesionloop.quantification.measures import LesionMeasures

__all__ = ["Burden", "Spread", "lesion_spread", "measure_burden"]


@dataclass(frozen=True)
class Spread:
    """Where lesions lie to each other.

    Args:
        dmax_mm: largest distance between the centroids of two lesions, mm (Cottereau et al., J Nucl
            Med 2020; 61: 40-45); NaN with fewer than two.
        furthest: numbers of those two; of equal pairs the first.
        largest_share: part of the total volume in the largest lesion, 0 to 1; NaN without lesions.
    """

    dmax_mm: float = nan
    furthest: tuple[int, int] | None = None
    largest_share: float = nan


@dataclass(frozen=True)
class Burden:
    """All lesions of a study together; SUV by body weight, g/ml; NaN without lesions.

    Args:
        mtv_ml: metabolic tumour volume, ml.
        tlg: total lesion glycolysis, g: the sum of the lesions', which is ``suv_mean * mtv_ml``.
        lesions: how many.
        suv_mean: mean of all their voxels (Q4LE of the Image Biomarker Standardisation Initiative).
        suv_min: lowest voxel (1GSF).
        suv_max: highest voxel (84IY).
        suv_peak: highest SUVpeak of a lesion.
        spread: how they lie.
    """

    mtv_ml: float
    tlg: float
    lesions: int
    suv_mean: float
    suv_min: float
    suv_max: float
    suv_peak: float
    spread: Spread


def lesion_spread(measures: Sequence[LesionMeasures]) -> Spread:
    """Distances between the lesions, and the share of the largest."""
    total = sum(lesion.volume_ml for lesion in measures)
    if not measures or not total:
        return Spread()
    share = max(lesion.volume_ml for lesion in measures) / total
    if len(measures) < 2:
        return Spread(largest_share=share)
    centres = np.array([lesion.centroid_mm for lesion in measures])
    best, pair = -1.0, (0, 0)
    for first, centre in enumerate(centres[:-1]):  # a row at a time: no n x n table
        apart = np.linalg.norm(centres[first + 1 :] - centre, axis=1)
        furthest = int(apart.argmax())
        if apart[furthest] > best:
            best, pair = float(apart[furthest]), (first, first + 1 + furthest)
    return Spread(best, (measures[pair[0]].number, measures[pair[1]].number), share)


def measure_burden(
    measures: Sequence[LesionMeasures], labels: NDArray[Any], study: Study
) -> Burden:
    """All lesions of a study.

    Args:
        measures: what :func:`lesionloop.quantification.measure_lesions` gave for ``labels``.
        labels: of the lesions, [x, y, z] on the study's grid.
        study: its PET in SUV.
    """
    mtv = float(sum(lesion.volume_ml for lesion in measures))
    tlg = float(sum(lesion.tlg for lesion in measures))
    inside = np.unravel_index(occupied_voxels(labels), labels.shape, order="F")
    suv = study.pet.values[inside]
    return Burden(
        mtv_ml=mtv,
        tlg=tlg,
        lesions=len(measures),
        suv_mean=tlg / mtv if mtv else nan,
        suv_min=float(suv.min()) if len(suv) else nan,
        suv_max=float(suv.max()) if len(suv) else nan,
        suv_peak=max((lesion.suv_peak for lesion in measures), default=nan),
        spread=lesion_spread(measures),
    )
