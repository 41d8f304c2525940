"""DICOM SEG out: a mask as a segmentation object that refers to its PET series.

The object says in the words of the standard that the voxels are lesions, and which algorithm drew
them. For the way back see :func:`read_dicom_seg`, re-exported here.
"""

import logging
import warnings
from collections.abc import Sequence
from enum import Enum
from importlib import metadata
from pathlib import Path

import highdicom
import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom.sr.codedict import codes

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.frame_planes import FramePlanes, PlaneFit
from lesionloop.imaging.dicom.segmentation_reading import (
    SegmentInfo,
    list_segments,
    read_dicom_seg,
)
from lesionloop.imaging.dicom.series import Series
from lesionloop.imaging.dicom.source_series import read_source_series
from lesionloop.imaging.grid import Grid
from lesionloop.output import atomic_path

__all__ = [
    "AlgorithmFamily",
    "SegmentInfo",
    "list_segments",
    "read_dicom_seg",
    "write_dicom_seg",
]

_LOG = logging.getLogger(__name__)

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

_LONGEST_TEXT = 64  # characters of a DICOM long string (LO)

_FEWEST_PIXELS = 8  # in a slice, see _fit

_SERIES_NUMBER_OFFSET = 1000  # keeps the segmentation's series below the scanner's in a viewer


class AlgorithmFamily(Enum):
    """How a mask was found, in the words of DICOM CID 7162 (Algorithm Family)."""

    LEARNED = codes.cid7162.ArtificialIntelligence
    REGION_GROWING = codes.cid7162.NeighborhoodAnalysis
    THRESHOLD = codes.cid7162.HistogramAnalysis
    MANUAL = codes.cid7162.ManualProcessing


def write_dicom_seg(
    mask: ArrayLike,
    grid: Grid,
    pet_files: Sequence[Path | str],
    path: Path | str,
    *,
    algorithm: str = "lesionloop",
    version: str | None = None,
    family: AlgorithmFamily = AlgorithmFamily.REGION_GROWING,
    automatic: bool = False,
    segment_label: str = "Lesion",
    description: str | None = None,
) -> None:
    """Write a mask as a binary DICOM SEG with one segment that refers to the PET series.

    The segment is a "Morphologically Abnormal Structure" (category, SCT 49755003) of type "Lesion"
    (SCT 52988006, CID 7159): what takes up tracer is abnormal, but PET alone does not prove a
    neoplasm. Patient, study and frame of reference are the series' own, and so is the position of
    each frame, steps that vary a little included. Slices without lesion are left out, unless the
    whole mask is empty: then all are written, which says that the study was searched.

    Args:
        mask: bool [x, y, z] on ``grid`` (other types: true where not 0).
        grid: where the mask's voxels are. Its axes may run against those of the files.
        pet_files: the single-frame files of the PET series (or of any series), in any order.
        path: file to write, by custom ending in .dcm; new UIDs each time.
        algorithm: name of the segmenter, at most 64 characters.
        version: its version; None: that of this package.
        family: kind of algorithm.
        automatic: drawn without a reader; False: with scribbles (SEMIAUTOMATIC).
        segment_label: what a viewer shows for the segment, at most 64 characters.
        description: series description, at most 64 characters; None: label and algorithm.

    Raises:
        InputError: a file is missing or damaged, the files are not one series, or its pixels are
            not the grid's voxels: each must meet one within a tenth of a voxel.
        OutputError: ``path`` cannot be written.
    """
    version = _package_version() if version is None else version
    if description is None:
        description = f"{segment_label} ({algorithm})"[:_LONGEST_TEXT]
    _check_texts(
        algorithm=algorithm,
        version=version,
        segment_label=segment_label,
        description=description,
    )
    values = np.asarray(mask)
    values = values if values.dtype == bool else values != 0
    if values.shape != grid.shape:
        raise InputError(f"a mask of shape {values.shape} does not fit a grid of {grid.shape}")

    series, planes = read_source_series([Path(file) for file in pet_files])
    fit = _fit(planes, grid, series)
    segment = highdicom.seg.SegmentDescription(
        segment_number=1,
        segment_label=segment_label,
        segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
        segmented_property_type=codes.SCT.Lesion,
        algorithm_type="AUTOMATIC" if automatic else "SEMIAUTOMATIC",
        algorithm_identification=highdicom.AlgorithmIdentificationSequence(
            name=algorithm, family=family.value, version=version
        ),
    )
    segmentation = _build(
        _frames(values, fit, planes),
        series,
        segment,
        step=grid.spacing[fit.axes[2]],
        version=version,
        description=description,
    )
    with atomic_path(Path(path)) as temporary:
        _save(segmentation, temporary, series)
    if not values.any():
        _LOG.info("%s: the mask is empty; all %d slices were written", path, len(series))


def _save(segmentation: highdicom.seg.Segmentation, path: Path, series: Series) -> None:
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


def _package_version() -> str:
    try:
        return metadata.version("lesionloop")
    except metadata.PackageNotFoundError:  # run from a source tree that is not installed
        return "unknown"


def _check_texts(**texts: str) -> None:
    for name, text in texts.items():
        if not 0 < len(text) <= _LONGEST_TEXT or "\\" in text or not text.isprintable():
            raise InputError(
                f"{name} {text!r} cannot be written to DICOM",
                cause=f"A long string has 1 to {_LONGEST_TEXT} printable characters, no backslash.",
                remedy="Choose another text.",
            )


def _fit(planes: FramePlanes, grid: Grid, series: Series) -> PlaneFit:
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


def _frames(values: NDArray[np.bool_], fit: PlaneFit, planes: FramePlanes) -> NDArray[np.uint8]:
    """The mask as frames [frame, row, column], 0 and 1, in the order of the planes."""
    frames = np.empty((len(planes.positions), *planes.size[::-1]), dtype=np.uint8)
    for index, frame in enumerate(frames):
        frame[:] = fit.plane_of(values, index)
    return frames


def _build(
    frames: NDArray[np.uint8],
    series: Series,
    segment: highdicom.seg.SegmentDescription,
    *,
    step: float,
    version: str,
    description: str,
) -> highdicom.seg.Segmentation:
    first = series.first
    for keyword in _MAY_BE_EMPTY:
        if keyword not in first:
            setattr(first, keyword, "")
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
                segment_descriptions=[segment],
                series_instance_uid=highdicom.UID(),
                series_number=int(first.get("SeriesNumber") or 0) + _SERIES_NUMBER_OFFSET,
                sop_instance_uid=highdicom.UID(),
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
