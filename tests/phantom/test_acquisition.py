"""Blur and noise against closed forms."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from lesionloop.phantom.acquisition import (
    Scanner,
    add_ct_noise,
    add_pet_noise,
    blur,
    correlated_noise,
    smooth_field,
)


@pytest.mark.parametrize("spacing", [(4.07, 4.07, 5.0), (2.04, 2.04, 3.0), (1.0, 1.5, 2.0)])
def test_blur_keeps_the_activity_of_a_point(spacing: tuple[float, float, float]) -> None:
    point = np.zeros((41, 43, 45), dtype=np.float32)
    point[20, 21, 22] = 1000.0
    blur(point, 6.0, spacing)
    assert point.sum(dtype=float) == pytest.approx(1000.0, rel=1e-5)
    assert point[20, 21, 22] == point.max()


def test_blur_has_the_stated_width_in_mm_along_each_axis() -> None:
    spacing = (0.8, 1.1, 1.4)
    point = np.zeros((61, 51, 41), dtype=np.float32)
    point[30, 25, 20] = 1.0
    blur(point, 6.0, spacing)
    # Half of the maximum is reached 3 mm from the point, whatever the voxels.
    for axis, step in enumerate(spacing):
        line = np.moveaxis(point, axis, 0)
        profile = line.reshape(len(line), -1).max(axis=1)
        place = (np.arange(len(line)) - len(line) // 2) * step
        right = place >= 0
        half = np.interp(-profile.max() / 2, -profile[right], place[right])
        assert half == pytest.approx(3.0, abs=0.12)


def test_noise_has_variance_one_and_the_correlation_of_its_kernel() -> None:
    spacing, fwhm = (2.0, 1.7, 2.3), 8.0
    noise = correlated_noise((70, 80, 60), fwhm, spacing, np.random.default_rng(0))
    core = noise[8:-8, 8:-8, 8:-8].astype(float)
    assert core.std() == pytest.approx(1.0, rel=0.05)
    sigma = fwhm / 2.3548200450309493
    for axis, step in enumerate(spacing):
        line = np.moveaxis(core, axis, 0)
        measured = (line[1:] * line[:-1]).mean() / core.var()
        # White noise smoothed by a Gaussian is correlated as a Gaussian of sqrt 2 its width.
        assert measured == pytest.approx(np.exp(-(step**2) / (4 * sigma**2)), abs=0.02)


def test_pet_noise_grows_with_the_root_of_the_signal_and_never_goes_below_zero() -> None:
    scanner = Scanner(noise=0.05, bed_gain=0.0)
    spacing, z = (4.0, 4.5, 5.0), np.arange(30) * 5.0
    spread = []
    for suv in (1.0, 9.0):
        pet = np.full((50, 40, 30), suv, dtype=np.float32)
        add_pet_noise(pet, z, scanner, spacing, np.random.default_rng(1))
        assert pet.mean() == pytest.approx(suv, rel=0.02)
        spread.append(pet.std())
    assert spread[1] / spread[0] == pytest.approx(3.0, rel=0.02)
    cold = np.zeros((20, 20, 30), dtype=np.float32)
    add_pet_noise(cold, z, scanner, spacing, np.random.default_rng(1))
    assert cold.min() >= 0


def test_noise_is_stronger_where_beds_meet() -> None:
    scanner = Scanner(noise=0.1, bed_mm=100.0, bed_gain=0.0)
    pet = np.full((60, 60, 60), 4.0, dtype=np.float32)
    add_pet_noise(pet, np.arange(60) * 5.0, scanner, (4.0, 4.0, 5.0), np.random.default_rng(2))
    spread = pet.std(axis=(0, 1))
    # Sensitivity swings between 0.6 and 1, noise by its inverse root.
    assert spread.max() / spread.min() == pytest.approx((1 / 0.6) ** 0.5, rel=0.1)


def test_bed_gain_changes_whole_beds_by_its_spread() -> None:
    scanner = Scanner(noise=0.0, bed_mm=50.0, bed_gain=0.05)
    pet = np.full((4, 4, 400), 2.0, dtype=np.float32)
    add_pet_noise(pet, np.arange(400) * 5.0, scanner, (4.0, 4.0, 5.0), np.random.default_rng(3))
    levels = np.unique(pet.mean(axis=(0, 1)).round(4))
    assert 38 <= len(levels) <= 42
    assert np.std(levels / 2) == pytest.approx(0.05, rel=0.35)


def test_ct_noise_is_rounded_and_bounded() -> None:
    ct = np.full((30, 31, 40), -1000.0, dtype=np.float32)
    ct[..., 20:] = 40.0
    noisy = add_ct_noise(ct, np.random.default_rng(0), sd=14.0)
    assert noisy.dtype == np.int16
    assert noisy.min() >= -1024
    assert noisy[..., 20:].std() == pytest.approx(14, rel=0.03)


def test_smooth_field_agrees_with_linear_interpolation_by_another_library() -> None:
    rng = np.random.default_rng(8)
    nodes = rng.normal(size=(7, 6, 5)).astype(np.float32)
    x, y, z = (
        np.sort(rng.uniform(0, n - 1.01, m)).astype(np.float32)
        for n, m in ((7, 11), (6, 13), (5, 4))
    )
    expected = map_coordinates(nodes, np.meshgrid(x, y, z, indexing="ij"), order=1)
    np.testing.assert_allclose(smooth_field(nodes, (x, y, z)), expected, atol=1e-5)
    outside = smooth_field(nodes, (x - 100, y, z))
    np.testing.assert_allclose(outside, np.broadcast_to(outside[:1], outside.shape), atol=1e-6)
