"""Declared orders of equal values."""

from pathlib import Path

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.ranking.trials import TieBreak, read_tie_breaks
from lesionloop.ranking.trials.tie_breaks import break_ties

NAMES = ("a", "b", "c", "d")


def order(*pairs: str) -> list[TieBreak]:
    """The pair "ab" declares that a is better than b."""
    return [TieBreak("task1", "x", "voe", *pair) for pair in pairs]


def test_two_equal_ones() -> None:
    ranks = np.array([1, 2.5, 2.5, 4])
    np.testing.assert_array_equal(
        break_ties(ranks, NAMES, order("cb"), ties="average"), [1, 3, 2, 4]
    )
    np.testing.assert_array_equal(ranks, [1, 2.5, 2.5, 4])  # the input stays
    np.testing.assert_array_equal(break_ties(ranks, NAMES, [], ties="average"), ranks)


def test_of_three_equal_ones_the_third_stays_in_the_middle() -> None:
    """The orders are abc, acb and cab."""
    ranks = np.array([2.0, 2, 2, 4])
    found = break_ties(ranks, NAMES, order("ab"), ties="average")
    np.testing.assert_allclose(found, [4 / 3, 8 / 3, 2, 4])
    best = break_ties(np.array([1.0, 1, 1, 4]), NAMES, order("ab"), ties="min")
    np.testing.assert_array_equal(best, [1, 2, 1, 4])
    chain = break_ties(ranks, NAMES, order("ab", "bc"), ties="average")
    np.testing.assert_array_equal(chain, [1, 2, 3, 4])


def test_pairs_that_are_not_equal_or_not_there_change_nothing() -> None:
    ranks = np.array([1, 2.5, 2.5, 4])
    found = break_ties(ranks, NAMES, order("ad", "bz"), ties="average")
    np.testing.assert_array_equal(found, ranks)


def test_impossible_orders_are_refused() -> None:
    with pytest.raises(InputError, match="not better"):
        break_ties(np.array([1, 2.0]), ("a", "b"), order("ba"), ties="average")
    with pytest.raises(InputError, match="contradict"):
        break_ties(np.array([1.5, 1.5]), ("a", "b"), order("ab", "ba"), ties="average")
    many = [f"n{n}" for n in range(9)]
    pair = [TieBreak("task1", "x", "voe", "n0", "n1")]
    with pytest.raises(InputError, match="more than 8"):
        break_ties(np.full(9, 5.0), many, pair, ties="average")


def test_table(tmp_path: Path) -> None:
    path = tmp_path / "ties.csv"
    path.write_text("block,centre,metric,better,worse\nT1,x,assd_k,b,a\nVisible,y,voe,a,b\n")
    assert read_tie_breaks(path) == [
        TieBreak("task1", "x", "assd", "b", "a"),
        TieBreak("visible", "y", "voe", "a", "b"),
    ]
    path.write_text("block,centre,metric,better,worse\nT1,x,f1,b,a\n")
    with pytest.raises(InputError, match="line 2: unknown metric"):
        read_tie_breaks(path)
