"""``lesionloop convert``: DICOM and nnU-Net folders to the nnU-Net layout."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

Cli = Callable[..., Any]
Writer = Callable[..., Any]


def _names(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_a_dicom_study(cli: Cli, write_series: Writer, tmp_path: Path) -> None:
    pet = write_series(tmp_path / "study 1.a" / "PT")
    write_series(tmp_path / "study 1.a" / "CT", modality="CT", count=9, step=2.0)
    outcome = cli("convert", tmp_path / "study 1.a", tmp_path / "set")
    assert outcome.code == 0
    images = tmp_path / "set" / "imagesTr"
    files = [images / "study 1.a_0001.nii.gz", images / "study 1.a_0000.nii.gz"]
    assert outcome.out == "".join(f"{file}\n" for file in files)
    assert "study 1.a: SUV = " in outcome.err
    assert "study 1.a: note: The injection has no date" in outcome.err
    suv, ct = (nib.load(file) for file in files)
    assert suv.shape == ct.shape == (7, 6, 5)
    np.testing.assert_allclose(suv.affine, ct.affine)
    factor = 70_000 / (370e6 * 2 ** (-3600 / 6586.2))
    slopes = 0.5 + 0.25 * np.arange(5)
    expected = pet.stored.T * slopes * factor
    np.testing.assert_allclose(np.asarray(suv.dataobj), expected, rtol=1e-6)
    assert ct.get_data_dtype() == np.int16
    assert np.asarray(ct.dataobj).min() >= -1024


def test_json_tells_files_and_facts(cli: Cli, write_series: Writer, tmp_path: Path) -> None:
    write_series(tmp_path / "pet only")
    outcome = cli("convert", tmp_path / "pet only", tmp_path / "set", "--name", "a.b c", "--json")
    assert outcome.code == 0
    (written,) = json.loads(outcome.out)
    assert written["case"] == "a.b c"
    assert written["pet"] == str(tmp_path / "set" / "imagesTr" / "a.b c_0001.nii.gz")
    assert written["ct"] is None
    assert written["facts"]["weight_kg"] == 70
    assert "no CT" in outcome.err
    assert _names(tmp_path / "set") == ["imagesTr/a.b c_0001.nii.gz"]


def test_a_study_per_folder(cli: Cli, write_series: Writer, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write_series(tmp_path / "all" / f"case {number}.x" / "PT", seed=number)
    outcome = cli("convert", tmp_path / "all", tmp_path / "set", "--each")
    assert outcome.code == 0
    assert _names(tmp_path / "set") == [
        f"imagesTr/case {number}.x_0001.nii.gz" for number in (1, 2, 3)
    ]


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".mha"])
def test_a_data_set_in_nnunet_layout(cli: Cli, small: Any, tmp_path: Path, ending: str) -> None:
    source = small.dataset(tmp_path / "source", "a.b c_0001", "psma_d", ending=ending)
    finer = small.affine @ np.diag([0.5, 1.0, 1.0, 1.0])
    if ending != ".mha":  # a CT on a grid of its own
        ct = source / "imagesTr" / f"psma_d_0000{ending}"
        nib.save(nib.Nifti1Image(np.repeat(small.ct(), 2, axis=0), finer), ct)
    outcome = cli("convert", source, tmp_path / "set")
    assert (outcome.code, outcome.err) == (0, "")
    assert _names(tmp_path / "set") == sorted(
        part.format(name)
        for name in ("a.b c_0001", "psma_d")
        for part in ("imagesTr/{}_0000.nii.gz", "imagesTr/{}_0001.nii.gz", "labelsTr/{}.nii.gz")
    )
    for name in ("a.b c_0001", "psma_d"):
        pet = nib.load(tmp_path / "set" / "imagesTr" / f"{name}_0001.nii.gz")
        ct_image = nib.load(tmp_path / "set" / "imagesTr" / f"{name}_0000.nii.gz")
        label = nib.load(tmp_path / "set" / "labelsTr" / f"{name}.nii.gz")
        np.testing.assert_allclose(pet.affine, small.affine)
        np.testing.assert_array_equal(np.asarray(pet.dataobj), small.pet())
        np.testing.assert_array_equal(np.asarray(label.dataobj), small.label())
        np.testing.assert_allclose(ct_image.affine, small.affine)


def test_a_second_conversion_replaces_the_first(cli: Cli, small: Any, tmp_path: Path) -> None:
    source = small.dataset(tmp_path / "source")
    assert cli("convert", source, tmp_path / "set").code == 0
    first = _names(tmp_path / "set")
    outcome = cli("convert", source, tmp_path / "set")
    assert outcome.code == 0
    assert _names(tmp_path / "set") == first
