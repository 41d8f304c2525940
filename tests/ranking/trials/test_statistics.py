"""Tests, correlations and comparisons against closed forms and other implementations."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import spearmanr, wilcoxon

from lesionloop.errors import InputError
from lesionloop.ranking.trials import BLOCKS, CaseRecord, Cell
from lesionloop.ranking.trials.association import associate, mean_gap, paired_values
from lesionloop.ranking.trials.centre_tests import compare_centres, exact_rank_test, quartiles
from lesionloop.ranking.trials.checks import (
    different_predictions,
    repeated_rows,
    unlike_predictions,
)
from lesionloop.ranking.trials.comparisons import compare_years, reader_ceiling
from lesionloop.ranking.trials.size_strata import read_size_strata, size_strata


def by_counting(first: list[float], second: list[float]) -> float:
    """Two-sided p of U without ties: how many splits are at least as extreme."""
    pooled = np.array([*first, *second])
    size = len(first)

    def u(chosen: tuple[int, ...]) -> int:
        rest = [n for n in range(len(pooled)) if n not in chosen]
        return int(sum(pooled[a] > pooled[b] for a in chosen for b in rest))

    middle = size * len(second) / 2
    observed = abs(u(tuple(range(size))) - middle)
    splits = [abs(u(chosen) - middle) for chosen in combinations(range(len(pooled)), size)]
    return float(np.mean([split >= observed for split in splits]))


@given(st.permutations(range(8)), st.integers(1, 7))
@settings(max_examples=30, deadline=None)
def test_exact_test_counts_all_splits(order: list[int], size: int) -> None:
    first, second = [float(v) for v in order[:size]], [float(v) for v in order[size:]]
    assert exact_rank_test(first, second) == pytest.approx(by_counting(first, second))
    assert exact_rank_test(second, first) == pytest.approx(by_counting(first, second))


def test_exact_test_is_exact_with_ties_within_a_sample() -> None:
    low, high = [1.0, 1, 1, 1], [2.0, 2, 2, 2]
    assert exact_rank_test(low, high) == pytest.approx(2 / 70)
    assert exact_rank_test([*low, np.nan], high) == pytest.approx(2 / 70)
    with pytest.raises(InputError):
        exact_rank_test([], high)


def test_correction_by_hand() -> None:
    """Four teams each: p is 2/70 for samples apart. Of three tests that is 6/70, 3/70 and so on."""
    one, two = [1.0, 2, 3, 4], [5.0, 6, 7, 8]
    mixed = [0.5, 4.5, 8.5, 9.5]
    samples = {
        ("task1", "dice_per_case"): {"x": one, "y": two},
        ("visible", "dice_per_case"): {"x": one, "y": mixed},
    }
    tests = compare_centres(samples)
    p = exact_rank_test(one, mixed)
    assert [test.p for test in tests] == pytest.approx([2 / 70, p])
    assert [test.adjusted for test in tests] == pytest.approx([4 / 70, p])
    assert not tests[0].significant
    alone = compare_centres(samples, family="task")
    assert [test.adjusted for test in alone] == pytest.approx([2 / 70, p])
    assert alone[0].significant
    assert compare_centres({}) == []
    with pytest.raises(InputError, match="family"):
        compare_centres(samples, family="none")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="alpha"):
        compare_centres(samples, alpha=0)


def test_quartiles_are_linear() -> None:
    found = quartiles([1, 2, 3, 4, np.nan])
    assert (found.low, found.median, found.high) == (1.75, 2.5, 3.25)
    assert np.isnan(quartiles([]).median)


def test_correlation() -> None:
    rng = np.random.default_rng(5)
    x = rng.random(12)
    y = x + rng.random(12)
    found = associate(x, y, seed=3)
    expected = spearmanr(x, y)
    assert found.rho == pytest.approx(expected.statistic)
    assert found.p == pytest.approx(expected.pvalue)
    assert found.slope == pytest.approx(np.polyfit(x, y, 1)[0])
    drawn = np.random.default_rng(3).integers(12, size=(1000, 12))
    slow = [spearmanr(x[row], y[row]).statistic for row in drawn]
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(slow, [0.025, 0.975])))
    perfect = associate([1, 2, 3, 4], [1, 8, 27, 64])
    assert (perfect.rho, perfect.low, perfect.high) == pytest.approx((1, 1, 1))
    assert np.isnan(associate([1, 1, 1], [1, 2, 3]).rho)
    with pytest.raises(InputError, match="three pairs"):
        associate([1, 2], [1, 2])
    with pytest.raises(InputError, match="seed"):
        associate([1, 2, 3], [1, 2, 3], seed=-1)


def _cell(block: str, centre: str, dice: dict[str, float]) -> Cell:
    values = np.array(list(dice.values()))
    return Cell(block, centre, tuple(dice), dict.fromkeys(BLOCKS[block].metrics, values))


def test_pairs_and_gaps_are_of_those_who_have_both() -> None:
    cells = [
        _cell("visible", "x", {"a": 0.5, "b": 0.4, "model": 0.9, "only": 0.3}),
        _cell("combined", "x", {"b": 0.1, "a": 0.3, "model": 0.1}),
        _cell("combined", "y", {"a": 0.3}),
    ]
    models = frozenset({"model"})
    assert paired_values(cells, "visible", "combined", leave_out=models) == [
        ("x", "a", 0.5, 0.3),
        ("x", "b", 0.4, 0.1),
    ]
    assert mean_gap(cells, leave_out=models) == {"x": pytest.approx((2, 0.25))}


def test_a_repeated_row_is_seen() -> None:
    cells = [
        _cell("visible", "x", {"a": 0.5, "b": 0.4}),
        _cell("combined", "x", {"a": 0.3, "b": 0.4}),
    ]
    assert repeated_rows(cells) == ["b, x: all values of combined are those of visible"]


def test_other_counts_against_the_other_reference_are_seen() -> None:
    def cell(block: str, precisions: tuple[float, float]) -> Cell:
        recalls = np.array([0.25, 0.5])
        values = {name: np.full(2, 0.5) for name in BLOCKS["combined"].metrics}
        values |= {"recall_iou05": recalls, "recall_iou0": recalls}
        values |= dict.fromkeys(("precision_iou05", "precision_iou0"), np.array(precisions))
        return Cell(block, "x", ("a", "b"), values)

    same, other = cell("visible", (0.1, 0.2)), cell("combined", (0.1, 0.25))
    other.values["dice_global"][:] = 0.4  # rows that are repeated are left out
    (found,) = different_predictions([same, other])
    assert found.startswith("b, x: 10 predicted lesions against the visible reference, 8")


def test_records_with_other_counts_are_seen() -> None:
    sums = (1.0,) * 7
    one = CaseRecord("visible", "x", "a", "c", 1, 0, 0, 1, 0, 0, 1, 2, 1, *sums)
    two = CaseRecord("combined", "x", "a", "c", 1, 1, 0, 1, 1, 0, 1, 2, 1, *sums)
    (found,) = unlike_predictions([one, two])
    assert found.startswith("a, x: 1 of 1 predictions")
    assert found.endswith("the first is c (1 visible, 2 combined)")
    assert unlike_predictions([one]) == []


def test_ceiling() -> None:
    readers = [0.0, 1, 1, 1, np.nan, 0, 1, 1]
    found = reader_ceiling(readers, 0.8)
    assert found.mean == pytest.approx(5 / 7)
    assert found.low < found.mean < found.high
    assert found.inside
    assert not reader_ceiling(readers, 0.1).inside
    same = reader_ceiling([0.7, 0.7], 0.7)
    assert (same.low, same.high, same.inside) == (0.7, 0.7, True)
    with pytest.raises(InputError):
        reader_ceiling([], 0.5)


def test_years() -> None:
    old = {"a": 0.5, "b": 0.4, "c": 0.1, "gone": 1.0}
    new = {"a": 0.6, "b": 0.6, "c": 0.4, "new": 0.0}
    paired = compare_years(old, new)
    assert (paired.cases, paired.change) == pytest.approx((3, 0.2))
    assert paired.before == pytest.approx(1 / 3)
    assert paired.p == pytest.approx(wilcoxon([0.1, 0.2, 0.3]).pvalue)
    assert compare_years(old, old).p == 1
    plain = compare_years(0.5, new)
    assert (plain.cases, plain.change) == pytest.approx((0, -0.1))
    assert np.isnan(plain.p)
    with pytest.raises(InputError, match="no case"):
        compare_years({"a": 1.0}, {"b": 1.0})


def test_strata_are_half_open() -> None:
    strata = size_strata([99.9, 100, 999, 1000, 1e5], [1, 0, 1, 0, 1], [50, 1e9])
    assert [(s.tp, s.fp, s.fn) for s in strata] == [
        (1, 1, 0), (1, 0, 1), (0, 0, 1), (0, 0, 0), (1, 1, 0),
    ]  # fmt: skip
    assert strata[0].f1 == pytest.approx(2 / 3)
    assert np.isnan(strata[3].f1)
    assert [s.name for s in strata] == [
        "<100",
        "100-1000",
        "1000-10000",
        "10000-100000",
        ">=100000",
    ]
    with pytest.raises(InputError, match="marks"):
        size_strata([1, 2], [True])
    with pytest.raises(InputError, match="0 or more"):
        size_strata([-1], [True])


def test_table_of_lesions(tmp_path: Path) -> None:
    path = tmp_path / "lesions.csv"
    head = "competitor,side,volume_mm3,matched\n"
    path.write_text(
        head + "a,reference,50,1\na,reference,500,0\na,prediction,60,1\na,prediction,70,0\n"
    )
    strata = read_size_strata(path)["a"]
    assert [(s.tp, s.fp, s.fn) for s in strata[:2]] == [(1, 1, 0), (0, 0, 1)]
    path.write_text(head + "a,reader,50,1\n")
    with pytest.raises(InputError, match="line 2: side"):
        read_size_strata(path)
    path.write_text(head + "a,reference,big,1\n")
    with pytest.raises(InputError, match="no volume"):
        read_size_strata(path)
