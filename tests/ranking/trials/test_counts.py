"""Counts from rounded fractions."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lesionloop.errors import InputError
from lesionloop.ranking.trials import PENALTY, Cell
from lesionloop.ranking.trials.counts import (
    penalty_term,
    rebuild_counts,
    smallest_denominator,
    with_penalty_terms,
)


def printed(reference: int, rows: list[tuple[int, int, int]], decimals: int = 3) -> Cell:
    """A cell from (tp at 0.5, tp at 0, predicted) of each competitor."""
    table = np.array(rows, float)
    values = {
        "precision_iou05": table[:, 0] / table[:, 2],
        "recall_iou05": table[:, 0] / reference,
        "precision_iou0": table[:, 1] / table[:, 2],
        "recall_iou0": table[:, 1] / reference,
    }
    names = tuple(f"n{n}" for n in range(len(rows)))
    rounded = {name: np.round(column, decimals) for name, column in values.items()}
    return Cell("task1", "x", names, rounded)


def test_penalty_term() -> None:
    assert penalty_term(1, 1, 2) == 9001 * 3 / 4
    assert penalty_term(3, 0, 0) == 0
    with pytest.raises(InputError):
        penalty_term(0, 0, 0)


def test_smallest_denominator() -> None:
    assert smallest_denominator([0.25, 0.5]) == 4
    assert smallest_denominator([0.333, 0.143]) == 21
    with pytest.raises(InputError, match="no number of lesions"):
        smallest_denominator([0.333, 0.143], most=20)


def test_counts_by_hand() -> None:
    cell = printed(7, [(2, 3, 5), (0, 1, 4)])
    one, two = rebuild_counts(cell)
    assert (one.reference, one.tp05, one.tp0, one.predicted) == (7, 2, 3, 5)
    assert one.penalty == 9001 * (3 + 5) / 10
    assert two.penalty == PENALTY
    changed = with_penalty_terms(cell, [one, two])
    np.testing.assert_array_equal(changed.values["msd"], [one.penalty, PENALTY])
    assert "msd" not in cell.values


def test_a_tiny_precision_gives_a_range() -> None:
    (found,) = rebuild_counts(printed(40, [(12, 12, 810)]), {"n0": 40})
    assert (found.predicted_low, found.predicted_high) == (775, 827)
    assert found.predicted == 801


def test_nothing_detected_says_nothing_of_the_prediction() -> None:
    found = rebuild_counts(printed(11, [(0, 0, 6), (3, 4, 9)]))[0]
    assert found.predicted is None
    assert found.penalty == PENALTY


def test_a_row_of_another_reference_is_set_apart() -> None:
    one, other = printed(97, [(13, 40, 50), (29, 44, 60)]), printed(61, [(20, 31, 40)])
    both = Cell(
        "task1", "x", ("n0", "n1", "odd"),
        {name: np.append(one.values[name], other.values[name]) for name in one.values},
    )  # fmt: skip
    found = rebuild_counts(both, {"odd": 61})
    assert [entry.reference for entry in found] == [97, 97, 61]
    assert found[2].tp0 == 31
    with pytest.raises(InputError, match="odd has a recall"):
        rebuild_counts(both, {"odd": 60})


def test_impossible_precisions_are_refused() -> None:
    cell = printed(7, [(2, 3, 5)])
    wrong = {**cell.values, "precision_iou0": np.array([0.9])}
    with pytest.raises(InputError, match="explains n0"):
        rebuild_counts(Cell("task1", "x", ("n0",), wrong))
    wrong["precision_iou0"] = np.array([0.0])
    with pytest.raises(InputError, match=r"precision of 0\.000"):
        rebuild_counts(Cell("task1", "x", ("n0",), wrong))


@given(
    reference=st.integers(1, 400),
    shares=st.lists(
        st.tuples(st.floats(0.02, 1), st.floats(0, 1), st.integers(0, 300)), min_size=1, max_size=6
    ),
)
@settings(max_examples=80, deadline=None)
def test_true_counts_are_within_what_is_rebuilt(
    reference: int, shares: list[tuple[float, float, int]]
) -> None:
    rows = []
    for share, part, false in shares:
        tp0 = max(1, int(share * reference))
        rows.append((int(part * tp0), tp0, tp0 + false))
    assume(all(tp / n > 0.0005 for tp05, tp0, n in rows for tp in (tp05, tp0) if tp))
    cell = printed(reference, rows)
    known = dict.fromkeys(cell.competitors, reference)
    for entry, (tp05, tp0, predicted) in zip(rebuild_counts(cell, known), rows, strict=True):
        assert (entry.tp05, entry.tp0) == (tp05, tp0)
        assert entry.predicted_low is not None
        assert entry.predicted_high is not None
        assert entry.predicted_low <= predicted <= entry.predicted_high
    assert smallest_denominator([float(v) for v in cell.values["recall_iou0"]]) <= reference
