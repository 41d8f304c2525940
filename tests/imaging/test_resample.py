"""Resampling against scipy's interpolation and a nearest-voxel search by hand."""

from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from lesionloop.imaging.grid import Grid
from lesionloop.imaging.resample import AIR_HU, resample_ct, resample_label
from lesionloop.imaging.volume import Quantity, Volume

TURN = Rotation.from_euler("zyx", (17.0, -9.0, 23.0), degrees=True).as_matrix()
CT_GRID = Grid((23, 19, 17), (1.1, 1.3, 2.0), (-12.0, -11.0, 4.0))
PET_GRIDS = {
    "coarser": Grid((9, 8, 7), (2.7, 3.1, 4.9), (-13.7, -12.2, 2.3)),
    "finer": Grid((31, 27, 29), (0.7, 0.9, 1.2), (-9.1, -10.3, 1.7)),
    "flipped": Grid((9, 8, 7), (2.7, 3.1, 4.9), (13.7, 12.2, 2.3), (-1.0, 0, 0, 0, -1, 0, 0, 0, 1)),
    "left-handed": Grid(
        (9, 8, 7), (2.7, 3.1, 4.9), (-13.7, 12.2, 2.3), (1.0, 0, 0, 0, -1, 0, 0, 0, 1)
    ),
    "oblique": Grid((14, 15, 16), (2.1, 1.7, 2.3), (-9.0, -14.0, 0.0), tuple(TURN.ravel())),
}


@pytest.fixture(params=PET_GRIDS)
def pet_grid(request: pytest.FixtureRequest) -> Grid:
    return PET_GRIDS[request.param]


def random_ct(dtype: Any = np.float32, low: int = -900, high: int = 1500) -> Volume:
    values = np.random.default_rng(3).integers(low, high, CT_GRID.shape).astype(dtype)
    return Volume(values, CT_GRID, Quantity.HU, "ct.nii.gz")


def in_ct(grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Index in the CT, (x, y, z, 3), of every voxel of ``grid``, and which are inside."""
    index = CT_GRID.to_index(grid.to_world(np.moveaxis(np.indices(grid.shape), 0, -1)))
    inside = (index >= -0.5) & (index <= np.array(CT_GRID.shape) - 0.5)
    return index, np.asarray(inside.all(axis=-1))


def trilinear(ct: Volume, grid: Grid) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """By scipy: values on ``grid`` with the border's value around it, and which are inside."""
    index, inside = in_ct(grid)
    where = np.moveaxis(index, -1, 0)
    return map_coordinates(ct.values.astype(float), where, order=1, mode="nearest"), inside


def test_ct_is_trilinear_inside_and_air_outside(pet_grid: Grid) -> None:
    ct = random_ct()
    moved = resample_ct(ct, pet_grid)
    expected, inside = trilinear(ct, pet_grid)
    assert 0.05 < inside.mean() < 1  # the test sees both
    np.testing.assert_allclose(moved.values[inside], expected[inside], atol=0.05)
    np.testing.assert_array_equal(moved.values[~inside], AIR_HU)
    assert moved.grid == pet_grid
    assert moved.values.shape == pet_grid.shape
    assert (moved.quantity, moved.source) == (ct.quantity, ct.source)


def test_a_linear_field_comes_back_exactly(pet_grid: Grid) -> None:
    slope, start = np.array([2.0, -3.0, 5.0]), 100.0
    where = CT_GRID.to_world(np.moveaxis(np.indices(CT_GRID.shape), 0, -1))
    ct = Volume((where @ slope + start).astype(np.float32), CT_GRID, Quantity.HU)
    moved = resample_ct(ct, pet_grid)
    world = pet_grid.to_world(np.moveaxis(np.indices(pet_grid.shape), 0, -1))
    index, _ = in_ct(pet_grid)
    between = ((index >= 0) & (index <= np.array(CT_GRID.shape) - 1)).all(axis=-1)
    assert between.any()
    np.testing.assert_allclose(moved.values[between], (world @ slope + start)[between], atol=2e-3)


@pytest.mark.parametrize("dtype", [np.int16, np.int32])
def test_whole_numbers_stay_whole_and_are_rounded(dtype: Any, pet_grid: Grid) -> None:
    ct = random_ct(dtype)
    moved = resample_ct(ct, pet_grid).values
    expected, inside = trilinear(ct, pet_grid)
    assert moved.dtype == dtype
    # Truncation would be off by up to 1 and biased towards 0.
    difference = moved[inside] - expected[inside]
    assert np.abs(difference).max() <= 0.5001
    assert (moved[~inside] == AIR_HU).all()


@pytest.mark.parametrize(
    ("stored", "resampled"),
    [
        (np.int8, np.int16),
        (np.uint8, np.int16),
        (np.uint16, np.int32),
        (np.uint32, np.float32),
        (np.int64, np.float32),
        (np.float16, np.float32),
        (np.float64, np.float32),
        (bool, np.int16),
    ],
)
def test_every_number_type_can_hold_air(stored: Any, resampled: Any, pet_grid: Grid) -> None:
    ct = random_ct(stored, low=0, high=100)
    moved = resample_ct(ct, pet_grid).values
    expected, inside = trilinear(ct, pet_grid)
    assert moved.dtype == resampled
    assert np.abs(moved[inside] - expected[inside]).max() <= 0.5001
    assert (moved[~inside] == AIR_HU).all()
    assert resample_ct(ct, CT_GRID).values.dtype == resampled  # the same type on the same grid


def test_large_int32_values_stay_exact() -> None:
    values = np.full(CT_GRID.shape, 16_777_217, dtype=np.int32)  # 2**24 + 1: no float32 holds it
    moved = resample_ct(Volume(values, CT_GRID, Quantity.HU), PET_GRIDS["coarser"]).values
    assert moved.max() == 16_777_217


@pytest.mark.parametrize("dtype", [np.int16, np.float32])
def test_padding_is_raised_to_air_before_it_can_bleed(dtype: Any) -> None:
    values = np.zeros(CT_GRID.shape, dtype=dtype)
    values[12:] = -3024
    ct = Volume(values, CT_GRID, Quantity.HU)
    for grid in (CT_GRID, PET_GRIDS["finer"]):
        moved = resample_ct(ct, grid).values
        assert moved.min() == AIR_HU
    # Half way between 0 and padding there is half of air, not half of -3024.
    half_way = Grid((1, 1, 1), (1.0, 1.0, 1.0), tuple(CT_GRID.to_world((11.5, 9.0, 8.0))))
    assert resample_ct(ct, half_way).values[0, 0, 0] == pytest.approx(-512)
    assert values.min() == -3024  # the native CT is not touched


def test_a_ct_of_nothing_but_padding() -> None:
    ct = Volume(np.full(CT_GRID.shape, -2000, dtype=np.int16), CT_GRID, Quantity.HU)
    for grid in (CT_GRID, PET_GRIDS["oblique"]):
        assert (resample_ct(ct, grid).values == AIR_HU).all()


@pytest.mark.parametrize("order", ["C", "F"])
def test_nothing_is_copied_on_the_same_grid(order: Any) -> None:
    for dtype in (np.int16, np.float32):
        values = np.zeros(CT_GRID.shape, dtype=dtype, order=order)
        near = Grid(CT_GRID.shape, CT_GRID.spacing, (-12.0, -11.0, 4.0005))
        moved = resample_ct(Volume(values, CT_GRID, Quantity.HU), near)
        assert np.shares_memory(moved.values, values)
        assert moved.grid == near
        label = resample_label(Volume(values, CT_GRID, Quantity.LABEL), near)
        assert label.values is values
        assert label.grid == near


def test_memory_order_does_not_matter() -> None:
    ct = random_ct(np.int16)
    turned = Volume(np.asfortranarray(ct.values), CT_GRID, Quantity.HU)
    grid = PET_GRIDS["oblique"]
    np.testing.assert_array_equal(resample_ct(ct, grid).values, resample_ct(turned, grid).values)
    assert resample_ct(ct, grid).values.flags.f_contiguous


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, bool])
def test_labels_take_the_nearest_voxel(dtype: Any, pet_grid: Grid) -> None:
    values = np.random.default_rng(4).integers(0, 2, CT_GRID.shape) * 200
    label = Volume(values.astype(dtype), CT_GRID, Quantity.LABEL)
    moved = resample_label(label, pet_grid)
    index, inside = in_ct(pet_grid)
    nearest = np.rint(index).astype(int)
    clear = (np.abs(index - np.floor(index) - 0.5) > 1e-6).all(axis=-1)  # no tie
    clamped = np.clip(nearest, 0, np.array(CT_GRID.shape) - 1)
    expected = np.where(inside, label.values[tuple(np.moveaxis(clamped, -1, 0))], 0)
    assert moved.values.dtype == dtype
    np.testing.assert_array_equal(moved.values[clear], expected[clear])
    assert clear.mean() > 0.8


@pytest.mark.parametrize("name", sorted(PET_GRIDS))
def test_the_same_as_itk(name: str) -> None:
    grid = PET_GRIDS[name]
    ct = random_ct(np.float32)
    image = sitk.GetImageFromArray(np.maximum(ct.values, AIR_HU).T)
    image.SetSpacing(ct.grid.spacing)
    image.SetOrigin(ct.grid.origin)
    image.SetDirection(ct.grid.direction)
    by_itk = sitk.Resample(
        image,
        grid.shape,
        sitk.Transform(),
        sitk.sitkLinear,
        grid.origin,
        grid.spacing,
        grid.direction,
        AIR_HU,
    )
    # Millihounsfields: ITK walks along a line and adds up its steps.
    np.testing.assert_allclose(
        resample_ct(ct, grid).values, sitk.GetArrayFromImage(by_itk).T, atol=2e-3
    )
