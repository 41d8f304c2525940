"""Which studies a folder holds, and that nothing outside it is opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from lesionloop.errors import InputError
from lesionloop.viewer.library import Library, Source
from lesionloop.viewer.refusals import MissingError


def image(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.arange(60, dtype=np.float32).reshape(3, 4, 5)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(path))
    return path


def names(library: Library) -> list[tuple[str, str, bool]]:
    return [(entry.name, entry.kind, entry.ct is not None) for entry in library.entries()]


def test_layouts_and_folders(tmp_path: Path) -> None:
    image(tmp_path / "set" / "imagesTr" / "psma_a.b c_0000.nii.gz")
    image(tmp_path / "set" / "imagesTr" / "psma_a.b c_0001.nii.gz")
    image(tmp_path / "set" / "imagesTr" / "only ct_0000.nii.gz")
    image(tmp_path / "set" / "imagesTs" / "t_0001.mha")
    image(tmp_path / "one" / "CT.nii.gz")
    image(tmp_path / "one" / "PET SUV.nii.gz")
    image(tmp_path / "two" / "deep" / "pet.mha")
    image(tmp_path / "nothing" / "mask.nii.gz")
    image(tmp_path / ".hidden" / "pet.mha")
    library = Library(tmp_path)
    assert names(library) == [
        ("deep", "mha", False), ("one", "nifti", True),
        ("psma_a.b c", "nifti", True), ("t", "mha", False),
    ]  # fmt: skip
    assert [entry.tracer for entry in library.entries()] == [None, None, "psma", None]
    study = library.read(library.entries()[1])
    assert (study.name, study.grid.shape) == ("one", (5, 4, 3))
    assert library.entries()[0].voxels() == 60


def test_ids_are_hashes_that_stay(tmp_path: Path) -> None:
    image(tmp_path / "a" / "Miller^John" / "pet.nii.gz")
    first = Library(tmp_path / "a").entries()[0].id
    assert len(first) == 20
    assert int(first, 16) >= 0
    (tmp_path / "a").rename(tmp_path / "b")
    library = Library(tmp_path / "b")
    assert library.entries()[0].id == first
    for wrong in ("", "..", "0" * 20, "../../etc"):
        with pytest.raises(MissingError):
            library.entry(wrong)


def test_a_dicom_study_is_the_folder_of_its_series(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "petct-dicom"
    library = Library(source)
    assert names(library) == [("petct-dicom", "dicom", False)]
    above = tmp_path / "studies"
    above.mkdir()
    for name in ("one", "two"):
        folder = above / name
        folder.mkdir()
        for series in ("CT", "PET_AC"):
            (folder / series).mkdir()
            first = sorted((source / series).iterdir())[0]
            (folder / series / first.name).write_bytes(first.read_bytes())
    assert names(Library(above / "one")) == [("one", "dicom", False)]


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside = image(tmp_path / "outside" / "pet.nii.gz")
    data = tmp_path / "data"
    image(data / "good" / "pet.nii.gz")
    (data / "bad").mkdir()
    (data / "bad" / "pet.nii.gz").symlink_to(outside)
    (data / "worse").symlink_to(outside.parent)
    (data / "round").symlink_to(data)
    library = Library(data)
    assert names(library) == [("good", "nifti", False)]
    # A file that becomes a link after it was listed.
    entry = library.entries()[0]
    entry.pet.unlink()
    entry.pet.symlink_to(outside)
    with pytest.raises(InputError, match="not opened"):
        library.read(entry)


def test_a_link_inside_a_dicom_study(shared: Path, tmp_path: Path) -> None:
    source = sorted((shared / "data" / "petct-dicom" / "PET_AC").iterdir())
    data = tmp_path / "data"
    data.mkdir()
    (data / "1.dcm").write_bytes(source[0].read_bytes())
    (data / "2.dcm").symlink_to(source[1])
    library = Library(data)
    with pytest.raises(InputError, match="not opened"):
        library.read(library.entries()[0])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (Path.exists, "There is no such folder"),
        (Path.touch, "It is a file"),
    ],
)
def test_what_is_no_folder(make: Callable[[Path], Any], says: str, tmp_path: Path) -> None:
    make(tmp_path / "data")
    with pytest.raises(InputError, match=says):
        Library(tmp_path / "data")


def test_a_folder_may_be_empty(tmp_path: Path) -> None:
    assert names(Library(tmp_path)) == []


def test_further_folders(tmp_path: Path) -> None:
    """What arrived is found beside the data folder's studies, each arrival by itself."""
    data, state = tmp_path / "data", tmp_path / "data" / "state"
    image(data / "one" / "pet.nii.gz")
    own = Library(data).entries()
    more: dict[Source, Path] = {"upload": state / "uploads", "pacs": state / "fetched"}
    library = Library(data, more)
    assert library.entries() == own  # with the same ids
    image(state / "uploads" / "a1b2c3d4" / "one" / "pet.nii.gz")
    image(state / "uploads" / "ffff0000" / "one" / "pet.nii.gz")
    image(state / "uploads" / "eeee0000" / "case_0001.mha")
    image(state / "uploads" / "eeee0000" / "other_0001.mha")
    image(state / "uploads" / "dddd0000" / "pet.mha")
    deep = state / "uploads" / "cccc0000" / "a" / "b" / "c" / "d" / "e" / "deep"
    image(deep / "pet.mha")
    image(state / "uploads" / ".incoming" / "x" / "pet.mha")
    image(state / "fetched" / "1" / "exam" / "pet.mha")
    assert library.entries() == own  # a listing holds for a while
    library.refresh()
    found = {(entry.name, entry.source, entry.upload) for entry in library.entries()}
    assert found == {
        ("one", "folder", None), ("one", "upload", "a1b2c3d4"), ("one", "upload", "ffff0000"),
        ("case", "upload", "eeee0000"), ("other", "upload", "eeee0000"),
        ("upload dddd00", "upload", "dddd0000"), ("deep", "upload", "cccc0000"),
        ("exam", "pacs", None),
    }  # fmt: skip
    assert len({entry.id for entry in library.entries()}) == 8
    for entry in library.entries():
        assert library.read(entry).grid.shape == (5, 4, 3)
        assert [path.name for path in entry.files()] == [entry.pet.name]
    gone = next(entry for entry in library.entries() if entry.name == "deep")
    (deep / "pet.mha").unlink()
    library.refresh()
    with pytest.raises(MissingError):
        library.entry(gone.id)


def test_two_arrivals_of_one_examination_stay_apart(shared: Path, tmp_path: Path) -> None:
    source = sorted((shared / "data" / "petct-dicom" / "PET_AC").iterdir())
    for upload in ("a" * 32, "b" * 32):
        folder = tmp_path / "uploads" / upload / "PET"
        folder.mkdir(parents=True)
        (folder / "1.dcm").write_bytes(source[0].read_bytes())
    (tmp_path / "data").mkdir()
    library = Library(tmp_path / "data", {"upload": tmp_path / "uploads"})
    assert names(library) == [("PET", "dicom", False)] * 2


def test_links_out_of_an_arrival_are_not_followed(tmp_path: Path) -> None:
    outside = image(tmp_path / "data" / "x" / "pet.nii.gz")
    folder = tmp_path / "uploads" / "a" / "study"
    folder.mkdir(parents=True)
    (folder / "pet.nii.gz").symlink_to(outside)
    library = Library(tmp_path / "data", {"upload": tmp_path / "uploads"})
    assert names(library) == [("x", "nifti", False)]
