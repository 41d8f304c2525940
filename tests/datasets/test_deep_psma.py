import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from lesionloop.datasets import convert_cases, find_cases, recognise_layout
from lesionloop.datasets.deep_psma import find_deep_psma
from lesionloop.errors import InputError


def test_two_studies_of_each_patient(make: Any, tmp_path: Path) -> None:
    src = make.deep_psma(tmp_path / "src", "train_0002", "train_0001")
    assert recognise_layout(src) == "deep-psma"
    cases = find_deep_psma(src)
    assert [case.name for case in cases] == [
        "fdg_train_0001", "fdg_train_0002", "psma_train_0001", "psma_train_0002",
    ]  # fmt: skip
    assert {case.tracer for case in cases} == {"fdg", "psma"}
    assert {case.patient for case in cases} == {"train_0001", "train_0002"}
    assert [case.facts["suv_threshold"] for case in cases] == [3.7, 3.7, 3.0, 3.0]
    assert all(case.problem is None and not case.notes for case in cases)


def test_the_patients_may_stand_one_folder_down(make: Any, tmp_path: Path) -> None:
    make.deep_psma(tmp_path / "download" / "CHALLENGE_DATA", "train_0001")
    assert recognise_layout(tmp_path / "download") == "deep-psma"
    assert len(find_deep_psma(tmp_path / "download")) == 2


def test_the_ct_comes_to_the_pet_grid_as_itk_does_it(make: Any, tmp_path: Path) -> None:
    src = make.deep_psma(tmp_path / "src", "train_0001")
    list(convert_cases(src, tmp_path / "dst", "deep-psma"))
    for seed, name in enumerate(("fdg_train_0001", "psma_train_0001")):
        images = tmp_path / "dst" / "imagesTr"
        ct, pet = (sitk.ReadImage(str(images / f"{name}_000{n}.nii.gz")) for n in (0, 1))
        label = sitk.ReadImage(str(tmp_path / "dst" / "labelsTr" / f"{name}.nii.gz"))
        for image in (ct, pet, label):
            np.testing.assert_allclose(image.GetSpacing(), make.spacing, atol=1e-5)
            np.testing.assert_allclose(image.GetOrigin(), make.origin, atol=1e-4)
            np.testing.assert_allclose(image.GetDirection(), make.direction, atol=1e-6)
        expected = make.ct_on_pet(make.ct(seed)).astype(int)
        found = sitk.GetArrayFromImage(ct).T.astype(int)
        assert (expected > -1024).mean() > 0.5  # the oracle sees the CT
        inside = expected > -1024
        assert np.abs(found - expected)[inside].max() <= 1
        assert (found != expected).mean() < 0.02  # the rim of the box, and rounding
        np.testing.assert_array_equal(sitk.GetArrayFromImage(pet).T, make.pet(seed))
        np.testing.assert_array_equal(sitk.GetArrayFromImage(label).T, make.label())


def test_the_record_keeps_threshold_and_patient(make: Any, tmp_path: Path) -> None:
    src = make.deep_psma(tmp_path / "src", "train_0001")
    list(convert_cases(src, tmp_path / "dst", "deep-psma"))
    record = json.loads((tmp_path / "dst" / "cases.json").read_text())["cases"]["fdg_train_0001"]
    assert record["patient"] == "train_0001"
    assert record["tracer"] == "fdg"
    assert record["facts"] == {
        "suv_threshold": 3.7, "lesion_voxels": 12, "lesion_voxels_below_threshold": 0,
    }  # fmt: skip
    assert set(record["source"]) == {f"train_0001/FDG/{n}.nii.gz" for n in ("CT", "PET", "TTB")}
    assert [case.name for case in find_cases(tmp_path / "dst")] == [
        "fdg_train_0001", "psma_train_0001",
    ]  # fmt: skip


def test_lesions_below_the_threshold_are_counted_and_instances_become_one(
    make: Any, tmp_path: Path
) -> None:
    src = make.deep_psma(tmp_path / "src", "train_0001")
    label = make.label()
    label[0, 0, :3] = 7  # SUV below 1.5 there
    make.write(src / "train_0001" / "FDG" / "TTB.nii.gz", label)
    done = {case.name: case for case in convert_cases(src, tmp_path / "dst", "deep-psma")}
    facts = done["fdg_train_0001"].facts
    assert facts is not None
    assert facts["lesion_voxels"] == 15
    assert facts["lesion_voxels_below_threshold"] == 3
    assert any("up to 7" in note for note in done["fdg_train_0001"].notes)
    written = sitk.ReadImage(str(tmp_path / "dst" / "labelsTr" / "fdg_train_0001.nii.gz"))
    assert set(np.unique(sitk.GetArrayFromImage(written))) == {0, 1}


GARBAGE = (
    "", "[", "[" * 100_000, '{"suv_threshold": NaN}', '{"suv_threshold": "3"}', "[3]",
    '{"suv_threshold": -1}', '{"suv_threshold": true}', f'{{"suv_threshold": 1{"0" * 400}}}',
    '{"suv_threshold": 1e999}', "\x00\xff",
)  # fmt: skip


@pytest.mark.parametrize("text", GARBAGE, ids=range(len(GARBAGE)))
def test_a_threshold_that_is_none_is_noted(make: Any, tmp_path: Path, text: str) -> None:
    src = make.deep_psma(tmp_path / "src", "train_0001")
    path = src / "train_0001" / "PSMA" / "threshold.json"
    path.write_text(text, encoding="latin-1")
    (case,) = [case for case in find_deep_psma(src) if case.tracer == "psma"]
    assert case.facts["suv_threshold"] is None
    assert "threshold is not known" in case.notes[0]
    assert case.problem is None


def test_a_table_that_names_the_patients_comes_along(make: Any, tmp_path: Path) -> None:
    src = make.deep_psma(tmp_path / "src", "train_0001", "train_0002")
    (src / "info.csv").write_text(
        "case,tracer,age,device\ntrain_0001,FDG,70,A\ntrain_0001,PSMA,71,B\ntrain_0002,FDG,60,A\n"
    )
    (src / "bad.csv").write_bytes(b"\xff\xfe\x00,\x00")
    found = {case.name: dict(case.metadata) for case in find_deep_psma(src)}
    assert found["fdg_train_0001"]["age"] == "70"
    assert found["psma_train_0001"]["device"] == "B"
    assert found["psma_train_0002"] == {}


def test_links_to_text_elsewhere_are_not_followed(make: Any, tmp_path: Path) -> None:
    src = make.deep_psma(tmp_path / "src", "train_0001")
    (tmp_path / "secret.csv").write_text("case,password\ntrain_0001,x\n")
    (src / "info.csv").symlink_to(tmp_path / "secret.csv")
    threshold = src / "train_0001" / "FDG" / "threshold.json"
    threshold.rename(tmp_path / "moved.json")
    threshold.symlink_to(tmp_path / "moved.json")
    fdg, psma = find_deep_psma(src)
    assert fdg.metadata == psma.metadata == {}
    assert fdg.facts["suv_threshold"] is None
    assert "leads out of" in fdg.notes[0]
    assert psma.facts["suv_threshold"] == 3.0


def test_a_study_without_pet_fails_alone(make: Any, tmp_path: Path) -> None:
    src = make.deep_psma(tmp_path / "src", "train_0001")
    (src / "train_0001" / "FDG" / "PET.nii.gz").unlink()
    (src / "train_0001" / "PSMA" / "TTB.nii.gz").unlink()
    states = {c.name: (c.state, c) for c in convert_cases(src, tmp_path / "dst", "deep-psma")}
    assert states["fdg_train_0001"][0] == "failed"
    assert "has no PET" in str(states["fdg_train_0001"][1].error)
    state, psma = states["psma_train_0001"]
    assert state == "written"
    assert psma.files is not None
    assert psma.files.label is None
    assert any("no TTB" in note for note in psma.notes)


def test_a_folder_without_cases(tmp_path: Path) -> None:
    assert recognise_layout(tmp_path) == "dicom"
    with pytest.raises(InputError, match="no case"):
        list(convert_cases(tmp_path, tmp_path / "dst", "deep-psma"))
