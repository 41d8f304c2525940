"""Objects and clicks, from sets of points."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from lesionloop.segmenters.seganypet.clicks import find_targets, sample_points

SHAPE, SPACING = (60, 20, 20), (2.0, 3.0, 4.0)


def line(start: int, stop: int) -> NDArray[np.intp]:
    """Flat indices of a stroke along x."""
    points = [(x, 10, 10) for x in range(start, stop)]
    return np.asarray(np.ravel_multi_index(tuple(np.array(points).T), SHAPE), dtype=np.intp)


def test_strokes_near_each_other_are_one_object() -> None:
    strokes = np.concatenate([line(0, 5), line(9, 12), line(30, 33)])  # gaps of 10 and 38 mm

    def sizes(link_mm: float) -> list[int]:
        found = find_targets(
            strokes, line(50, 52), SHAPE, SPACING, link_mm=link_mm, every_mm=6.0, most=4
        )
        assert all(len(target.background) == 1 for target in found)
        return [len(target.foreground) for target in found]

    assert sizes(9.9) == [1, 1, 1]
    assert sizes(10.0) == [2, 1]
    assert sizes(38.0) == [3]


def test_an_object_is_anchored_in_its_longest_stroke() -> None:
    strokes = np.concatenate([line(0, 5), line(9, 12)])
    (found,) = find_targets(strokes, line(50, 52), SHAPE, SPACING, link_mm=20, every_mm=6.0, most=4)
    assert found.anchor.tolist() == [2, 10, 10]


def test_nothing_drawn_gives_no_object() -> None:
    none = np.zeros(0, dtype=np.intp)
    assert find_targets(none, line(0, 9), SHAPE, SPACING, link_mm=9, every_mm=9, most=5) == []


def test_points_are_spread_from_the_middle_to_the_ends() -> None:
    points = np.array([(x, 0, 0) for x in range(21)])
    found = sample_points(points, (1.0, 1.0, 1.0), every_mm=4.0, most=5)
    assert found[:, 0].tolist() == [10, 0, 20, 5, 15]
    assert sample_points(points, (1.0, 1.0, 1.0), every_mm=6.0, most=5)[:, 0].tolist() == [
        10,
        0,
        20,
    ]
    assert sample_points(points[:1], (1.0, 1.0, 1.0), every_mm=0.0, most=1).tolist() == [[0, 0, 0]]


@given(arrays(np.int64, (12, 3), elements=st.integers(0, 9)), st.integers(1, 6))
def test_sampled_points_are_points_apart(drawn: NDArray[np.int64], most: int) -> None:
    points = np.unique(drawn, axis=0)
    found = sample_points(points, SPACING, every_mm=7.0, most=most)
    assert 1 <= len(found) <= most
    assert {tuple(p) for p in found} <= {tuple(p) for p in points}
    places = found * np.array(SPACING)
    away = np.linalg.norm(places[:, None] - places[None], axis=-1)
    assert (away[~np.eye(len(found), dtype=bool)] >= 7.0).all()
