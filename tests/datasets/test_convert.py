from pathlib import Path

import numpy as np
import pytest

from lesionloop.datasets import convert_dicom, convert_nnunet, find_cases, is_dataset
from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Volume, write_volume

PET = Grid((8, 7, 6), (4.0, 4.0, 5.0), (0.0, 0.0, 0.0))
CT = Grid((17, 15, 13), (2.0, 2.0, 2.5), (-1.0, -1.0, -1.0))


def make_source(folder: Path, *, label_grid: Grid = PET, ct: bool = True) -> None:
    """Raw cases: the CT on its own, finer grid; its HU rise along x by 3 per mm."""
    rng = np.random.default_rng(0)
    for name in ("fdg_a.1", "b c"):
        pet = rng.uniform(0, 9, PET.shape).astype(np.float32)
        write_volume(Volume(pet, PET, Quantity.SUV_BW), folder / "images" / f"{name}_0001.mha")
        if ct:
            x = CT.to_world(np.argwhere(np.ones(CT.shape, bool)))[:, 0].reshape(CT.shape)
            write_volume(
                Volume((3 * x).astype(np.float32), CT, Quantity.HU),
                folder / "images" / f"{name}_0000.mha",
            )
    label = np.zeros(label_grid.shape, np.uint8)
    label[2:4, 3:5, 1:3] = 1
    write_volume(Volume(label, label_grid, Quantity.LABEL), folder / "labels" / "b c.mha")


def test_every_case_comes_to_the_pet_grid(tmp_path: Path) -> None:
    make_source(tmp_path / "src")
    written = [case for case, _ in convert_nnunet(tmp_path / "src", tmp_path / "dst")]
    assert find_cases(tmp_path / "dst", labelled=False) == sorted(written, key=lambda c: c.name)
    by_name = {case.name: case for case in written}
    assert set(by_name) == {"fdg_a.1", "b c"}
    assert by_name["fdg_a.1"].label is None
    study, label = by_name["b c"].read()
    assert label.values.sum() == 8
    assert study.ct is not None
    assert study.ct.grid.agrees_with(PET)
    x = PET.to_world(np.argwhere(np.ones(PET.shape, bool)))[:, 0].reshape(PET.shape)
    inside = (x > -1) & (x < 31)
    np.testing.assert_allclose(study.ct.values[inside], 3 * x[inside], atol=0.51)  # whole HU


def test_a_source_without_ct(tmp_path: Path) -> None:
    make_source(tmp_path / "src", ct=False)
    written = [case for case, _ in convert_nnunet(tmp_path / "src", tmp_path / "dst")]
    assert all(case.ct is None for case in written)


def test_a_label_off_the_pet_grid_is_refused(tmp_path: Path) -> None:
    make_source(tmp_path / "src", label_grid=CT)
    with pytest.raises(InputError, match="not on the same grid"):
        list(convert_nnunet(tmp_path / "src", tmp_path / "dst"))


def test_onto_itself_is_refused(tmp_path: Path) -> None:
    make_source(tmp_path / "src")
    with pytest.raises(InputError, match="onto itself"):
        list(convert_nnunet(tmp_path / "src", tmp_path / "src" / ".." / "src"))


def test_which_folders_are_data_sets(tmp_path: Path) -> None:
    make_source(tmp_path / "src")
    assert is_dataset(tmp_path / "src")
    assert not is_dataset(tmp_path)
    assert not is_dataset(tmp_path / "nowhere")


def test_each_needs_folders_and_no_name(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no folders"):
        list(convert_dicom(tmp_path, tmp_path / "dst", each=True))
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match="one name"):
        list(convert_dicom(tmp_path, tmp_path / "dst", each=True, name="x"))
