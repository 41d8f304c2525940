"""``lesionloop dataset``, and ``convert`` for the layouts of public data sets."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

Cli = Callable[..., Any]


def _deep_psma(small: Any, root: Path, *patients: str) -> Path:
    for number, patient in enumerate(patients):
        for offset, tracer in enumerate(("FDG", "PSMA")):
            folder = root / patient / tracer
            small.write(
                folder / "PET.nii.gz", small.pet() + np.float32(0.01 * (2 * number + offset))
            )
            small.write(folder / "CT.nii.gz", small.ct() + np.int16(2 * number + offset))
            small.write(folder / "TTB.nii.gz", small.label())
            (folder / "threshold.json").write_text('{"suv_threshold": 3.0}')
    return root


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def test_a_good_data_set(cli: Cli, small: Any, tmp_path: Path) -> None:
    outcome = cli("dataset", "check", small.dataset(tmp_path / "data"))
    assert outcome.code == 0
    assert "dataset.json is missing" in outcome.out
    assert outcome.out.endswith("1 case: 0 errors, 0 warnings, 1 note\n")


@pytest.mark.parametrize("workers", [1, 2])
def test_errors_end_with_2_and_name_both_files(
    cli: Cli, small: Any, tmp_path: Path, workers: int
) -> None:
    data = small.dataset(tmp_path / "data", "a b", "c")
    small.write(data / "labelsTr" / "a b.nii.gz", small.label()[1:])
    small.write(data / "imagesTr" / "c_0001.nii.gz", small.pet() + np.float32(0.5))
    small.write(data / "imagesTr" / "c_0000.nii.gz", small.ct() + np.int16(1))
    outcome = cli("dataset", "check", data, "--workers", workers)
    assert outcome.code == 2
    assert outcome.err == ""
    row = next(line for line in outcome.out.splitlines() if "different grids" in line)
    assert "error" in row
    assert "labelsTr/a b.nii.gz" in row
    assert "imagesTr/a b_0001.nii.gz" in outcome.out
    assert "(25, 22, 18) and (26, 22, 18)" in outcome.out
    assert outcome.out.endswith("2 cases: 1 error, 0 warnings, 1 note\n")


def test_json(cli: Cli, small: Any, tmp_path: Path) -> None:
    data = small.dataset(tmp_path / "data", "a", "b")
    outcome = cli("dataset", "check", data, "--json")
    assert outcome.code == 2
    result = json.loads(outcome.out)
    assert result["cases"] == 2
    assert (result["errors"], result["warnings"], result["notes"]) == (1, 1, 1)
    assert result["findings"][0] == {
        "severity": "error",
        "kind": "PET stands under several names",
        "files": ["imagesTr/a_0001.nii.gz", "imagesTr/b_0001.nii.gz"],
        "detail": "The same values in a, b.",
        "remedy": "Keep one of them, or one fold for all.",
        "case": "a",
    }


def test_many_findings_of_a_kind_are_cut_in_the_table(cli: Cli, small: Any, tmp_path: Path) -> None:
    data = small.dataset(tmp_path / "data", *"abcdefgh")
    for name in "abcdefgh":
        small.write(data / "labelsTr" / f"{name}.nii.gz", small.label() * 0)
    outcome = cli("dataset", "check", data)
    assert "note label is empty: 3 more, see --json" in outcome.out
    assert outcome.out.count("label is empty") == 6


def test_what_cannot_be_checked(cli: Cli, small: Any, tmp_path: Path) -> None:
    outcome = cli("dataset", "check", tmp_path / "nowhere")
    assert outcome.code == 2
    assert outcome.err.startswith(f"lesionloop: {tmp_path / 'nowhere'} is not a data set\n")
    data = small.dataset(tmp_path / "data")
    assert "--workers" in cli("dataset", "check", data, "--workers", 0).err
    assert cli("dataset", "mend", data).code == 2


def test_deep_psma_is_recognised_and_converted(cli: Cli, small: Any, tmp_path: Path) -> None:
    src = _deep_psma(small, tmp_path / "src", "train_0001", "train_0002")
    outcome = cli("convert", src, tmp_path / "set", "--json")
    assert outcome.code == 0
    entries = json.loads(outcome.out)
    assert [(entry["case"], entry["state"]) for entry in entries] == [
        (f"{tracer}_train_000{n}", "written") for tracer in ("fdg", "psma") for n in (1, 2)
    ]
    assert entries[0]["facts"]["suv_threshold"] == 3.0
    assert "4 cases written, 0 were there" in outcome.err
    assert cli("dataset", "check", tmp_path / "set").code == 0
    again = cli("convert", src, tmp_path / "set", "--layout", "deep-psma")
    assert again.code == 0
    assert "0 cases written, 4 were there" in again.err


def test_a_corrupt_case_is_told_and_the_rest_converted(
    cli: Cli, small: Any, tmp_path: Path
) -> None:
    src = _deep_psma(small, tmp_path / "src", "train_0001")
    bad = src / "train_0001" / "PSMA" / "CT.nii.gz"
    _cut(bad)
    outcome = cli("convert", src, tmp_path / "set")
    assert outcome.code == 0
    assert f"psma_train_0001: left out: cannot read {bad}" in outcome.err
    assert "1 of 2 cases were left out" in outcome.err
    _cut(src / "train_0001" / "FDG" / "CT.nii.gz")
    outcome = cli("convert", src, tmp_path / "other")
    assert outcome.code == 2
    assert f"lesionloop: not one of 2 cases in {src} could be converted" in outcome.err
    assert not (tmp_path / "other").exists()


def test_layouts_that_are_wrong(cli: Cli, small: Any, tmp_path: Path) -> None:
    src = _deep_psma(small, tmp_path / "src", "train_0001")
    refused = {
        ("--layout", "nonesuch"): "deep-psma",
        ("--layout", "autopet"): "not a data set",
        ("--layout", "fdg-pet-ct-lesions"): "no case",
        ("--weight-kg", "70"): "for DICOM",
    }
    for options, says in refused.items():
        outcome = cli("convert", src, tmp_path / "out", *options)
        assert outcome.code == 2
        assert says in outcome.err
        assert not (tmp_path / "out").exists()


def test_longitudinal_ct_is_listed_and_not_converted(cli: Cli, small: Any, tmp_path: Path) -> None:
    inputs = tmp_path / "src" / "inputsTr"
    for time in ("BL", "FU"):
        small.write(inputs / f"022_{time}_img_{time}_img_00.nii.gz", small.ct())
    small.write(inputs / "022_BL_mask_BL_img_00.nii.gz", small.label())
    outcome = cli("convert", tmp_path / "src", tmp_path / "out")
    assert outcome.code == 2
    assert "CT without PET" in outcome.err
    assert "dataset pairs" in outcome.err
    outcome = cli("dataset", "pairs", tmp_path / "src")
    assert outcome.code == 0
    assert "022_BL_img_BL_img_00.nii.gz" in outcome.out
    assert "in part" in outcome.out
    assert "022: note: There is no table" in outcome.err
    (pair,) = json.loads(cli("dataset", "pairs", tmp_path / "src", "--json").out)
    assert pair["patient"] == "022"
    assert pair["baseline"]["part"] == 0
    assert pair["follow_up"]["label"] is None


def test_real_cases(cli: Cli, shared: Path) -> None:
    outcome = cli("dataset", "check", shared / "data" / "sts", "--workers", 2)
    assert outcome.code == 0
    assert "17 cases: 0 errors" in outcome.out
