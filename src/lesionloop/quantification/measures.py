"""What is reported of lesions: volume, SUVmax, SUVmean, SUVpeak, TLG, place, and the totals."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.occupied import occupied_voxels
from lesionloop.imaging.study import Study, label_array, require_suv
from lesionloop.quantification.peak import PeakMap, PeakSphere

__all__ = ["LesionMeasures", "Totals", "measure_lesions", "totals"]


@dataclass(frozen=True)
class LesionMeasures:
    """One lesion. SUV is by body weight, in g/ml.

    Args:
        number: its value in the labels; 1 is the largest lesion.
        volume_ml: voxels times the volume of a voxel, ml.
        suv_max: highest SUV of a voxel.
        suv_mean: mean SUV of its voxels.
        suv_peak: mean SUV of the sphere of 1 ml around the voxel of the lesion that makes it
            largest, see :mod:`lesionloop.quantification.peak`.
        tlg: total lesion glycolysis, ``suv_mean * volume_ml``, g (Larson et al., Clin Positron
            Imaging 1999; 2: 159-171). For tracers other than FDG the same product under the same
            name.
        at: voxel (x, y, z) of ``suv_max``; of equal ones the first, x fastest.
        centroid_mm: mean of the voxel centres, LPS mm; unweighted, so it may lie outside.
        box: first voxel and the one past the last, of the smallest box around it.
    """

    number: int
    volume_ml: float
    suv_max: float
    suv_mean: float
    suv_peak: float
    tlg: float
    at: tuple[int, int, int]
    centroid_mm: tuple[float, float, float]
    box: tuple[tuple[int, int, int], tuple[int, int, int]]


@dataclass(frozen=True)
class Totals:
    """All lesions of a study.

    Args:
        mtv_ml: metabolic tumour volume, the sum of the volumes, ml.
        tlg: sum of the lesions' TLG, g.
        count: number of lesions.
        suv_max: highest SUVmax, g/ml; 0 without lesions.
    """

    mtv_ml: float
    tlg: float
    count: int
    suv_max: float


def measure_lesions(
    labels: ArrayLike, study: Study, *, peaks: PeakMap | None = None
) -> list[LesionMeasures]:
    """Measure each lesion.

    Args:
        labels: whole numbers [x, y, z] on the study's grid, 0 outside; see
            :func:`lesionloop.quantification.split_lesions`. Numbers that no voxel has are left
            out.
        study: its PET in body-weight SUV.
        peaks: of the study's PET, kept from one correction to the next to save time; the numbers
            are the same without.

    Returns:
        One for each number, in rising order; empty without lesions.

    Raises:
        InputError: the labels are not whole numbers of 0 or more on the study's grid, the PET is
            not SUV, or ``peaks`` are of another volume.
    """
    require_suv(study)
    if peaks is not None and peaks.volume is not study.pet:
        raise InputError(f"the map of SUVpeak was made for another PET than that of {study.name}")
    held = label_array(labels, study)
    found = occupied_voxels(held)
    if not len(found):
        return []
    index = np.array(np.unravel_index(found, held.shape, order="F")).T
    number = held[tuple(index.T)].astype(np.int64)
    if number.min() < 0:
        raise InputError("labels are numbers of 0 or more", cause=f"Lowest: {number.min()}.")
    order = np.argsort(number, kind="stable")  # each lesion's voxels together, still x fastest
    index, number = index[order], number[order]
    suv = study.pet.values[tuple(index.T)].astype(np.float64)
    if peaks is None:
        means = PeakSphere(study.grid.spacing).means(study.pet.values, index)
    else:
        means = peaks.means(index)
    starts = np.append(0, np.flatnonzero(np.diff(number)) + 1)
    ends = np.append(starts[1:], len(number))
    return [
        _measure(int(number[a]), index[a:b], suv[a:b], means[a:b], study)
        for a, b in zip(starts, ends, strict=True)
    ]


def totals(measures: Sequence[LesionMeasures]) -> Totals:
    """Add up what :func:`measure_lesions` gave."""
    return Totals(
        mtv_ml=float(sum(lesion.volume_ml for lesion in measures)),
        tlg=float(sum(lesion.tlg for lesion in measures)),
        count=len(measures),
        suv_max=max((lesion.suv_max for lesion in measures), default=0.0),
    )


def _measure(
    number: int,
    index: NDArray[np.intp],
    suv: NDArray[np.float64],
    peaks: NDArray[np.float64],
    study: Study,
) -> LesionMeasures:
    volume = len(suv) * study.grid.voxel_ml
    mean = float(suv.mean())
    centroid = study.grid.to_world(index.mean(axis=0))
    return LesionMeasures(
        number=number,
        volume_ml=volume,
        suv_max=float(suv.max()),
        suv_mean=mean,
        suv_peak=float(peaks.max()),
        tlg=mean * volume,
        at=_voxel(index[np.argmax(suv)]),
        centroid_mm=(float(centroid[0]), float(centroid[1]), float(centroid[2])),
        box=(_voxel(index.min(axis=0)), _voxel(index.max(axis=0) + 1)),
    )


def _voxel(index: NDArray[np.intp]) -> tuple[int, int, int]:
    x, y, z = (int(v) for v in index)
    return x, y, z
