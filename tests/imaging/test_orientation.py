"""Turning arrays to patient axes, checked with the world coordinates of the grid."""

from itertools import permutations, product

import numpy as np
import pytest

from lesionloop.imaging import Grid
from lesionloop.imaging.orientation import Orientation, to_lps


@pytest.mark.parametrize("axes", list(permutations(range(3))))
def test_turned_axes_run_left_back_and_head(axes: tuple[int, int, int]) -> None:
    for signs in product((1, -1), repeat=3):
        matrix = np.zeros((3, 3))
        for row, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
            matrix[row, axis] = sign
        grid = Grid((3, 4, 5), (2.0, 3.0, 4.0), (1.0, 2.0, 3.0), tuple(matrix.ravel()))
        index = np.moveaxis(np.indices(grid.shape), 0, -1).reshape(-1, 3)
        world = grid.to_world(index.astype(float)).reshape(*grid.shape, 3)
        for axis in range(3):
            turned = to_lps(world[..., axis], grid.direction)
            steps = np.diff(turned, axis=axis)
            assert (steps > 0).all()
        values = np.random.default_rng(0).normal(size=grid.shape)
        orientation = Orientation(grid.direction)
        np.testing.assert_array_equal(orientation.turn_back(orientation.turn(values)), values)


def test_oblique_axes_go_to_the_nearest() -> None:
    c, s = np.cos(0.4), np.sin(0.4)
    orientation = Orientation((c, -s, 0, s, c, 0, 0, 0, -1))
    assert orientation.axes == (0, 1, 2)
    assert orientation.flipped == (False, False, True)
