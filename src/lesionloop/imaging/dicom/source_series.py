"""The series that a DICOM SEG refers to: its headers, checked to be slices of one stack."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.frame_planes import FramePlanes

__all__ = ["read_source_series"]


def read_source_series(files: list[Path]) -> tuple[list[Dataset], FramePlanes, str]:
    """Headers and planes of the files, lowest position along the normal first, then a name of the
    series for messages.

    Raises:
        InputError: a file lacks geometry, or differs from the first in more than position.
    """
    if not files:
        raise InputError(
            "a DICOM SEG needs the files of the series it refers to", cause="None were given."
        )
    headers = [_read_header(file) for file in files]
    places = [_place(header, file) for header, file in zip(headers, files, strict=True)]
    first = places[0]
    for place, file in zip(places, files, strict=True):
        for name, value in vars(place.common).items():
            expected = getattr(first.common, name)
            if not (value == expected or (name in _MEASURED and _close(value, expected))):
                raise InputError(
                    f"{files[0]} and {file} are not of one series",
                    cause=f"Their {name.replace('_', ' ')} differs: {expected} and {value}.",
                    remedy="Give the files of one series only.",
                )
    planes = FramePlanes(
        positions=np.array([place.position for place in places]),
        orientation=np.array(first.common.orientation).reshape(2, 3),
        spacing=first.common.pixel_spacing,
        size=first.common.columns_and_rows,
        frame_uid=first.common.frame_of_reference,
    )
    order = np.argsort(planes.heights())
    return (
        [headers[i] for i in order],
        replace(planes, positions=planes.positions[order]),
        f"series {first.description!r} ({files[0].parent})",
    )


def _read_header(file: Path) -> Dataset:
    try:
        header = pydicom.dcmread(file, stop_before_pixels=True)
    except OSError as error:
        raise InputError(
            f"cannot read {file}",
            cause=f"{error.strerror or error}.",
            remedy="Check the path and the file's permissions.",
        ) from error
    except InvalidDicomError as error:
        raise InputError(f"{file} is not a DICOM file", remedy="Give the PET files.") from error
    except Exception as error:  # the parser meets damaged bytes with errors of any class
        raise InputError(
            f"cannot read the DICOM file {file}",
            cause=f"It is damaged or incomplete ({type(error).__name__}: {error}).",
            remedy="Copy or export it again.",
        ) from error
    return header


@dataclass(frozen=True)
class _Common:
    """What all slices of a series must agree on."""

    series: str
    frame_of_reference: str
    columns_and_rows: tuple[int, int]
    orientation: tuple[float, ...]
    pixel_spacing: tuple[float, float]


_MEASURED = ("orientation", "pixel_spacing")  # written with rounding, so compared with a tolerance


@dataclass(frozen=True)
class _Place:
    common: _Common
    position: tuple[float, ...]
    description: str


def _place(header: Dataset, file: Path) -> _Place:
    """Where a slice is, from its header."""
    try:
        if int(header.get("NumberOfFrames") or 1) > 1:
            raise ValueError("it is a multi-frame image; only single slices are supported")
        row_step, column_step = (float(v) for v in header.PixelSpacing)
        common = _Common(
            series=str(header.SeriesInstanceUID),
            frame_of_reference=str(header.FrameOfReferenceUID),
            columns_and_rows=(int(header.Columns), int(header.Rows)),
            orientation=tuple(float(v) for v in header.ImageOrientationPatient),
            pixel_spacing=(column_step, row_step),
        )
        place = _Place(
            common=common,
            position=tuple(float(v) for v in header.ImagePositionPatient),
            description=str(header.get("SeriesDescription", "")),
        )
        if len(common.orientation) != 6 or len(place.position) != 3:
            raise ValueError("orientation or position is incomplete")
    except Exception as error:  # values are parsed here, damaged ones raise errors of any class
        raise InputError(
            f"cannot refer a DICOM SEG to {file}",
            cause=f"Its header does not place one slice in the patient ({error}).",
            remedy="Give the original files of the PET series.",
        ) from error
    return place


def _close(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return bool(np.allclose(first, second, rtol=0, atol=1e-4))
