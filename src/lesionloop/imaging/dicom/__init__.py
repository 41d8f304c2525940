"""DICOM studies: find the PET and CT series, read them, turn activity into SUV.

Names load when used, so that importing one module does not import the others.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lesionloop.imaging.dicom.choice import Choice, choose_ct, choose_pet
    from lesionloop.imaging.dicom.inspect import SeriesRow, describe
    from lesionloop.imaging.dicom.lesion_segments import write_lesion_seg
    from lesionloop.imaging.dicom.pixels import read_series
    from lesionloop.imaging.dicom.rtstruct import write_rtstruct
    from lesionloop.imaging.dicom.rwv import RealWorldCheck, check_real_world_values
    from lesionloop.imaging.dicom.segmentation import (
        AlgorithmFamily,
        list_segments,
        read_dicom_seg,
        write_dicom_seg,
    )
    from lesionloop.imaging.dicom.series import Scan, Series, scan_folder
    from lesionloop.imaging.dicom.study import read_dicom_study
    from lesionloop.imaging.dicom.suv import SuvError, SuvFactor, bodyweight_factor, suv_factor

__all__ = [
    "AlgorithmFamily",
    "Choice",
    "RealWorldCheck",
    "Scan",
    "Series",
    "SeriesRow",
    "SuvError",
    "SuvFactor",
    "bodyweight_factor",
    "check_real_world_values",
    "choose_ct",
    "choose_pet",
    "describe",
    "list_segments",
    "read_dicom_seg",
    "read_dicom_study",
    "read_series",
    "scan_folder",
    "suv_factor",
    "write_dicom_seg",
    "write_lesion_seg",
    "write_rtstruct",
]

_HOME = {
    "AlgorithmFamily": "segmentation",
    "Choice": "choice",
    "RealWorldCheck": "rwv",
    "Scan": "series",
    "Series": "series",
    "SeriesRow": "inspect",
    "SuvError": "suv",
    "SuvFactor": "suv",
    "bodyweight_factor": "suv",
    "check_real_world_values": "rwv",
    "choose_ct": "choice",
    "choose_pet": "choice",
    "describe": "inspect",
    "list_segments": "segmentation",
    "read_dicom_seg": "segmentation",
    "read_dicom_study": "study",
    "read_series": "pixels",
    "scan_folder": "series",
    "suv_factor": "suv",
    "write_dicom_seg": "segmentation",
    "write_lesion_seg": "lesion_segments",
    "write_rtstruct": "rtstruct",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
