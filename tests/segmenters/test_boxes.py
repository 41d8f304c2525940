import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionloop.segmenters.boxes import (
    Box,
    box_around,
    grow,
    hull,
    merge_boxes,
    overlap,
    place_in,
    within,
)

SHAPE = (19, 14, 11)


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    starts = [draw(st.integers(0, n - 1)) for n in SHAPE]
    x, y, z = (slice(a, draw(st.integers(a + 1, n))) for a, n in zip(starts, SHAPE, strict=True))
    return (x, y, z)


def voxels(*given_boxes: Box) -> np.ndarray:
    mask = np.zeros(SHAPE, bool)
    for box in given_boxes:
        mask[box] = True
    return mask


def test_box_around_points_is_cut_at_the_grid() -> None:
    points = np.array([[2, 5, 0], [4, 3, 9]])
    assert box_around(points, 0, SHAPE) == (slice(2, 5), slice(3, 6), slice(0, 10))
    assert box_around(points, [3, 1, 4], SHAPE) == (slice(0, 8), slice(2, 7), slice(0, 11))


@given(boxes(), st.integers(0, 30))
@settings(max_examples=50, deadline=None)
def test_points_within_a_box_are_counted_from_its_corner(box: Box, seed: int) -> None:
    points = np.random.default_rng(seed).integers(0, SHAPE, (40, 3))
    mask = np.zeros(SHAPE, bool)
    mask[tuple(points.T)] = True
    seen = np.zeros(mask[box].shape, bool)
    seen[tuple(within(points, box).T)] = True
    np.testing.assert_array_equal(seen, mask[box])


@given(boxes(), boxes())
@settings(max_examples=100, deadline=None)
def test_overlap_and_hull_by_voxels(a: Box, b: Box) -> None:
    assert overlap(a, b) == bool((voxels(a) & voxels(b)).any())
    both = np.argwhere(voxels(a) | voxels(b))
    assert hull(a, b) == box_around(both, 0, SHAPE)


@given(boxes(), st.lists(st.integers(0, 5), min_size=3, max_size=3))
@settings(max_examples=50, deadline=None)
def test_grow_by_voxels(box: Box, margin: list[int]) -> None:
    grown = grow(box, margin, SHAPE)
    assert grown == box_around(np.argwhere(voxels(box)), margin, SHAPE)
    large = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    np.testing.assert_array_equal(large[grown][place_in(box, grown)], large[box])


def test_grow_by_one_number() -> None:
    box = (slice(3, 5), slice(0, 2), slice(9, 11))
    assert grow(box, 2, SHAPE) == (slice(1, 7), slice(0, 4), slice(7, 11))


@given(st.lists(boxes(), max_size=8))
@settings(max_examples=60, deadline=None)
def test_merged_boxes_cover_all_and_are_no_more_work(many: list[Box]) -> None:
    merged = merge_boxes(many)
    assert not (voxels(*many) & ~voxels(*merged)).any()
    work, before = (sum(voxels(box).sum() for box in some) for some in (merged, many))
    assert work <= before


@pytest.mark.parametrize("apart", [0, 3])
def test_boxes_far_apart_stay_apart(apart: int) -> None:
    first = (slice(0, 4), slice(0, 4), slice(0, 4))
    second = (slice(1 + 4 * apart, 5 + 4 * apart), slice(0, 4), slice(0, 4))
    assert len(merge_boxes([first, second])) == (1 if apart == 0 else 2)
