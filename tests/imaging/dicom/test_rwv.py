"""Real World Value Maps beside the PET."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import ExplicitVRLittleEndian, generate_uid

from lesionloop.imaging.dicom.choice import choose_pet
from lesionloop.imaging.dicom.rwv import RealWorldCheck, check_real_world_values
from lesionloop.imaging.dicom.series import scan_folder
from lesionloop.imaging.dicom.suv import suv_factor

Writer = Callable[..., Any]


def real_world_item(slope: float, unit: str = "{SUVbw}g/ml") -> Dataset:
    code, item = Dataset(), Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = unit, "UCUM", "SUV"
    item.MeasurementUnitsCodeSequence = Items([code])
    item.RealWorldValueSlope, item.RealWorldValueIntercept = slope, 0.0
    return item


def write_map(
    path: Path, instances: Sequence[str], slope: float, unit: str = "{SUVbw}g/ml"
) -> None:
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.SOPClassUID, ds.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.67", generate_uid()
    ds.SeriesInstanceUID, ds.StudyInstanceUID = generate_uid(), "1.2.3"
    ds.Modality = "RWV"
    references = []
    for uid in instances:
        reference = Dataset()
        reference.ReferencedSOPClassUID = "1.2.840.10008.5.1.4.1.1.128"
        reference.ReferencedSOPInstanceUID = uid
        references.append(reference)
    group = Dataset()
    group.ReferencedImageSequence = Items(references)
    group.RealWorldValueMappingSequence = Items([real_world_item(slope, unit)])
    ds.ReferencedImageRealWorldValueMappingSequence = Items([group])
    ds.save_as(path, enforce_file_format=True)


def check(folder: Path) -> RealWorldCheck:
    scan = scan_folder(folder)
    pet = choose_pet(scan).series
    return check_real_world_values(scan, pet, suv_factor(pet.headers))


@pytest.fixture
def factor(tmp_path: Path, write_series: Writer) -> float:
    write_series(tmp_path / "probe")
    found = suv_factor(scan_folder(tmp_path / "probe")[0].headers).factor
    for path in (tmp_path / "probe").iterdir():
        path.unlink()
    return found


def test_agreement(tmp_path: Path, write_series: Writer, factor: float) -> None:
    written = write_series(tmp_path / "pet")
    write_map(tmp_path / "map.dcm", written.instances, factor * 1.001)
    found = check(tmp_path)
    assert found.agrees is True
    assert "agrees" in found.notes[0]


def test_disagreement_is_told_and_not_used(
    tmp_path: Path, write_series: Writer, factor: float
) -> None:
    written = write_series(tmp_path / "pet")
    write_map(tmp_path / "map.dcm", written.instances, factor * 1.02)
    found = check(tmp_path)
    assert found.agrees is False
    assert "DISAGREES" in found.notes[0]


def test_map_of_another_series_is_ignored(
    tmp_path: Path, write_series: Writer, factor: float
) -> None:
    write_series(tmp_path / "pet")
    write_map(tmp_path / "map.dcm", ["1.2.3.4"], factor / 1000)
    found = check(tmp_path)
    assert (found.agrees, found.factors) == (None, ())
    assert "another series" in found.notes[0]


def test_lean_body_mass_map_is_no_body_weight(
    tmp_path: Path, write_series: Writer, factor: float
) -> None:
    written = write_series(tmp_path / "pet")
    write_map(tmp_path / "map.dcm", written.instances, factor, unit="{SUVlbm}g/ml")
    assert "no body-weight SUV" in check(tmp_path).notes[0]


def test_map_for_stored_values(tmp_path: Path, write_series: Writer, factor: float) -> None:
    written = write_series(tmp_path / "pet", tags={"RescaleSlope": "2.5"})
    write_map(tmp_path / "map.dcm", written.instances, factor * 2.5)
    assert check(tmp_path).agrees is True


def test_map_in_the_pet_headers(tmp_path: Path, write_series: Writer, factor: float) -> None:
    tags = {"RealWorldValueMappingSequence": Items([real_world_item(factor * 3)])}
    write_series(tmp_path / "pet", tags=tags)
    found = check(tmp_path)
    assert found.agrees is False
    assert "headers" in found.notes[0]


def test_no_map(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "pet")
    assert check(tmp_path) == RealWorldCheck()
