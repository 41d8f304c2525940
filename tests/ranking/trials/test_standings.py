"""The ranking by hand, and its laws."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionloop.errors import InputError
from lesionloop.ranking.trials import BLOCKS, TRIALS_METRICS, Cell, TieBreak, TrialsRules, rank_task
from lesionloop.ranking.trials.standings import cell_ranks, rank_without_centres

NAMES = ("a", "b", "c")
#: One column of a combined cell; the metrics of that block are all better when they are higher.
SIX = BLOCKS["combined"].metrics


def combined(
    centre: str, names: Sequence[str], values: Mapping[str, Sequence[float]] | Sequence[float]
) -> Cell:
    """A cell in which all six metrics have the same column, or their own."""
    columns = values if isinstance(values, Mapping) else dict.fromkeys(SIX, values)
    return Cell(
        "combined", centre, tuple(names), {name: np.array(columns[name], float) for name in SIX}
    )


def test_by_hand() -> None:
    """Three competitors, one tie: 0.5 shares the places 2 and 3."""
    columns = {name: [0.9, 0.5, 0.5] for name in SIX} | {"recall_iou0": [0.1, 0.3, 0.2]}
    ranked = cell_ranks(combined("x", NAMES, columns))
    np.testing.assert_array_equal(ranked.ranks["dice_global"], [1, 2.5, 2.5])
    np.testing.assert_array_equal(ranked.ranks["recall_iou0"], [3, 1, 2])
    np.testing.assert_allclose(ranked.mean, [8 / 6, 13.5 / 6, 14.5 / 6])
    best = cell_ranks(combined("x", NAMES, columns), "min")
    np.testing.assert_allclose(best.mean, [8 / 6, 11 / 6, 12 / 6])


def test_lower_is_better_for_errors_and_distances() -> None:
    values = {name: np.array([0.2, 0.8]) for name in TRIALS_METRICS}
    ranked = cell_ranks(Cell("task1", "x", ("low", "high"), values))
    lower = [name for name, ranks in ranked.ranks.items() if ranks[0] == 1]
    assert lower == ["voe", "rvd", "assd", "rmsd", "msd"]
    np.testing.assert_allclose(ranked.mean, [(6 * 2 + 5) / 11, (6 + 10) / 11])


def test_the_second_task_averages_six_cells_of_two_blocks() -> None:
    visible = {name: np.array([0.5, 0.5]) for name in TRIALS_METRICS}
    cells = [
        combined("x", ("a", "b"), [0.9, 0.1]),
        combined("y", ("a", "b"), [0.9, 0.1]),
        Cell("visible", "x", ("b", "a"), visible),
        Cell("task1", "x", ("z",), {name: np.ones(1) for name in TRIALS_METRICS}),
    ]
    ranking = rank_task(cells, "task2")
    assert [ranked.cell.place for ranked in ranking.cells] == [
        "visible/x", "combined/x", "combined/y",
    ]  # fmt: skip
    assert ranking.competitors == ("b", "a")
    np.testing.assert_allclose(ranking.average, [(1.5 + 2 + 2) / 3, (1.5 + 1 + 1) / 3])
    np.testing.assert_array_equal(ranking.block_means()["combined"], [2, 1])
    assert [ranking.competitors[n] for n in ranking.order] == ["a", "b"]


def test_a_missing_submission_is_worst_or_skipped() -> None:
    cells = [combined("x", ("a", "b"), [0.4, 0.2]), combined("y", ("a",), [0.0])]
    worst = rank_task(cells, "task2")
    # At y both have the worst values: they share the ranks 1 and 2.
    np.testing.assert_allclose(worst.means, [[1, 1.5], [2, 1.5]])
    skipped = rank_task(cells, "task2", TrialsRules(missing="skip"))
    np.testing.assert_allclose(skipped.means, np.array([[1, 1], [2, np.nan]]))
    np.testing.assert_allclose(skipped.average, [1, 2])


def test_the_worst_values_come_after_all_others() -> None:
    values = {name: np.array([0.2]) for name in TRIALS_METRICS}
    cells = [
        Cell("task1", "x", ("a",), values),
        Cell("task1", "y", ("b",), values),
    ]
    ranking = rank_task(cells, "task1")
    np.testing.assert_array_equal(ranking.means, [[1, 2], [2, 1]])


def test_a_metric_without_a_value_is_last() -> None:
    columns = {name: [0.9, 0.1] for name in SIX} | {"dice_global": [np.nan, 0.1]}
    ranked = cell_ranks(combined("x", ("a", "b"), columns))
    np.testing.assert_array_equal(ranked.ranks["dice_global"], [2, 1])
    columns["dice_global"] = [np.nan, np.nan]
    ranked = cell_ranks(combined("x", ("a", "b"), columns))
    np.testing.assert_array_equal(ranked.ranks["dice_global"], [1.5, 1.5])


def test_who_is_outside_the_pool_does_not_move_the_others() -> None:
    cell = combined("x", NAMES, [0.9, 0.5, 0.1])
    ranking = rank_task([cell], "task2", TrialsRules(outside=frozenset("b")))
    assert ranking.competitors == ("a", "c")
    np.testing.assert_array_equal(ranking.average, [1, 2])
    with pytest.raises(InputError, match="nobody"):
        rank_task([cell], "task2", TrialsRules(outside=frozenset(NAMES)))


def test_declared_ties_apply_to_their_cell_and_metric_only() -> None:
    cells = [combined(centre, ("a", "b"), [0.5, 0.5]) for centre in ("x", "y")]
    declared = [TieBreak("combined", "x", "dice_global", "b", "a")]
    ranking = rank_task(cells, "task2", tie_breaks=declared)
    np.testing.assert_allclose(ranking.means, [[(5 * 1.5 + 2) / 6, 1.5], [(5 * 1.5 + 1) / 6, 1.5]])


def test_without_each_centre() -> None:
    cells = [combined("x", ("a", "b"), [0.9, 0.1]), combined("y", ("a", "b"), [0.1, 0.9])]
    found = rank_without_centres(cells, "task2")
    assert list(found) == ["x", "y"]
    np.testing.assert_array_equal(found["x"].place, [2, 1])
    np.testing.assert_array_equal(found["y"].place, [1, 2])
    assert rank_without_centres(cells[:1], "task2") == {}


def test_bad_input_is_refused() -> None:
    cell = combined("x", NAMES, [0.9, 0.5, 0.1])
    with pytest.raises(InputError, match="more than one table"):
        rank_task([cell, cell], "task2")
    with pytest.raises(InputError, match="unknown rule for ties"):
        TrialsRules(ties="max")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="missing submissions"):
        TrialsRules(missing="zero")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown block"):
        Cell("task3", "x", (), {})
    with pytest.raises(InputError, match="twice"):
        combined("x", ("a", "a"), [1, 1])
    with pytest.raises(InputError, match="value per competitor"):
        combined("x", ("a", "b"), [1])


scores = st.lists(
    st.lists(st.integers(0, 4).map(float), min_size=len(SIX), max_size=len(SIX)),
    min_size=1, max_size=6,
)  # fmt: skip


def cell_of_rows(rows: Sequence[Sequence[float]], names: Sequence[str]) -> Cell:
    return combined("x", names, dict(zip(SIX, zip(*rows, strict=True), strict=True)))


@given(scores)
@settings(max_examples=60, deadline=None)
def test_ranks_sum_to_what_all_places_sum_to(rows: list[list[float]]) -> None:
    count = len(rows)
    ranked = cell_ranks(cell_of_rows(rows, [f"n{n}" for n in range(count)]))
    for ranks in ranked.ranks.values():
        assert ranks.sum() == pytest.approx(count * (count + 1) / 2)
    assert ranked.mean.sum() == pytest.approx(count * (count + 1) / 2)


@given(scores, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_rows_does_not_matter(rows: list[list[float]], random: object) -> None:
    names = [f"n{n}" for n in range(len(rows))]
    order = list(range(len(rows)))
    random.shuffle(order)  # type: ignore[attr-defined]
    one = cell_ranks(cell_of_rows(rows, names))
    two = cell_ranks(cell_of_rows([rows[n] for n in order], [names[n] for n in order]))
    np.testing.assert_array_equal(one.mean[order], two.mean)


@given(scores, st.floats(0.01, 3), st.floats(0.2, 4))
@settings(max_examples=60, deadline=None)
def test_a_monotone_change_of_all_values_changes_no_rank(
    rows: list[list[float]], scale: float, power: float
) -> None:
    names = [f"n{n}" for n in range(len(rows))]
    one = cell_ranks(cell_of_rows(rows, names))
    changed = [[scale * value**power + 1 for value in row] for row in rows]
    np.testing.assert_array_equal(one.mean, cell_ranks(cell_of_rows(changed, names)).mean)
