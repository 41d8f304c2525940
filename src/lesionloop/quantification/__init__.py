"""What lesions measure: volume and uptake of each, and of all together.

Names load when used, so that importing one module does not import the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lesionloop.quantification.lesion_masks import read_lesion_seg
    from lesionloop.quantification.lesions import split_lesions
    from lesionloop.quantification.measures import (
        LesionMeasures,
        Totals,
        measure_lesions,
        totals,
    )
    from lesionloop.quantification.peak import PeakMap, PeakSphere
    from lesionloop.quantification.table import lesions_csv

__all__ = [
    "LesionMeasures",
    "PeakMap",
    "PeakSphere",
    "Totals",
    "lesions_csv",
    "measure_lesions",
    "read_lesion_seg",
    "split_lesions",
    "totals",
]

_HOME = {
    "LesionMeasures": "measures",
    "PeakMap": "peak",
    "PeakSphere": "peak",
    "Totals": "measures",
    "lesions_csv": "table",
    "measure_lesions": "measures",
    "read_lesion_seg": "lesion_masks",
    "split_lesions": "lesions",
    "totals": "measures",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
