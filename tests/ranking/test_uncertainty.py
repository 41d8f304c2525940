"""Bootstrap, tests and stability against simulation, closed forms and scipy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kendalltau, wilcoxon

from lesionloop.errors import InputError
from lesionloop.ranking import (
    Rules,
    ScoreTable,
    bootstrap,
    compare_pairs,
    kendall_tau,
    leave_out_centres,
    rank,
)
from lesionloop.ranking.significance import holm

DICE = Rules({"auc_dice": 1.0})


def league(
    algorithms: int, cases: int, *, spread: float = 0.3, gap: float = 0.2, seed: int = 0
) -> ScoreTable:
    """Algorithms whose true order is their number; case difficulty is shared."""
    rng = np.random.default_rng(seed)
    hard = rng.normal(0, 0.5, cases)
    values = 4 - gap * np.arange(algorithms)[:, None] + hard
    values = values + rng.normal(0, spread, (algorithms, cases))
    dmm = values + rng.normal(0, spread, (algorithms, cases))
    dmm[:, ::5] = np.nan
    return ScoreTable.of(
        [f"algorithm-{n:02d}" for n in range(algorithms)],
        [f"case-{n:03d}" for n in range(cases)],
        {"auc_dice": values, "auc_dmm": dmm},
        centres=["abcd"[n % 4] for n in range(cases)],
    )


def test_resamples_are_real_resamples_of_the_cases() -> None:
    """Against a loop that ranks each resample as a table of its own."""
    table = league(5, 24, gap=0.05)
    result = bootstrap(table, resamples=40, seed=3)
    rng = np.random.default_rng(3)
    counts = np.zeros((40, 24))
    for centre in "abcd":
        members = [n for n in range(24) if table.centres[n] == centre]
        counts[:, members] = rng.multinomial(6, [1 / 6] * 6, size=40)
    for drawn, place, combined in zip(counts, result.places, result.combined, strict=True):
        cases = np.repeat(np.arange(24), drawn.astype(int))
        assert [sum(table.centres[n] == c for n in cases) for c in "abcd"] == [6] * 4
        one = ScoreTable.of(
            table.algorithms,
            [f"{k}" for k in range(24)],
            {name: values[:, cases] for name, values in table.values.items()},
        )
        np.testing.assert_allclose(rank(one).combined, combined)
        np.testing.assert_array_equal(rank(one).place, place)


@pytest.mark.parametrize("scheme", ["aggregate-then-rank", "rank-then-aggregate"])
def test_a_clear_order_is_recovered_and_a_tie_is_not_pretended_away(scheme: str) -> None:
    rules = Rules({"auc_dice": 0.5, "auc_dmm": 0.5}, scheme=scheme)  # type: ignore[arg-type]
    clear = bootstrap(league(6, 80, gap=0.5), rules, resamples=200)
    np.testing.assert_array_equal(np.median(clear.places, axis=0), np.arange(1, 7))
    np.testing.assert_array_equal(clear.place_interval(), np.stack([np.arange(1, 7)] * 2, axis=1))
    np.testing.assert_allclose(clear.place_shares(), np.eye(6))
    np.testing.assert_allclose(clear.tau, 1)
    blurred = bootstrap(league(6, 80, gap=0.0), rules, resamples=200)
    low, high = blurred.place_interval().T
    assert (high - low).mean() > 2
    np.testing.assert_allclose(blurred.place_shares().sum(axis=1), 1)


def test_intervals_of_means_cover_the_truth_about_as_often_as_they_say() -> None:
    """400 samples of 60 cases; nominal 95 %, the percentile interval runs a little short."""
    rng = np.random.default_rng(11)
    covered = 0
    for trial in range(400):
        values = rng.normal(3.0, 0.7, (1, 60))
        table = ScoreTable.of(["a"], [str(n) for n in range(60)], {"auc_dice": values})
        low, high = bootstrap(table, DICE, resamples=300, seed=trial).mean_interval("auc_dice")[0]
        covered += low <= 3.0 <= high
    assert 0.91 <= covered / 400 <= 0.98


def test_the_same_seed_gives_the_same() -> None:
    table = league(4, 20)
    first = bootstrap(table, resamples=50, seed=5)
    second = bootstrap(table, resamples=50, seed=5)
    np.testing.assert_array_equal(first.combined, second.combined)
    assert not np.array_equal(first.combined, bootstrap(table, resamples=50, seed=6).combined)


def test_a_resample_without_any_lesion_puts_everyone_last_there() -> None:
    dmm = np.full((2, 3), np.nan)
    dmm[:, 0] = [3, 2]
    table = ScoreTable.of(["a", "b"], ["x", "y", "z"], {"auc_dmm": dmm})
    result = bootstrap(table, Rules({"auc_dmm": 1.0}), resamples=200)
    empty = np.isnan(result.means["auc_dmm"]).all(axis=1)
    assert empty.any()
    np.testing.assert_array_equal(result.combined[empty], 2)
    np.testing.assert_array_equal(result.combined[~empty], np.tile([1, 2], ((~empty).sum(), 1)))


def test_bootstrap_refuses_what_makes_no_sense() -> None:
    table = league(2, 4)
    with pytest.raises(InputError, match="test-then-rank"):
        bootstrap(table, Rules({"auc_dice": 1.0}, scheme="test-then-rank"))
    with pytest.raises(InputError, match="resamples"):
        bootstrap(table, resamples=0)
    with pytest.raises(InputError, match="no values of fpv_ml"):
        bootstrap(table, Rules({"fpv_ml": 1.0}))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(*[st.integers(0, 3)] * 3), min_size=2, max_size=9))
def test_kendall_is_scipys(rows: list[tuple[int, int, int]]) -> None:
    columns = np.array(rows, float).T
    found = kendall_tau(columns[0], columns[1:])
    for tau, other in zip(found, columns[1:], strict=True):
        assert tau == pytest.approx(kendalltau(columns[0], other).statistic, nan_ok=True)


def test_holm_by_hand() -> None:
    """R: p.adjust(c(.04, .01, .03, .02, .9), "holm")."""
    np.testing.assert_allclose(
        holm(np.array([0.04, 0.01, 0.03, 0.02, 0.9])), [0.09, 0.05, 0.09, 0.08, 0.9]
    )


def test_pairs_are_tested_one_sided_and_corrected_for_all() -> None:
    rng = np.random.default_rng(4)
    values = np.array([[0.8], [0.5], [0.5]]) + rng.normal(0, 0.1, (3, 40))
    values[1, 3] = values[2, 3] = np.nan
    found = compare_pairs(values, higher_is_better=True)
    kept = np.isfinite(values[0] - values[1])
    expected = wilcoxon(values[0, kept], values[1, kept], alternative="greater").pvalue
    assert found.p[0, 1] == pytest.approx(expected)
    assert found.better[0, 1]
    assert found.better[0, 2]
    assert found.better.sum() == 2
    assert (found.adjusted >= found.p - 1e-15).all()
    lower = compare_pairs(-values, higher_is_better=False)
    np.testing.assert_allclose(lower.p, found.p)
    same = compare_pairs(np.ones((2, 5)), higher_is_better=True)
    np.testing.assert_array_equal(same.p, 1)


def test_leaving_out_a_centre_shows_who_owes_it_the_place() -> None:
    values = np.array([[5.0, 5, 5, 1, 1, 1], [3, 3, 3, 3, 3, 3]])
    table = ScoreTable.of(
        ["a", "b"], [f"{n}" for n in range(6)], {"auc_dice": values}, centres=list("xxyyzz")
    )
    found = {entry.centre: entry for entry in leave_out_centres(table, DICE)}
    assert list(found) == ["x", "y", "z"]
    assert found["x"].cases == 4
    np.testing.assert_array_equal(found["x"].ranking.place, [2, 1])
    np.testing.assert_array_equal(found["z"].ranking.place, [1, 2])
    whole = ScoreTable.of(["a", "b"], ["p", "q"], {"auc_dice": values[:, :2]})
    assert leave_out_centres(whole, DICE) == []
