"""Time saved, against SciPy and by hand."""

from math import isnan, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from lesionloop.errors import InputError
from lesionloop.reader_study.compare import compare_times, spread


def test_by_hand() -> None:
    found = compare_times([100, 200, 400, 50], [25, 20, 300, 60], seed=1)
    # 0.75, 0.9, 0.25, -0.2
    assert found.cases == 4
    assert found.median == pytest.approx(0.5)
    assert (found.q1, found.q3) == pytest.approx((0.1375, 0.7875))
    # Differences 75, 180, 100, -10: ranks 2, 4, 3 against 1; 2 of 16 signs are as far out, twice.
    assert found.p == pytest.approx(0.25)


def test_against_scipy() -> None:
    rng = np.random.default_rng(5)
    manual = rng.uniform(200, 900, 40)
    assisted = manual * rng.uniform(0.1, 0.7, 40)
    saved = 1 - assisted / manual
    found = compare_times(manual, assisted, seed=3, resamples=20_000, level=0.9)
    assert found.p == stats.wilcoxon(manual, assisted).pvalue
    assert found.median == np.median(saved)
    own = stats.bootstrap(
        (saved,), np.median, confidence_level=0.9, n_resamples=20_000, method="percentile",
        random_state=11,
    ).confidence_interval  # fmt: skip
    # Of two draws of 20,000 the ends differ by a few thousandths.
    assert (found.low, found.high) == pytest.approx((own.low, own.high), abs=0.01)
    assert found.low < found.median < found.high
    assert found == compare_times(manual, assisted, seed=3, resamples=20_000, level=0.9)
    few = {compare_times(manual, assisted, seed=n, resamples=20).low for n in range(5)}
    assert len(few) > 1


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """Simulated studies with a known median: the 90 % interval holds it in about 90 %."""
    rng = np.random.default_rng(8)
    held = 0
    for study in range(300):
        manual = rng.uniform(100, 500, 25)
        assisted = manual * (1 - rng.normal(0.6, 0.15, 25))  # median saving 0.6
        found = compare_times(manual, assisted, seed=study, resamples=400, level=0.9)
        held += found.low <= 0.6 <= found.high
    assert 0.84 < held / 300 < 0.97


def test_cases_without_both_do_not_count() -> None:
    found = compare_times([100, nan, 100, 0], [50, 50, nan, 5], seed=1)
    assert (found.cases, found.median) == (1, 0.5)
    assert isnan(found.low)
    nothing = compare_times([], [], seed=1)
    assert (nothing.cases, isnan(nothing.median), isnan(nothing.p)) == (0, True, True)
    assert compare_times([10, 20], [10, 20], seed=1).p == 1.0


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(1, 1e4), st.floats(0, 1e4)), min_size=2, max_size=20))
def test_the_interval_lies_within_the_savings(pairs: list[tuple[float, float]]) -> None:
    manual, assisted = zip(*pairs, strict=True)
    found = compare_times(manual, assisted, seed=1, resamples=200)
    saved = 1 - np.array(assisted) / np.array(manual)
    assert saved.min() - 1e-9 <= found.low <= found.high <= saved.max() + 1e-9
    assert 0 < found.p <= 1


def test_spread_leaves_nan_out() -> None:
    assert spread([1, nan, 3]).count == 2
    assert spread([1, nan, 3]).median == 2
    assert isnan(spread([]).median)


def test_what_makes_no_sense() -> None:
    with pytest.raises(InputError, match="shape"):
        compare_times([1, 2], [1], seed=1)
    with pytest.raises(InputError, match="level"):
        compare_times([1], [1], seed=1, level=1.0)
