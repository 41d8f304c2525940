import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lesionloop.segmenters.strokes import find_strokes

SHAPE = (23, 17, 11)
SPACING = (1.5, 2.5, 4.0)


def flat(points: NDArray[np.int64]) -> NDArray[np.intp]:
    return np.asarray(np.ravel_multi_index(tuple(points.T), SHAPE), dtype=np.intp)


def clusters_by_hand(points: NDArray[np.int64]) -> set[frozenset[tuple[int, ...]]]:
    """Points joined while any pair is at most two voxels apart along every axis."""
    left, found = set(map(tuple, points.tolist())), set()
    while left:
        cluster = {left.pop()}
        while near := {
            p
            for p in left
            if any(max(abs(a - b) for a, b in zip(p, q)) <= 2 for q in cluster)  # noqa: B905
        }:
            cluster |= near
            left -= near
        found.add(frozenset(cluster))
    return found


@given(st.integers(0, 10_000), st.integers(1, 60))
@settings(max_examples=60, deadline=None)
def test_strokes_are_the_clusters_of_the_points(seed: int, number: int) -> None:
    points = np.unique(np.random.default_rng(seed).integers(0, SHAPE, (number, 3)), axis=0)
    shuffled = np.random.default_rng(seed + 1).permutation(points)
    strokes = find_strokes(flat(shuffled), SHAPE, SPACING)
    assert {frozenset(map(tuple, s.points.tolist())) for s in strokes} == clusters_by_hand(points)
    keys = [s.key for s in strokes]
    assert keys == [s.key for s in find_strokes(flat(points), SHAPE, SPACING)]
    firsts = [tuple(s.points[0]) for s in strokes]
    assert firsts == sorted(firsts)


def test_no_points_no_strokes() -> None:
    assert find_strokes(np.empty(0, np.intp), SHAPE, SPACING) == []


def test_the_extent_is_the_diagonal_in_mm() -> None:
    points = np.array([[4, 5, 6], [5, 6, 6], [6, 7, 7]])
    (stroke,) = find_strokes(flat(points), SHAPE, SPACING)
    assert stroke.extent_mm == pytest.approx(np.sqrt(3.0**2 + 5.0**2 + 4.0**2))
    (dot,) = find_strokes(flat(points[:1]), SHAPE, SPACING)
    assert dot.extent_mm == 0


def test_a_gap_of_three_voxels_divides() -> None:
    points = np.array([[0, 0, 0], [2, 2, 2], [5, 2, 2]])
    sizes = [len(s.points) for s in find_strokes(flat(points), SHAPE, SPACING)]
    assert sizes == [2, 1]
