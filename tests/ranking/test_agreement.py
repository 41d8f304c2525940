"""Agreement of readers against published tables, closed forms and the evaluator itself."""

from math import isnan, sqrt

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.metrics import score_case, voxel_dice
from lesionloop.ranking.agreement import bland_altman, intraclass_correlation, mask_agreement

#: Shrout and Fleiss 1979, table 2: six targets, four judges.
SHROUT_FLEISS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float
)


def test_shrout_and_fleiss() -> None:
    """Table 4 of the paper: .17, .29 and .71."""
    found = intraclass_correlation(SHROUT_FLEISS)
    assert (found.cases, found.readers) == (6, 4)
    assert round(found.one_way, 2) == 0.17
    assert round(found.agreement, 2) == 0.29
    assert round(found.consistency, 2) == 0.71


def test_two_readers_by_hand() -> None:
    """Values 1, 2, 3 and the same plus 1: MSB = 2, MSJ = 1.5, MSE = 0, MSW = 0.5."""
    found = intraclass_correlation([[1, 2], [2, 3], [3, 4]])
    assert found.consistency == pytest.approx(1)
    assert found.agreement == pytest.approx(2 / (2 + 2 * 1.5 / 3))
    assert found.one_way == pytest.approx((2 - 0.5) / (2 + 0.5))


def test_a_constant_difference_counts_for_agreement_only() -> None:
    rng = np.random.default_rng(3)
    table = rng.normal(0, 1, (12, 1)) + rng.normal(0, 0.3, (12, 3))
    found = intraclass_correlation(table)
    shifted = intraclass_correlation(table + np.array([0, 2, -1]))
    assert shifted.consistency == pytest.approx(found.consistency)
    assert shifted.agreement < found.agreement


def test_a_case_that_lacks_a_reader_is_left_out() -> None:
    table = np.vstack([SHROUT_FLEISS, [1, np.nan, 3, 4]])
    assert intraclass_correlation(table) == intraclass_correlation(SHROUT_FLEISS)


@pytest.mark.parametrize(
    "table",
    [np.ones((5, 2)), np.full((5, 2), 0.1 + 0.2) - [0, 1e-16], np.ones((1, 2)), np.ones((4, 1)),
     np.ones((0, 2))],
)  # fmt: skip
def test_without_variance_or_pairs_there_is_no_correlation(table: np.ndarray) -> None:
    found = intraclass_correlation(table)
    assert isnan(found.one_way)
    assert isnan(found.agreement)
    assert isnan(found.consistency)


def test_bland_altman_by_hand() -> None:
    found = bland_altman([1.0, 2.0, 4.0, 9.0], [2.0, 2.0, 2.0, np.nan])
    assert found.pairs == 3
    assert found.bias == pytest.approx(1 / 3)
    spread = sqrt(((4 / 3) ** 2 + (1 / 3) ** 2 + (5 / 3) ** 2) / 2)
    assert found.spread == pytest.approx(spread)
    assert found.low == pytest.approx(1 / 3 - 1.96 * spread)
    assert found.high == pytest.approx(1 / 3 + 1.96 * spread)
    assert found.limit_error == pytest.approx(spread)  # sqrt(3 / 3)
    turned = bland_altman([2.0, 2.0, 2.0], [1.0, 2.0, 4.0])
    assert (turned.bias, turned.low) == pytest.approx((-found.bias, -found.high))


def test_too_few_pairs_have_no_limits() -> None:
    assert isnan(bland_altman([], []).bias)
    one = bland_altman([0.5], [0.2])
    assert one.bias == pytest.approx(0.3)
    assert isnan(one.low)


def test_refused() -> None:
    with pytest.raises(InputError, match="one shape"):
        bland_altman([1.0], [1.0, 2.0])
    with pytest.raises(InputError, match="cases, readers"):
        intraclass_correlation([1.0, 2.0])


def test_masks_as_the_evaluator_scores_them_both_ways() -> None:
    rng = np.random.default_rng(8)
    asymmetric = 0
    for _ in range(40):
        first, second = rng.random((2, 9, 8, 7)) < rng.uniform(0.05, 0.35)
        found = mask_agreement(first, second)
        ways = [score_case(second, first).f1, score_case(first, second).f1]
        np.testing.assert_allclose([found.dmm_first, found.dmm_second], ways)
        assert found.dmm == pytest.approx(sum(ways) / 2)
        assert found.dice == pytest.approx(voxel_dice(first, second))
        turned = mask_agreement(second, first)
        assert (turned.dice, turned.dmm) == pytest.approx((found.dice, found.dmm))
        asymmetric += found.dmm_first != pytest.approx(found.dmm_second)
    assert asymmetric


def test_dmm_depends_on_the_side_by_hand() -> None:
    """One long lesion against its two ends, and one lesion of the first mask alone."""
    first, second = np.zeros((2, 20, 3, 3), bool)
    first[:11, 1, 1] = True
    second[:4, 1, 1] = second[7:11, 1, 1] = True
    first[15, 1, 1] = True
    found = mask_agreement(first, second)
    assert found.dmm_first == pytest.approx(2 / 3)  # tp 1, fn 1
    assert found.dmm_second == pytest.approx(4 / 5)  # tp 2, fp 1
    assert found.dmm == pytest.approx((2 / 3 + 4 / 5) / 2)
    assert found.dice == pytest.approx(16 / 20)


def test_empty_masks() -> None:
    empty, some = np.zeros((4, 3, 2), bool), np.zeros((4, 3, 2), bool)
    some[1, 1, 1] = True
    both = mask_agreement(empty, empty)
    assert both.dice == 1
    assert isnan(both.dmm)
    for pair in ((empty, some), (some, empty)):
        one = mask_agreement(*pair)
        assert (one.dice, one.dmm) == (0, 0)
    assert isnan(mask_agreement(empty, some).dmm_first)
    assert isnan(mask_agreement(some, empty).dmm_second)
