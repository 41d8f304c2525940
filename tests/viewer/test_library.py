"""Which studies a folder holds, and that nothing outside it is opened."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from lesionloop.errors import InputError
from lesionloop.viewer.library import Library
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
        (Path.mkdir, "no study"),
    ],
)
def test_folders_without_studies(make: Callable[[Path], Any], says: str, tmp_path: Path) -> None:
    make(tmp_path / "data")
    with pytest.raises(InputError, match=says):
        Library(tmp_path / "data")
