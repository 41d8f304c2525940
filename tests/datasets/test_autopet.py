import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813

from lesionloop.datasets import convert_cases, recognise_layout
from lesionloop.datasets.autopet import find_autopet, find_fdg_lesions
from lesionloop.datasets.autopet_metadata import AutoPetMetadata, common_facts
from lesionloop.datasets.autopet_names import parse_name, study_date
from lesionloop.errors import InputError

FIRST = "08-13-2005-NA-PET-CT Ganzkoerper  primaer mit KM-56839"
LATER = "01-02-2006-NA-PET-CT Ganzkoerper-12345"
FDG = f"fdg_01140d52d8_{FIRST}"
PSMA = "psma_95b833d46f153cd2_2018-04-16"


def table(path: Path, *rows: dict[str, str]) -> None:
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, sorted({column for row in rows for column in row}))
        writer.writeheader()
        writer.writerows(rows)


def fdg_row(study: str, when: str, **more: str) -> dict[str, str]:
    place = f".\\FDG-PET-CT-Lesions\\PETCT_01140d52d8\\{study}\\1.000000-GK-1" if study else ""
    return {"Subject ID": "PETCT_01140d52d8", "Study Date": when, "File Location": place} | more


def test_names() -> None:
    name = parse_name(FDG)
    assert name is not None
    assert (name.tracer, name.patient, name.study) == ("fdg", "01140d52d8", FIRST)
    assert name.subject == "PETCT_01140d52d8"
    psma = parse_name(PSMA)
    assert psma is not None
    assert psma.subject == "PSMA_95b833d46f153cd2"
    for other in ("psma_train_0001", "fdg_1", "sts_002", "fdg_01140d52d8", "", "FDG_01140d52d8_x"):
        assert parse_name(other) is None


def test_dates() -> None:
    assert study_date(FIRST) == date(2005, 8, 13)
    assert study_date("8/13/2005") == date(2005, 8, 13)
    assert study_date("2018-04-16") == date(2018, 4, 16)
    for text in ("", "Ganzkoerper", "2018-13-40", "99-99-2005", "08-13-20055"):
        assert study_date(text) is None


def test_fdg_lesions_are_found_under_the_names_of_the_merged_data(
    make: Any, tmp_path: Path
) -> None:
    root = tmp_path / "src" / "FDG-PET-CT-Lesions"
    make.fdg_lesions(root, f"PETCT_01140d52d8/{FIRST}", f"PETCT_01140d52d8/{LATER}")
    for src in (tmp_path / "src", root):
        assert recognise_layout(src) == "fdg-pet-ct-lesions"
        cases = find_fdg_lesions(src)
        assert [case.name for case in cases] == [f"fdg_01140d52d8_{LATER}", FDG]
        assert {case.patient for case in cases} == {"01140d52d8"}
    done = list(convert_cases(tmp_path / "src", tmp_path / "dst", "fdg-pet-ct-lesions"))
    assert [case.state for case in done] == ["written", "written"]
    pet = sitk.ReadImage(str(tmp_path / "dst" / "imagesTr" / f"{FDG}_0001.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(pet).T, make.pet(0))  # SUV, not Bq/mL
    ct = sitk.ReadImage(str(tmp_path / "dst" / "imagesTr" / f"{FDG}_0000.nii.gz"))
    np.testing.assert_array_equal(sitk.GetArrayFromImage(ct).T, make.ct_on_pet(make.ct(0)))


def test_without_ctres_the_ct_is_resampled_and_without_suv_a_study_is_refused(
    make: Any, tmp_path: Path
) -> None:
    src = make.fdg_lesions(
        tmp_path / "src", f"PETCT_01140d52d8/{FIRST}", f"PETCT_01140d52d8/{LATER}"
    )
    (src / "PETCT_01140d52d8" / FIRST / "CTres.nii.gz").unlink()
    (src / "PETCT_01140d52d8" / LATER / "SUV.nii.gz").unlink()
    done = {c.name: c for c in convert_cases(src, tmp_path / "dst", "fdg-pet-ct-lesions")}
    ct = sitk.ReadImage(str(tmp_path / "dst" / "imagesTr" / f"{FDG}_0000.nii.gz"))
    expected = make.ct_on_pet(make.ct(0)).astype(int)
    found = sitk.GetArrayFromImage(ct).T
    assert np.abs(found - expected)[expected > -1024].max() <= 1
    error = str(done[f"fdg_01140d52d8_{LATER}"].error)
    assert "has no SUV" in error
    assert "Bq/mL" in error


def test_metadata_of_the_study_not_of_the_patient(tmp_path: Path) -> None:
    table(
        tmp_path / "fdg_metadata.csv",
        fdg_row(FIRST, "8/13/2005", Modality="PT", diagnosis="LYMPHOMA", age="060Y", sex="F"),
        fdg_row(FIRST, "8/13/2005", Modality="CT", diagnosis="LYMPHOMA", age="060Y", sex="F"),
        fdg_row(LATER, "1/2/2006", Modality="PT", diagnosis="NEGATIVE", age="061Y", sex="F"),
    )
    found, notes = AutoPetMetadata([tmp_path], tmp_path).of(FDG)
    assert notes == ()
    assert found["diagnosis"] == "LYMPHOMA"
    assert "Modality" not in found  # its rows differ
    assert common_facts(found) == {"age_years": 60.0, "sex": "F", "diagnosis": "LYMPHOMA"}


def test_without_a_place_the_date_decides_and_without_it_only_what_agrees(tmp_path: Path) -> None:
    table(
        tmp_path / "fdg_metadata.csv",
        fdg_row("", "8/13/2005", diagnosis="LYMPHOMA", sex="F"),
        fdg_row("", "1/2/2006", diagnosis="NEGATIVE", sex="F"),
    )
    metadata = AutoPetMetadata([tmp_path], tmp_path)
    assert metadata.of(FDG)[0]["diagnosis"] == "LYMPHOMA"
    found, notes = metadata.of("fdg_01140d52d8_05-05-2010-NA-x-1")
    assert found == {"Subject ID": "PETCT_01140d52d8", "sex": "F"}
    assert "none for this study" in notes[0]
    found, notes = metadata.of("fdg_ffffffffff_05-05-2010-NA-x-1")
    assert found == {}
    assert "no row for PETCT_ffffffffff" in notes[0]


@pytest.mark.parametrize(
    ("age", "years"), [("060Y", 60.0), ("71", 71.0), ("70.5", 70.5), ("old", None), ("9M", None)]
)
def test_ages(age: str, years: float | None) -> None:
    assert common_facts({"Age": age}).get("age_years") == years


def test_the_merged_tree_keeps_tables_and_folds(make: Any, tmp_path: Path) -> None:
    src = make.nnunet(tmp_path / "src", FDG, PSMA)
    table(
        src / "psma_metadata.csv",
        {
            "Subject ID": "PSMA_95b833d46f153cd2", "Study Date": "2018-04-16", "age": "71",
            "manufacturer_model_name": "Discovery 690", "pet_radionuclide": "18F",
        },
        {"Subject ID": "PSMA_95b833d46f153cd2", "Study Date": "2019-01-01", "age": "72"},
    )  # fmt: skip
    folds = [{"train": [FDG], "val": [PSMA]}, {"train": [PSMA], "val": [FDG]}]
    (src / "splits_final.json").write_text(json.dumps(folds))
    assert recognise_layout(src) == "autopet"
    done = {case.name: case for case in convert_cases(src, tmp_path / "dst", "autopet")}
    assert set(done) == {FDG, PSMA}
    record = json.loads((tmp_path / "dst" / "cases.json").read_text())["cases"][PSMA]
    assert record["tracer"] == "psma"
    assert record["patient"] == "95b833d46f153cd2"
    assert record["study"] == "2018-04-16"
    assert record["facts"]["age_years"] == 71
    assert record["facts"]["device"] == "Discovery 690"
    assert record["metadata"]["pet_radionuclide"] == "18F"
    assert json.loads((tmp_path / "dst" / "splits_final.json").read_text()) == folds
    description = json.loads((tmp_path / "dst" / "dataset.json").read_text())
    assert description["numTraining"] == 2
    assert description["channel_names"] == {"0": "CT", "1": "PET"}


def test_a_plain_tree_is_no_autopet_tree(make: Any, tmp_path: Path) -> None:
    assert recognise_layout(make.nnunet(tmp_path, FDG)) == "nnunet"


def test_incomplete_cases_fail_alone(make: Any, tmp_path: Path) -> None:
    src = make.nnunet(tmp_path / "src", FDG, PSMA, "fdg_0000000000_x")
    (src / "imagesTr" / f"{FDG}_0001.nii.gz").unlink()
    make.write(src / "imagesTr" / f"{PSMA}_0001.mha", make.pet())
    problems = {case.name: str(case.problem) for case in find_autopet(src)}
    assert "no PET" in problems[FDG]
    assert "twice" in problems[PSMA]
    done = {c.name: c.state for c in convert_cases(src, tmp_path / "dst", "autopet")}
    assert done == {FDG: "failed", PSMA: "failed", "fdg_0000000000_x": "written"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("splits_final.json", b"{"),
        ("splits_final.json", b"[]"),
        ("splits_final.json", b'[{"train": [1], "val": []}]'),
        ("psma_metadata.csv", b"\xff\xfe"),
        ("psma_metadata.csv", b'a,b\n"x,y\n'),
    ],
)
def test_a_damaged_table_is_told_before_any_work(
    make: Any, tmp_path: Path, name: str, content: bytes
) -> None:
    src = make.nnunet(tmp_path / "src", PSMA)
    (src / name).write_bytes(content)
    with pytest.raises(InputError, match=name):
        list(convert_cases(src, tmp_path / "dst", "autopet"))
    assert not (tmp_path / "dst").exists()


def test_a_table_that_is_a_link_to_elsewhere_is_refused(make: Any, tmp_path: Path) -> None:
    src = make.nnunet(tmp_path / "src", PSMA)
    secret = tmp_path / "secret.csv"
    secret.write_text("Subject ID,password\nPSMA_95b833d46f153cd2,x\n")
    (src / "psma_metadata.csv").symlink_to(secret)
    with pytest.raises(InputError, match="leads out of"):
        find_autopet(src)
