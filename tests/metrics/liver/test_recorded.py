"""The recorded results of the released code, for every development case."""

import json
from math import isnan
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.metrics.liver import (
    LESION_SCORES,
    LiverCase,
    Mode,
    liver_dataset,
    penalised_means,
    score_click_curve,
    score_liver_case,
    score_whole_lesion,
)

CASES = (
    "dev_01_two_lesions_good", "dev_02_empty_both", "dev_03_empty_reference",
    "dev_04_empty_prediction", "dev_05_one_pred_spans_three_refs", "dev_06_one_ref_split_in_four",
    "dev_07_label_offset_by_false_positive", "dev_08_anisotropic", "dev_09_diagonal_touch",
    "dev_10_mixed_noisy",
)  # fmt: skip


@pytest.fixture(scope="module")
def folder(shared: Path) -> Path:
    found = shared / "fixtures" / "trials" / "cases"
    if not found.is_dir():
        pytest.skip(f"the liver cases are not at {found}")
    return found


def _scored(folder: Path, name: str, mode: Mode) -> LiverCase:
    held = np.load(folder / f"{name}.npz")
    spacing = held["spacing"].astype(np.float32).tolist()  # as a NIfTI header has it
    return score_liver_case(held["prediction"], held["reference"], spacing, mode=mode)


def _recorded(folder: Path, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / f"{name}.json").read_text())
    return found


@pytest.mark.parametrize("mode", ["official", "paper"])
@pytest.mark.parametrize("name", CASES)
def test_a_case(folder: Path, name: str, mode: Mode) -> None:
    case, expected = _scored(folder, name, mode), _recorded(folder, name)
    components = expected["components"]
    assert len(case.reference_sizes) == components["reference"]
    assert len(case.prediction_sizes) == components["prediction"]
    for threshold, found in (("0", case.any_overlap), ("0.5", case.half)):
        counts = {"TP": found.tp, "FP": found.fp, "FN": found.fn}
        assert counts == expected["detection"][threshold]
    assert list(case.half.references) == expected["detected_reference_ids_iou05"]
    assert case.intersection == expected["intersection_voxels"]
    assert case.size_sum == expected["size_sum_voxels"]
    scores = expected["lesion_scores_detected_only"] or {key: [] for key in LESION_SCORES}
    for score in LESION_SCORES:
        found_scores = [getattr(lesion, score) for lesion in case.lesions]
        np.testing.assert_allclose(found_scores, scores[score], rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_a_data_set_of_one_case(folder: Path, name: str) -> None:
    """Where the released code divides by zero there is no value."""
    case, expected = _scored(folder, name, "official"), _recorded(folder, name)
    recorded = expected["dataset_of_one"]
    (row,) = recorded["per_case_metrics_csv"]
    found = (case.dice, case.half.precision, case.half.recall)
    assert found == pytest.approx((row["DSC"], row["precision"], row["recall"]), abs=1e-12)
    values = liver_dataset([case], mode="official")
    if recorded["error"]:
        assert isnan(values["lesion_dice_global"])
    else:
        assert values == pytest.approx(recorded["metrics_csv"], abs=1e-9)
    for score, value in expected["penalised_mean_paper_convention"].items():
        mean = penalised_means([case])[score]
        assert isnan(mean) if value is None else mean == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_detection_with_the_true_union(folder: Path, name: str) -> None:
    half = _scored(folder, name, "strict").half
    recorded = _recorded(folder, name)["NOT_OFFICIAL_detection_iou05_with_true_union"]
    assert {"TP": half.tp, "FP": half.fp, "FN": half.fn} == {
        count: recorded[count] for count in ("TP", "FP", "FN")
    }
    assert list(half.references) == recorded["detected_reference_ids"]


def test_the_fault_of_the_union_changes_two_of_these_cases(folder: Path) -> None:
    changed = [
        name
        for name in CASES
        if _scored(folder, name, "official").half != _scored(folder, name, "strict").half
    ]
    assert changed == ["dev_07_label_offset_by_false_positive", "dev_10_mixed_noisy"]


def test_the_data_set(folder: Path) -> None:
    recorded = json.loads((folder / "dataset.json").read_text())
    cases = [_scored(folder, name, "official") for name in recorded["cases_in_order"]]
    expected = recorded["metrics_csv"]
    official = liver_dataset(cases, mode="official")
    assert list(official) == list(expected)
    assert official == pytest.approx(expected, rel=1e-9)
    paper = liver_dataset(cases, mode="paper")
    penalised = recorded["penalised_mean_paper_convention"]
    expected |= {f"lesion_{score}": value for score, value in penalised.items()}
    assert paper == pytest.approx(expected, rel=1e-12)


def test_the_interactive_case(folder: Path) -> None:
    held = np.load(folder / "dev_interactive_01.npz")
    recorded = _recorded(folder, "dev_interactive_01")
    spacing = held["spacing"].astype(np.float32).tolist()
    scores = []
    for number, mask in enumerate(held["predictions"]):
        score = score_whole_lesion(mask, held["reference"], spacing)
        assert score is not None
        scores.append(score)
        for name, values in recorded["values_by_click_count_official"].items():
            assert getattr(score, name) == pytest.approx(values[number], rel=1e-9)
    for order, key in (
        ("names", "official_aggregate"),
        ("numbers", "NOT_OFFICIAL_numeric_order_aggregate"),
    ):
        curve = score_click_curve(scores, order)  # type: ignore[arg-type]
        for name, expected in recorded[key].items():
            assert getattr(curve.auc, name) == pytest.approx(expected["AUC"], rel=1e-9)
            assert getattr(curve.final, name) == pytest.approx(expected["Final"], rel=1e-9)
