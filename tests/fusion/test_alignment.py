"""Points and labels carried from one scan to another, against what is known in closed form."""

import numpy as np
import pytest

from lesionloop.fusion import Alignment
from lesionloop.imaging import Grid, Quantity, Volume

GRID = Grid((20, 16, 12), (2.0, 2.5, 3.0), (-10.0, 4.0, 7.0))
OBLIQUE = Grid(
    (20, 16, 12),
    (2.0, 2.5, 3.0),
    (5.0, -3.0, 1.0),
    (0.0, -1.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 1.0),
)


def shifted(grid: Grid, by: tuple[float, float, float]) -> Alignment:
    field = np.broadcast_to(np.array(by, dtype=np.float32), (*grid.shape, 3))
    return Alignment(grid, np.ascontiguousarray(field))


@pytest.mark.parametrize("grid", [GRID, OBLIQUE])
def test_points_move_by_the_displacement(grid: Grid) -> None:
    inside = grid.to_world(np.array([[3, 4, 5], [10.5, 2.25, 7.75]]))
    moved = shifted(grid, (1.0, -2.0, 3.0)).points(inside)
    np.testing.assert_allclose(moved - inside, [[1, -2, 3]] * 2, atol=1e-5)


def test_a_label_arrives_where_the_patient_has_it() -> None:
    """One voxel of an oblique moving scan is found at its place on the fixed grid."""
    moving = np.zeros(OBLIQUE.shape, dtype=np.uint8)
    moving[7, 3, 5] = 2
    place = OBLIQUE.to_world([7, 3, 5])
    fixed_at = (6, 7, 4)
    by = place - GRID.to_world(fixed_at)
    field = shifted(GRID, (float(by[0]), float(by[1]), float(by[2])))
    warped = field.warp_label(Volume(moving, OBLIQUE, Quantity.LABEL), GRID)
    assert warped.values[fixed_at] == 2
    assert warped.values.dtype == np.uint8
    assert warped.grid == GRID


def test_outside_of_the_moving_scan_there_is_no_label() -> None:
    ones = Volume(np.ones(GRID.shape, dtype=np.uint8), GRID, Quantity.LABEL)
    warped = shifted(GRID, (6.0, 0.0, 0.0)).warp_label(ones, GRID)
    assert warped.values[:17].all()
    assert not warped.values[17:].any()


def test_values_are_interpolated_linearly() -> None:
    ramp = np.indices(GRID.shape)[0].astype(np.float32)
    warped = shifted(GRID, (0.9, 0.0, 0.0)).warp(Volume(ramp, GRID, Quantity.HU), GRID, -1.0)
    np.testing.assert_allclose(warped.values[:19], ramp[:19] + 0.45, atol=1e-5)
    np.testing.assert_allclose(warped.values[19], 19.0, atol=1e-5)  # half a voxel beyond


@pytest.mark.parametrize("grid", [GRID, OBLIQUE])
def test_folding_is_found(grid: Grid) -> None:
    assert shifted(grid, (3.0, 0.0, 0.0)).folded() == 0
    assert Alignment.identity(grid).folded() == 0
    # Everything is drawn to a plane and beyond it: inside out everywhere.
    x = grid.to_world(np.indices(grid.shape).reshape(3, -1).T)[:, 0].reshape(grid.shape)
    field = np.zeros((*grid.shape, 3), dtype=np.float32)
    field[..., 0] = -1.5 * x
    assert Alignment(grid, field).folded() == 1
    field[..., 0] = -0.5 * x
    assert Alignment(grid, field).folded() == 0
