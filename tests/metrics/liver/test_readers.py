"""Agreement of two readers, by hand."""

from math import isnan, sqrt

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.metrics.liver import compare_readers, pool_readers


def _line(*spans: tuple[int, int]) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    mask = np.zeros((40, 1, 1), np.uint8)
    for start, stop in spans:
        mask[start:stop] = 1
    return mask


def test_one_case() -> None:
    """Lesion 1 has a partner of Dice 6/7, lesion 2 has none; one drawn lesion is alone."""
    case = compare_readers(_line((0, 3), (20, 22)), _line((0, 4), (10, 12)))
    assert case.lesion_dice == pytest.approx((6 / 7 + 0) / 2)
    assert (case.tp, case.fp, case.fn) == (1, 1, 1)
    assert (case.intersection, case.size_sum) == (3, 11)


def test_pairs_are_one_to_one() -> None:
    """One mark over two lesions stands for the one that it shares more with."""
    case = compare_readers(_line((0, 9)), _line((0, 5), (6, 9)))
    assert (case.tp, case.fp, case.fn) == (1, 0, 1)
    assert case.lesion_dice == pytest.approx((10 / 14) / 2)


def test_the_threshold_is_not_reached_by_equality() -> None:
    pair = _line((0, 4)), _line((0, 2))
    assert [compare_readers(*pair, iou_threshold=t).tp for t in (0.0, 0.49, 0.5)] == [1, 1, 0]
    with pytest.raises(InputError, match="threshold"):
        compare_readers(*pair, iou_threshold=1.0)


def test_a_study() -> None:
    """Dice 1, 0 and 1; a case without a lesion is in no mean, but its false mark counts."""
    cases = [
        compare_readers(_line((0, 4)), _line((0, 4))),
        compare_readers(_line(), _line((0, 4))),
        compare_readers(_line((5, 9)), _line((5, 9))),
        compare_readers(_line((5, 7)), _line()),
    ]
    assert isnan(cases[3].lesion_dice)
    study = pool_readers(cases, resamples=500)
    assert study.cases == 3
    assert study.lesion_dice == pytest.approx(2 / 3)
    assert study.lesion_dice_sd == pytest.approx(sqrt(1 / 3))
    assert study.dice_global == pytest.approx(16 / 22)
    assert study.precision == pytest.approx(2 / 3)
    assert study.recall == pytest.approx(2 / 3)
    assert study.low <= 1 / 3
    assert study.high == 1
    assert study.holds(0.6)
    assert not study.holds(1.1)
    assert study == pool_readers(cases, resamples=500)
    with pytest.raises(InputError, match="resamples"):
        pool_readers(cases, resamples=0)


def test_nothing_to_compare() -> None:
    study = pool_readers([compare_readers(_line(), _line())])
    assert study.cases == 0
    assert all(isnan(value) for value in (study.lesion_dice, study.low, study.precision))
    assert not study.holds(0.5)
