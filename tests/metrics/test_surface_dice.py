"""Surface Dice against geometry, a rule of its own, and another implementation."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.metrics import surface_dice
from lesionloop.metrics.surface_dice import _areas, _pieces


def box(shape: tuple[int, int, int], *parts: slice) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[parts] = True
    return mask


def test_a_plane_has_the_area_of_its_face() -> None:
    areas = _areas((2.0, 3.0, 5.0))
    # Corners are numbered 4x + 2y + z: all four at x = 0, then y = 0, then z = 0.
    for inside, area in (((0, 1, 2, 3), 15.0), ((0, 1, 4, 5), 10.0), ((0, 2, 4, 6), 6.0)):
        assert areas[sum(1 << bit for bit in inside)] == pytest.approx(area)
    # One corner: a triangle through the middles of three edges.
    expected = np.linalg.norm(np.cross([-1, 1.5, 0], [-1, 0, 2.5])) / 2
    assert areas[1] == pytest.approx(expected)
    # An edge of two corners along x: a strip as long as the cube, slanted over y and z.
    assert areas[1 | 1 << 4] == pytest.approx(2 * math.hypot(1.5, 2.5))


def test_inside_and_outside_have_the_same_surface_but_for_corners_across() -> None:
    areas = _areas((1.0, 1.0, 1.0))
    assert (areas[1:255] > 0).all()
    assert areas[0] == areas[255] == 0
    differing = [code for code in range(256) if not math.isclose(areas[code], areas[255 - code])]
    # Only where a face has two corners across from each other does it matter which are inside.
    faces = [[c for c in range(8) if (c >> axis & 1) == end] for axis in range(3) for end in (0, 1)]
    for code in differing:
        crossed = [[bool(code >> c & 1) for c in face] for face in faces]
        assert any(a == d != b == c for a, b, c, d in crossed)


def test_the_area_of_a_ball() -> None:
    spacing = np.array([0.5, 0.8, 1.0])
    axes = [np.arange(-n, n + 1) * s for n, s in zip((26, 17, 13), spacing, strict=True)]
    x, y, z = np.meshgrid(*axes, indexing="ij")
    ball = x**2 + y**2 + z**2 < 10**2
    found = float(_pieces(ball, _areas((0.5, 0.8, 1.0)))[1].sum())
    # Steps of a binary surface lean by up to a few degrees either way: some percent too much.
    assert found == pytest.approx(4 * math.pi * 10**2, rel=0.12)
    assert found > 4 * math.pi * 10**2


def test_two_planes_apart() -> None:
    shape = (20, 12, 11)
    one, other = box(shape, slice(0, 10)), box(shape, slice(0, 12))
    # The faces at x are 2 voxels of 1.5 mm apart; all else agrees up to that place.
    assert surface_dice(one, other, (1.5, 1, 1), tolerance_mm=3.0) == 1.0
    assert surface_dice(one, other, (1.5, 1, 1), tolerance_mm=2.9) < 0.97
    assert surface_dice(one, one, (1.5, 1, 1), tolerance_mm=0.0) == 1.0


def test_areas_count_not_pieces() -> None:
    """A slab differs from a thicker one in one face; the share follows from areas alone."""
    shape = (44, 44, 24)
    one, other = (box(shape, slice(2, 42), slice(2, 42), slice(2, top)) for top in (12, 22))
    found = surface_dice(one, other, (1.0, 1.0, 4.0), tolerance_mm=0.5)
    # Faces of 40 x 40 mm; four sides 40 mm long and 40 or 80 mm high, of which 40 are shared.
    shared = 2 * 40 * 40 + 2 * 4 * 40 * 40
    assert found == pytest.approx(shared / (shared + 2 * 40 * 40 + 4 * 40 * 40), abs=0.02)


def test_empty_masks() -> None:
    empty, some = box((4, 4, 4)), box((4, 4, 4), slice(1, 2))
    empty[:] = False
    assert math.isnan(surface_dice(empty, empty, (1, 1, 1)))
    assert surface_dice(empty, some, (1, 1, 1)) == 0
    assert surface_dice(some, empty, (1, 1, 1)) == 0


@given(seed=st.integers(0, 10**6), tolerance=st.floats(0, 6))
@settings(max_examples=30, deadline=None)
def test_laws(seed: int, tolerance: float) -> None:
    rng = np.random.default_rng(seed)
    one, other = rng.random((2, 6, 5, 7)) < rng.uniform(0.05, 0.5)
    spacing = (1.3, 2.1, 0.7)
    found = surface_dice(one, other, spacing, tolerance_mm=tolerance)
    if not one.any() and not other.any():
        assert math.isnan(found)
        return
    assert 0 <= found <= 1
    assert surface_dice(other, one, spacing, tolerance_mm=tolerance) == pytest.approx(found)
    first, second = (np.pad(mask, ((3, 1), (0, 2), (1, 1))) for mask in (one, other))
    assert surface_dice(first, second, spacing, tolerance_mm=tolerance) == pytest.approx(found)
    if one.any() and other.any():
        assert surface_dice(one, other, spacing, tolerance_mm=tolerance + 1) >= found - 1e-12


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize("seed", range(4))
def test_the_package_of_the_definition_agrees(seed: int) -> None:
    theirs = pytest.importorskip("surface_distance", reason="needs lesionloop[test]")
    rng = np.random.default_rng(seed)
    one = ndimage.gaussian_filter(rng.normal(size=(34, 31, 27)), 2.2) > 0.03
    blurred = ndimage.gaussian_filter(one.astype(float), 1.2)
    other = blurred + 0.1 * rng.normal(size=one.shape) > 0.5
    spacing = (2.0, 3.0, 4.5)
    distances = theirs.compute_surface_distances(other, one, spacing)
    for tolerance in (1.0, 2.0, 4.0):
        expected = theirs.compute_surface_dice_at_tolerance(distances, tolerance)
        # Triangles differ where corners across from each other are inside: a few in a thousand.
        found = surface_dice(one, other, spacing, tolerance_mm=tolerance)
        assert found == pytest.approx(expected, abs=5e-3)


@pytest.mark.parametrize(
    ("spacing", "tolerance"), [((1, 1), 1), ((1, 0, 1), 1), ((1, 1, 1), -1), ((1, 1, 1), math.nan)]
)
def test_bad_numbers_are_refused(spacing: tuple[float, ...], tolerance: float) -> None:
    mask = box((3, 3, 3), slice(1, 2))
    with pytest.raises(InputError):
        surface_dice(mask, mask, spacing, tolerance_mm=tolerance)
    with pytest.raises(InputError):
        surface_dice(mask, mask[:2], (1, 1, 1))
