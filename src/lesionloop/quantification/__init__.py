"""What lesions, organs and reference regions measure, and how lesions change between studies.

Names load when used, so that importing one module does not import the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lesionloop.quantification.burden import (
        QuantifyOptions,
        StudyQuantities,
        quantify_study,
    )
    from lesionloop.quantification.follow_up import FollowUp, compare_studies
    from lesionloop.quantification.lesion_masks import read_lesion_seg
    from lesionloop.quantification.lesions import split_lesions
    from lesionloop.quantification.measures import (
        LesionMeasures,
        Totals,
        measure_lesions,
        totals,
    )
    from lesionloop.quantification.organ_map import OrganMap, read_organ_map
    from lesionloop.quantification.organ_uptake import OrganUptake, measure_organs
    from lesionloop.quantification.peak import PeakMap, PeakSphere
    from lesionloop.quantification.table import lesions_csv

__all__ = [
    "FollowUp",
    "LesionMeasures",
    "OrganMap",
    "OrganUptake",
    "PeakMap",
    "PeakSphere",
    "QuantifyOptions",
    "StudyQuantities",
    "Totals",
    "compare_studies",
    "lesions_csv",
    "measure_lesions",
    "measure_organs",
    "quantify_study",
    "read_lesion_seg",
    "read_organ_map",
    "split_lesions",
    "totals",
]

_HOME = {
    "FollowUp": "follow_up",
    "LesionMeasures": "measures",
    "OrganMap": "organ_map",
    "OrganUptake": "organ_uptake",
    "PeakMap": "peak",
    "PeakSphere": "peak",
    "QuantifyOptions": "burden",
    "StudyQuantities": "burden",
    "Totals": "measures",
    "compare_studies": "follow_up",
    "lesions_csv": "table",
    "measure_lesions": "measures",
    "measure_organs": "organ_uptake",
    "quantify_study": "burden",
    "read_lesion_seg": "lesion_masks",
    "read_organ_map": "organ_map",
    "split_lesions": "lesions",
    "totals": "measures",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
