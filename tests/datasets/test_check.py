import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.datasets import Finding, Severity, check_dataset, convert_cases
from lesionloop.datasets.check_values import content_hash, ct_doubts, label_doubts, pet_doubts
from lesionloop.errors import InputError

A, B, C = (
    "fdg_01140d52d8_08-13-2005-NA-x-56839",
    "fdg_01140d52d8_01-02-2006-NA-x-12345",
    "psma_95b833d46f153cd2_2018-04-16",
)


@pytest.fixture
def data(make: Any, tmp_path: Path) -> Path:
    folder: Path = make.nnunet(tmp_path / "data", A, B, C)
    description = {"numTraining": 3}
    (folder / "dataset.json").write_text(json.dumps(description))
    return folder


def found(folder: Path) -> dict[tuple[str, str], Finding]:
    """(severity, kind) to its finding; every kind at most once in these tests."""
    findings = check_dataset(folder).findings
    by_kind = {(str(f.severity), f.kind): f for f in findings}
    assert len(by_kind) == len(findings), findings
    return by_kind


def test_a_good_data_set(data: Path) -> None:
    check = check_dataset(data)
    assert (check.cases, check.findings) == (3, ())


def _remove(name: str) -> Callable[[Any, Path], None]:
    return lambda _, data: (data / name).unlink()


def _write(name: str, values: Callable[[Any], Any]) -> Callable[[Any, Path], None]:
    return lambda make, data: make.write(data / name, values(make))


def _text(name: str, text: str) -> Callable[[Any, Path], None]:
    def write(_: Any, data: Path) -> None:
        (data / name).write_text(text)

    return write


def _shift(make: Any, data: Path) -> None:
    make.origin = (-20.0, 30.0, -38.0)
    make.write(data / "labelsTr" / f"{A}.nii.gz", make.label())


def _native(make: Any, data: Path) -> None:
    make.write(data / "imagesTr" / f"{A}_0000.nii.gz", make.ct(), ct=True)


def _nan(make: Any) -> Any:
    values = make.pet(0)
    values[0, 0, 0] = np.nan
    return values


def _negative(make: Any) -> Any:
    values = make.pet(0)
    values[0, 0, :2] = -0.05
    return values


PET, CT, LABEL = f"imagesTr/{A}_0001.nii.gz", f"imagesTr/{A}_0000.nii.gz", f"labelsTr/{A}.nii.gz"
BAD: dict[str, tuple[Callable[[Any, Path], None], tuple[str, str], tuple[str, ...]]] = {
    "no pet": (_remove(PET), ("error", "PET is missing"), (CT, LABEL)),
    "no ct": (_remove(CT), ("warning", "CT is missing"), (PET, LABEL)),
    "no label": (_remove(LABEL), ("error", "label is missing"), (PET, CT)),
    "ct grid": (_native, ("error", "CT and PET are on different grids"), (CT, PET)),
    "label grid": (_shift, ("error", "label and PET are on different grids"), (LABEL, PET)),
    "instances": (
        _write(LABEL, lambda m: m.label() * 3),
        ("warning", "label has values other than 0 and 1"), (LABEL,),
    ),
    "fractions": (
        _write(LABEL, lambda m: m.label() * np.float32(0.5)), ("error", "label has fractions"),
        (LABEL,),
    ),
    "negative label": (
        _write(LABEL, lambda m: -m.label().astype(np.int16)),
        ("error", "label has values below 0"), (LABEL,),
    ),
    "empty label": (
        _write(LABEL, lambda m: m.label() * 0), ("note", "label is empty"), (LABEL,),
    ),
    "nan": (_write(PET, _nan), ("error", "PET has values that are not finite"), (PET,)),
    "negative": (_write(PET, _negative), ("warning", "PET has values below 0"), (PET,)),
    "activity": (_write(PET, lambda m: m.pet(0) * 5000), ("error", "PET is not SUV"), (PET,)),
    "standardised": (
        _write(PET, lambda m: (m.pet(0) - m.pet(0).mean()) / m.pet(0).std()),
        ("error", "PET is not SUV"), (PET,),
    ),
    "scaled": (
        _write(PET, lambda m: m.pet(0) / m.pet(0).max()),
        ("warning", "PET does not look like SUV"), (PET,),
    ),
    "empty pet": (_write(PET, lambda m: m.pet(0) * 0), ("error", "PET is empty"), (PET,)),
    "no intercept": (
        _write(CT, lambda m: m.ct_on_pet(m.ct()) + 1024), ("warning", "CT does not look like HU"),
        (CT,),
    ),
    "normalised ct": (
        _write(CT, lambda m: m.ct_on_pet(m.ct()) / np.float32(1000)),
        ("warning", "CT does not look like HU"), (CT,),
    ),
    "text": (
        _text(CT, "hello"),
        ("error", "CT cannot be read"), (CT,),
    ),
    "twice": (
        _write(PET.replace(".nii.gz", ".mha"), lambda m: m.pet(0)),
        ("error", "PET is there twice"), (PET.replace(".nii.gz", ".mha"), PET),
    ),
    "description": (
        _text("dataset.json", "{]"),
        ("error", "dataset.json cannot be read"), ("dataset.json",),
    ),
    "count": (
        _text("dataset.json", '{"numTraining": 9}'),
        ("warning", "dataset.json counts other cases"), ("dataset.json",),
    ),
    "no description": (
        _remove("dataset.json"), ("note", "dataset.json is missing"), ("dataset.json",),
    ),
    "other channel": (
        _write(f"imagesTr/{A}_0002.nii.gz", lambda m: m.pet(0)),
        ("note", "other channels are passed over"), (f"imagesTr/{A}_0002.nii.gz",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_with_one_case(make: Any, data: Path, name: str) -> None:
    damage, kind, files = BAD[name]
    damage(make, data)
    findings = found(data)
    if name in ("no pet", "no label"):
        findings.pop(("warning", "dataset.json counts other cases"))
    finding = findings.pop(kind)
    assert findings == {}
    assert finding.files == files
    assert finding.case == (None if "dataset.json" in files[0] else A)
    assert finding.remedy


@pytest.mark.parametrize("part", [0.999, 0.5, 0.01, 0.0])
@pytest.mark.parametrize(("file", "role"), [(PET, "PET"), (CT, "CT"), (LABEL, "label")])
def test_truncated_files(data: Path, cut: Any, part: float, file: str, role: str) -> None:
    cut(data / file, part)
    finding = found(data)["error", f"{role} cannot be read"]
    assert finding.files == (file,)


def test_an_orphaned_label(data: Path) -> None:
    (data / PET).unlink()
    (data / CT).unlink()
    assert found(data)["error", "label has no images"].files == (LABEL,)


def test_no_ct_at_all_is_one_note(data: Path) -> None:
    for path in data.glob("imagesTr/*_0000.nii.gz"):
        path.unlink()
    assert list(found(data)) == [("note", "no case has a CT")]


def test_test_cases_need_no_label(make: Any, data: Path) -> None:
    make.write(data / "imagesTs" / "t_0000.nii.gz", make.ct_on_pet(make.ct(9)))
    make.write(data / "imagesTs" / "t_0001.nii.gz", make.pet(9))
    assert list(found(data)) == [("note", "label is missing")]


def test_the_same_image_under_two_names(make: Any, data: Path) -> None:
    """In another type and format, so that no two files have the same bytes."""
    (data / "imagesTr" / f"{C}_0001.nii.gz").unlink()
    pet = make.pet(0).astype(np.float64)
    make.write(data / "imagesTr" / f"{C}_0001.mha", pet)
    finding = found(data)["error", "PET stands under several names"]
    assert finding.files == (PET, f"imagesTr/{C}_0001.mha")
    assert A in finding.detail
    assert C in finding.detail
    make.write(data / "imagesTr" / f"{C}_0001.mha", make.pet(7))
    make.write(data / "imagesTr" / f"{C}_0000.nii.gz", make.ct_on_pet(make.ct(0)))
    assert list(found(data)) == [("warning", "CT stands under several names")]


def test_ct_and_pet_exchanged_for_copies(make: Any, data: Path) -> None:
    make.write(data / CT, make.pet(0))
    assert ("error", "CT and PET are the same image") in found(data)


def test_links(make: Any, data: Path, tmp_path: Path) -> None:
    (data / PET).rename(tmp_path / "elsewhere.nii.gz")
    (data / PET).symlink_to(tmp_path / "elsewhere.nii.gz")
    assert list(found(data)) == [("warning", "link leads out of the data set")]
    (tmp_path / "elsewhere.nii.gz").unlink()
    assert ("error", "PET cannot be read") in found(data)


def test_folds(data: Path) -> None:
    good = [{"train": [A, B], "val": [C]}, {"train": [C], "val": [A, B]}]
    splits = data / "splits_final.json"
    splits.write_text(json.dumps(good))
    assert found(data) == {}
    splits.write_text(json.dumps([{"train": [A, C], "val": [B]}, {"train": [B, C], "val": [A]}]))
    for_patient = check_dataset(data).findings
    assert [(f.kind, "01140d52d8" in f.detail) for f in for_patient] == [
        ("a patient is in train and val of one fold", True),
        ("a patient is in train and val of one fold", True),
        ("a patient is validated in several folds", True),
    ]
    bad = [{"train": [A, B, B], "val": [A, "gone"]}, {"train": [], "val": [A]}]
    splits.write_text(json.dumps(bad))
    assert set(found(data)) == {
        ("error", "folds name cases that are not there"),
        ("warning", "cases are in no fold"),
        ("error", "a case is in train and val of one fold"),
        ("error", "a patient is in train and val of one fold"),
        ("warning", "a fold names a case twice"),
        ("warning", "a case is validated in several folds"),
    }


@pytest.mark.parametrize("text", ["", "{}", "[]", "[1]", '[{"train": 1, "val": []}]', "[" * 99999])
def test_folds_that_are_none(data: Path, text: str) -> None:
    (data / "splits_final.json").write_text(text)
    assert list(found(data)) == [("error", "folds cannot be read")]


def test_patients_of_a_converted_data_set(make: Any, tmp_path: Path) -> None:
    """Names such as fdg_train_0001 tell no patient; the record of the conversion does."""
    src = make.deep_psma(tmp_path / "src", "train_0001", "train_0002")
    dst = tmp_path / "dst"
    list(convert_cases(src, dst, "deep-psma"))
    one, two = (["fdg_train_000" + n, "psma_train_000" + n] for n in "12")
    (dst / "splits_final.json").write_text(
        json.dumps([{"train": one, "val": two}, {"train": two, "val": one}])
    )
    assert found(dst) == {}
    (dst / "splits_final.json").write_text(
        json.dumps([{"train": [one[0], two[0]], "val": [one[1], two[1]]}])
    )
    finding = found(dst)["error", "a patient is in train and val of one fold"]
    assert "train_0001, train_0002" in finding.detail


def test_cases_that_the_conversion_left_out(make: Any, tmp_path: Path, cut: Any) -> None:
    src = make.deep_psma(tmp_path / "src", "train_0001")
    cut(src / "train_0001" / "FDG" / "PET.nii.gz")
    list(convert_cases(src, tmp_path / "dst", "deep-psma"))
    finding = found(tmp_path / "dst")["warning", "case was left out by the conversion"]
    assert finding.case == "fdg_train_0001"
    assert "PET.nii.gz" in finding.detail


def test_what_is_no_data_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="not a data set"):
        check_dataset(tmp_path)
    (tmp_path / "imagesTr").mkdir()
    with pytest.raises(InputError, match="no case"):
        check_dataset(tmp_path)


def test_findings_come_errors_first(make: Any, data: Path) -> None:
    _remove("dataset.json")(make, data)
    _write(LABEL, lambda m: m.label() * 0)(make, data)
    _write(PET, _nan)(make, data)
    check = check_dataset(data)
    severities = [finding.severity for finding in check.findings]
    assert severities == [Severity.ERROR, Severity.NOTE, Severity.NOTE]
    assert [check.count(severity) for severity in Severity] == [1, 0, 2]


def test_values_that_are_only_unusual_pass() -> None:
    rng = np.random.default_rng(3)
    body = rng.gamma(2, 0.4, (20, 18, 16)).astype(np.float32)
    body[3, 3, 3] = 900  # a bladder, or the place of the injection
    assert list(pet_doubts(body)) == []
    assert list(pet_doubts(body * 6)) == []  # cropped to a tumour
    hu = rng.integers(-1024, 3071, (20, 18, 16)).astype(np.int16)
    hu[0] = -3024  # padding
    assert list(ct_doubts(hu)) == []
    assert list(ct_doubts(hu.astype(np.float32) + 0.25)) == []
    assert list(label_doubts((body > 2).astype(np.float64))) == []


def test_all_values_not_finite() -> None:
    nothing = np.full((3, 2, 4), np.inf, np.float32)
    assert [doubt.severity for doubt in pet_doubts(nothing)] == [Severity.ERROR]
    assert [doubt.severity for doubt in ct_doubts(nothing)] == [Severity.WARNING]
    assert [doubt.severity for doubt in label_doubts(nothing)] == [Severity.ERROR]


def test_a_hash_is_of_the_values_and_the_shape() -> None:
    values = np.random.default_rng(0).integers(-9, 9, (5, 4, 3)).astype(np.int16)
    same = (values.astype(np.float64), np.asfortranarray(values), values.astype(">i2"))
    assert {content_hash(v) for v in same} == {content_hash(values)}
    changed = values.copy()
    changed[4, 3, 2] += 1
    other = (changed, values.reshape(4, 5, 3), values[::-1], values.transpose(2, 1, 0))
    assert len({content_hash(v) for v in (*other, values)}) == 5


def test_real_cases(shared: Path) -> None:
    check = check_dataset(shared / "data" / "sts")
    assert (check.cases, check.findings) == (17, ())
