import math

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.metrics import auc, mean_curve, normalised_auc


def test_area_of_simple_shapes() -> None:
    assert auc([1.0] * 5) == 4.0
    assert auc([1.0] * 6) == 5.0
    assert auc([0, 1, 2, 3]) == pytest.approx(4.5)  # a triangle
    assert auc([2, 4], steps=[1, 4]) == pytest.approx(9.0)  # a trapezoid
    assert auc([0.7]) == 0.0


def test_area_agrees_with_numpy() -> None:
    rng = np.random.default_rng(29)
    values, steps = rng.random(9), np.cumsum(rng.integers(1, 4, 9))
    assert auc(values, steps) == pytest.approx(float(np.trapezoid(values, steps)), abs=1e-12)


def test_normalised_area_is_one_at_best() -> None:
    assert normalised_auc([1.0] * 6) == 1.0
    assert normalised_auc([2, 4], steps=[1, 4]) == pytest.approx(3.0)
    assert math.isnan(normalised_auc([0.7]))


def test_nan_stays_nan() -> None:
    assert math.isnan(auc([0.5, math.nan, 1.0]))
    assert math.isnan(normalised_auc([0.5, math.nan, 1.0]))


def test_mean_curve_leaves_out_what_is_missing() -> None:
    mean = mean_curve([[0.0, 0.5, 1.0], [1.0, math.nan], [0.5]])
    np.testing.assert_allclose(mean, [0.5, 0.5, 1.0])
    assert np.isnan(mean_curve([[math.nan]])).all()
    assert mean_curve([]).size == 0


@pytest.mark.parametrize(
    ("values", "steps"), [([], None), ([1, 2], [0]), ([1, 2], [1, 1]), ([[1, 2]], None)]
)
def test_what_is_no_curve_is_refused(values: list[float], steps: list[int] | None) -> None:
    with pytest.raises(InputError, match="curve"):
        auc(values, steps)
