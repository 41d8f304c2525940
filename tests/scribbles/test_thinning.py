"""Thinning against scikit-image."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from skimage.morphology import skeletonize

from lesionloop.scribbles.thinning import thin


@settings(deadline=None, max_examples=300)
@given(hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, max_side=12)))
def test_equals_scikit_image_on_any_small_image(image: NDArray[np.bool_]) -> None:
    np.testing.assert_array_equal(thin(image), skeletonize(image))


def test_equals_scikit_image_for_all_neighbourhoods() -> None:
    for code in range(512):
        image = np.array([code >> bit & 1 for bit in range(9)], dtype=bool).reshape(3, 3)
        np.testing.assert_array_equal(thin(image), skeletonize(image))


@pytest.mark.parametrize("order", ["C", "F"])
def test_equals_scikit_image_on_thick_shapes(order: str) -> None:
    x, y = np.mgrid[:90, :70]
    wave = np.sin(x / 7.0) + np.cos(y / 5.0 + x / 20.0)
    for level in (-1.0, -0.3, 0.0, 0.8):
        image = np.array(wave > level, order="F" if order == "F" else "C")
        np.testing.assert_array_equal(thin(image), skeletonize(image))


def test_leaves_its_input_alone() -> None:
    image = np.ones((9, 7), dtype=bool)
    thin(image)
    assert image.all()


@pytest.mark.parametrize("shape", [(0, 5), (5, 0), (1, 1), (1, 6), (6, 1)])
def test_degenerate_images(shape: tuple[int, int]) -> None:
    assert thin(np.zeros(shape, dtype=bool)).shape == shape
    # A line is thin already.
    assert thin(np.ones(shape, dtype=bool)).all()


def test_a_square_of_four_keeps_two_pixels() -> None:
    assert thin(np.ones((2, 2), dtype=bool)).sum() == 2
