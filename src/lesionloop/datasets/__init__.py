"""Layouts of data sets on disk: from a folder to the files of each case."""

from lesionloop.datasets.nnunet import CaseFiles, find_cases, write_case

__all__ = ["CaseFiles", "find_cases", "write_case"]
