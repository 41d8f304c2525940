"""Lesions: volumes from geometry, distances, sites, and refusals."""

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.phantom.lesions import LARGEST_ML, SMALLEST_ML, grow_lesions, partial_volume
from lesionloop.phantom.scene import Scene
from lesionloop.phantom.shapes import Box, Ellipsoid, rotation_to
from lesionloop.phantom.tissues import Tissue
from lesionloop.phantom.uptake import draw_uptake

WIDE: Box = ((-300, -300, -700), (300, 300, 300))


def body() -> Scene:
    """A block of muscle with a lung and a liver in it: enough of a body for lesions."""
    scene = Scene()
    scene.add(Ellipsoid((0, 0, -250), (260, 200, 600)), Tissue.MUSCLE)
    scene.add(Ellipsoid((70, 0, -110), (60, 80, 100)), Tissue.LUNG)
    scene.add(Ellipsoid((-70, 0, -230), (60, 80, 70)), Tissue.LIVER)
    return scene


@pytest.mark.parametrize("spacing", [(2.04, 2.04, 3.0), (4.07, 3.5, 5.0)])
def test_partial_volumes_add_up_to_the_volume(spacing: tuple[float, float, float]) -> None:
    axes = [np.arange(n) * s - 60 for n, s in zip((60, 62, 64), spacing, strict=True)]
    shape = Ellipsoid((3.3, -7.1, 2.2), (14, 10, 19), rotation_to((1, 2, -1)))
    box, share = partial_volume(shape, axes, spacing)
    exact = 4 / 3 * np.pi * 14 * 10 * 19
    assert share.sum() * np.prod(spacing) == pytest.approx(exact, rel=0.01)
    assert share.min() >= 0
    assert share.max() == 1
    whole = np.zeros((60, 62, 64))
    whole[box] = share
    centre = [
        (whole.sum(axis=tuple({0, 1, 2} - {a})) * axes[a]).sum() / whole.sum() for a in range(3)
    ]
    np.testing.assert_allclose(centre, shape.centre, atol=0.15)


def test_a_voxel_that_a_plane_halves_is_half_full() -> None:
    # A huge ball whose surface passes x = 0 is a half space on the scale of one voxel.
    share = partial_volume(
        Ellipsoid((-1e4, 0, 0), (1e4, 1e4, 1e4)),
        [np.array([-4.0, 0.0, 4.0]), np.array([0.0]), np.array([0.0])],
        (4.0, 3.0, 5.0),
    )[1]
    np.testing.assert_allclose(share[:, 0, 0], [1, 0.5], atol=0.01)


def test_a_shape_outside_the_grid_fills_nothing() -> None:
    axes = [np.arange(5.0), np.arange(6.0), np.arange(7.0)]
    for x in (-50.0, 50.0):
        assert not partial_volume(Ellipsoid((x, 0, 0), (3, 3, 3)), axes, (1, 1, 1))[1].any()


def test_lesions_keep_apart_inside_the_field_and_in_range() -> None:
    rng = np.random.default_rng(0)
    uptake = draw_uptake("fdg", rng)
    scene = body()
    lesions = grow_lesions(20, scene, uptake, tracer="fdg", field=WIDE, rng=rng)
    assert len(lesions) == 20
    balls = [
        (np.array(lesion.shape.centre), max(lesion.shape.semi) * (lesion.shape.wobble or 0).reach)  # type: ignore[union-attr]
        for lesion in lesions
    ]
    for i, (a, ra) in enumerate(balls):
        assert (a - ra >= WIDE[0]).all()
        assert (a + ra <= WIDE[1]).all()
        for b, rb in balls[:i]:
            assert np.linalg.norm(a - b) >= ra + rb + 12.0
    volumes = np.array([lesion.volume_ml for lesion in lesions])
    assert volumes.min() >= SMALLEST_ML * 0.999
    assert volumes.max() <= LARGEST_ML * 1.001
    assert all(3 <= lesion.suv <= 25 for lesion in lesions)
    centres = np.array([lesion.shape.centre for lesion in lesions])
    tissues = scene.tissue_at(centres)
    for lesion, tissue in zip(lesions, tissues, strict=True):
        if lesion.site in ("lung", "liver"):
            assert Tissue(tissue).name.lower() == lesion.site


def test_lesions_stand_out_from_what_is_around_them() -> None:
    rng = np.random.default_rng(1)
    uptake = draw_uptake("psma", rng)
    uptake.suv[Tissue.LIVER] = 6.0
    lesions = [
        lesion
        for seed in range(8)
        for lesion in grow_lesions(
            6, body(), uptake, tracer="psma", field=WIDE, rng=np.random.default_rng(seed)
        )
        if lesion.site == "liver"
    ]
    assert lesions
    assert all(lesion.suv >= 12.0 for lesion in lesions)


def test_no_lesions_are_none() -> None:
    rng = np.random.default_rng(0)
    assert grow_lesions(0, body(), draw_uptake("fdg", rng), tracer="fdg", field=WIDE, rng=rng) == ()


def test_a_negative_count_and_a_field_without_room_are_refused() -> None:
    rng = np.random.default_rng(0)
    uptake = draw_uptake("fdg", rng)
    with pytest.raises(InputError, match="-1 lesions"):
        grow_lesions(-1, body(), uptake, tracer="fdg", field=WIDE, rng=rng)
    tiny: Box = ((-20, -20, -240), (20, 20, -200))
    with pytest.raises(InputError, match="no room"):
        grow_lesions(30, body(), uptake, tracer="fdg", field=tiny, rng=rng)
