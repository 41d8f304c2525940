"""All that is measured of one study: lesions and their places, burden, organs, reference regions.

The parts are functions of their own; here they meet, and become the files of
``lesionloop quantify``.
"""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from math import isnan
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from lesionloop.errors import InputError
from lesionloop.imaging.study import Study, require_suv
from lesionloop.output import strict
from lesionloop.progress import stage
from lesionloop.quantification.diameter import largest_diameters
from lesionloop.quantification.helpers import (
    MARKED,
    Deauville,
    Percist,
    deauville_points,
    liver_level,
    percist_measurable,
)
from lesionloop.quantification.lean_mass import Physique
from lesionloop.quantification.lesions import split_lesions
from lesionloop.quantification.location import LesionPlace, place_lesions
from lesionloop.quantification.measures import LesionMeasures, measure_lesions
from lesionloop.quantification.organ_map import OrganMap
from lesionloop.quantification.organ_uptake import ERODE_MM, OrganUptake, measure_organs
from lesionloop.quantification.reference_regions import (
    ReferenceRegion,
    blood_pool_region,
    liver_region,
)
from lesionloop.quantification.spread import Burden, measure_burden
from lesionloop.quantification.surroundings import with_rim
from lesionloop.quantification.table import LESION_COLUMNS, lesions_csv
from lesionloop.quantification.thresholds import (
    FIXED_SUV,
    PERCENTS,
    above_level,
    above_part_of_maximum,
)

__all__ = ["PLACE_COLUMNS", "QuantifyOptions", "StudyQuantities", "quantify_study"]

#: What follows :data:`LESION_COLUMNS` in the table of lesions of ``lesionloop quantify``.
PLACE_COLUMNS = (
    "largest_diameter_mm",
    "location",
    "organ",
    "organ_share",
    "organ_distance_mm",
    "body_region",
)


@dataclass(frozen=True)
class QuantifyOptions:
    """How a study is measured.

    Args:
        fixed_suv: level of the fixed threshold, above 0.
        erode_mm: shell left out of organs, 0 or more.
        physique: for SUL.

    Raises:
        InputError: a value is out of range.
    """

    fixed_suv: float = FIXED_SUV
    erode_mm: float = ERODE_MM
    physique: Physique = field(default_factory=Physique)

    def __post_init__(self) -> None:
        if not 0 < self.fixed_suv < float("inf"):
            raise InputError(f"the fixed level is above SUV 0, not {self.fixed_suv:g}")
        if not 0 <= self.erode_mm < float("inf"):
            raise InputError(f"the shell to leave out is 0 mm or more, not {self.erode_mm:g}")


@dataclass(frozen=True, eq=False)
class StudyQuantities:
    """What was measured of a study.

    Args:
        lesions: one entry each, the largest first.
        diameters: of each lesion by its number, mm.
        places: of the lesions, in the same order; empty without an organ map.
        organs: empty without an organ map.
        burden: all lesions together.
        record: content of ``burden.json``: strict JSON, null where a number is not defined.
    """

    lesions: tuple[LesionMeasures, ...]
    diameters: Mapping[int, float]
    places: tuple[LesionPlace, ...]
    organs: tuple[OrganUptake, ...]
    burden: Burden
    record: dict[str, Any]

    def lesions_csv(self) -> str:
        """The table of lesions: :data:`LESION_COLUMNS` and :data:`PLACE_COLUMNS`."""
        rows = list(csv.reader(io.StringIO(lesions_csv(self.lesions))))
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow([*LESION_COLUMNS, *PLACE_COLUMNS])
        places = self.places or tuple(LesionPlace(lesion.number) for lesion in self.lesions)
        for lesion, row, place in zip(self.lesions, rows[1:], places, strict=True):
            apart = "" if isnan(place.distance_mm) else place.distance_mm
            share = place.share if place.organ else ""
            where = (place.location, place.organ, share, apart, place.region)
            writer.writerow([*row, self.diameters[lesion.number], *where])
        return text.getvalue()


def quantify_study(
    study: Study,
    mask: ArrayLike,
    organs: OrganMap | None = None,
    options: QuantifyOptions | None = None,
) -> StudyQuantities:
    """Measure lesions, burden, organs and reference regions of a study.

    Args:
        study: its PET in body-weight SUV.
        mask: of the lesions, [x, y, z]; see :func:`lesionloop.quantification.split_lesions`.
        organs: on the study's grid; None without a map: no places, no organs, no references.
        options: None for the defaults.

    Raises:
        InputError: the mask is not on the study's grid, or the PET is not SUV.
    """
    options = options or QuantifyOptions()
    require_suv(study)
    held = np.asarray(mask)
    if held.shape != study.grid.shape:
        raise InputError(
            f"the mask of {study.name} is not on its grid",
            cause=f"Shapes {held.shape} and {study.grid.shape}.",
            remedy="Give the mask on the grid of the PET.",
        )
    labels = split_lesions(held)
    lesions = measure_lesions(labels, study)
    burden = measure_burden(lesions, labels, study)
    notes = _notes(study, lesions, organs, options)
    liver = pool = ReferenceRegion(False, "There is no organ map.")
    places: list[LesionPlace] = []
    uptake: list[OrganUptake] = []
    if organs is not None:
        near = with_rim(labels)
        liver = liver_region(study, organs, near)
        pool = blood_pool_region(study, organs, near)
        places = place_lesions(lesions, labels, organs, study.grid)
        with stage(0.3, 1.0):
            uptake = measure_organs(study, organs, labels, erode_mm=options.erode_mm)
        for name, region in (("liver", liver), ("blood pool", pool)):
            if region.why:
                notes.append(f"Reference {name}: {region.why}")
    percist = percist_measurable(lesions, liver, pool, options.physique)
    record = {
        "study": study.name,
        "tracer": study.tracer,
        "quantity": "SUVbw",
        "totals": _totals(burden),
        "reference_regions": {"liver": asdict(liver), "blood_pool": asdict(pool)},
        "thresholds": _thresholds(labels, study, liver, options),
        "helpers": {
            "percist": _percist(percist),
            "deauville": _deauville(deauville_points(lesions, liver, pool)),
        },
        "notes": notes,
        "version": version("lesionloop"),
    }
    return StudyQuantities(
        lesions=tuple(lesions),
        diameters=largest_diameters(labels, study.grid.spacing),
        places=tuple(places),
        organs=tuple(uptake),
        burden=burden,
        record=strict(record),
    )


def _notes(
    study: Study,
    lesions: list[LesionMeasures],
    organs: OrganMap | None,
    options: QuantifyOptions,
) -> list[str]:
    notes = [*study.provenance.notes]
    if not lesions:
        notes.append("The mask is empty: uptake of lesions and Dmax are not defined.")
    elif len(lesions) == 1:
        notes.append("One lesion: Dmax is not defined.")
    if organs is None:
        notes.append("No organ map: places, organs and reference regions are not known.")
    who = options.physique
    if None in (who.weight_kg, who.height_cm, who.sex):
        notes.append("Weight, height or sex is not known: PERCIST by SUVbw instead of SUL.")
    return notes


def _totals(burden: Burden) -> dict[str, Any]:
    furthest = burden.spread.furthest
    return {
        "mtv_ml": burden.mtv_ml,
        "tlg": burden.tlg,
        "lesions": burden.lesions,
        "suv_max": burden.suv_max,
        "suv_mean": burden.suv_mean,
        "suv_min": burden.suv_min,
        "suv_peak": burden.suv_peak,
        "dmax_mm": burden.spread.dmax_mm,
        "dmax_lesions": list(furthest) if furthest else None,
        "largest_share": burden.spread.largest_share,
    }


def _thresholds(
    labels: ArrayLike, study: Study, liver: ReferenceRegion, options: QuantifyOptions
) -> dict[str, Any]:
    """By rule; the name of the fixed one holds its level, as in ``fixed_4`` and ``fixed_2.5``."""
    found: dict[str, Any] = {
        f"fixed_{options.fixed_suv:g}": {
            "suv": options.fixed_suv,
            **asdict(above_level(labels, study, options.fixed_suv)),
        }
    }
    relative = above_part_of_maximum(labels, study, PERCENTS)
    for percent, above in zip(PERCENTS, relative, strict=True):
        found[f"percent_{percent}"] = {"percent_of_suv_max": percent, **asdict(above)}
    level = liver_level(liver)
    if isnan(level):
        nothing = {"suv": None, "mtv_ml": None, "tlg": None, "lesions": None}
        found["liver"] = {**nothing, "why": liver.why}
    else:
        found["liver"] = {"suv": level, **asdict(above_level(labels, study, level))}
    return found


def _percist(percist: Percist) -> dict[str, Any]:
    return {
        "quantity": percist.quantity,
        "factor": percist.factor,
        "reference": percist.reference,
        "level": percist.level,
        "hottest_lesion": percist.hottest,
        "hottest_peak": percist.hottest_peak,
        "measurable_lesions": list(percist.measurable),
    }


def _deauville(found: Deauville) -> dict[str, Any]:
    return {
        "points": found.points,
        "blood_pool_max": found.blood_pool_max,
        "liver_max": found.liver_max,
        "marked_times_liver": MARKED,
        "lesions": [{"lesion": number, "points": points} for number, points in found.by_lesion],
    }
