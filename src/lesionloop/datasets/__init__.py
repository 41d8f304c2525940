"""Layouts of data sets on disk: from a folder to the files of each case, and conversions."""

from lesionloop.datasets.convert import convert_dicom, convert_nnunet, is_dataset
from lesionloop.datasets.nnunet import CaseFiles, find_cases, write_case

__all__ = [
    "CaseFiles",
    "convert_dicom",
    "convert_nnunet",
    "find_cases",
    "is_dataset",
    "write_case",
]
