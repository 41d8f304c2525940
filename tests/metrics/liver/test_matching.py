"""Detection, by hand on lines of voxels and against a reading of the rules voxel by voxel."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from lesionloop.metrics.liver import LiverCase, Mode, score_liver_case
from lesionloop.metrics.liver.components import number_components, shared_voxels
from lesionloop.metrics.liver.matching import _merge_references

Mask = NDArray[np.uint8]
MODES: tuple[Mode, ...] = ("official", "paper", "strict")


def line(*spans: tuple[int, int], length: int = 44) -> Mask:
    """A line of voxels along x with lesions from start to before stop."""
    mask = np.zeros((length, 1, 1), np.uint8)
    for start, stop in spans:
        mask[start:stop] = 1
    return mask


def score(prediction: Mask, reference: Mask, mode: Mode = "strict") -> LiverCase:
    return score_liver_case(prediction, reference, (1, 1, 1), mode=mode)


def counts(case: LiverCase) -> list[tuple[int, int, int]]:
    return [(found.tp, found.fp, found.fn) for found in (case.any_overlap, case.half)]


@pytest.mark.parametrize("mode", MODES)
def test_one_prediction_over_three_references_counts_once(mode: Mode) -> None:
    """Together they are one lesion of 6 voxels in a prediction of 10."""
    case = score(line((2, 12)), line((2, 4), (6, 8), (10, 12)), mode)
    assert counts(case) == [(1, 0, 2), (1, 0, 2)]
    assert case.half.references == (1,)
    (lesion,) = case.lesions
    assert lesion.dice == pytest.approx(12 / 16)
    assert lesion.rvd == pytest.approx(4 / 10)  # by the prediction, not by the reference


@pytest.mark.parametrize("mode", MODES)
def test_one_reference_in_four_parts_counts_once(mode: Mode) -> None:
    """12 of 15 voxels, in four predicted components of which three are false."""
    case = score(line((0, 3), (4, 7), (8, 11), (12, 15)), line((0, 15)), mode)
    assert counts(case) == [(1, 3, 0), (1, 3, 0)]
    assert case.lesions[0].jaccard == pytest.approx(0.8)


def test_an_iou_of_half_is_no_detection() -> None:
    assert counts(score(line((0, 4)), line((0, 2)))) == [(1, 0, 0), (0, 1, 1)]
    assert counts(score(line((0, 5)), line((0, 3)))) == [(1, 0, 0), (1, 0, 0)]


def test_a_false_positive_before_the_rest_breaks_the_released_union() -> None:
    """It shifts the numbers: prediction 2 is on reference 1, and 3 on 2.

    Lesion 1 has IoU 4/6. Its row looks up number 2, where the prediction on reference 2 is painted:
    union 6 + 4, rejected. The row of lesion 2 looks up number 3, where nothing is.
    """
    prediction = line((0, 1), (4, 8), (12, 16))
    reference = line((4, 10), (12, 16))
    assert counts(score(prediction, reference, "strict"))[1] == (2, 1, 0)
    official = score(prediction, reference, "official")
    assert counts(official)[1] == (1, 2, 1)
    assert official.half.references == (2,)
    assert official.half.predictions == (3,)
    # Seen from the other end the numbers agree, and so do the unions.
    assert counts(score(prediction[::-1], reference[::-1], "official"))[1] == (2, 1, 0)


def test_the_released_union_accepts_any_excess_where_the_numbers_differ() -> None:
    """IoU 4/28; only the reference itself is in the released union."""
    prediction, reference = line((0, 1), (12, 40)), line((12, 16))
    assert counts(score(prediction, reference, "strict"))[1] == (0, 2, 1)
    assert counts(score(prediction, reference, "official"))[1] == (1, 1, 0)


def test_a_wiped_group_changes_the_unions_that_follow() -> None:
    """Prediction 1 is on reference 3, 2 on 1, and 3 on 2.

    Row 1 (reference 3) looks up number 1: union 6 + 7, 6/13, rejected, and number 3 is wiped. Row 2
    (reference 1) looks up number 2: union 4 + 4, 3/8, rejected. Row 3 (reference 2) looks up number
    3, where nothing is left: union 4, accepted; unwiped it would be 4 + 10.
    """
    prediction, reference = np.zeros((2, 12, 9, 1), np.uint8)
    prediction[0:10, 8], reference[4:10, 8] = 1, 1
    prediction[2:9, 0], reference[1:5, 0] = 1, 1
    prediction[3:7, 4], reference[3:7, 4] = 1, 1
    assert score(prediction, reference, "official").half.references == (2,)
    assert score(prediction, reference, "strict").half.references == (2, 3)


@pytest.mark.parametrize("mode", MODES)
def test_empty_masks(mode: Mode) -> None:
    empty, one = line(), line((3, 6))
    assert counts(score(empty, empty, mode)) == [(0, 0, 0)] * 2
    assert counts(score(one, empty, mode)) == [(0, 1, 0)] * 2
    assert counts(score(empty, one, mode)) == [(0, 0, 1)] * 2
    dice = [score(p, r, mode).dice for p, r in ((empty, empty), (one, empty), (empty, one))]
    assert dice == [1, 0, 0]


def plain_detection(
    prediction: Mask, reference: Mask, *, threshold: float, by_row: bool
) -> list[int]:
    """Numbers of detected references, with maps of voxels as the rules are written."""
    labels, n = ndimage.label(prediction)
    merged, m = ndimage.label(reference)
    rows = [p for p in range(1, n + 1) if merged[labels == p].any()]
    columns = list(range(1, m + 1))
    table = {(p, g): int(((labels == p) & (merged == g)).sum()) for p in rows for g in columns}
    for p in rows:
        best = [g for g in columns if table[p, g] and _first_best(rows, table, g) == p]
        for g in best[1:]:
            for q in rows:
                table[q, best[0]] += table.pop((q, g))
            merged[merged == g] = best[0]
            columns.remove(g)
    for p in rows:
        largest = max(columns, key=lambda g: (table[p, g], -g))
        table.update({(p, g): 0 for g in columns if g != largest})
    painted = np.zeros_like(labels)
    left = list(rows)
    for g in columns:
        members = [p for p in rows if table[p, g]]
        for p in members:
            painted[labels == p] = g
        for p in members[1:]:
            table[members[0], g] += table[p, g]
            left.remove(p)
    accepted = []
    for p in left:
        (g,) = (g for g in columns if table[p, g])
        union = ((painted == (p if by_row else g)) | (merged == g)).sum()
        if table[p, g] / union > threshold:
            accepted.append(g)
        else:
            painted[painted == g] = 0
    return sorted(accepted)


def _first_best(rows: Iterable[int], table: dict[tuple[int, int], int], g: int) -> int:
    return max(rows, key=lambda p: (table[p, g], -p))


def _random_pair(seed: int) -> tuple[Mask, Mask]:
    """Boxes, many of them touching or astride two others."""
    rng = np.random.default_rng(seed)
    masks = []
    for _ in range(2):
        mask = np.zeros((13, 11, 4), np.uint8)
        for _ in range(rng.integers(1, 9)):
            start = rng.integers(0, (11, 9, 3))
            stop = start + rng.integers(1, (5, 5, 3))
            mask[tuple(slice(a, b) for a, b in zip(start, stop, strict=True))] = 1
        masks.append(mask)
    masks[0][rng.random(masks[0].shape) < 0.1] = 0
    return masks[0], masks[1]


@pytest.mark.parametrize("by_row", [True, False])
def test_agrees_with_the_rules_voxel_by_voxel(by_row: bool) -> None:
    merges = 0
    for seed in range(300):
        prediction, reference = _random_pair(seed)
        case = score(prediction, reference, "official" if by_row else "strict")
        for threshold, found in ((0.0, case.any_overlap), (0.5, case.half)):
            expected = plain_detection(prediction, reference, threshold=threshold, by_row=by_row)
            assert list(found.references) == expected, seed
        touched = min(len(case.reference_sizes), len(case.prediction_sizes))
        merges += case.any_overlap.tp < touched
    assert merges > 50  # the examples do exercise merging


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32 - 1), st.sampled_from(MODES))
def test_counts_add_up_to_components(seed: int, mode: Mode) -> None:
    prediction, reference = _random_pair(seed)
    case = score(prediction, reference, mode)
    n, m = ndimage.label(prediction)[1], ndimage.label(reference)[1]
    for found in (case.any_overlap, case.half):
        assert (found.tp + found.fp, found.tp + found.fn) == (n, m)
        assert min(found.tp, found.fp, found.fn) >= 0
    assert case.half.tp <= case.any_overlap.tp
    assert len(case.lesions) == case.half.tp


def _has_ties(prediction: Mask, reference: Mask) -> bool:
    """Whether somewhere the lower number decides."""
    pairs = shared_voxels(number_components(prediction), number_components(reference))
    rows: dict[Any, list[int]] = {}
    for pair in pairs:
        rows.setdefault(("reference", pair.reference), []).append(pair.voxels)
    for column in _merge_references(pairs).values():
        for p, voxels in column.shared.items():
            rows.setdefault(("prediction", p), []).append(voxels)
    return any(len(set(held)) < len(held) for held in rows.values())


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**32 - 1), st.sampled_from([0, 1, 2]))
def test_strict_does_not_see_a_flip(seed: int, axis: int) -> None:
    pair = _random_pair(seed)
    assume(not _has_ties(*pair))
    flipped = np.flip(pair[0], axis), np.flip(pair[1], axis)
    here, there = score(*pair), score(*flipped)
    assert counts(here) == counts(there)
    for one, two in zip(
        sorted(x.as_tuple() for x in here.lesions),
        sorted(x.as_tuple() for x in there.lesions),
        strict=True,
    ):
        assert one == pytest.approx(two)


def test_official_sees_flips() -> None:
    changed = 0
    for seed in range(60):
        pair = _random_pair(seed)
        if _has_ties(*pair):
            continue
        flipped = np.flip(pair[0], 0), np.flip(pair[1], 0)
        changed += counts(score(*pair, "official")) != counts(score(*flipped, "official"))
    assert changed > 0


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_mask_against_itself(mode: Mode, order: Any) -> None:
    _, reference = _random_pair(5)
    case = score(np.asarray(reference, order=order), reference, mode)
    assert (case.half.fp, case.half.fn, case.dice) == (0, 0, 1)
    assert {lesion.as_tuple() for lesion in case.lesions} == {(1, 1, 0, 0, 0, 0, 0)}


def test_numbers_follow_the_scan_whatever_the_memory() -> None:
    """x is slowest: the component with the lowest x comes first."""
    rng = np.random.default_rng(3)
    for _ in range(20):
        mask = (rng.random((9, 8, 7)) < 0.2).astype(np.uint8)
        expected, n = ndimage.label(mask)  # scipy scans so too
        for order in ("C", "F"):
            found = number_components(np.asarray(mask, order=order))
            np.testing.assert_array_equal(found.labels, expected)
            np.testing.assert_array_equal(found.voxels, np.bincount(expected.flat)[1:])
            assert found.count == n
