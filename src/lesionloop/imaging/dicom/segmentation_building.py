"""What every DICOM SEG of ours is made by: fit the grid to the series, build, save."""

import warnings
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.frame_planes import FramePlanes, PlaneFit
from lesionloop.imaging.dicom.series import Series
from lesionloop.imaging.grid import Grid

__all__ = [
    "LONGEST_TEXT",
    "SERIES_NUMBER_OFFSET",
    "build_segmentation",
    "check_texts",
    "fill_empty",
    "fit_planes",
    "frames_of",
    "package_version",
    "save_segmentation",
]

#: Patient and study attributes that must be in every object but may be empty (DICOM type 2).
#: De-identified headers often lack them altogether.
_MAY_BE_EMPTY = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyDate",
    "StudyTime",
    "StudyID",
    "AccessionNumber",
    "ReferringPhysicianName",
)

LONGEST_TEXT = 64  # characters of a DICOM long string (LO)

_FEWEST_PIXELS = 8  # in a slice, see fit_planes

SERIES_NUMBER_OFFSET = 1000  # keeps the segmentation's series below the scanner's in a viewer


def save_segmentation(segmentation: highdicom.seg.Segmentation, path: Path, series: Series) -> None:
    """Write the file.

    Raises:
        InputError: a value copied from the series cannot be written.
    """
    try:
        segmentation.save_as(path, enforce_file_format=True)
    except (OSError, MemoryError):
        raise
    except Exception as error:  # values copied from the series are written here
        raise _unsound(series, error) from error


def _unsound(series: Series, error: Exception) -> InputError:
    return InputError(
        f"cannot refer a DICOM SEG to {series} in {series.folder}",
        cause=f"Its header is not sound ({type(error).__name__}: {error}).",
        remedy="Give the original files of the PET series.",
    )


def package_version() -> str:
    """Version of this package, "unknown" when it is not installed."""
    try:
        return metadata.version("lesionloop")
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"


def check_texts(**texts: str) -> None:
    """Refuse texts, by name, that are no DICOM long strings (PS3.5 6.2, LO).

    Raises:
        InputError: one is empty, too long, or holds a backslash or an unprintable character.
    """
    for name, text in texts.items():
        if not 0 < len(text) <= LONGEST_TEXT or "\\" in text or not text.isprintable():
            raise InputError(
                f"{name} {text!r} cannot be written to DICOM",
                cause=f"A long string has 1 to {LONGEST_TEXT} printable characters, no backslash.",
                remedy="Choose another text.",
            )


def fill_empty(header: Dataset) -> None:
    """Add, empty, what DICOM wants in every object and de-identified headers lack."""
    for keyword in _MAY_BE_EMPTY:
        if keyword not in header:
            setattr(header, keyword, "")


def fit_planes(planes: FramePlanes, grid: Grid, series: Series) -> PlaneFit:
    """Which voxels of the grid the pixels of the series are.

    Raises:
        InputError: pixels and voxels do not coincide one to one, or slices are too small.
    """
    what = f"the mask's grid does not fit {series} in {series.folder}"
    if not planes.shares_frame(grid):
        raise InputError(
            what,
            cause=f"Their frames of reference are {grid.frame_uid} and {planes.frame_uid}; by their"
            f" numbers the centres are {planes.centre_distance_mm(grid):.1f} mm apart.",
            remedy="Give the files of the series that the mask was drawn on.",
        )
    if planes.size[0] * planes.size[1] < _FEWEST_PIXELS:
        raise InputError(
            f"cannot refer a DICOM SEG to {series} in {series.folder}",
            cause=f"Its slices have fewer than {_FEWEST_PIXELS} pixels, which highdicom 0.28 packs"
            " into bits wrongly.",
            remedy="Give the original files of the PET series.",
        )
    fit = planes.fit(grid)
    if fit is not None and fit.matches and fit.covers_grid_once(planes.size):
        return fit
    shape = " x ".join(map(str, grid.shape))
    spacing = " x ".join(f"{v:.4g}" for v in grid.spacing)
    distance = f"their centres are {planes.centre_distance_mm(grid):.3f} mm apart"
    if fit is not None:
        distance += f", pixels up to {fit.worst_mm:.3f} mm off the nearest voxel"
    raise InputError(
        what,
        cause=f"Grid: {shape} voxels of {spacing} mm; series: {planes}; {distance}.",
        remedy="Give the files of the series that the mask was drawn on.",
    )


def frames_of(values: NDArray[Any], fit: PlaneFit, planes: FramePlanes) -> NDArray[Any]:
    """A mask or labels [x, y, z] as frames [frame, row, column], in the order of the planes.

    bool becomes uint8, 0 and 1; whole numbers keep their type.
    """
    kind = np.uint8 if values.dtype == bool else values.dtype
    frames = np.empty((len(planes.positions), *planes.size[::-1]), dtype=kind)
    for index, frame in enumerate(frames):
        frame[:] = fit.plane_of(values, index)
    return frames


def build_segmentation(
    frames: NDArray[Any],
    series: Series,
    segments: Sequence[highdicom.seg.SegmentDescription],
    *,
    step: float,
    version: str,
    description: str,
    series_uid: str | None = None,
    instance_uid: str | None = None,
) -> highdicom.seg.Segmentation:
    """A binary SEG that refers to the series, a frame for each slice of each segment.

    Slices without a segment's voxels are left out, unless there is no voxel at all.

    Args:
        frames: [frame, row, column], segment numbers, 0 outside; a frame for each header.
        series: sorted as the frames are; its first header is completed where it lacks something.
        segments: one for each number from 1.
        step: mm between slices.
        version: of the program, for the equipment module.
        description: of the series and of the content.
        series_uid: of the SEG's own series; None: a new one.
        instance_uid: of the SEG; None: a new one.

    Raises:
        InputError: the headers are not sound.
    """
    first = series.first
    fill_empty(first)
    try:
        # highdicom copies both from here. Frames are left out, so the step must be said: positions
        # alone no longer tell it, and where steps vary highdicom would not say any.
        first.SliceThickness = first.get("SliceThickness") or step
        first.SpacingBetweenSlices = step
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # on names as the scanner wrote them
            return highdicom.seg.Segmentation(
                source_images=series.headers,
                pixel_array=frames,
                segmentation_type="BINARY",
                segment_descriptions=segments,
                series_instance_uid=series_uid or highdicom.UID(),
                series_number=int(first.get("SeriesNumber") or 0) + SERIES_NUMBER_OFFSET,
                sop_instance_uid=instance_uid or highdicom.UID(),
                instance_number=1,
                manufacturer="lesionloop",
                manufacturer_model_name="lesionloop",
                software_versions=version,
                device_serial_number="none",
                specific_character_set="ISO_IR 192",  # UTF-8: names and labels of any script
                content_description=description,
                series_description=description,
                omit_empty_frames=bool(frames.any()),
            )
    except MemoryError:
        raise
    except Exception as error:  # values are parsed here, damaged ones raise errors of any class
        raise _unsound(series, error) from error
