"""The measurement report, read by pydicom alone: the content tree holds the very numbers."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from highdicom.sr import srread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ComprehensiveSRStorage,
    ExplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
    generate_uid,
)

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Provenance, Quantity, Study, Volume
from lesionloop.imaging.dicom import read_dicom_study, write_lesion_seg
from lesionloop.quantification import measure_lesions, split_lesions, totals
from lesionloop.reporting.dicom_sr import write_measurement_report

SHAPE = (11, 9, 6)
GRID = Grid(SHAPE, (2.5, 3.5, 4.25), (-12.5, 31.0, -204.25), frame_uid="1.2.3.4")


def _pet_files(folder: Path) -> tuple[str, ...]:
    """Headers of the slices of GRID; feet first in number, in any order by name."""
    folder.mkdir()
    study, series = generate_uid(), generate_uid()
    for k in range(SHAPE[2]):
        header = Dataset()
        header.file_meta = FileMetaDataset()
        header.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        header.SOPClassUID = PositronEmissionTomographyImageStorage
        header.SOPInstanceUID = generate_uid()
        header.file_meta.MediaStorageSOPClassUID = header.SOPClassUID
        header.file_meta.MediaStorageSOPInstanceUID = header.SOPInstanceUID
        header.StudyInstanceUID, header.SeriesInstanceUID = study, series
        header.FrameOfReferenceUID = GRID.frame_uid
        header.Modality, header.PatientID, header.PatientName = "PT", "case 7", "Doe^Jane"
        header.SeriesNumber, header.InstanceNumber = 4, k + 1
        header.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
        header.ImagePositionPatient = [*GRID.origin[:2], GRID.origin[2] + k * GRID.spacing[2]]
        header.PixelSpacing = [GRID.spacing[1], GRID.spacing[0]]
        header.Rows, header.Columns = SHAPE[1], SHAPE[0]
        header.save_as(folder / f"{(5 * k) % 6}.dcm", enforce_file_format=True)
    return tuple(str(path) for path in sorted(folder.iterdir()))


def _study(pet_files: tuple[str, ...] = ()) -> Study:
    values = np.random.default_rng(1).gamma(2.0, 3.0, SHAPE).astype(np.float32)
    pet = Volume(values, GRID, Quantity.SUV_BW)
    return Study(pet, None, "case 7", provenance=Provenance(pet_files=pet_files))


def _labels() -> Any:
    return split_lesions(np.random.default_rng(2).random(SHAPE) < 0.04)


def _write(study: Study, folder: Path, labels: Any) -> Dataset:
    write_lesion_seg(labels, study, folder / "seg.dcm")
    measures = measure_lesions(labels, study)
    write_measurement_report(
        labels, measures, study, folder / "sr.dcm", reader="Curie^Marie", seg=folder / "seg.dcm"
    )
    return pydicom.dcmread(folder / "sr.dcm")


def _code(item: Dataset) -> tuple[str, str]:
    return str(item.CodeValue), str(item.CodingSchemeDesignator)


def _walk(item: Dataset) -> Iterator[Dataset]:
    for child in item.get("ContentSequence", ()):
        yield child
        yield from _walk(child)


def _name(item: Dataset) -> tuple[str, str]:
    return _code(item.ConceptNameCodeSequence[0]) if "ConceptNameCodeSequence" in item else ("", "")


def _groups(report: Dataset) -> list[Dataset]:
    return [item for item in _walk(report) if _name(item) == ("125007", "DCM")]


def _number(group: Dataset, name: tuple[str, str], derivation: str = "") -> tuple[float, str]:
    """The one measurement of a name and derivation, with its unit."""
    found = []
    for item in group.ContentSequence:
        if item.ValueType != "NUM" or _name(item) != name:
            continue
        derived = [c for c in item.get("ContentSequence", ()) if _name(c) == ("121401", "DCM")]
        if (_code(derived[0].ConceptCodeSequence[0])[0] if derived else "") == derivation:
            value = item.MeasuredValueSequence[0]
            exact = value.get("FloatingPointValue", value.NumericValue)
            assert float(value.NumericValue) == pytest.approx(float(exact), rel=1e-12)
            found.append((float(exact), str(value.MeasurementUnitsCodeSequence[0].CodeValue)))
    assert len(found) == 1
    return found[0]


def _told(group: Dataset, code: str, keyword: str) -> str:
    (item,) = (i for i in group.ContentSequence if _name(i) == (code, "DCM"))
    return str(item[keyword].value)


VOLUME, SUV, TLG = ("118565006", "SCT"), ("126401", "DCM"), ("126033", "DCM")
MAXIMUM, MEAN, PEAK, TOTAL = "56851009", "373098007", "126031", "255619001"


def _assert_same_numbers(report: Dataset, study: Study, labels: Any) -> None:
    measures = measure_lesions(labels, study)
    *lesions, together = _groups(report)
    assert len(lesions) == len(measures)
    for group, m in zip(lesions, measures, strict=True):
        assert _number(group, VOLUME) == (m.volume_ml, "ml")
        assert _number(group, SUV, MAXIMUM) == (m.suv_max, "g/ml{SUVbw}")
        assert _number(group, SUV, MEAN) == (m.suv_mean, "g/ml{SUVbw}")
        assert _number(group, SUV, PEAK) == (m.suv_peak, "g/ml{SUVbw}")
        assert _number(group, TLG) == (m.tlg, "g")
    total = totals(measures)
    assert _told(together, "112039", "TextValue") == "All lesions"
    assert _number(together, ("126032", "DCM"), TOTAL) == (total.mtv_ml, "ml")
    assert _number(together, TLG, TOTAL) == (total.tlg, "g")
    assert _number(together, ("246206008", "SCT")) == (total.count, "1")
    if measures:
        assert _number(together, SUV, MAXIMUM) == (total.suv_max, "g/ml{SUVbw}")


def test_numbers_are_read_back(tmp_path: Path) -> None:
    study, labels = _study(_pet_files(tmp_path / "pet")), _labels()
    report = _write(study, tmp_path, labels)
    assert labels.max() > 5
    _assert_same_numbers(report, study, labels)


def test_groups_refer_to_segments_and_the_pet(tmp_path: Path) -> None:
    study, labels = _study(_pet_files(tmp_path / "pet")), _labels()
    report = _write(study, tmp_path, labels)
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    pet = [pydicom.dcmread(file) for file in study.provenance.pet_files]
    by_height = {float(h.ImagePositionPatient[2]): h.SOPInstanceUID for h in pet}
    groups = _groups(report)[:-1]
    for group, segment, m in zip(
        groups, seg.SegmentSequence, measure_lesions(labels, study), strict=True
    ):
        (referred,) = (i for i in group.ContentSequence if _name(i) == ("121191", "DCM"))
        image = referred.ReferencedSOPSequence[0]
        assert image.ReferencedSOPInstanceUID == seg.SOPInstanceUID
        assert image.ReferencedSegmentNumber == segment.SegmentNumber == m.number
        assert _told(group, "112040", "UID") == segment.TrackingUID
        assert _told(group, "112039", "TextValue") == segment.TrackingID
        assert _told(group, "121232", "UID") == pet[0].SeriesInstanceUID
        slices = [i for i in _walk(group) if i.ValueType == "IMAGE" and i is not referred]
        height = GRID.origin[2] + m.at[2] * GRID.spacing[2]
        assert [i.ReferencedSOPSequence[0].ReferencedSOPInstanceUID for i in slices] == [
            by_height[height]
        ]
    listed = {
        item.ReferencedSOPInstanceUID
        for examination in report.CurrentRequestedProcedureEvidenceSequence
        for series in examination.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }
    assert listed == {seg.SOPInstanceUID, *by_height.values()}


def test_report_is_of_the_patient_and_by_the_reader(tmp_path: Path) -> None:
    study = _study(_pet_files(tmp_path / "pet"))
    report = _write(study, tmp_path, _labels())
    source = pydicom.dcmread(study.provenance.pet_files[0])
    assert report.SOPClassUID == ComprehensiveSRStorage
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID"):
        assert report[keyword].value == source[keyword].value
    assert report.ContentTemplateSequence[0].TemplateIdentifier == "1500"
    observers = {_name(i)[0]: i for i in report.ContentSequence}
    assert observers["121008"].PersonName == "Curie^Marie"
    assert observers["121013"].TextValue == "lesionloop"
    assert "not DICOM" not in report.SeriesDescription
    again = srread(tmp_path / "sr.dcm")  # highdicom holds it to the template
    assert len(again.content.get_volumetric_roi_measurement_groups()) == _labels().max()


def test_study_that_was_not_dicom_says_so(tmp_path: Path) -> None:
    study, labels = _study(), _labels()
    report = _write(study, tmp_path, labels)
    assert "not DICOM" in report.SeriesDescription
    seg = pydicom.dcmread(tmp_path / "seg.dcm")
    assert report.StudyInstanceUID == seg.StudyInstanceUID
    series = _told(_groups(report)[0], "121232", "UID")
    assert series == seg.ReferencedSeriesSequence[0].SeriesInstanceUID
    _assert_same_numbers(report, study, labels)


def test_no_lesions_gives_totals_of_nothing(tmp_path: Path) -> None:
    study, labels = _study(_pet_files(tmp_path / "pet")), np.zeros(SHAPE, dtype=np.uint16)
    report = _write(study, tmp_path, labels)
    assert len(_groups(report)) == 1
    _assert_same_numbers(report, study, labels)


def test_recorded_study(tmp_path: Path, shared: Path) -> None:
    study = read_dicom_study(shared / "data" / "petct-dicom")
    labels = split_lesions(study.pet.values > 6)
    _assert_same_numbers(_write(study, tmp_path, labels), study, labels)


def test_what_does_not_belong_together_is_refused(tmp_path: Path) -> None:
    study, labels = _study(_pet_files(tmp_path / "pet")), _labels()
    seg, out = tmp_path / "seg.dcm", tmp_path / "sr.dcm"
    write_lesion_seg(labels, study, seg)
    measures = measure_lesions(labels, study)
    other = np.where(labels == labels.max(), 0, labels)
    changed = [replace(measures[0], volume_ml=measures[0].volume_ml * 2), *measures[1:]]

    def refused(message: str, **given: Any) -> None:
        values: dict[str, Any] = {"labels": labels, "measures": measures, "study": study}
        values |= {"path": out, "seg": seg, "reader": "Curie", **given}
        with pytest.raises(InputError, match=message):
            write_measurement_report(**values)
        assert not out.exists()

    refused("reader", reader="")
    refused("measures are not", measures=measures[1:])
    refused("measures are not", measures=changed)
    refused("not the lesions", labels=other, measures=measure_lesions(other, study))
    refused("is not of the study", study=_study())
