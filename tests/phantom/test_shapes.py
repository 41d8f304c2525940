"""Shapes against volumes from geometry, and against their own boxes."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.ndimage import label

from lesionloop.phantom.shapes import (
    Capsule,
    Domes,
    Ellipsoid,
    HalfSpace,
    Intersection,
    Profile,
    Shape,
    Wobble,
    rotation_to,
    tube,
)

STEP = (0.7, 0.9, 1.1)


def inside(shape: Shape, margin: float = 4.0) -> NDArray[np.bool_]:
    """Which points of a fine lattice over the shape's box, and a little more, are inside."""
    low, high = np.array(shape.box)
    x, y, z = (
        np.arange(lo - margin, hi + margin, s) for lo, hi, s in zip(low, high, STEP, strict=True)
    )
    return shape.contains(x[:, None, None], y[None, :, None], z[None, None, :])


def volume(shape: Shape) -> float:
    return float(inside(shape).sum() * np.prod(STEP))


def test_an_ellipsoid_has_its_volume_whichever_way_it_is_turned() -> None:
    exact = 4 / 3 * np.pi * 9 * 14 * 21
    turn = rotation_to((1.0, -2.0, 0.5))
    for shape in (Ellipsoid((3, -5, 8), (9, 14, 21)), Ellipsoid((3, -5, 8), (9, 14, 21), turn)):
        assert volume(shape) == pytest.approx(exact, rel=0.01)
        assert shape.volume_ml == pytest.approx(exact / 1000)


def test_a_capsule_is_a_cylinder_with_two_half_balls() -> None:
    rod = Capsule((0, 0, 0), (12, 9, 20), 6, 6)
    length = 25.0  # sqrt(144 + 81 + 400)
    assert volume(rod) == pytest.approx(np.pi * 36 * length + 4 / 3 * np.pi * 216, rel=0.01)


def test_a_capsule_without_length_is_a_ball() -> None:
    assert volume(Capsule((1, 2, 3), (1, 2, 3), 10, 10)) == pytest.approx(4188.8, rel=0.01)


def test_an_elliptic_profile_is_a_cylinder_and_an_inset_makes_it_smaller() -> None:
    knots = tuple((z, 5.0, 30.0, -20.0, 10.0) for z in (0.0, 20.0, 40.0))
    assert volume(Profile(knots)) == pytest.approx(np.pi * 30 * 15 * 40, rel=0.04)
    assert volume(Profile(knots, inset=5)) == pytest.approx(np.pi * 25 * 10 * 40, rel=0.04)


def test_a_half_space_cuts_a_ball_in_half() -> None:
    ball = Ellipsoid((0, 0, 0), (20, 20, 20))
    half = Intersection((ball, HalfSpace((0, 0, 0), (0.3, -0.7, 0.2))))
    assert volume(half) == pytest.approx(volume(ball) / 2, rel=0.02)


def test_domes_have_their_tops_on_both_sides_and_dip_between() -> None:
    domes = Domes(right=-150, left=-165)
    x = np.array([-70.0, 70.0, 0.0])
    z = np.arange(-260.0, -140.0, 0.5)
    below = domes.contains(x[:, None], np.full((1, 1), 5.0), z[None])
    top = np.array([z[row].max() for row in below])
    np.testing.assert_allclose(top[:2], (-150, -165), atol=1.0)
    assert top[2] < top[1]


@pytest.mark.parametrize("strength", [0.1, 0.8])
def test_a_dented_ellipsoid_stays_in_one_piece_and_in_its_box(strength: float) -> None:
    rng = np.random.default_rng(4)
    for _ in range(15):
        shape = Ellipsoid((0, 0, 0), (8, 11, 14), None, Wobble.draw(rng, strength))
        mask = inside(shape)
        assert label(mask)[1] == 1
        assert not any(np.take(mask, side, axis).any() for axis in range(3) for side in (0, -1))


def test_scaling_by_two_makes_eight_times_the_volume() -> None:
    rng = np.random.default_rng(5)
    shape = Ellipsoid((2, 1, 0), (7, 8, 9), rotation_to((1, 1, 1)), Wobble.draw(rng, 0.5))
    assert volume(shape.scaled(2)) == pytest.approx(8 * volume(shape), rel=0.02)


def test_every_shape_lies_in_its_box() -> None:
    rng = np.random.default_rng(6)
    parts = tube([(0, 0, 0), (10, 4, -3), (12, 20, 6)], (3, 5, 2))
    assert len(parts) == 2
    for shape in (*parts, Ellipsoid((1, 2, 3), (4, 5, 12), rotation_to((1, 2, 3)))):
        low, high = np.array(shape.box)
        points = rng.uniform(low - 15, high + 15, (20_000, 3))
        held = shape.contains(*points.T)
        assert held.any()
        assert ((points[held] >= low) & (points[held] <= high)).all()


def test_a_rotation_is_orthonormal_and_takes_z_to_the_axis() -> None:
    for axis in ((0, 0, 1), (1, 0, 0), (0.2, -3, 0.4)):
        turn = rotation_to(axis)
        np.testing.assert_allclose(turn @ turn.T, np.eye(3), atol=1e-12)
        assert np.linalg.det(turn) == pytest.approx(1)
        np.testing.assert_allclose(turn @ (0, 0, 1), np.array(axis) / np.linalg.norm(axis))
