"""Case scores, against recorded official results, a plain oracle and closed forms."""

import json
import math
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.metrics import EMPTY_RULES, score_case, surface_dice, voxel_dice

Order = Literal["C", "F"]

SPACING = (0.7, 1.3, 3.0)
VOXEL_ML = 0.7 * 1.3 * 3.0 / 1000
SHAPE = (8, 7, 5)


def blank(dtype: type = bool) -> np.ndarray:
    return np.zeros(SHAPE, dtype)


@pytest.mark.parametrize(
    ("recorded", "folder"), [("metrics_pairs", "pairs"), ("metrics_real", "real")]
)
def test_scores_are_the_official_ones(shared: Path, recorded: str, folder: str) -> None:
    fixtures = shared / "fixtures" / "autopet-v"
    results = json.loads((fixtures / "official" / f"{recorded}.json").read_text())["results"]
    assert results
    for name, expected in results.items():
        case = np.load(fixtures / folder / f"{name}.npz")
        score = score_case(case["pred"], case["gt"], case["spacing"])
        assert (score.tp, score.fp, score.fn) == (expected["tp"], expected["fp"], expected["fn"])
        assert (score.n_reference, score.n_prediction) == (expected["n_gt"], expected["n_pred"])
        for ours, theirs in [
            (score.dsc, expected["dsc"]),
            (score.f1, expected["f1"]),
            (score.fpv_ml, expected["fpv"]),
            (score.fnv_ml, expected["fnv"]),
            (voxel_dice(case["pred"], case["gt"]), expected["loop_dice"]),
        ]:
            wanted = math.nan if theirs is None else theirs
            assert ours == pytest.approx(wanted, rel=0, abs=1e-9, nan_ok=True), name


def plain_score(prediction: np.ndarray, reference: np.ndarray) -> tuple[float, ...]:
    """The definitions, read aloud: every lesion against every lesion."""
    edges = ndimage.generate_binary_structure(3, 2)
    labels, n = ndimage.label(prediction, edges)
    instances, m = ndimage.label(reference, edges)
    matched, found, touched, touched_reference = set(), set(), set(), set()
    for i, j in product(range(1, m + 1), range(1, n + 1)):
        both = ((instances == i) & (labels == j)).sum()
        if both:
            touched.add(j)
            touched_reference.add(i)
        if both * 10 >= ((instances == i) | (labels == j)).sum():
            found.add(i)
            matched.add(j)
    fpv = sum((labels == j).sum() for j in set(range(1, n + 1)) - touched) * VOXEL_ML
    fnv = sum((instances == i).sum() for i in set(range(1, m + 1)) - touched_reference) * VOXEL_ML
    return len(found), n - len(matched), m - len(found), fpv, fnv


@pytest.mark.parametrize("first", ["C", "F"])
@pytest.mark.parametrize("second", ["C", "F"])
def test_scores_agree_with_all_pairs(first: Order, second: Order) -> None:
    rng = np.random.default_rng(17)
    for density in (0.03, 0.12, 0.3):
        reference = rng.random((11, 8, 6)) < density
        prediction = (reference & (rng.random(reference.shape) < 0.6)) | (
            rng.random(reference.shape) < density / 3
        )
        score = score_case(
            np.asarray(prediction, order=first), np.asarray(reference, order=second), SPACING
        )
        ours = (score.tp, score.fp, score.fn, score.fpv_ml, score.fnv_ml)
        assert ours == pytest.approx(plain_score(prediction, reference), abs=1e-12)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.int64, np.uint32])
def test_all_mask_types_score_the_same(dtype: type) -> None:
    rng = np.random.default_rng(19)
    prediction, reference = rng.random((2, *SHAPE)) < 0.2
    assert score_case(prediction.astype(dtype), reference.astype(dtype), SPACING) == score_case(
        prediction, reference, SPACING
    )


def test_two_boxes_in_closed_form() -> None:
    prediction, reference = blank(), blank()
    reference[0:4, 0:2, 0:2] = True  # 16 voxels
    prediction[2:6, 0:2, 0:2] = True  # 16 voxels, 8 shared: IoU 8 / 24
    prediction[7, 6, 4] = True
    reference[0, 6, 4] = True
    score = score_case(prediction, reference, SPACING)
    assert (score.tp, score.fp, score.fn, score.n_reference, score.n_prediction) == (1, 1, 1, 2, 2)
    assert (score.dsc, score.f1) == pytest.approx((16 / 34, 0.5))
    assert (score.fpv_ml, score.fnv_ml) == pytest.approx((VOXEL_ML, VOXEL_ML))
    assert score_case(prediction, reference, iou_threshold=1 / 3).tp == 1
    assert score_case(prediction, reference, iou_threshold=0.34).tp == 0


@pytest.mark.parametrize(("union", "matched"), [(9, 1), (10, 1), (11, 0), (20, 0)])
def test_an_iou_of_exactly_one_tenth_is_a_match(union: int, matched: int) -> None:
    reference = np.zeros((20, 3, 2), bool)
    prediction = reference.copy()
    reference[:union, 1, 1] = True
    prediction[0, 1, 1] = True
    score = score_case(prediction, reference)
    assert (score.tp, score.fp, score.fn) == (matched, 1 - matched, 1 - matched)
    # The lesions touch, so neither adds to the false volumes, matched or not.
    assert score_case(prediction, reference, SPACING).fnv_ml == 0


def test_double_precision_decides_as_integers_do() -> None:
    shared_voxels = np.arange(1, 2_000_000, 7, dtype=np.int64)
    for offset in (-1, 0, 1):
        union = 10 * shared_voxels + offset
        np.testing.assert_array_equal(shared_voxels / union >= 0.1, 10 * shared_voxels >= union)


def test_instance_map_counts_unused_ids_as_missed() -> None:
    reference = blank(np.uint8)
    reference[0, 0, 0] = 1
    reference[4:6, 3, 2] = 4
    score = score_case(reference > 0, reference, SPACING)
    assert (score.tp, score.fn, score.fp, score.n_reference) == (2, 2, 0, 4)
    assert score.fnv_ml == 0
    # Raw values: 2 (1*1 + 1*4 + 1*4) / (3 + 9), not a Dice any more.
    assert score.dsc == pytest.approx(18 / 12)
    assert voxel_dice(reference > 0, reference) == 1


def test_prediction_of_several_values_is_split_by_value() -> None:
    prediction = blank(np.uint8)
    prediction[1:4, 1, 1] = 1
    prediction[4:6, 1, 1] = 2
    score = score_case(prediction, prediction > 0, SPACING)
    assert (score.n_prediction, score.tp, score.fp) == (2, 1, 0)
    assert score.dsc == pytest.approx(2 * 7 / (7 + 5))


def test_one_prediction_may_find_two_lesions() -> None:
    prediction, reference = blank(), blank()
    prediction[0:7, 1, 1] = True
    reference[0:3, 1, 1] = reference[4:7, 1, 1] = True
    score = score_case(prediction, reference, SPACING)
    assert (score.tp, score.fp, score.fn, score.n_prediction) == (2, 0, 0, 1)


def test_empty_masks_follow_the_written_rules() -> None:
    some = blank()
    some[2:5, 3, 1] = True
    empty = {
        "both": (blank(), blank()),
        "reference": (some, blank()),
        "prediction": (blank(), some),
    }
    whole = 3 * VOXEL_ML
    for which, (prediction, reference) in empty.items():
        score = score_case(prediction, reference, SPACING)
        for metric, rule in EMPTY_RULES.items():
            if metric == "voxel_dice":
                ours = voxel_dice(prediction, reference)
            elif metric == "nsd":
                ours = surface_dice(prediction, reference, SPACING)
            else:
                ours = getattr(score, metric)
            fixed = getattr(rule, which)
            wanted = whole if fixed is None else fixed
            assert ours == pytest.approx(wanted, nan_ok=True), (which, metric)


def test_volumes_need_a_spacing() -> None:
    score = score_case(blank(), blank())
    assert math.isnan(score.fpv_ml)
    assert math.isnan(score.fnv_ml)


def test_a_shift_changes_nothing() -> None:
    rng = np.random.default_rng(23)
    prediction, reference = np.zeros((2, 14, 12, 10), bool)
    prediction[1:9, 1:8, 1:6], reference[1:9, 1:8, 1:6] = rng.random((2, 8, 7, 5)) < 0.2
    moved, moved_reference = (
        np.roll(mask, (3, 2, 1), axis=(0, 1, 2)) for mask in (prediction, reference)
    )
    assert score_case(moved, moved_reference, SPACING) == score_case(prediction, reference, SPACING)


@pytest.mark.parametrize(
    "spacing", [(1.0, 2.0), (1.0, 0.0, 2.0), (1.0, math.nan, 2.0), (1.0, -1.0, 2.0)]
)
def test_impossible_spacing_is_refused(spacing: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="spacing"):
        score_case(blank(), blank(), spacing)


@pytest.mark.parametrize("threshold", [0.0, -0.1, 1.1, math.nan])
def test_impossible_threshold_is_refused(threshold: float) -> None:
    with pytest.raises(InputError, match="threshold"):
        score_case(blank(), blank(), iou_threshold=threshold)


def test_other_shapes_are_refused() -> None:
    with pytest.raises(InputError, match="shapes"):
        score_case(blank(), np.zeros((5, 7, 8), bool))
