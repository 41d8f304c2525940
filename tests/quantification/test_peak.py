"""SUVpeak against closed forms and against a sphere laid out point by point in the patient."""

import math
from itertools import product
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.imaging import Grid, Quantity, Volume
from lesionloop.quantification import PeakMap, PeakSphere

RADIUS = 10 * (3 / (4 * math.pi)) ** (1 / 3)


def _rotation(seed: int) -> NDArray[np.float64]:
    return np.asarray(np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0])


@pytest.mark.parametrize(
    "spacing", [(2.04, 2.04, 3.0), (4.07, 4.07, 5.0), (1.0, 1.5, 2.0), (5.3, 2.7, 3.3)]
)
def test_weights_fill_one_millilitre(spacing: tuple[float, float, float]) -> None:
    weights = PeakSphere(spacing).weights
    assert weights.sum() * np.prod(spacing) == pytest.approx(1000.0, rel=5e-3)
    assert weights.max() == 1.0 or min(spacing) > 4
    for axis in range(3):
        np.testing.assert_array_equal(weights, np.flip(weights, axis))


def test_voxels_larger_than_the_sphere() -> None:
    """The mean is the voxel's own value: nothing else is inside."""
    values = np.random.default_rng(2).random((3, 4, 5))
    index = np.argwhere(np.ones((3, 4, 5)))
    means = PeakSphere((13.0, 14.0, 15.0)).means(values, index)
    np.testing.assert_allclose(means, values.ravel())


def test_means_agree_with_points_in_the_patient() -> None:
    """Brute force: twenty points per voxel and axis, placed in an oblique patient."""
    spacing, shape = (3.1, 4.3, 5.7), (6, 4, 4)
    turn = _rotation(4)
    grid = Grid(shape, spacing, (12.0, -7.0, 90.0), tuple(turn.ravel()))
    values = np.random.default_rng(5).normal(size=shape)
    index = np.argwhere(np.ones(shape))
    means = PeakSphere(spacing).means(values, index)
    fractions = np.array(list(product((np.arange(20) + 0.5) / 20 - 0.5, repeat=3)))
    points = grid.to_world(index[:, None] + fractions)
    for voxel, mean in zip(index, means, strict=True):
        apart = np.linalg.norm(points - grid.to_world(voxel), axis=-1)
        inside = (apart <= RADIUS).sum(axis=1)
        expected = (inside * values.ravel()).sum() / inside.sum()  # only voxels that exist
        assert mean == pytest.approx(expected, abs=0.002)


def test_sphere_inside_a_large_uniform_lesion() -> None:
    values = np.full((20, 21, 22), 0.5)
    values[3:17, 3:17, 3:17] = 7.0
    means = PeakSphere((2.0, 2.0, 2.5)).means(values, np.array([[10, 10, 10]]))
    assert means[0] == pytest.approx(7.0, rel=1e-12)


def test_linear_uptake_has_the_mean_of_its_centre() -> None:
    """A sphere averages a gradient to the value at its centre, by symmetry."""
    spacing = np.array([2.1, 3.2, 4.3])
    place = np.moveaxis(np.indices((15, 14, 13)), 0, -1) * spacing
    values = 5.0 + place @ np.array([0.2, -0.1, 0.05])
    means = PeakSphere((2.1, 3.2, 4.3)).means(values, np.array([[7, 7, 6], [6, 5, 5]]))
    np.testing.assert_allclose(means, [values[7, 7, 6], values[6, 5, 5]], rtol=1e-12)


def test_quadratic_uptake_has_the_second_moment() -> None:
    """Mean of r^2 over a ball is 3/5 R^2."""
    spacing = np.array([1.0, 1.1, 1.2])
    centre = np.array([9, 8, 8])
    place = (np.moveaxis(np.indices((19, 17, 17)), 0, -1) - centre) * spacing
    mean = PeakSphere((1.0, 1.1, 1.2)).means((place**2).sum(axis=-1), centre[None])
    assert mean[0] == pytest.approx(0.6 * RADIUS**2, rel=0.02)  # voxels stand for their centres


@pytest.mark.parametrize("order", ["C", "F"])
def test_far_apart_voxels_agree_with_single_ones(order: Any) -> None:
    """Boxes are cut where they hold little; every voxel has the mean that it has alone."""
    rng = np.random.default_rng(6)
    values = np.asarray(rng.random((60, 50, 40)).astype(np.float32), order=order)
    index = np.stack([rng.integers(0, n, 300) for n in values.shape], axis=1)
    sphere = PeakSphere((3.0, 3.5, 4.0))
    together = sphere.means(values, index)
    alone = [sphere.means(values, voxel[None])[0] for voxel in index]
    np.testing.assert_allclose(together, alone, rtol=1e-12)


def test_map_gives_the_same_and_keeps_it() -> None:
    rng = np.random.default_rng(7)
    volume = Volume(rng.random((20, 18, 16)), Grid((20, 18, 16), (3, 3.5, 4)), Quantity.SUV_BW)
    index = np.argwhere(rng.random((20, 18, 16)) < 0.1)
    expected = PeakSphere((3, 3.5, 4)).means(volume.values, index)
    peaks = PeakMap(volume)
    np.testing.assert_allclose(peaks.means(index[:100]), expected[:100], rtol=1e-12)
    volume.values[:] = 0  # what was asked before must not be computed again
    np.testing.assert_allclose(peaks.means(index[:100]), expected[:100], rtol=1e-12)
    np.testing.assert_array_equal(peaks.means(index)[100:], 0)


def test_no_voxels() -> None:
    empty = np.zeros((0, 3), dtype=np.intp)
    assert PeakSphere((2, 2, 3)).means(np.ones((4, 4, 4)), empty).shape == (0,)
