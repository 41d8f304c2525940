"""Layouts of data sets on disk: from a folder to the files of each case, conversions and checks."""

from lesionloop.datasets.check import DatasetCheck, check_dataset
from lesionloop.datasets.convert import convert_dicom, convert_nnunet, is_dataset
from lesionloop.datasets.convert_cases import Converted, convert_cases
from lesionloop.datasets.findings import Finding, Severity
from lesionloop.datasets.layouts import LAYOUTS, check_layout, recognise_layout
from lesionloop.datasets.longitudinal import CtScan, LongitudinalPair, find_pairs
from lesionloop.datasets.nnunet import CaseFiles, find_cases, write_case

__all__ = [
    "LAYOUTS",
    "CaseFiles",
    "Converted",
    "CtScan",
    "DatasetCheck",
    "Finding",
    "LongitudinalPair",
    "Severity",
    "check_dataset",
    "check_layout",
    "convert_cases",
    "convert_dicom",
    "convert_nnunet",
    "find_cases",
    "find_pairs",
    "is_dataset",
    "recognise_layout",
    "write_case",
]
