"""The series that a DICOM SEG refers to: whole headers, held to the rules of reading a series."""

import warnings
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.frame_planes import FramePlanes
from lesionloop.imaging.dicom.header import name_tag, text
from lesionloop.imaging.dicom.series import Series, read_header
from lesionloop.imaging.dicom.stack import slice_planes

__all__ = ["read_source_series"]


def read_source_series(files: Sequence[Path]) -> tuple[Series, FramePlanes]:
    """The series that the files make, and its planes; lowest along the normal first.

    Orientation and pixel spacing, equal but for rounding, are those of the first file given in all
    headers: highdicom wants every digit equal.

    Raises:
        InputError: no file is given, one cannot be read or does not say its frame of reference; see
            also :func:`slice_planes`.
    """
    if not files:
        raise InputError(
            "a DICOM SEG needs the files of the series it refers to", cause="None were given."
        )
    headers = [_whole_header(file) for file in files]
    series = Series(text(headers[0], "SeriesInstanceUID") or "", tuple(files), tuple(headers))
    planes = slice_planes(series)
    for header in headers:
        header.ImageOrientationPatient = series.first.ImageOrientationPatient
        header.PixelSpacing = series.first.PixelSpacing
    order = np.argsort(planes.heights(), kind="stable")
    return (
        replace(
            series,
            files=tuple(files[i] for i in order),
            headers=tuple(headers[i] for i in order),
        ),
        replace(planes, positions=planes.positions[order]),
    )


def _whole_header(file: Path) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # odd values are judged where they are used
        found = read_header(file, whole=True)
    if not isinstance(found, Dataset):
        raise InputError(
            f"cannot read {file}",
            cause="It is not a DICOM image." if found is None else f"{found.reason}.",
            remedy="Give the files of the PET series; copy or export a damaged one again.",
        )
    if text(found, "FrameOfReferenceUID") is None:
        raise InputError(
            f"cannot refer a DICOM SEG to {file}",
            cause=f"{name_tag('FrameOfReferenceUID')} is missing, and a segmentation needs it.",
            remedy="Give the original files of the PET series.",
        )
    return found
