"""Find, fetch and store against a real PACS."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.uid import generate_uid

from lesionloop.errors import GatewayError, InputError
from lesionloop.imaging.dicom import read_dicom_study
from lesionloop.imaging.dicomweb import CancelledFetchError, Pacs


def test_finds_by_patient_name_date_accession_and_modality(orthanc: Any, study: Any) -> None:
    pacs: Pacs = orthanc.pacs()
    asked: dict[str, Any]
    for asked in (
        {"patient_id": "Ü-17"},
        {"patient_id": "Ü-*"},
        {"patient_name": "Müller-Lüdenscheidt^Änne"},
        {"patient_name": "Müller"},
        {"patient_name": "*Änne"},
        {"date_from": "2024-01-10", "date_to": "2024-01-10"},
        {"date_from": "20240101"},
        {"date_to": "2024-01-10"},
        {"patient_id": "Ü-17", "accession": "A1"},
        {"patient_id": "Ü-17", "modality": "CT"},
        {"patient_id": "Ü-17", "modality": None},
    ):
        found = {row.uid: row for row in pacs.find(**asked).studies}
        assert study.uid in found, asked
    row = found[study.uid]
    assert row.patient_name == "Müller-Lüdenscheidt^Änne"
    assert (row.patient_id, row.date, row.description) == ("Ü-17", "20240110", "PET/CT")
    assert set(row.modalities) == {"PT", "CT"}
    assert (row.series, row.instances) == (2, len(study.paths))
    others: tuple[dict[str, Any], ...] = (
        {"patient_id": "Ü-18"},
        {"patient_name": "Lüdenscheidt"},
        {"patient_id": "Ü-17", "date_from": "2024-01-11"},
        {"patient_id": "Ü-17", "date_to": "2024-01-09"},
        {"patient_id": "Ü-17", "accession": "A2"},
        {"patient_id": "Ü-17", "modality": "MR"},
    )
    for unlike in others:
        assert study.uid not in {row.uid for row in pacs.find(**unlike).studies}, unlike


def test_says_when_there_is_more(orthanc: Any, make_study: Callable[..., Any]) -> None:
    pacs: Pacs = orthanc.pacs()
    for number in range(2):
        header = make_study(PatientID="many", PatientName=f"Many^{number}")
        pacs.store(header.paths[:1]).require_all()
    found = pacs.find(patient_id="many", limit=1)
    assert found.more
    assert len(found.studies) == 1
    assert not pacs.find(patient_id="many", limit=2).more


def test_fetches_what_was_stored_byte_for_byte(orthanc: Any, study: Any, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    fetched = orthanc.pacs().fetch(
        study.uid, tmp_path / "out", progress=lambda done, total: told.append((done, total))
    )
    count = len(study.paths)
    assert (fetched.instances, fetched.new, fetched.left_out) == (count, count, ())
    assert told == [(done, count) for done in range(count + 1)]
    for path in study.paths:
        header = dcmread(path)
        there = tmp_path / "out" / f"{header.SOPInstanceUID}.dcm"
        assert there.read_bytes() == path.read_bytes()
    ours, theirs = read_dicom_study(study.folder), read_dicom_study(tmp_path / "out")
    np.testing.assert_array_equal(ours.pet.values, theirs.pet.values)
    assert ours.ct is not None
    assert theirs.ct is not None
    np.testing.assert_array_equal(ours.ct.values, theirs.ct.values)


def test_fetches_some_modalities(orthanc: Any, study: Any, tmp_path: Path) -> None:
    fetched = orthanc.pacs().fetch(study.uid, tmp_path, modalities=("PT",))
    assert fetched.instances == 24
    assert fetched.left_out == ("CT",)
    with pytest.raises(InputError, match="no SEG series"):
        orthanc.pacs().fetch(study.uid, tmp_path, modalities=("SEG",))


def test_goes_on_where_it_was_cancelled(orthanc: Any, study: Any, tmp_path: Path) -> None:
    seen: list[int] = []
    with pytest.raises(CancelledFetchError):
        orthanc.pacs().fetch(
            study.uid,
            tmp_path,
            progress=lambda done, _total: seen.append(done),
            cancelled=lambda: bool(seen) and seen[-1] >= 5,
        )
    there = {path.name: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert 5 <= len(there) <= 6
    assert all(name.endswith(".dcm") for name in there)
    fetched = orthanc.pacs().fetch(study.uid, tmp_path)
    assert fetched.new == len(study.paths) - len(there)
    assert all((tmp_path / name).stat().st_mtime_ns == time for name, time in there.items())


def test_storing_twice_doubles_nothing(orthanc: Any, study: Any) -> None:
    report = orthanc.pacs().store(study.paths[:2])
    assert [stored.path for stored in report.stored] == list(study.paths[:2])
    (row,) = orthanc.pacs().find(patient_id="Ü-17").studies
    assert row.instances == len(study.paths)


def test_what_is_not_there_is_told(orthanc: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has no study"):
        orthanc.pacs().fetch(generate_uid(), tmp_path / "out")
    with pytest.raises(InputError, match="no study UID"):
        orthanc.pacs().fetch("../../etc/passwd", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    wrong = Pacs(orthanc.url.replace("/dicom-web", "/elsewhere"))
    with pytest.raises(GatewayError, match="cannot be used") as caught:
        wrong.find()
    assert "root of a DICOMweb service" in str(caught.value)


def test_credentials(
    orthancs: Callable[..., Any], make_study: Callable[..., Any], tmp_path: Path
) -> None:
    locked = orthancs(AuthenticationEnabled=True, RegisteredUsers={"reader": "pass:word"})
    made = make_study()
    locked.pacs().store(made.paths[:3]).require_all()
    assert [row.uid for row in locked.pacs().find().studies] == [made.uid]
    for stranger in (
        Pacs(locked.url),
        Pacs(locked.url, login="reader:wrong"),
        Pacs(locked.url, token="nonsense"),  # noqa: S106
    ):
        for act in (
            stranger.find,
            lambda there=stranger: there.fetch(made.uid, tmp_path / "out"),
            lambda there=stranger: there.store(made.paths[3:]),
        ):
            with pytest.raises(GatewayError, match="refuses the credentials") as caught:
                act()
            assert "LESIONLOOP_DICOMWEB" in str(caught.value)
            assert "wrong" not in str(caught.value)
    assert locked.pacs().find().studies[0].instances == 3


def test_killed_while_storing_and_started_again(
    orthancs: Callable[..., Any], make_study: Callable[..., Any]
) -> None:
    orthanc = orthancs()
    made = make_study()

    def kill_at_third(done: int, _total: int) -> None:
        if done == 2:
            orthanc.kill()

    report = orthanc.pacs(timeout_s=5).store(made.paths[:5], progress=kill_at_third)
    assert [stored.path for stored in report.stored] == list(made.paths[:2])
    assert report.unknown == made.paths[2:3]
    assert report.unsent == made.paths[3:5]
    with pytest.raises(GatewayError) as caught:
        report.require_all()
    assert "Stored: PT000.dcm, PT001.dcm." in str(caught.value.cause)
    assert "of PT002.dcm it is not known" in str(caught.value.cause)
    assert "PT004.dcm was not sent" in str(caught.value.cause)
    with pytest.raises(GatewayError, match="does not answer"):
        orthanc.pacs(timeout_s=5).store(made.paths[:5])
    orthanc.start()
    assert orthanc.pacs().find().studies[0].instances == 2
    orthanc.pacs().store(made.paths[:5]).require_all()
    assert orthanc.pacs().find().studies[0].instances == 5


def test_killed_while_fetching_and_started_again(
    orthancs: Callable[..., Any], make_study: Callable[..., Any], tmp_path: Path
) -> None:
    orthanc = orthancs()
    made = make_study()
    orthanc.pacs().store(made.paths).require_all()

    def kill_at_fourth(done: int, _total: int) -> None:
        if done == 4:
            orthanc.kill()

    with pytest.raises(GatewayError, match="does not answer"):
        orthanc.pacs(timeout_s=5).fetch(made.uid, tmp_path, progress=kill_at_fourth)
    assert len(list(tmp_path.iterdir())) == 4
    orthanc.start()
    fetched = orthanc.pacs().fetch(made.uid, tmp_path)
    assert fetched.new == len(made.paths) - 4
    assert read_dicom_study(tmp_path).pet.grid.shape == (26, 28, 24)


def test_a_pacs_that_hangs_is_given_up(
    orthancs: Callable[..., Any], make_study: Callable[..., Any], tmp_path: Path
) -> None:
    orthanc = orthancs()
    made = make_study()
    orthanc.pacs().store(made.paths[:2]).require_all()
    orthanc.pause()
    with pytest.raises(GatewayError, match="does not answer") as caught:
        orthanc.pacs(timeout_s=0.3).find()
    assert "in time" in str(caught.value)


@pytest.mark.slow
def test_a_real_study_comes_back_with_equal_voxels(
    orthancs: Callable[..., Any], shared: Path, tmp_path: Path
) -> None:
    folder = shared / "data" / "petct-dicom"
    if not folder.is_dir():
        pytest.skip(f"there is no {folder}")
    orthanc = orthancs()
    paths = sorted(path for path in folder.rglob("*") if path.suffix == ".dcm")
    orthanc.pacs().store(paths).require_all()
    (row,) = orthanc.pacs().find().studies
    fetched = orthanc.pacs().fetch(row.uid, tmp_path)
    assert "SEG" in fetched.left_out
    ours, theirs = read_dicom_study(folder), read_dicom_study(tmp_path)
    np.testing.assert_array_equal(ours.pet.values, theirs.pet.values)
    assert ours.ct is not None
    assert theirs.ct is not None
    np.testing.assert_array_equal(ours.ct.values, theirs.ct.values)
    assert ours.provenance.facts == theirs.provenance.facts
