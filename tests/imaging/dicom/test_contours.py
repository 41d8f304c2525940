"""Outlines of pixels, filled again by scikit-image, which knows the even-odd rule only."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import grid_points_in_poly

from lesionloop.imaging.dicom.contours import pixel_outlines


def _filled(paths: list[NDArray[np.float64]], shape: tuple[int, ...]) -> NDArray[np.int64]:
    """How many outlines each pixel's centre is in."""
    count = np.zeros(shape, dtype=np.int64)
    for path in paths:
        count += grid_points_in_poly(shape, path)
    return count


@pytest.mark.parametrize("density", [0.1, 0.5, 0.8, 0.95])
@pytest.mark.parametrize("seed", range(5))
def test_filled_outlines_are_the_mask(density: float, seed: int) -> None:
    """Random pixels: islands in holes, corners that touch, holes beside holes."""
    mask = np.random.default_rng(seed).random((23, 31)) < density
    paths = pixel_outlines(mask)
    np.testing.assert_array_equal(_filled(paths, mask.shape), mask)  # each pixel in one outline
    assert len(paths) == ndimage.label(mask)[1]


def test_signed_areas_add_up_to_the_pixels() -> None:
    """The non-zero winding rule fills the same, because holes run the other way."""
    mask = np.random.default_rng(9).random((19, 17)) < 0.8
    area = 0.0
    for path in pixel_outlines(mask):
        row, column = path.T
        area += (column * np.roll(row, -1) - row * np.roll(column, -1)).sum() / 2
    assert area == mask.sum()


def test_one_pixel() -> None:
    mask = np.zeros((3, 4))
    mask[1, 2] = 1
    (path,) = pixel_outlines(mask)
    assert sorted(map(tuple, path)) == [(0.5, 1.5), (0.5, 2.5), (1.5, 1.5), (1.5, 2.5)]


def test_ring_is_one_path_with_a_keyhole() -> None:
    mask = np.ones((5, 5))
    mask[2, 2] = 0
    (path,) = pixel_outlines(mask)
    assert len(path) == 10  # 4 corners outside, 4 in the hole, both ends of the channel, one twice
    np.testing.assert_array_equal(_filled([path], (5, 5)), mask)


def test_pixels_that_touch_at_a_corner_are_two() -> None:
    assert len(pixel_outlines(np.eye(2))) == 2
    assert len(pixel_outlines(np.eye(2)[::-1])) == 2


@pytest.mark.parametrize("mask", [np.zeros((3, 4)), np.zeros((0, 3))])
def test_nothing(mask: Any) -> None:
    assert pixel_outlines(mask) == []


def test_full_plane_is_a_rectangle() -> None:
    (path,) = pixel_outlines(np.ones((6, 9)))
    assert len(path) == 4
