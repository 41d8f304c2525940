from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.cohort import ScoreRow, score_trace
from lesionloop.interaction import Trace, TraceStep
from lesionloop.scribbles import ScribbleSet

SPACING = (2.0, 2.5, 4.0)  # 0.02 ml


def blocks(*corners: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Cubes of 2 x 2 x 2 voxels, one lesion each when they do not touch."""
    mask = np.zeros((16, 14, 10), bool, order="F")
    for x, y, z in corners:
        mask[x : x + 2, y : y + 2, z : z + 2] = True
    return mask


A, B, C = (1, 1, 1), (6, 6, 4), (11, 1, 7)


def rows_of(
    masks: Sequence[NDArray[np.bool_] | None],
    reference: NDArray[np.generic],
    failures: Sequence[str | None] | None = None,
) -> list[ScoreRow]:
    failures = failures or [None] * len(masks)
    steps = tuple(
        TraceStep(k, mask, None, 0.5 + k, failure)
        for k, (mask, failure) in enumerate(zip(masks, failures, strict=True))
    )
    trace = Trace("c", "protocol", steps, ScribbleSet())
    return score_trace(trace, reference, SPACING, segmenter="m", strategy="random")


def test_rows_by_hand() -> None:
    rows = rows_of([blocks(A, C), blocks(A, B), blocks(A)], blocks(A, B))
    expected = [
        ScoreRow("c", "m", "random", 0, 0.5, 0.5, 1, 1, 1, 0.16, 0.16, 0.5),
        ScoreRow("c", "m", "random", 1, 1.0, 1.0, 2, 0, 0, 0.0, 0.0, 1.5),
        ScoreRow("c", "m", "random", 2, 2 / 3, 2 / 3, 1, 0, 1, 0.0, 0.16, 2.5),
    ]
    for row, wanted in zip(rows, expected, strict=True):
        for name in ScoreRow.__dataclass_fields__:
            assert getattr(row, name) == pytest.approx(getattr(wanted, name)), name


def test_without_lesions_dice_is_one_or_zero_and_dmm_has_no_value() -> None:
    empty = blocks()
    rows = rows_of([empty, blocks(A)], empty)
    assert [row.dice for row in rows] == [1.0, 0.0]
    assert all(np.isnan(row.dmm) for row in rows)
    assert [(row.tp, row.fp, row.fn) for row in rows] == [(0, 0, 0), (0, 1, 0)]
    assert rows[1].fpv_ml == pytest.approx(0.16)
    assert all(np.isnan(row.fnv_ml) for row in rows)


def test_a_failed_step_finds_nothing() -> None:
    rows = rows_of([blocks(A, B), blocks(A, B), None], blocks(A, B), [None, "gone", "never"])
    for row in rows[1:]:
        assert (row.dice, row.dmm, row.tp, row.fp, row.fn) == (0.0, 0.0, 0, 0, 2)
        assert np.isnan([row.fpv_ml, row.fnv_ml]).all()
    assert rows[0].dice == 1.0


def test_an_instance_map_counts_its_ids_and_dice_its_voxels() -> None:
    instances = np.where(blocks(A), 1, 0) + np.where(blocks(B), 3, 0)  # id 2 is not used: missed
    (row,) = rows_of([blocks(A, B)], instances)
    assert row.dice == 1.0
    assert (row.tp, row.fp, row.fn) == (2, 0, 1)
    assert row.dmm == pytest.approx(4 / 5)


def test_equal_masks_score_equal_whether_they_stand_or_are_made_again() -> None:
    mask = blocks(A, C)
    stands = rows_of([mask, mask, blocks(B), mask], blocks(A, B))
    again = rows_of([mask, mask.copy(), blocks(B), mask.copy()], blocks(A, B))
    assert stands == again
    assert stands[0].dice != stands[2].dice or stands[0].fp != stands[2].fp


def test_no_steps_no_rows() -> None:
    assert rows_of([], blocks(A)) == []
