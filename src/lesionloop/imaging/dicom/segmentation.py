"""DICOM SEG out: a mask as a segmentation object that refers to its PET series.

The object says in the words of the standard that the voxels are lesions, and which algorithm drew
them. For the way back see :func:`read_dicom_seg`, re-exported here.
"""

import logging
from collections.abc import Sequence
from enum import Enum
from pathlib import Path

import highdicom
import numpy as np
from numpy.typing import ArrayLike
from pydicom.sr.codedict import codes

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.segmentation_building import (
    LONGEST_TEXT,
    build_segmentation,
    check_texts,
    fit_planes,
    frames_of,
    package_version,
    save_segmentation,
)
from lesionloop.imaging.dicom.segmentation_reading import (
    SegmentInfo,
    list_segments,
    read_dicom_seg,
)
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
    version = package_version() if version is None else version
    if description is None:
        description = f"{segment_label} ({algorithm})"[:LONGEST_TEXT]
    check_texts(
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
    fit = fit_planes(planes, grid, series)
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
    segmentation = build_segmentation(
        frames_of(values, fit, planes),
        series,
        [segment],
        step=grid.spacing[fit.axes[2]],
        version=version,
        description=description,
    )
    with atomic_path(Path(path)) as temporary:
        save_segmentation(segmentation, temporary, series)
    if not values.any():
        _LOG.info("%s: the mask is empty; all %d slices were written", path, len(series))
