"""Volume and uptake of lesions by other rules than the mask: fixed, relative and by the liver.

A rule takes voxels away from the accepted mask and adds none: a voxel counts when it is in the mask
and its SUV is at least the level. So physiological uptake never enters, and a rule that would
reach further than the mask shows as the mask's own volume.

Levels in use: 41 % and 50 % of SUVmax, advised for volumes by the EANM (Boellaard et al., Eur J
Nucl Med Mol Imaging 2015; 42: 328-354); SUV 4.0, in lymphoma (Barrington et al., J Nucl Med 2021;
62: 332-337); 1.5 times the liver's mean and 2 SD (PERCIST; Wahl et al., J Nucl Med 2009; 50
Suppl 1: 122S-150S).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.imaging.occupied import occupied_voxels
from lesionloop.imaging.study import Study, label_array, require_suv

__all__ = ["FIXED_SUV", "PERCENTS", "AboveThreshold", "above_level", "above_part_of_maximum"]

#: Usual fixed level, SUV.
FIXED_SUV = 4.0
#: Usual relative levels, percent of each lesion's SUVmax.
PERCENTS = (41, 50)


@dataclass(frozen=True)
class AboveThreshold:
    """What of the lesions is at a level or above.

    Args:
        mtv_ml: volume, ml.
        tlg: sum of SUV times the volume of a voxel, g.
        lesions: how many keep a voxel.
    """

    mtv_ml: float
    tlg: float
    lesions: int


def above_level(labels: ArrayLike, study: Study, level_suv: float) -> AboveThreshold:
    """One level for all lesions.

    Args:
        labels: of the lesions, [x, y, z] on the study's grid.
        study: its PET in SUV.
        level_suv: g/ml.

    Raises:
        InputError: the labels are not on the study's grid, or the PET is not SUV.
    """
    number, suv = _inside(labels, study)
    return _count(number, suv, suv >= level_suv, study)


def above_part_of_maximum(
    labels: ArrayLike, study: Study, percents: Sequence[float] = PERCENTS
) -> list[AboveThreshold]:
    """A level for each lesion, as percent of its SUVmax; one result for each percentage.

    Raises:
        InputError: as :func:`above_level`.
    """
    number, suv = _inside(labels, study)
    highest = np.full(int(number.max(initial=0)) + 1, -np.inf)
    np.maximum.at(highest, number, suv)
    levels = highest[number]
    return [_count(number, suv, suv >= percent / 100 * levels, study) for percent in percents]


def _inside(labels: ArrayLike, study: Study) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    require_suv(study)
    held = label_array(labels, study)
    index = np.unravel_index(occupied_voxels(held), held.shape, order="F")
    return held[index].astype(np.int64), study.pet.values[index].astype(np.float64)


def _count(
    number: NDArray[np.int64], suv: NDArray[np.float64], kept: NDArray[Any], study: Study
) -> AboveThreshold:
    voxel_ml = study.grid.voxel_ml
    return AboveThreshold(
        mtv_ml=int(np.count_nonzero(kept)) * voxel_ml,
        tlg=float(suv[kept].sum()) * voxel_ml,
        lesions=len(np.unique(number[kept])),
    )
