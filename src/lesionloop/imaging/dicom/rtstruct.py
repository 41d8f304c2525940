"""DICOM RTSTRUCT out: closed planar contours of lesions that refer to the PET series.

Contours run along the edges of pixels, slice by slice, so that the voxels can be had back exactly;
see :mod:`lesionloop.imaging.dicom.contours` for holes and corners.
"""

import colorsys
import warnings
from collections.abc import Iterator
from copy import deepcopy
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage, generate_uid

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.contours import pixel_outlines
from lesionloop.imaging.dicom.export_source import ExportSource, check_labels, export_source
from lesionloop.imaging.dicom.frame_planes import FramePlanes
from lesionloop.imaging.dicom.segmentation_building import (
    LONGEST_TEXT,
    SERIES_NUMBER_OFFSET,
    check_texts,
    package_version,
)
from lesionloop.imaging.dicom.series import Series
from lesionloop.imaging.study import Study
from lesionloop.output import atomic_path

__all__ = ["write_rtstruct"]

#: Attributes of patient, study and frame of reference that are the series' own (PS3.3 A.19.3).
_COPIED = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex",
    "PatientAge", "PatientSize", "PatientWeight", "PatientIdentityRemoved",
    "DeidentificationMethod", "DeidentificationMethodCodeSequence", "ClinicalTrialSponsorName",
    "ClinicalTrialProtocolID", "ClinicalTrialProtocolName", "ClinicalTrialSiteID",
    "ClinicalTrialSiteName", "ClinicalTrialSubjectID", "ClinicalTrialTimePointID",
    "StudyInstanceUID", "StudyDate", "StudyTime", "StudyID", "StudyDescription",
    "AccessionNumber", "ReferringPhysicianName", "FrameOfReferenceUID",
    "PositionReferenceIndicator", "TimezoneOffsetFromUTC",
)  # fmt: skip

_STUDY_COMPONENT = "1.2.840.10008.3.1.2.3.1"  # Detached Study Management, as all makers write here


def write_rtstruct(
    labels: ArrayLike,
    study: Study,
    path: Path | str,
    *,
    source: Path | str | None = None,
    algorithm: str = "lesionloop",
    automatic: bool = False,
) -> None:
    """Write lesions as an RT Structure Set (DICOM PS3.3 A.19, C.8.8.5 and C.8.8.6), ROI n for
    lesion n, named "Lesion n".

    Each contour is CLOSED_PLANAR, lies in the plane of a PET slice and names that slice. Filled by
    the even-odd rule (or by any other) the contours of an ROI give its voxels. Points are rounded
    to a millionth of a millimetre.

    Args:
        labels: whole numbers [x, y, z] on the study's grid: 0 outside, lesions 1 to n without a
            gap.
        study: where they were found. A study that was not DICOM gets generated UIDs, and the
            series description says so.
        path: file to write, whole or not at all.
        source: folder of the PET series; None: the files that the study was read from.
        algorithm: name of the segmenter, at most 64 characters.
        automatic: drawn without a reader; False: with scribbles (SEMIAUTOMATIC).

    Raises:
        InputError: there is no lesion, since a structure set has at least one; the labels do not
            fit the study or have gaps; the series is missing, damaged or not on the study's grid.
        OutputError: ``path`` cannot be written.
    """
    check_texts(algorithm=algorithm)
    values, count = check_labels(labels, study)
    if not count:
        raise InputError(
            f"cannot write {path}",
            cause="There is no lesion, and an RTSTRUCT has at least one structure.",
            remedy="Write a DICOM SEG or a measurement report: they can say that none was found.",
        )
    origin = export_source(study, source)
    contours = _contours(values, origin, count)
    dataset = _structure_set(origin, algorithm)
    try:
        for number in range(1, count + 1):
            _add_roi(dataset, number, contours[number - 1], count)
            roi = dataset.StructureSetROISequence[-1]
            roi.ROIGenerationAlgorithm = "AUTOMATIC" if automatic else "SEMIAUTOMATIC"
            roi.ROIGenerationDescription = f"{algorithm} {package_version()}"[:LONGEST_TEXT]
        with atomic_path(Path(path)) as temporary:
            dataset.save_as(temporary, enforce_file_format=True)
    except (ValueError, TypeError, AttributeError) as error:  # values copied from the series
        raise InputError(
            f"cannot refer an RTSTRUCT to {origin.series} in {origin.series.folder}",
            cause=f"Its header is not sound ({type(error).__name__}).",
            remedy="Give the original files of the PET series.",
        ) from error


def _contours(values: NDArray[Any], origin: ExportSource, count: int) -> list[list[Dataset]]:
    """Items of the Contour Sequence of each lesion."""
    found: list[list[Dataset]] = [[] for _ in range(count)]
    for index, header in enumerate(origin.series.headers):
        plane = origin.fit.plane_of(values, index)
        for number, corners in _outlines(plane):
            item = Dataset()
            item.ContourImageSequence = Sequence([_reference(header)])
            item.ContourGeometricType = "CLOSED_PLANAR"
            item.NumberOfContourPoints = len(corners)
            points = _places(corners, origin.planes, index)
            item.ContourData = [f"{value:.6f}" for value in points.ravel()]
            found[number - 1].append(item)
    return found


def _outlines(plane: NDArray[Any]) -> Iterator[tuple[int, NDArray[np.float64]]]:
    """Lesion number and outline (n, 2), row and column, of each region of a slice."""
    rows, columns = np.nonzero(plane)
    numbers = plane[rows, columns]
    for number in np.unique(numbers):
        r, c = rows[numbers == number], columns[numbers == number]
        part = np.zeros((np.ptp(r) + 1, np.ptp(c) + 1), dtype=bool)
        part[r - r.min(), c - c.min()] = True
        first = np.array([r.min(), c.min()])
        for corners in pixel_outlines(part):
            yield int(number), corners + first


def _places(corners: NDArray[np.float64], planes: FramePlanes, index: int) -> NDArray[np.float64]:
    """LPS mm, (n, 3), of points (row, column) of a slice (PS3.3 C.7.6.2.1.1)."""
    steps = corners[:, ::-1] * planes.spacing
    return np.asarray(planes.positions[index] + steps @ planes.orientation)


def _structure_set(origin: ExportSource, algorithm: str) -> Dataset:
    """The object without its structures."""
    first = origin.series.first
    now = datetime.now(UTC).astimezone()
    dataset = Dataset()
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.SOPClassUID = RTStructureSetStorage
    dataset.SOPInstanceUID = generate_uid()
    dataset.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # on values as the scanner wrote them
        for keyword in _COPIED:
            value = first.get(keyword)
            if value is not None:
                copied = str(value) if first[keyword].VR == "PN" else deepcopy(value)
                setattr(dataset, keyword, copied)
    dataset.Modality = "RTSTRUCT"
    dataset.SeriesInstanceUID = generate_uid()
    dataset.SeriesNumber = int(first.get("SeriesNumber") or 0) + SERIES_NUMBER_OFFSET + 1
    remark = origin.remark
    dataset.SeriesDescription = f"Lesions ({algorithm})"[: LONGEST_TEXT - len(remark)] + remark
    dataset.OperatorsName = ""
    dataset.Manufacturer = dataset.ManufacturerModelName = "lesionloop"
    dataset.SoftwareVersions = package_version()
    dataset.InstanceNumber = 1
    dataset.InstanceCreationDate = dataset.StructureSetDate = now.strftime("%Y%m%d")
    dataset.InstanceCreationTime = dataset.StructureSetTime = now.strftime("%H%M%S")
    dataset.StructureSetLabel = "Lesions"
    dataset.ApprovalStatus = "UNAPPROVED"
    dataset.ReferencedFrameOfReferenceSequence = Sequence([_referenced_frame(origin.series)])
    dataset.StructureSetROISequence = Sequence()
    dataset.ROIContourSequence = Sequence()
    dataset.RTROIObservationsSequence = Sequence()
    return dataset


def _referenced_frame(series: Series) -> Dataset:
    images = Dataset()
    images.SeriesInstanceUID = series.first.SeriesInstanceUID
    images.ContourImageSequence = Sequence([_reference(header) for header in series.headers])
    examination = Dataset()
    examination.ReferencedSOPClassUID = _STUDY_COMPONENT
    examination.ReferencedSOPInstanceUID = series.first.StudyInstanceUID
    examination.RTReferencedSeriesSequence = Sequence([images])
    frame = Dataset()
    frame.FrameOfReferenceUID = series.first.FrameOfReferenceUID
    frame.RTReferencedStudySequence = Sequence([examination])
    return frame


def _reference(header: Dataset) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = header.SOPClassUID
    item.ReferencedSOPInstanceUID = header.SOPInstanceUID
    return item


def _add_roi(dataset: Dataset, number: int, contours: list[Dataset], count: int) -> None:
    """Add one lesion to the three sequences; hues are spread evenly over the lesions."""
    roi = Dataset()
    roi.ROINumber = number
    roi.ReferencedFrameOfReferenceUID = dataset.FrameOfReferenceUID
    roi.ROIName = f"Lesion {number}"
    dataset.StructureSetROISequence.append(roi)
    drawn = Dataset()
    drawn.ROIDisplayColor = [
        round(255 * part) for part in colorsys.hsv_to_rgb((number - 1) / count, 1.0, 1.0)
    ]
    drawn.ContourSequence = Sequence(contours)
    drawn.ReferencedROINumber = number
    dataset.ROIContourSequence.append(drawn)
    seen = Dataset()
    seen.ObservationNumber = number
    seen.ReferencedROINumber = number
    seen.RTROIInterpretedType = ""
    seen.ROIInterpreter = ""
    dataset.RTROIObservationsSequence.append(seen)
