"""The isotropic working grid against plain loops and scipy."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from lesionloop.imaging.working import IsotropicGrid

CASES = [
    ((9, 7, 5), (2.04, 2.04, 3.0), "C"),
    ((9, 7, 5), (2.04, 2.04, 3.0), "F"),
    ((6, 5, 8), (5.47, 5.47, 3.27), "F"),
    ((4, 11, 3), (4.0, 1.3, 9.0), "C"),
    ((1, 2, 1), (3.0, 5.0, 1.0), "C"),
]


def brute_force(values: NDArray[Any], spacing: tuple[float, ...]) -> NDArray[np.float64]:
    """Mean of the linear interpolant at 4 x 4 x 4 places of each cube of 4 mm."""
    shape = [
        max(1, int(np.ceil(n * s / 4 - 1e-6))) for n, s in zip(values.shape, spacing, strict=True)
    ]
    result = np.zeros(shape)
    for cube in np.ndindex(*shape):
        places = [
            np.clip((c + (np.arange(4) + 0.5) / 4) * 4 / s - 0.5, 0, n - 1)
            for c, s, n in zip(cube, spacing, values.shape, strict=True)
        ]
        mesh = np.meshgrid(*places, indexing="ij")
        result[cube] = map_coordinates(values.astype(float), mesh, order=1, mode="nearest").mean()
    return result


@pytest.mark.parametrize(("shape", "spacing", "order"), CASES)
def test_sampling_is_the_mean_of_the_interpolant(
    shape: tuple[int, int, int], spacing: tuple[float, float, float], order: Any
) -> None:
    values = np.random.default_rng(1).normal(size=shape).astype(np.float32).copy(order=order)
    grid = IsotropicGrid(shape, spacing)
    sampled = grid.sample(values)
    assert sampled.shape == grid.shape
    assert sampled.dtype == np.float32
    np.testing.assert_allclose(sampled, brute_force(values, spacing), atol=1e-5)
    whole = (values * 9).astype(np.int16)
    np.testing.assert_allclose(grid.sample(whole), brute_force(whole, spacing), atol=1e-4)


def test_expanding_is_linear_and_the_same_in_any_box() -> None:
    grid = IsotropicGrid((23, 17, 11), (2.1, 3.3, 5.2))
    values = np.random.default_rng(2).normal(size=grid.shape).astype(np.float32)
    whole = grid.expand(values, (slice(0, 23), slice(0, 17), slice(0, 11)))
    places = [
        (np.arange(n) + 0.5) * s / 4 - 0.5
        for n, s in zip(grid.fine_shape, grid.fine_spacing, strict=True)
    ]
    mesh = np.meshgrid(*places, indexing="ij")
    expected = map_coordinates(values, mesh, order=1, mode="nearest")
    np.testing.assert_allclose(whole, expected, atol=1e-5)
    box = (slice(4, 11), slice(5, 12), slice(3, 8))
    low = [
        max(0, int(b.start * s / 4 - 0.5) - 1) for b, s in zip(box, grid.fine_spacing, strict=True)
    ]
    part = grid.expand(values[low[0] :, low[1] :, low[2] :], box, (low[0], low[1], low[2]))
    np.testing.assert_array_equal(part, whole[box])


def test_points_fall_into_the_cube_that_holds_them() -> None:
    grid = IsotropicGrid((20, 20, 20), (1.5, 3.0, 5.0))
    points = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [19, 19, 19]])
    assert grid.nearest(points).tolist() == [[0, 0, 0], [7, 14, 24]]
    assert grid.shape == (8, 15, 25)
