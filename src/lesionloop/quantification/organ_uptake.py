"""Uptake of organs: what each healthy organ takes up, kept apart from lesions and from its edge.

Lesions are left out with a rim of one voxel. PET and CT seldom agree to the millimetre (breathing,
the blur of PET), so the outer shell of an organ is left out as well where enough remains.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, Final

import edt
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.study import Study, label_array, require_suv
from lesionloop.metrics.box import Box
from lesionloop.progress import tell
from lesionloop.quantification.intensities import Intensities, intensities
from lesionloop.quantification.organ_map import OrganMap
from lesionloop.quantification.peak import PEAK_RADIUS_MM, PeakSphere
from lesionloop.quantification.surroundings import with_rim

__all__ = ["ERODE_MM", "LEAST_LEFT_ML", "ORGAN_COLUMNS", "OrganUptake", "measure_organs",
           "organ_row", "organs_csv"]  # fmt: skip

#: Shell left out of organs, mm; our choice: about the shift of PET against CT by breathing.
ERODE_MM: Final = 5.0
#: An organ keeps its shell when less than this would remain, ml.
LEAST_LEFT_ML: Final = 10.0

#: Header of the table of organs; volumes in ml, SUV by body weight in g/ml.
ORGAN_COLUMNS = (
    "study", "organ", "volume_ml", "voxels", "suv_mean", "suv_median", "suv_sd", "suv_min",
    "suv_max", "suv_peak", "suv_p5", "suv_p25", "suv_p75", "suv_p95", "lesion_ml", "eroded_mm",
)  # fmt: skip


@dataclass(frozen=True)
class OrganUptake:
    """One organ.

    Args:
        organ: its name.
        volume_ml: of the whole organ in the map, voxels times the volume of a voxel (YEKZ of the
            Image Biomarker Standardisation Initiative, in ml).
        uptake: of the voxels that are measured, SUV by body weight, g/ml.
        suv_peak: largest mean of a sphere of 1 ml around a measured voxel; only spheres without a
            lesion's voxel count. NaN when there is none.
        lesion_ml: part of the organ left out as lesion or rim, ml.
        eroded_mm: shell left out, mm; 0 when the organ is too small for it.
    """

    organ: str
    volume_ml: float
    uptake: Intensities
    suv_peak: float
    lesion_ml: float
    eroded_mm: float


def measure_organs(
    study: Study,
    organs: OrganMap,
    lesions: ArrayLike | None = None,
    *,
    erode_mm: float = ERODE_MM,
    names: Sequence[str] | None = None,
) -> list[OrganUptake]:
    """Measure the organs of a map.

    A voxel counts when it is more than ``erode_mm`` from the nearest voxel outside the organ
    (centre to centre) and neither lesion nor next to one. An organ of which less than 10 ml would
    remain keeps its shell. The edge of the scan is no edge of an organ.

    Args:
        study: its PET in body-weight SUV.
        organs: on the study's grid.
        lesions: mask or labels [x, y, z] on the same grid; None without.
        erode_mm: shell to leave out, mm; 0 for none.
        names: which organs; None for all.

    Returns:
        One for each organ with a voxel, in the order of the map.

    Raises:
        InputError: map or lesions are on another grid, the PET is not SUV, or ``erode_mm`` is
            below 0.
    """
    require_suv(study)
    if organs.labels.shape != study.grid.shape:
        raise InputError(
            f"the organ map {organs.source} is not on the grid of {study.name}",
            cause=f"Shapes {organs.labels.shape} and {study.grid.shape}.",
            remedy="Read the map with the grid of the study's PET.",
        )
    if not 0 <= erode_mm < float("inf"):
        raise InputError(f"the shell to leave out is 0 mm or more, not {erode_mm:g}")
    held = None if lesions is None else label_array(lesions, study)
    near = None if held is None or not held.any() else with_rim(held)
    sphere = PeakSphere(study.grid.spacing)
    wanted = [name for name in organs.organs if names is None or name in names]
    found = []
    for number, name in enumerate(wanted):
        found.append(
            _measure(name, study, organs, held, near=near, erode_mm=erode_mm, sphere=sphere)
        )
        tell((number + 1) / len(wanted))
    return found


def organ_row(study: str, entry: OrganUptake) -> tuple[Any, ...]:
    """The values under :data:`ORGAN_COLUMNS`."""
    u = entry.uptake
    return (
        study, entry.organ, entry.volume_ml, u.voxels, u.mean, u.median, u.sd, u.low, u.high,
        entry.suv_peak, u.p5, u.p25, u.p75, u.p95, entry.lesion_ml, entry.eroded_mm,
    )  # fmt: skip


def organs_csv(rows: Iterable[Sequence[Any]]) -> str:
    """Rows under :data:`ORGAN_COLUMNS` as CSV; numbers in full precision, empty where undefined."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(ORGAN_COLUMNS)
    for row in rows:
        writer.writerow(["" if value != value else value for value in row])  # noqa: PLR0124
    return text.getvalue()


def _measure(
    name: str,
    study: Study,
    organs: OrganMap,
    held: NDArray[Any] | None,
    *,
    near: NDArray[np.bool_] | None,
    erode_mm: float,
    sphere: PeakSphere,
) -> OrganUptake:
    grid = study.grid
    box, mask = organs.cut(name)
    healthy = mask if near is None else mask & ~near[box]
    kept, eroded = healthy, 0.0
    if erode_mm:
        inner = healthy & (edt.edt(mask, anisotropy=grid.spacing) > erode_mm)
        if np.count_nonzero(inner) * grid.voxel_ml >= LEAST_LEFT_ML:
            kept, eroded = inner, erode_mm
    volume = int(np.count_nonzero(mask))
    centres = kept if held is None else _clear_of_lesions(kept, box, held, study)
    index = np.argwhere(centres) + [side.start for side in box]
    return OrganUptake(
        organ=name,
        volume_ml=volume * grid.voxel_ml,
        uptake=intensities(study.pet.values[box][kept]),
        suv_peak=float(sphere.means(study.pet.values, index).max()) if len(index) else nan,
        lesion_ml=(volume - int(np.count_nonzero(healthy))) * grid.voxel_ml,
        eroded_mm=eroded,
    )


def _clear_of_lesions(
    kept: NDArray[np.bool_], box: Box, held: NDArray[Any], study: Study
) -> NDArray[np.bool_]:
    """Voxels around which the sphere of 1 ml meets no voxel of a lesion."""
    spacing = np.array(study.grid.spacing)
    # A voxel that the sphere's surface cuts has its centre at most half a diagonal outside.
    reach = PEAK_RADIUS_MM + float(np.linalg.norm(spacing)) / 2
    steps = np.ceil(reach / spacing).astype(int)
    starts = [max(0, side.start - int(n)) for side, n in zip(box, steps, strict=True)]
    wide = tuple(
        slice(start, side.stop + int(n)) for start, side, n in zip(starts, box, steps, strict=True)
    )
    lesions = held[wide] != 0
    if not lesions.any():
        return kept
    away = edt.edt(~lesions, anisotropy=study.grid.spacing)
    inner = tuple(
        slice(side.start - start, side.stop - start)
        for side, start in zip(box, starts, strict=True)
    )
    return np.asarray(kept & (away[inner] > reach))
