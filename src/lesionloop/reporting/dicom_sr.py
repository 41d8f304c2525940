"""A measurement report of the lesions as DICOM SR (TID 1500, PS3.16), for PACS and registries.

One measurement group per lesion (TID 1411) refers to its segment in a DICOM SEG, by which any
system can show what was measured; one group (TID 1501) holds the totals. Codes are those of
PS3.16 for PET: CID 7464 (derivations), CID 84 (SUV units).
"""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
from highdicom import sr
from numpy.typing import ArrayLike, NDArray
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import generate_uid

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.export_source import ExportSource, check_labels, export_source
from lesionloop.imaging.dicom.segmentation_building import (
    LONGEST_TEXT,
    SERIES_NUMBER_OFFSET,
    check_texts,
    package_version,
)
from lesionloop.imaging.dicom.segmentation_reading import list_segments, read_dicom_seg
from lesionloop.imaging.study import Study
from lesionloop.output import atomic_path
from lesionloop.quantification.measures import LesionMeasures, totals

__all__ = ["TOTALS", "write_measurement_report"]

#: Tracking identifier of the group of totals.
TOTALS = "All lesions"

_ML = Code("ml", "UCUM", "milliliter")
_GRAM = Code("g", "UCUM", "gram")
_SUV = codes.UCUM.StandardizedUptakeValueBodyWeight  # g/ml{SUVbw}
_PROCEDURE = codes.SCT.PETStudyForLocalizationOfTumor  # with or without CT, any part of the body

#: The program as a device that observes, the same at all times and places.
_DEVICE_UID = generate_uid(entropy_srcs=["lesionloop", "device observer"])


def write_measurement_report(
    labels: ArrayLike,
    measures: Sequence[LesionMeasures],
    study: Study,
    path: Path | str,
    *,
    reader: str,
    seg: Path | str,
    source: Path | str | None = None,
) -> None:
    """Write a Comprehensive SR with the measures of each lesion and their totals.

    Volume is (SCT 118565006) in ml; SUVmax, SUVmean and SUVpeak are SUVbw (DCM 126401) in
    g/ml{SUVbw}, derived as Maximum, Mean and Peak Value Within ROI (DCM 126031, which the standard
    defines by the sphere of 1 ml); Total Lesion Glycolysis (DCM 126033) in g. Totals: Metabolic
    Volume (DCM 126032) and Total Lesion Glycolysis, both derived as Total, the Number of lesions
    (SCT 246206008), and the highest SUVmax where there is a lesion. Each measured value stands in
    full precision as Floating Point Value (0040,A161). Lesions carry the Tracking UID of their
    segments, and SUVmax refers to the PET slice that holds it. The PET series is the source series
    of each segment and is listed whole as evidence.

    Args:
        labels: the lesions measured, [x, y, z] on the study's grid, numbered 1 to n.
        measures: of each lesion, as :func:`lesionloop.quantification.measure_lesions` gives them.
        study: where they were found; patient and examination are its own. A study that was not
            DICOM gets generated UIDs, and the series description says so.
        path: file to write, whole or not at all.
        reader: name of the person who observed, at most 64 characters; "Family^Given" or as it is.
        seg: DICOM SEG of the same lesions, see
            :func:`lesionloop.imaging.dicom.lesion_segments.write_lesion_seg`.
        source: folder of the PET series; None: the files that the study was read from.

    Raises:
        InputError: the reader has no name; labels, measures and the SEG are not of the same lesions
            or not of this study; the SEG or the series cannot be read.
        OutputError: ``path`` cannot be written.
    """
    check_texts(reader=reader)
    values, count = check_labels(labels, study)
    _require_measures_of(values, measures, study)
    origin = export_source(study, source)
    segmentation = _matching_seg(values, count, study, Path(seg))
    if segmentation.StudyInstanceUID != origin.series.first.StudyInstanceUID:
        raise InputError(
            f"{seg} is not of the study {study.name}",
            cause=f"StudyInstanceUID {segmentation.StudyInstanceUID} against"
            f" {origin.series.first.StudyInstanceUID}.",
            remedy="Write the SEG from the same study.",
        )
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # on names as people write them
            report = _report(measures, origin, segmentation, reader)
        with atomic_path(Path(path)) as temporary:
            report.save_as(temporary, enforce_file_format=True)
    except (ValueError, TypeError, AttributeError, KeyError) as error:  # values of the headers
        raise InputError(
            f"cannot refer a measurement report to {origin.series} in {origin.series.folder}",
            cause=f"Its header is not sound ({type(error).__name__}).",
            remedy="Give the original files of the PET series.",
        ) from error


def _require_measures_of(
    values: NDArray[Any], measures: Sequence[LesionMeasures], study: Study
) -> None:
    volumes = np.bincount(values[values != 0])[1:] * study.grid.voxel_ml
    told = [lesion.volume_ml for lesion in measures]
    numbers = [lesion.number for lesion in measures]
    if numbers != list(range(1, len(volumes) + 1)) or not np.allclose(told, volumes, rtol=1e-9):
        raise InputError(
            f"the measures are not of the lesions of {study.name}",
            cause=f"{len(measures)} measures, {len(volumes)} lesions; numbers or volumes differ.",
            remedy="Measure the lesions again after the last correction.",
        )


def _matching_seg(values: NDArray[Any], count: int, study: Study, seg: Path) -> Dataset:
    """Header of the SEG, when its segments are the lesions."""
    held = read_dicom_seg(seg, study.grid, as_labels=True).values
    if (count and len(list_segments(seg)) != count) or not np.array_equal(held, values):
        raise InputError(
            f"the segments of {seg} are not the lesions that were measured",
            cause=f"{len(list_segments(seg))} segments, {count} lesions;"
            f" {int((held != values).sum())} voxels differ.",
            remedy="Write the SEG anew after the last correction.",
        )
    return pydicom.dcmread(seg, stop_before_pixels=True)


def _report(
    measures: Sequence[LesionMeasures],
    origin: ExportSource,
    segmentation: Dataset,
    reader: str,
) -> sr.ComprehensiveSR:
    content = sr.MeasurementReport(
        observation_context=_observers(reader),
        procedure_reported=_PROCEDURE,
        imaging_measurements=[
            *(_lesion(lesion, origin, segmentation) for lesion in measures),
            _totals(measures),
        ],
        title=codes.DCM.ImagingMeasurementReport,
    )
    first = origin.series.first
    return sr.ComprehensiveSR(
        evidence=[segmentation, *(origin.series.headers if origin.from_dicom else ())],
        content=content[0],
        series_instance_uid=highdicom.UID(),
        series_number=int(first.get("SeriesNumber") or 0) + SERIES_NUMBER_OFFSET + 2,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="lesionloop",
        manufacturer_model_name="lesionloop",
        software_versions=package_version(),
        device_serial_number="none",
        specific_character_set="ISO_IR 192",
        is_complete=True,
        series_description=("Lesion measurements" + origin.remark)[:LONGEST_TEXT],
    )


def _observers(reader: str) -> sr.ObservationContext:
    return sr.ObservationContext(
        observer_person_context=sr.ObserverContext(
            observer_type=codes.DCM.Person,
            observer_identifying_attributes=sr.PersonObserverIdentifyingAttributes(name=reader),
        ),
        observer_device_context=sr.ObserverContext(
            observer_type=codes.DCM.Device,
            observer_identifying_attributes=sr.DeviceObserverIdentifyingAttributes(
                uid=_DEVICE_UID,
                name="lesionloop",
                manufacturer_name="lesionloop",
                model_name="lesionloop",
                serial_number=package_version(),
            ),
        ),
    )


def _lesion(
    lesion: LesionMeasures, origin: ExportSource, segmentation: Dataset
) -> sr.VolumetricROIMeasurementsAndQualitativeEvaluations:
    segment = segmentation.SegmentSequence[lesion.number - 1]
    return sr.VolumetricROIMeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(
            uid=segment.get("TrackingUID") or highdicom.UID(),
            identifier=segment.get("TrackingID") or f"Lesion {lesion.number}",
        ),
        referenced_segment=sr.ReferencedSegment(
            sop_class_uid=segmentation.SOPClassUID,
            sop_instance_uid=segmentation.SOPInstanceUID,
            segment_number=int(segment.SegmentNumber),
            source_series=sr.SourceSeriesForSegmentation(origin.series.first.SeriesInstanceUID),
        ),
        finding_category=codes.SCT.MorphologicallyAbnormalStructure,
        finding_type=codes.SCT.Lesion,
        algorithm_id=_algorithm(),
        measurements=[
            sr.Measurement(name=codes.SCT.Volume, value=lesion.volume_ml, unit=_ML),
            _suv(lesion.suv_max, codes.SCT.Maximum, _slice_of(lesion, origin)),
            _suv(lesion.suv_mean, codes.SCT.Mean),
            _suv(lesion.suv_peak, codes.DCM.PeakValueWithinROI),
            sr.Measurement(name=codes.DCM.TotalLesionGlycolysis, value=lesion.tlg, unit=_GRAM),
        ],
    )


def _totals(measures: Sequence[LesionMeasures]) -> sr.MeasurementsAndQualitativeEvaluations:
    total = totals(measures)
    items = [
        sr.Measurement(
            name=codes.DCM.MetabolicVolume,
            value=total.mtv_ml,
            unit=_ML,
            derivation=codes.SCT.Total,
        ),
        sr.Measurement(
            name=codes.DCM.TotalLesionGlycolysis,
            value=total.tlg,
            unit=_GRAM,
            derivation=codes.SCT.Total,
        ),
        sr.Measurement(
            name=codes.SCT.NumberOfLesions,
            value=total.count,
            unit=codes.UCUM.NoUnits,
        ),
    ]
    if measures:
        items.append(_suv(total.suv_max, codes.SCT.Maximum))
    return sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=sr.TrackingIdentifier(uid=highdicom.UID(), identifier=TOTALS),
        algorithm_id=_algorithm(),
        measurements=items,
    )


def _suv(
    value: float, derivation: Code, seen_in: Sequence[sr.SourceImageForMeasurement] | None = None
) -> sr.Measurement:
    return sr.Measurement(
        name=codes.DCM.Suvbw,
        value=value,
        unit=_SUV,
        derivation=derivation,
        referenced_images=seen_in,
    )


def _slice_of(
    lesion: LesionMeasures, origin: ExportSource
) -> list[sr.SourceImageForMeasurement] | None:
    """The PET slice that holds the lesion's SUVmax; None when there are no DICOM slices."""
    if not origin.from_dicom:
        return None
    across = origin.fit.axes[2]
    index = int(np.flatnonzero(origin.fit.start[:, across] == lesion.at[across])[0])
    header = origin.series.headers[index]
    return [sr.SourceImageForMeasurement(str(header.SOPClassUID), str(header.SOPInstanceUID))]


def _algorithm() -> sr.AlgorithmIdentification:
    return sr.AlgorithmIdentification(name="lesionloop quantification", version=package_version())
