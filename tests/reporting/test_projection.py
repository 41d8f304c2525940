"""Views, against positions in the patient that are worked out by hand."""

import numpy as np
import pytest

from lesionloop.imaging.grid import Grid
from lesionloop.reporting.projection import Plane, view_of

SHAPE = (5, 6, 7)
SPACING = (2.0, 3.0, 4.0)

#: Names -> direction matrix, columns are array axes in LPS.
DIRECTIONS = {
    "straight": np.eye(3),
    "flipped x and y": np.diag([-1.0, -1.0, 1.0]),
    "feet first": np.diag([1.0, 1.0, -1.0]),
    "axes swapped": np.array([[0.0, 0, 1], [1, 0, 0], [0, -1, 0]]),
}


def oblique() -> np.ndarray:
    turn = np.deg2rad(12.0)
    c, s = np.cos(turn), np.sin(turn)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


@pytest.mark.parametrize("direction", [*DIRECTIONS.values(), oblique()])
@pytest.mark.parametrize("plane", ["coronal", "sagittal"])
def test_a_voxel_appears_where_the_patient_has_it(direction: np.ndarray, plane: Plane) -> None:
    grid = Grid(SHAPE, SPACING, direction=tuple(direction.ravel()))
    view = view_of(grid, plane)
    rng = np.random.default_rng(31)
    first, second = rng.integers(0, SHAPE, (2, 40, 3))
    world = grid.to_world(second) - grid.to_world(first)
    moved = view.positions(second) - view.positions(first)
    # Higher in the patient is higher in the picture (a lower row); to the patient's left (coronal)
    # or back (sagittal) is further right. An oblique axis mixes both, so only clear moves count.
    across = world[:, 0 if plane == "coronal" else 1]
    clear = np.abs(across) > 8
    assert (np.sign(moved[clear, 1]) == np.sign(across[clear])).all()
    head = np.abs(world[:, 2]) > 1e-6
    assert (np.sign(moved[head, 0]) == -np.sign(world[head, 2])).all()


@pytest.mark.parametrize("direction", DIRECTIONS.values())
@pytest.mark.parametrize("plane", ["coronal", "sagittal"])
def test_the_projection_holds_each_voxel_at_its_position(
    direction: np.ndarray, plane: Plane
) -> None:
    grid = Grid(SHAPE, SPACING, direction=tuple(direction.ravel()))
    view = view_of(grid, plane)
    for point in [(1, 2, 3), (0, 0, 0), (4, 5, 6), (4, 0, 2)]:
        for values in (np.zeros(SHAPE, np.float32), np.zeros(SHAPE, bool, order="F")):
            values[point] = 1
            picture = view.maximum(values)
            assert picture.shape == view.shape
            row, column = (view.positions([point])[0] - 0.5).astype(int)
            assert np.argwhere(picture).tolist() == [[row, column]]


def test_picture_elements_have_the_size_of_voxels() -> None:
    grid = Grid(SHAPE, SPACING)
    assert view_of(grid, "coronal").pixel_mm == (4.0, 2.0)
    assert view_of(grid, "sagittal").pixel_mm == (4.0, 3.0)
    swapped = Grid(SHAPE, SPACING, direction=tuple(DIRECTIONS["axes swapped"].ravel()))
    assert view_of(swapped, "coronal").pixel_mm == (3.0, 4.0)
    assert view_of(swapped, "coronal").edges == ("R", "L", "H", "F")
    assert view_of(swapped, "sagittal").edges == ("A", "P", "H", "F")


def test_nan_is_left_out() -> None:
    values = np.ones(SHAPE, np.float32)
    values[1, :3, 2] = np.nan
    values[2, :, 3] = np.nan
    picture = view_of(Grid(SHAPE, SPACING), "coronal").maximum(values)
    assert np.isnan(picture).sum() == 1
    assert np.nansum(picture) == SHAPE[0] * SHAPE[2] - 1
