"""The largest diameter, against the mesh of another program and by hand."""

from math import hypot

import numpy as np
import pytest
from scipy.spatial.distance import pdist

from lesionloop.quantification.diameter import largest_diameters


def test_one_voxel_and_a_line() -> None:
    labels = np.zeros((9, 6, 5), dtype=np.uint8)
    labels[4, 4, 2] = 2
    labels[1:6, 1, 1] = 1
    spacing = (2.0, 3.0, 4.0)
    # Between the middles of opposite faces: along the longest side, and along the line.
    assert largest_diameters(labels, spacing) == pytest.approx({1: 10.0, 2: 4.0})


@pytest.mark.parametrize("seed", range(4))
def test_it_is_that_of_the_mesh(seed: int) -> None:
    measure = pytest.importorskip("skimage.measure")
    rng = np.random.default_rng(seed)
    spacing = tuple(rng.uniform(1.0, 5.0, 3))
    mask = np.zeros((14, 13, 12), dtype=np.uint8)
    mask[2:12, 2:11, 2:10] = rng.random((10, 9, 8)) < 0.3
    corners, *_ = measure.marching_cubes(mask, 0.5, spacing=spacing)
    found = largest_diameters(mask, spacing)
    assert found[1] == pytest.approx(float(pdist(corners).max()), rel=1e-6)


def test_a_ball_is_as_wide_as_it_is() -> None:
    x, y, z = np.indices((41, 41, 41)) - 20
    ball = (x * x + y * y + z * z <= 15.5**2).astype(np.uint8)
    assert largest_diameters(ball, (1.0, 1.0, 1.0))[1] == pytest.approx(31.0, abs=1.0)


def test_nothing_has_no_diameter() -> None:
    assert largest_diameters(np.zeros((3, 3, 3), dtype=np.uint8), (1.0, 1.0, 1.0)) == {}


def test_two_pieces_of_one_lesion_are_measured_together() -> None:
    labels = np.zeros((8, 8, 3), dtype=np.int32)
    labels[0, 0, 1] = labels[7, 7, 1] = 5
    assert largest_diameters(labels, (1.0, 1.0, 1.0))[5] == pytest.approx(hypot(8.0, 7.0))
