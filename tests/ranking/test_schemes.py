"""Rankings against closed forms and against tables that were printed."""

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.ranking import CHALLENGE, METRICS, Rules, ScoreTable, rank
from lesionloop.ranking.schemes import ranks_of

NAMES = ("a", "b", "c")


def table(
    dice: object, dmm: object, *, missing: object = None, centres: list[str] | None = None
) -> ScoreTable:
    """Algorithms a, b, c and so many cases as there are columns."""
    values = {"auc_dice": np.array(dice, float), "auc_dmm": np.array(dmm, float)}
    count = values["auc_dice"].shape[1]
    return ScoreTable.of(
        NAMES,
        [f"case{n}" for n in range(count)],
        values,
        centres=centres,
        missing=None if missing is None else np.array(missing, bool),
    )


def test_the_challenge_averages_each_metric_then_ranks_then_weighs_equally() -> None:
    dice = [[4.0, 4.0], [3.0, 4.5], [1.0, 1.0]]  # 4, 3.75, 1
    dmm = [[2.0, 2.0], [3.0, 3.0], [1.0, 1.0]]  # 2, 3, 1
    result = rank(table(dice, dmm))
    np.testing.assert_array_equal(result.ranks["auc_dice"], [1, 2, 3])
    np.testing.assert_array_equal(result.ranks["auc_dmm"], [2, 1, 3])
    np.testing.assert_array_equal(result.combined, [1.5, 1.5, 3])
    np.testing.assert_array_equal(result.place, [1, 1, 3])
    assert result.order == [0, 1, 2]


@pytest.mark.parametrize(("ties", "expected"), [("average", [1.5, 1.5, 3]), ("min", [1, 1, 3])])
def test_equal_values_share_a_rank(ties: str, expected: list[float]) -> None:
    same = [[0.1 + 0.2, 1.0], [0.3, 1.0], [0.0, 0.0]]  # equal but for rounding
    rules = Rules({"auc_dice": 1.0}, ties=ties)  # type: ignore[arg-type]
    np.testing.assert_array_equal(rank(table(same, same), rules).ranks["auc_dice"], expected)


def test_cases_without_a_lesion_have_no_dmm_and_are_left_out_of_its_mean() -> None:
    dmm = [[2.0, np.nan], [3.0, np.nan], [1.0, np.nan]]
    result = rank(table([[1, 1], [2, 2], [3, 3]], dmm))
    np.testing.assert_array_equal(result.means["auc_dmm"], [2, 3, 1])


def test_a_missing_submission_has_the_worst_value_where_there_is_one() -> None:
    dice = [[5.0, 5.0, 5.0], [4.0, np.nan, np.nan], [3.0, 3.0, 3.0]]
    dmm = [[5.0, 5.0, np.nan], [4.0, np.nan, np.nan], [3.0, 3.0, np.nan]]
    scores = table(dice, dmm, missing=[[0, 0, 0], [0, 1, 1], [0, 0, 0]])
    result = rank(scores)
    np.testing.assert_allclose(result.means["auc_dice"], [5, 4 / 3, 3])
    np.testing.assert_allclose(result.means["auc_dmm"], [5, 2, 3])
    volumes = ScoreTable.of(
        NAMES,
        ["x"],
        {"fpv_ml": np.array([[2.0], [np.nan], [7.0]])},
        missing=np.array([[False], [True], [False]]),
    )
    assert volumes.values["fpv_ml"][1, 0] == 7.0


def test_both_ways_of_aggregating_can_differ() -> None:
    """One algorithm is a little better on most cases and far worse on one."""
    dice = [[0.9, 0.9, 0.9, 0.0], [0.8, 0.8, 0.8, 0.8], [0.1, 0.1, 0.1, 0.1]]
    scores = table(dice, dice)
    first = rank(scores, Rules({"auc_dice": 1.0}, scheme="aggregate-then-rank"))
    second = rank(scores, Rules({"auc_dice": 1.0}, scheme="rank-then-aggregate"))
    np.testing.assert_array_equal(first.place, [2, 1, 3])
    np.testing.assert_array_equal(second.place, [1, 2, 3])


def test_test_then_rank_counts_significant_wins() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.01, (3, 30))
    dice = np.array([[0.9], [0.5], [0.5]]) + noise
    result = rank(table(dice, dice), Rules({"auc_dice": 1.0}, scheme="test-then-rank"))
    assert result.place[0] == 1
    np.testing.assert_array_equal(result.ranks["auc_dice"], [1, 2.5, 2.5])


def test_what_cannot_be_ranked_is_refused() -> None:
    nothing = [[np.nan], [np.nan], [np.nan]]
    with pytest.raises(InputError, match="no value on any case"):
        rank(table([[1], [2], [3]], nothing))
    with pytest.raises(InputError, match="unknown metric"):
        Rules({"f7": 1.0})
    with pytest.raises(InputError, match="weight above 0"):
        Rules({"auc_dice": 0.0})
    with pytest.raises(InputError, match="unknown scheme"):
        Rules({"auc_dice": 1.0}, scheme="best")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="twice"):
        ScoreTable.of(("a", "a"), ["x"], {"auc_dice": np.ones((2, 1))})
    with pytest.raises(InputError, match="entries"):
        ScoreTable.of(("a", "b"), ["x"], {"auc_dice": np.ones((1, 1))})
    assert set(CHALLENGE.weights) <= set(METRICS)


@pytest.mark.parametrize(
    ("source", "paradigm", "block", "matches"),
    [
        ("task1_per_centre.csv", None, "T1", 19),
        ("task2_per_centre.csv", "Visible", "Visible", 10),
        ("task2_per_centre.csv", "Combined", "Combined", 24),
    ],
)
def test_ranks_of_printed_columns_are_the_printed_ranks(
    shared: Path, source: str, paradigm: str | None, block: str, matches: int
) -> None:
    """Mean ranks over up to eleven metrics; the printed ones match in so many cells."""
    tables = shared / "fixtures/trials/paper-tables"
    with (tables / source).open() as file:
        rows = [row for row in csv.DictReader(file) if paradigm in (None, row.get("paradigm"))]
    with (tables / "expected_rank_reproduction.csv").open() as file:
        expected = {
            (row["centre"], row["team"]): row
            for row in csv.DictReader(file)
            if row["block"] == block
        }
    by_centre = defaultdict(list)
    for row in rows:
        by_centre[row["centre"]].append(row)
    found = 0
    for centre, members in by_centre.items():
        names = [n for n in members[0] if n not in ("centre", "rank", "team", "paradigm")]
        names = [n for n in names if members[0][n]]
        columns = np.array([[float(m[n]) for n in names] for m in members])
        higher = [n.startswith(("dice", "precision", "recall")) for n in names]
        ranks = np.stack(
            [
                ranks_of(columns[:, k], higher_is_better=better, ties="average")
                for k, better in enumerate(higher)
            ]
        )
        for member, mean in zip(members, ranks.mean(axis=0), strict=True):
            entry = expected[centre, member["team"]]
            assert mean == pytest.approx(float(entry["mean_rank_printed_columns"]), abs=1e-3)
            found += abs(mean - float(entry["paper_mean_rank"])) <= 0.005 + 1e-9
    assert found == matches
