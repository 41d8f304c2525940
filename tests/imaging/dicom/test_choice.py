"""Choosing PET and CT."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.choice import choose_ct, choose_pet
from lesionloop.imaging.dicom.series import scan_folder

Writer = Callable[..., Any]


def test_corrected_pet_wins_and_says_so(tmp_path: Path, write_series: Writer) -> None:
    ac = write_series(tmp_path / "1")
    write_series(tmp_path / "2", tags={"CorrectedImage": ["DECY"], "SeriesDescription": "WB"})
    choice = choose_pet(scan_folder(tmp_path))
    assert choice.series.uid == ac.uid
    assert "not attenuation corrected" in choice.notes[0]


def test_a_series_called_nac_is_not_corrected_whatever_its_flags(
    tmp_path: Path, write_series: Writer
) -> None:
    write_series(tmp_path / "1", tags={"SeriesDescription": "PET NAC"})
    ac = write_series(tmp_path / "2", tags={"SeriesDescription": "PET AC"})
    assert choose_pet(scan_folder(tmp_path)).series.uid == ac.uid


@pytest.mark.parametrize(
    ("description", "corrected"),
    [("WB_NAC_2D", False), ("PET non-AC", False), ("uncorrected", False), ("PET CTAC", True)],
)
def test_description_hints(
    tmp_path: Path, write_series: Writer, description: str, corrected: bool
) -> None:
    tags = {"CorrectedImage": None, "SeriesDescription": description}
    written = write_series(tmp_path / "1", tags=tags)
    plain = write_series(tmp_path / "2", tags={"CorrectedImage": None, "SeriesDescription": "PET"})
    chosen = choose_pet(scan_folder(tmp_path)).series
    assert chosen.uid == (written.uid if corrected else plain.uid)


def test_only_uncorrected_pet_is_read_with_a_warning(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path, tags={"SeriesDescription": "PET NAC"})
    assert "not quantitative" in choose_pet(scan_folder(tmp_path)).notes[0]


def test_two_equal_pets_are_listed(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "1", uid="1.2.3.111", tags={"SeriesDescription": "A AC"})
    write_series(
        tmp_path / "2", uid="1.2.3.222", tags={"SeriesDescription": "B AC", "SeriesNumber": 7}
    )
    scan = scan_folder(tmp_path)
    with pytest.raises(InputError, match="equally good") as caught:
        choose_pet(scan)
    assert '"A AC"' in str(caught.value)
    assert '"B AC"' in str(caught.value)
    assert "--pet-series" in str(caught.value)
    for wanted in ("1.2.3.222", "222", "7", "b ac", "B"):
        assert choose_pet(scan, wanted).series.uid == "1.2.3.222", wanted
    with pytest.raises(InputError, match="fits 2 PET series"):
        choose_pet(scan, "ac")
    with pytest.raises(InputError, match="fits no PET series"):
        choose_pet(scan, "dynamic")


def test_counts_lose_against_activity(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "1", tags={"Units": "CNTS"})
    activity = write_series(tmp_path / "2")
    assert choose_pet(scan_folder(tmp_path)).series.uid == activity.uid


def test_projection_picture_is_no_volume(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "1", count=1)
    volume = write_series(tmp_path / "2")
    assert choose_pet(scan_folder(tmp_path)).series.uid == volume.uid


def test_no_pet_says_what_is_there(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path, modality="CT")
    with pytest.raises(InputError, match="no PET series") as caught:
        choose_pet(scan_folder(tmp_path))
    assert "CT WB" in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "what"),
    [({"StudyInstanceUID": "1.2.9"}, "studies"), ({"PatientID": "P2"}, "patients")],
)
def test_several_studies_or_patients(
    tmp_path: Path, write_series: Writer, tags: dict[str, str], what: str
) -> None:
    write_series(tmp_path / "1")
    write_series(tmp_path / "2", modality="CT", tags=tags)
    scan = scan_folder(tmp_path)
    with pytest.raises(InputError, match=f"2 {what}") as caught:
        choose_pet(scan)
    assert "P2" not in str(caught.value)
    assert "Secret" not in str(caught.value)


def test_chosen_pet_takes_the_ct_of_its_study(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "1", uid="1.2.3.1")
    ours = write_series(tmp_path / "2", modality="CT")
    write_series(tmp_path / "3", modality="CT", tags={"StudyInstanceUID": "1.2.9"})
    scan = scan_folder(tmp_path)
    choice = choose_ct(scan, choose_pet(scan, "1.2.3.1").series)
    assert choice is not None
    assert choice.series.uid == ours.uid


def test_ct_that_covers_most_wins_then_the_nearest_step(
    tmp_path: Path, write_series: Writer
) -> None:
    write_series(tmp_path / "pet", count=9, step=4.0)
    write_series(tmp_path / "half", modality="CT", count=5, step=4.0)
    write_series(tmp_path / "thin", modality="CT", count=33, step=1.0)
    thick = write_series(tmp_path / "thick", modality="CT", count=11, step=3.3)
    scan = scan_folder(tmp_path)
    choice = choose_ct(scan, choose_pet(scan).series)
    assert choice is not None
    assert choice.series.uid == thick.uid
    assert "covers less" in choice.notes[0]
    assert "slice step" in choice.notes[0]


def test_two_equal_cts_are_listed(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "pet")
    write_series(tmp_path / "soft", modality="CT", tags={"SeriesDescription": "soft"})
    lung = write_series(tmp_path / "lung", modality="CT", tags={"SeriesDescription": "lung"})
    scan = scan_folder(tmp_path)
    pet = choose_pet(scan).series
    with pytest.raises(InputError, match="--ct-series"):
        choose_ct(scan, pet)
    choice = choose_ct(scan, pet, "lung")
    assert choice is not None
    assert choice.series.uid == lung.uid
    assert choose_ct(scan, pet, "none") is None


def test_ct_of_another_space_or_patient_is_refused(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "pet", uid="1.2.3.1")
    write_series(tmp_path / "ct", modality="CT", tags={"FrameOfReferenceUID": "1.2.8"})
    scan = scan_folder(tmp_path)
    pet = choose_pet(scan).series
    with pytest.raises(InputError, match="not in the same space"):
        choose_ct(scan, pet)
    with pytest.raises(InputError, match="not in the same space"):
        choose_ct(scan, pet, "2")
    write_series(tmp_path / "ct", modality="CT", tags={"PatientID": "P2"})
    scan = scan_folder(tmp_path)
    with pytest.raises(InputError, match="different patients"):
        choose_ct(scan, choose_pet(scan, "1.2.3.1").series)


def test_missing_frame_of_reference_is_noted(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "pet")
    write_series(tmp_path / "ct", modality="CT", tags={"FrameOfReferenceUID": None})
    scan = scan_folder(tmp_path)
    choice = choose_ct(scan, choose_pet(scan).series)
    assert choice is not None
    assert "taken to share one" in choice.notes[0]


def test_scout_is_no_ct(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "pet")
    scout = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write_series(tmp_path / "scout", modality="CT", count=2, tags={"ImageType": scout})
    scan = scan_folder(tmp_path)
    assert choose_ct(scan, choose_pet(scan).series) is None
