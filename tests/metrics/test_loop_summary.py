import math

import pytest

from lesionloop.errors import InputError
from lesionloop.metrics import LoopScores, summarise_loops

NAN = math.nan


def loop(dice: list[float], dmm: list[float], seconds: list[float] | None = None) -> LoopScores:
    n = len(dice)
    return LoopScores(
        steps=range(n),
        dice=dice,
        dmm=dmm,
        fpv_ml=[float(k) for k in range(n)],
        fnv_ml=[10.0 - k for k in range(n)],
        seconds=seconds or [1.0] * n,
    )


def test_means_by_hand() -> None:
    summary = summarise_loops(
        [
            loop([0.2, 0.6, 1.0], [0.0, 0.5, 1.0], [9.0, 1.0, 2.0]),
            loop([0.4, 0.4, 0.4], [NAN, NAN, NAN], [7.0, NAN, 4.0]),
        ]
    )
    assert (summary.cases, summary.cases_without_dmm, summary.steps) == (2, 1, 3)
    assert summary.auc_dice == pytest.approx((1.2 + 0.8) / 2)
    assert summary.auc_dice_normalised == pytest.approx(0.5)
    assert summary.auc_dmm == pytest.approx(1.0)
    assert summary.auc_dmm_normalised == pytest.approx(0.5)
    assert (summary.first_dice, summary.final_dice) == pytest.approx((0.3, 0.7))
    assert (summary.first_dmm, summary.final_dmm) == pytest.approx((0.0, 1.0))
    assert (summary.fpv_ml, summary.fnv_ml) == pytest.approx((2.0, 8.0))
    assert summary.seconds_first == pytest.approx(8.0)
    assert summary.seconds_correction == pytest.approx(2.0)
    assert summary.seconds_median == pytest.approx(4.0)
    assert summary.seconds_max == pytest.approx(9.0)
    assert summary.cases_short == 0


def test_a_loop_that_ended_early_is_counted() -> None:
    assert summarise_loops([loop([1, 1, 1], [1, 1, 1]), loop([1, 1], [1, 1])]).cases_short == 1


def test_one_prediction_has_no_normalised_area() -> None:
    summary = summarise_loops([loop([0.5], [0.5], [NAN])])
    assert summary.auc_dice == 0.0
    assert math.isnan(summary.auc_dice_normalised)
    assert math.isnan(summary.seconds_median)
    assert math.isnan(summary.seconds_max)


def test_what_cannot_be_summarised_is_refused() -> None:
    with pytest.raises(InputError, match="no case"):
        summarise_loops([])
    with pytest.raises(InputError, match="per step"):
        summarise_loops([loop([1, 1], [1])])
    with pytest.raises(InputError, match="per step"):
        summarise_loops([loop([], [])])
