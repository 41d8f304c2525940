"""DICOM SEG out, one segment per lesion, so that each keeps its identity in other systems."""

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom.sr.codedict import codes
from pydicom.uid import generate_uid

from lesionloop.imaging.dicom.export_source import ExportSource, check_labels, export_source
from lesionloop.imaging.dicom.segmentation import AlgorithmFamily
from lesionloop.imaging.dicom.segmentation_building import (
    LONGEST_TEXT,
    build_segmentation,
    check_texts,
    frames_of,
    package_version,
    save_segmentation,
)
from lesionloop.imaging.study import Study
from lesionloop.output import atomic_path

__all__ = ["write_lesion_seg"]


def write_lesion_seg(
    labels: ArrayLike,
    study: Study,
    path: Path | str,
    *,
    source: Path | str | None = None,
    algorithm: str = "lesionloop",
    version: str | None = None,
    family: AlgorithmFamily = AlgorithmFamily.REGION_GROWING,
    automatic: bool = False,
) -> None:
    """Write lesions as a binary DICOM SEG, segment n for lesion n.

    Codes are those of :func:`lesionloop.write_dicom_seg`. Each segment is labelled "Lesion n" and
    has a Tracking ID (the same text) and a Tracking UID (DICOM PS3.3 C.8.20.2), by which a
    measurement report names the lesion. A frame is written where a lesion meets a slice. Without
    lesions there is one segment, "Lesion", with all slices empty: the study was searched.

    UIDs are computed from lesions, series and algorithm: what is written twice is one object, and a
    report on it refers to either file. Any change to the lesions gives new ones.

    Args:
        labels: whole numbers [x, y, z] on the study's grid: 0 outside, lesions 1 to n without a
            gap.
        study: where they were found; the object refers to its PET series. A study that was not
            DICOM gets generated UIDs, and the series description says so.
        path: file to write, whole or not at all.
        source: folder of the PET series; None: the files that the study was read from.
        algorithm: name of the segmenter, at most 64 characters.
        version: its version; None: that of this package.
        family: kind of algorithm.
        automatic: drawn without a reader; False: with scribbles (SEMIAUTOMATIC).

    Raises:
        InputError: the labels do not fit the study or have gaps; the series is missing, damaged or
            not on the study's grid; a text cannot be written.
        OutputError: ``path`` cannot be written.
    """
    version = package_version() if version is None else version
    check_texts(algorithm=algorithm, version=version)
    values, count = check_labels(labels, study)
    origin = export_source(study, source)
    frames = frames_of(values, origin.fit, origin.planes)
    key = _key(frames, origin, (algorithm, version, family.name, str(automatic)))
    identity = highdicom.AlgorithmIdentificationSequence(
        name=algorithm, family=family.value, version=version
    )
    names = [f"Lesion {n}" for n in range(1, count + 1)] or ["Lesion"]
    segments = [
        highdicom.seg.SegmentDescription(
            segment_number=number,
            segment_label=name,
            segmented_property_category=codes.SCT.MorphologicallyAbnormalStructure,
            segmented_property_type=codes.SCT.Lesion,
            algorithm_type="AUTOMATIC" if automatic else "SEMIAUTOMATIC",
            algorithm_identification=identity,
            tracking_uid=generate_uid(entropy_srcs=[key, "lesion", str(number)]),
            tracking_id=name,
        )
        for number, name in enumerate(names, start=1)
    ]
    segmentation = build_segmentation(
        frames,
        origin.series,
        segments,
        step=study.grid.spacing[origin.fit.axes[2]],
        version=version,
        description=_describe(algorithm, origin.remark),
        series_uid=generate_uid(entropy_srcs=[key, "series"]),
        instance_uid=generate_uid(entropy_srcs=[key, "instance"]),
    )
    with atomic_path(Path(path)) as temporary:
        save_segmentation(segmentation, temporary, origin.series)


def _key(frames: NDArray[Any], origin: ExportSource, algorithm: Sequence[str]) -> str:
    """A hash of all that makes the object what it is."""
    instances = [str(header.SOPInstanceUID) for header in origin.series.headers]
    found = hashlib.sha256(repr((instances, frames.shape, str(frames.dtype), algorithm)).encode())
    found.update(np.ascontiguousarray(frames).data)
    return found.hexdigest()


def _describe(algorithm: str, remark: str) -> str:
    """Series description of at most 64 characters; the remark is never cut."""
    return f"Lesions ({algorithm})"[: LONGEST_TEXT - len(remark)] + remark
