import errno
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.datasets import CaseFiles, find_cases, write_case
from lesionloop.datasets.nnunet import tracer_of
from lesionloop.errors import InputError, OutputError
from lesionloop.imaging import (
    Grid,
    Quantity,
    Study,
    Volume,
    files,
    nifti,
    read_volume,
    write_volume,
)

GRID = Grid((5, 4, 3), (2.0, 2.5, 3.0), (1.0, -2.0, 3.0), (0, 1, 0, -1, 0, 0, 0, 0, 1))


def study_of(name: str, *, ct: bool = True) -> Study:
    pet = np.linspace(0, 9, 60, dtype=np.float32).reshape(GRID.shape)
    hu = np.arange(60, dtype=np.int16).reshape(GRID.shape) * 10 - 300
    return Study(
        Volume(pet, GRID, Quantity.SUV_BW), Volume(hu, GRID, Quantity.HU) if ct else None, name
    )


def label_of(*voxel: int) -> Volume:
    values = np.zeros(GRID.shape, np.uint8)
    values[voxel] = 1
    return Volume(values, GRID, Quantity.LABEL)


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


NAMES = ("psma_1", "fdg 2.5 mm", "a.nii", "x_0001", "Ünï", "1.2.840.99")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("with_ct", [True, False])
def test_what_is_written_is_found_and_read_back(tmp_path: Path, name: str, with_ct: bool) -> None:
    study, label = study_of(name, ct=with_ct), label_of(1, 2, 0)
    written = write_case(study, tmp_path, label=label)
    assert find_cases(tmp_path) == [written]
    again, reference = written.read()
    assert again.name == name
    assert again.grid.agrees_with(GRID)
    np.testing.assert_array_equal(again.pet.values, study.pet.values)
    assert (again.ct is None) == (not with_ct)
    if again.ct is not None and study.ct is not None:
        np.testing.assert_allclose(again.ct.values, study.ct.values)
    np.testing.assert_array_equal(reference.values, label.values)


def test_cases_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    for name in reversed(NAMES):
        write_case(study_of(name), tmp_path, label=label_of(0, 0, 0))
    assert [case.name for case in find_cases(tmp_path)] == sorted(NAMES)


@pytest.mark.parametrize(
    ("images", "labels"), [("imagesTr", "labelsTr"), ("imagesTs", "labelsTs"), ("images", "labels")]
)
@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".mha"])
def test_layouts_and_formats(tmp_path: Path, images: str, labels: str, ending: str) -> None:
    pet, ct = (tmp_path / images / f"a b.c_000{k}{ending}" for k in (1, 0))
    label = tmp_path / labels / f"a b.c{ending}"
    touch(pet, ct, label, tmp_path / images / "notes.txt", tmp_path / images / "a_0002.nii.gz")
    assert find_cases(tmp_path) == [CaseFiles("a b.c", pet, ct, label)]


def test_the_training_folder_comes_first(tmp_path: Path) -> None:
    touch(tmp_path / "imagesTs" / "test_0001.nii.gz", tmp_path / "labelsTs" / "test.nii.gz")
    touch(tmp_path / "imagesTr" / "train_0001.nii.gz", tmp_path / "labelsTr" / "train.nii.gz")
    assert [case.name for case in find_cases(tmp_path)] == ["train"]


def test_missing_labels_are_told_unless_none_are_needed(tmp_path: Path) -> None:
    touch(*(tmp_path / "imagesTr" / f"{name}_0001.nii.gz" for name in "abc"))
    touch(tmp_path / "labelsTr" / "b.nii.gz")
    with pytest.raises(InputError, match="2 of 3 cases have no label") as caught:
        find_cases(tmp_path)
    assert "a" in str(caught.value.cause)
    cases = find_cases(tmp_path, labelled=False)
    assert [case.label is None for case in cases] == [True, False, True]
    with pytest.raises(InputError, match="no label"):
        cases[0].read()


def test_a_ct_without_its_pet_is_told(tmp_path: Path) -> None:
    touch(tmp_path / "imagesTr" / "a_0000.nii.gz", tmp_path / "labelsTr" / "a.nii.gz")
    with pytest.raises(InputError, match="case a has no PET"):
        find_cases(tmp_path)


def test_a_case_that_is_there_twice_is_told(tmp_path: Path) -> None:
    touch(tmp_path / "imagesTr" / "a_0001.nii.gz", tmp_path / "imagesTr" / "a_0001.mha")
    with pytest.raises(InputError, match="two files of channel 0001"):
        find_cases(tmp_path)


def test_a_label_that_is_there_twice_is_told(tmp_path: Path) -> None:
    touch(tmp_path / "imagesTr" / "a_0001.nii.gz")
    touch(tmp_path / "labelsTr" / "a.nii.gz", tmp_path / "labelsTr" / "a.mha")
    with pytest.raises(InputError, match="two images of the name a"):
        find_cases(tmp_path)


@pytest.mark.parametrize("make", ["nothing", "a file", "an empty folder", "no images"])
def test_what_is_no_data_set(tmp_path: Path, make: str) -> None:
    folder = tmp_path / "data"
    if make == "a file":
        folder.touch()
    elif make == "an empty folder":
        folder.mkdir()
    elif make == "no images":
        (folder / "imagesTr").mkdir(parents=True)
    with pytest.raises(InputError, match=r"not a data set|no case"):
        find_cases(folder)


def test_a_label_on_another_grid_is_refused(tmp_path: Path) -> None:
    moved = label_of(0, 0, 0)
    grid = replace(GRID, origin=(1.0, -2.0, 4.0))
    label = Volume(moved.values, grid, Quantity.LABEL)
    with pytest.raises(InputError, match="not on the same grid"):
        write_case(study_of("a"), tmp_path, label=label)
    case = write_case(study_of("a"), tmp_path, label=moved)
    assert case.label is not None
    write_volume(label, case.label)
    with pytest.raises(InputError, match="not on the same grid"):
        case.read()


def test_a_disk_that_fills_leaves_no_file_of_the_case(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = nifti.write_nifti

    def filling(values: Any, grid: Grid, path: Path) -> None:
        real(values, grid, path)
        if path.name.endswith("_0001.nii.gz"):
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files, "write_nifti", filling)
    with pytest.raises(OutputError, match="_0001"):
        write_case(study_of("a"), tmp_path, label=label_of(0, 0, 0))
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "imagesTr").touch()
    with pytest.raises(OutputError):
        write_case(study_of("a"), tmp_path)


@pytest.mark.parametrize(
    ("name", "tracer"),
    [("fdg_ab_1", "fdg"), ("PSMA_1", "psma"), ("fdg", "fdg"), ("fdgx_1", None), ("x_fdg", None)],
)
def test_the_tracer_by_the_name(name: str, tracer: str | None) -> None:
    assert tracer_of(name) == tracer


def test_pet_is_float_and_labels_stay_whole(tmp_path: Path) -> None:
    case = write_case(study_of("a"), tmp_path, label=label_of(4, 3, 2))
    assert case.label is not None
    assert read_volume(case.pet, Quantity.SUV_BW).values.dtype == np.float32
    assert read_volume(case.label, Quantity.LABEL).values.dtype == np.uint8
