"""``lesionloop liver-score``: liver masks against their references."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from lesionloop.metrics.liver import liver_dataset, score_liver_case
from lesionloop.ranking.trials.data_sets import data_set_metrics
from lesionloop.ranking.trials.records import read_records, stack_records
from lesionloop.ranking.trials.size_strata import read_size_strata

Cli = Callable[..., Any]
AFFINE = np.diag([0.7, 0.9, 2.5, 1.0])
SPACING = [float(np.float32(side)) for side in (0.7, 0.9, 2.5)]
NAMES = ("case 1.b", "case 2", "case_0000")


def _masks(number: int) -> tuple[Any, Any]:
    """Two lesions, one of them found; a false one before them shifts the numbers."""
    reference = np.zeros((20, 11, 9), np.uint8)
    reference[5:9, 2:6, 2:5] = 1
    reference[14:18, 6:9, 3:6] = 1
    prediction = np.zeros_like(reference)
    prediction[5:9, 2 + number : 6, 2:5] = 1
    prediction[14:17, 6:9, 3:6] = 1
    prediction[0, 0, 0] = 1
    return prediction, reference


def _write(path: Path, values: Any, affine: Any = AFFINE) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values, affine), path)
    return path


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Predictions and references of three cases."""
    for number, name in enumerate(NAMES):
        prediction, reference = _masks(number)
        _write(tmp_path / "p" / f"{name}.nii.gz", prediction)
        _write(tmp_path / "r" / f"{name}.nii.gz", reference)
    return tmp_path / "p", tmp_path / "r"


@pytest.mark.parametrize("mode", ["strict", "official", "paper"])
def test_folders(cli: Cli, folders: tuple[Path, Path], mode: Any) -> None:
    predictions, references = folders
    cases = [score_liver_case(*_masks(number), SPACING, mode=mode) for number in range(3)]
    outcome = cli(
        "liver-score", "--prediction", predictions, "--reference", references, "--mode", mode,
        "--json",
    )  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    result = json.loads(outcome.out)
    assert result["mode"] == mode
    assert result["dataset"] == pytest.approx(liver_dataset(cases, mode=mode), rel=1e-12)
    assert [case["case"] for case in result["cases"]] == list(NAMES)
    for shown, case in zip(result["cases"], cases, strict=True):
        assert shown["components"] == {"reference": 2, "prediction": 3}
        assert shown["detection"]["0.5"] == {
            "TP": case.half.tp, "FP": case.half.fp, "FN": case.half.fn,
        }  # fmt: skip
        assert shown["lesion_scores_detected_only"]["assd"] == [x.assd for x in case.lesions]
    strata = result["size_strata"]["strata"]
    assert sum(s["TP"] + s["FN"] for s in strata) == 6


def test_the_table(cli: Cli, folders: tuple[Path, Path]) -> None:
    name = f"{NAMES[0]}.nii.gz"
    outcome = cli(
        "liver-score", "--prediction", folders[0] / name, "--reference", folders[1] / name
    )
    assert (outcome.code, outcome.err) == (0, "")
    assert NAMES[0] in outcome.out
    assert "lesion_dice_global" in outcome.out
    assert "mode strict; distances in mm" in outcome.out


def test_a_missing_prediction(cli: Cli, folders: tuple[Path, Path]) -> None:
    """It is the worst by default, and left out on request; either is said."""
    (folders[0] / f"{NAMES[1]}.nii.gz").rename(folders[0] / "other.nii.gz")
    words = ("liver-score", "--prediction", folders[0], "--reference", folders[1], "--json")
    worst, skip = cli(*words), cli(*words, "--missing", "skip")
    assert (worst.code, skip.code) == (0, 0)
    assert f"1 without a prediction: scored at worst values: {NAMES[1]}" in worst.err
    assert f"1 without a prediction: left out: {NAMES[1]}" in skip.err
    assert "1 without a reference: left out: other" in worst.err
    found = json.loads(worst.out)
    (missed,) = (case for case in found["cases"] if case["missing"])
    assert missed["detection"]["0.5"] == {"TP": 0, "FP": 0, "FN": 2}
    assert missed["DSC"] == 0
    assert [case["case"] for case in json.loads(skip.out)["cases"]] == [NAMES[0], NAMES[2]]
    assert (
        found["dataset"]["lesion_dice_per_case"]
        < (json.loads(skip.out)["dataset"]["lesion_dice_per_case"])
    )


def test_tables_are_those_that_the_ranking_reads(
    cli: Cli, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    outcome = cli(
        "liver-score", "--prediction", folders[0], "--reference", folders[1], "--out", out,
        "--block", "T1", "--centre", "Egypt", "--competitor", "we", "--workers", "2", "--json",
    )  # fmt: skip
    assert outcome.code == 0, outcome.err
    dataset = json.loads(outcome.out)["dataset"]
    stored = json.loads((out / "scores.json").read_text())
    assert stored["dataset"] == dataset
    records = read_records(out / "case_records.csv")
    assert [record.case for record in records] == list(NAMES)
    table = stack_records(records, ["we"])
    values = data_set_metrics(table, np.ones((1, 3)), "accepted")
    for name, key in (
        ("dice_per_case", "lesion_dice_per_case"), ("dice_global", "lesion_dice_global"),
        ("recall_iou05", "lesion_recall"), ("precision_iou0", "lesion_precision_greater_zero"),
        ("assd", "lesion_assd"), ("voe", "lesion_voe"),
    ):  # fmt: skip
        assert values[name][0, 0] == pytest.approx(dataset[key], rel=1e-12)
    strata = read_size_strata(out / "lesions.csv")["we"]
    assert sum(s.tp for s in strata) == stored["detection_total"]["0.5"]["TP"]
    assert sum(s.fp for s in strata) == stored["detection_total"]["0.5"]["FP"]
    with (out / "per_case.csv").open() as text:
        rows = list(csv.DictReader(text))
    assert [float(row["dice"]) for row in rows] == [case["DSC"] for case in stored["cases"]]
    with (out / "metrics.csv").open() as text:
        metrics = {row["Metric"]: float(row["Value"]) for row in csv.DictReader(text)}
    assert metrics == dataset


def test_labels_of_training_are_refused_or_converted(cli: Cli, tmp_path: Path) -> None:
    prediction, reference = _masks(0)
    mask = _write(tmp_path / "p.nii.gz", prediction)
    label = _write(tmp_path / "label.nii.gz", np.where(reference, 2, 1).astype(np.uint8))
    words = ("liver-score", "--prediction", mask, "--reference", label)
    refused = cli(*words)
    assert (refused.code, refused.out) == (2, "")
    assert "label.nii.gz: a mask holds the values 1, 2" in refused.err
    assert "--reference-values training" in refused.err
    outcome = cli(*words, "--reference-values", "training", "--json")
    assert outcome.code == 0
    assert json.loads(outcome.out)["cases"][0]["components"]["reference"] == 2
    ignored = cli(*words, "--reference-values", "truncate", "--json")
    assert ignored.code == 0
    assert json.loads(ignored.out)["cases"][0]["components"]["reference"] == 1  # the liver


def test_grids_differ(cli: Cli, tmp_path: Path) -> None:
    """The released code compares shapes alone, and takes the spacing of the reference."""
    prediction, reference = _masks(1)
    mask = _write(tmp_path / "p.nii.gz", prediction, np.diag([1.0, 1.0, 1.0, 1.0]))
    label = _write(tmp_path / "r.nii.gz", reference)
    words = ("liver-score", "--prediction", mask, "--reference", label, "--json")
    refused = cli(*words)
    assert refused.code == 2
    assert "not on the same grid" in refused.err
    outcome = cli(*words, "--mode", "official")
    assert outcome.code == 0
    assert json.loads(outcome.out)["cases"][0]["spacing_mm"] == SPACING
    short = _write(tmp_path / "short.nii.gz", prediction[:-1])
    outcome = cli("liver-score", "--prediction", short, "--reference", label, "--mode", "official")
    assert outcome.code == 2
    assert "short.nii.gz" in outcome.err
    assert "shapes (19, 11, 9) and (20, 11, 9)" in outcome.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--mode", "lenient"), "unknown mode 'lenient'"),
        (("--missing", "maybe"), "unknown --missing 'maybe'"),
        (("--prediction-values", "any"), "unknown --prediction-values 'any'"),
        (("--centre", "Egypt"), "--block, --centre and --competitor go together"),
        (("--workers", "0"), "--workers is at least 1"),
    ],
)
def test_wrong_words(
    cli: Cli, folders: tuple[Path, Path], words: tuple[str, ...], said: str
) -> None:
    outcome = cli("liver-score", "--prediction", folders[0], "--reference", folders[1], *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert said in outcome.err


def test_wrong_places(cli: Cli, folders: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    one = folders[1] / f"{NAMES[0]}.nii.gz"
    for prediction, reference, said in (
        (folders[0], tmp_path / "nothing", "There is no such file"),
        (folders[0], one, "is a folder and"),
        (folders[0], tmp_path / "empty", "no reference in"),
        (tmp_path / "empty", folders[1], "no prediction in"),
    ):
        outcome = cli("liver-score", "--prediction", prediction, "--reference", reference)
        assert (outcome.code, outcome.out) == (2, "")
        assert said in outcome.err
