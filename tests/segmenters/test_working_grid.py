import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionloop.segmenters.working_grid import WorkingGrid

sizes = st.tuples(st.integers(1, 13), st.integers(1, 11), st.integers(1, 9))
factors = st.tuples(st.integers(1, 4), st.integers(1, 3), st.integers(1, 5))


@given(sizes, factors, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_average_is_the_mean_of_each_block(
    shape: tuple[int, int, int], factor: tuple[int, int, int], seed: int
) -> None:
    values = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    grid = WorkingGrid(shape, factor)
    result = grid.average(values)
    assert result.shape == grid.shape
    a, b, c = factor
    for i, j, k in np.ndindex(grid.shape):
        block = values[i * a : (i + 1) * a, j * b : (j + 1) * b, k * c : (k + 1) * c]
        assert result[i, j, k] == pytest.approx(block.mean(dtype=np.float64), abs=1e-6)


@given(sizes, factors, st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_expand_interpolates_between_block_centres(
    shape: tuple[int, int, int], factor: tuple[int, int, int], seed: int
) -> None:
    grid = WorkingGrid(shape, factor)
    values = np.random.default_rng(seed).normal(size=grid.shape).astype(np.float32)
    x, y, z = (slice(0, n) for n in grid.shape)
    expected = values.astype(np.float64)
    for axis, f in enumerate(factor):
        # Fine voxel i lies at block coordinate (i + 0.5) / f - 0.5; flat beyond the outer centres.
        place = (np.arange(shape[axis]) + 0.5) / f - 0.5
        lines = np.moveaxis(expected, axis, -1)
        at = np.arange(lines.shape[-1])
        new = [np.interp(place, at, line) for line in lines.reshape(-1, lines.shape[-1])]
        expected = np.moveaxis(np.reshape(new, (*lines.shape[:-1], -1)), -1, axis)
    result = grid.expand(values, (x, y, z))
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, atol=1e-5)


def test_expand_is_the_same_to_the_bit_in_any_box_away_from_its_faces() -> None:
    grid = WorkingGrid((37, 23, 31), (3, 2, 5))
    values = np.random.default_rng(0).normal(size=grid.shape).astype(np.float32)
    whole = grid.expand(values, (slice(0, 13), slice(0, 12), slice(0, 7)))
    box = (slice(3, 9), slice(2, 12), slice(1, 7))
    part = grid.expand(values[box], box)
    fine = grid.fine_box(box)
    assert part.shape == whole[fine].shape
    # The second face of y and of z is the grid's own, where both are flat beyond the centres.
    inner = (slice(3, -3), slice(2, None), slice(5, None))
    np.testing.assert_array_equal(part[inner], whole[fine][inner])


def test_factors_are_the_nearest_and_never_finer() -> None:
    near = WorkingGrid.near((400, 400, 326), (2.04, 2.04, 3.0), 4.0)
    assert near.factors == (2, 2, 1)
    assert near.shape == (200, 200, 326)
    assert near.spacing((2.04, 2.04, 3.0)) == pytest.approx((4.08, 4.08, 3.0))
    assert WorkingGrid.near((5, 5, 5), (9.0, 0.5, 1.1), 4.0).factors == (1, 8, 4)


def test_blocks_and_fine_boxes_at_a_partial_block() -> None:
    grid = WorkingGrid((7, 5, 4), (3, 2, 1))
    points = np.array([[6, 4, 3], [5, 4, 3], [3, 4, 3], [0, 0, 0], [2, 1, 0]])
    assert grid.blocks(points).tolist() == [[0, 0, 0], [1, 2, 3], [2, 2, 3]]
    assert grid.fine_box((slice(1, 3), slice(2, 3), slice(0, 4))) == (
        slice(3, 7), slice(4, 5), slice(0, 4),
    )  # fmt: skip
