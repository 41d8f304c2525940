"""The lattice: turned to RAS, resampled, and back."""

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lesionloop.imaging import Grid
from lesionloop.segmenters.seganypet.lattice import Lattice

SHAPE, SPACING = (14, 19, 11), (3.1, 2.2, 4.3)


def grid_of(direction: NDArray[np.float64]) -> Grid:
    return Grid(SHAPE, SPACING, (-20.0, 11.0, 7.0), tuple(direction.ravel()))


def turned(order: tuple[int, int, int], flips: tuple[bool, bool, bool], angle: float) -> Grid:
    """A grid with permuted and flipped axes, a little oblique about a slanted axis."""
    matrix = np.eye(3)[list(order)] * np.where(flips, -1.0, 1.0)
    oblique = Rotation.from_rotvec(angle * np.array([0.6, -0.5, 0.62])).as_matrix()
    return grid_of(oblique @ matrix)


grids = st.builds(
    turned,
    st.permutations(range(3)).map(tuple),
    st.tuples(st.booleans(), st.booleans(), st.booleans()),
    st.floats(-0.5, 0.5),
)


@given(grids)
def test_axes_run_to_the_right_front_and_head(grid: Grid) -> None:
    lattice = Lattice.of(grid, 1.5)
    ras = np.diag([-1.0, -1.0, 1.0]) @ np.array(grid.direction).reshape(3, 3)
    signs = np.where(lattice.flipped, -1.0, 1.0)
    along = ras[:, list(lattice.axes)] * signs
    assert (along.diagonal() > 0.5).all()


@given(grids)
def test_it_is_the_canonical_orientation_of_nibabel(grid: Grid) -> None:
    values = np.random.default_rng(1).normal(size=SHAPE).astype(np.float32)
    image = nib.Nifti1Image(values, np.diag([-1.0, -1.0, 1.0, 1.0]) @ grid.affine)
    canonical = nib.as_closest_canonical(image)
    lattice = Lattice.of(grid, 1.5)
    np.testing.assert_array_equal(canonical.get_fdata(), lattice._turned(values))


@settings(max_examples=25, deadline=None)
@given(grids, st.integers(0, 2**31), st.sampled_from([1.5, 3.7]))
def test_a_crop_is_linear_interpolation(grid: Grid, seed: int, spacing: float) -> None:
    """A field that is linear in patient coordinates comes back as that field."""
    rng = np.random.default_rng(seed)
    slope = rng.normal(size=3)
    index = np.moveaxis(np.indices(SHAPE), 0, -1)
    values = (grid.to_world(index) @ slope).astype(np.float32)
    lattice = Lattice.of(grid, spacing)
    start = tuple(int(n) for n in rng.integers(-5, 8, 3))
    found = lattice.crop(values, start, 9, -777.0)  # type: ignore[arg-type]
    for cube in rng.integers(0, 9, (20, 3)):
        fine = fine_index(lattice, cube + start)
        low, high = -0.5, np.array(SHAPE) - 0.5
        if not ((fine >= low) & (fine < high)).all():
            assert found[tuple(cube)] == -777.0
            continue
        held = fine.clip(0, np.array(SHAPE) - 1)  # beyond the last middle its value holds
        assert found[tuple(cube)] == pytest.approx(float(grid.to_world(held) @ slope), abs=2e-3)


def fine_index(lattice: Lattice, cube: NDArray[np.integer]) -> NDArray[np.float64]:
    """PET index, fractional, of the middle of a cube; by bisection of `places`."""
    result = np.zeros(3)
    for axis, fine in enumerate(lattice.axes):
        ends = np.zeros((2, 3), dtype=np.int64)
        ends[1, fine] = SHAPE[fine] - 1
        at = lattice.places(ends)[:, axis]
        result[fine] = (cube[axis] - at[0]) / (at[1] - at[0]) * (SHAPE[fine] - 1)
    return result


@settings(max_examples=40, deadline=None)
@given(grids, st.integers(0, 2**31), st.sampled_from([1, 2, 4]))
def test_a_cell_covers_the_voxels_that_lie_in_it(grid: Grid, seed: int, cell: int) -> None:
    """A single hot cell around a voxel's place is a mask around that voxel."""
    rng = np.random.default_rng(seed)
    voxel = np.array([rng.integers(0, n) for n in SHAPE])
    lattice = Lattice.of(grid, 1.5)
    place = lattice.places(voxel[None])[0]
    start = np.floor(place + 0.5).astype(int) - rng.integers(2 * cell, 6 * cell, 3)
    cells = np.full((8, 8, 8), -1.0, dtype=np.float32)
    inside = tuple((np.floor(place + 0.5).astype(int) - start) // cell)
    cells[tuple(slice(n - 1, n + 2) for n in inside)] = 1.0  # three cells wide
    box, values = lattice.expand(cells, tuple(start.tolist()), cell)
    mask = np.zeros(SHAPE, dtype=bool)
    mask[box] = values > 0
    assert mask[tuple(voxel)]
    away = np.abs(np.argwhere(mask) - voxel) * np.array(SPACING)
    assert away.max() <= 2 * cell * 1.5 + 1.5


def test_expanding_is_upsampling_and_nearest_resampling() -> None:
    torch = pytest.importorskip("torch")
    lattice = Lattice.of(turned((2, 0, 1), (True, False, True), 0.2), 1.5)
    low = np.random.default_rng(3).normal(size=(5, 5, 5)).astype(np.float32)
    start = (-3, 4, 2)
    dense = torch.nn.functional.interpolate(
        torch.from_numpy(low)[None, None], scale_factor=4, mode="trilinear"
    )[0, 0].numpy()
    box, values = lattice.expand(low, start, 4)
    whole = np.full(SHAPE, np.nan)
    whole[box] = values
    voxels = np.argwhere(np.ones(SHAPE, dtype=bool))
    cubes = np.floor(lattice.places(voxels) + 0.5).astype(int) - start
    covered = ((cubes >= 0) & (cubes < 20)).all(axis=1)
    assert covered.sum() > 50
    np.testing.assert_allclose(
        whole[tuple(voxels[covered].T)], dense[tuple(cubes[covered].T)], atol=1e-5
    )
    assert np.isnan(whole[tuple(voxels[~covered].T)]).all()


def test_windows_outside_of_the_field_are_empty() -> None:
    lattice = Lattice.of(grid_of(np.eye(3)), 1.5)
    assert (lattice.crop(np.ones(SHAPE), (500, 0, 0), 8, -3.0) == -3.0).all()
    box, values = lattice.expand(np.ones((4, 4, 4), dtype=np.float32), (500, 0, 0), 4)
    assert values.size == 0
    assert np.zeros(SHAPE)[box].size == 0
