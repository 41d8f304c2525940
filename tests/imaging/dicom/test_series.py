"""Scanning folders."""

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.fileset import FileSet

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.series import Damaged, scan_folder

Writer = Callable[..., Any]


def test_any_layout_and_file_name(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "a" / "deep", modality="PT", ending="")
    write_series(tmp_path / "b", modality="CT", count=3, ending=".IMA")
    (tmp_path / "readme.txt").write_text("not DICOM")
    (tmp_path / "b" / "thumb.jpg").write_bytes(b"\xff\xd8" + bytes(300))
    (tmp_path / "empty").write_bytes(b"")
    os.mkfifo(tmp_path / "pipe")
    scan = scan_folder(tmp_path)
    assert [(s.modality, len(s)) for s in scan] == [("PT", 5), ("CT", 3)]
    assert scan.ignored == 3
    assert scan.damaged == ()
    pet = scan[0]
    assert (pet.matrix, pet.pixel_spacing, pet.units) == ((7, 6), (3.0, 2.0), "BQML")
    assert pet.corrected == ("DECY", "ATTN", "SCAT")
    assert "Secret" not in str(pet) + repr(pet)


def test_links_are_followed_and_circles_left(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "archive" / "pet")
    write_series(tmp_path / "archive" / "ct", modality="CT", count=3)
    (tmp_path / "archive" / "pet" / "back").symlink_to(tmp_path / "archive")
    study = tmp_path / "study"
    study.mkdir()
    (study / "a").symlink_to(tmp_path / "archive" / "pet")
    (study / "b").symlink_to(tmp_path / "archive" / "ct")
    (study / "again").symlink_to(study)
    (study / "nowhere").symlink_to(tmp_path / "gone")
    scan = scan_folder(study)
    assert [(s.modality, len(s)) for s in scan] == [("PT", 5), ("CT", 3)]
    assert scan.repeated == 0


def test_dicomdir_is_passed_over(tmp_path: Path, write_series: Writer) -> None:
    tags = {"StudyTime": "100000", "StudyID": "1"}
    written = write_series(tmp_path / "in", tags=tags)
    files = FileSet()
    for path in written.paths:
        files.add(path)
    files.write(tmp_path / "out")
    scan = scan_folder(tmp_path / "out")
    assert (tmp_path / "out" / "DICOMDIR").is_file()
    assert [len(s) for s in scan] == [5]
    assert scan.ignored == 1


def test_repeated_files_count_once(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path / "a")
    shutil.copytree(tmp_path / "a", tmp_path / "copy")
    scan = scan_folder(tmp_path)
    assert [len(s) for s in scan] == [5]
    assert scan.repeated == 5


def test_file_without_preamble(tmp_path: Path, write_series: Writer) -> None:
    written = write_series(tmp_path)
    for path in written.paths:
        path.write_bytes(path.read_bytes()[132:])
    assert [len(s) for s in scan_folder(tmp_path)] == [5]


def test_scout_inside_a_series_is_apart(tmp_path: Path, write_series: Writer) -> None:
    def scout(index: int, ds: Dataset) -> None:
        if index == 0:
            ds.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    write_series(tmp_path, modality="CT", edit=scout)
    assert sorted((s.localizer, len(s)) for s in scan_folder(tmp_path)) == [(False, 4), (True, 1)]


@pytest.mark.parametrize("kept", [0, 100, 200, 400])
def test_cut_header_is_damaged(tmp_path: Path, write_series: Writer, kept: int) -> None:
    written = write_series(tmp_path)
    victim: Path = written.paths[2]
    victim.write_bytes(victim.read_bytes()[:kept])
    scan = scan_folder(tmp_path)
    assert [d.file for d in scan.damaged] == [victim]
    with pytest.raises(InputError, match=victim.name):
        scan.require_whole(scan[0])


def test_damage_in_another_series_does_not_matter(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path)
    scan = scan_folder(tmp_path)
    elsewhere = replace(scan, damaged=(Damaged(tmp_path / "x.dcm", "cut off", "1.2.3"),))
    elsewhere.require_whole(scan[0])
    with pytest.raises(InputError, match=r"x\.dcm"):
        replace(scan, damaged=(Damaged(tmp_path / "x.dcm", "cut", scan[0].uid),)).require_whole(
            scan[0]
        )


def test_text_file_named_dcm_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_text("this is no DICOM" * 20)
    scan = scan_folder(tmp_path)
    assert len(scan.damaged) == 1


def test_no_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        scan_folder(tmp_path / "nothing")
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="It is a file"):
        scan_folder(tmp_path / "file")
