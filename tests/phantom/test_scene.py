"""Scenes: what is painted last wins, and points agree with voxels."""

import numpy as np

from lesionloop.phantom.scene import Scene
from lesionloop.phantom.shapes import Ellipsoid
from lesionloop.phantom.tissues import Tissue


def test_later_pieces_cover_earlier_ones_and_respect_what_they_may_replace() -> None:
    scene = Scene()
    scene.add(Ellipsoid((0, 0, 0), (30, 30, 30)), Tissue.FAT)
    scene.add(Ellipsoid((0, 0, 0), (10, 10, 10)), Tissue.LIVER)
    scene.add(Ellipsoid((0, 0, 0), (20, 20, 20)), Tissue.COLON, over=(Tissue.FAT,))
    points = np.array([[0, 0, 0], [15, 0, 0], [0, 25, 0], [0, 0, 40.0]])
    expected = [Tissue.LIVER, Tissue.COLON, Tissue.FAT, Tissue.AIR]
    assert scene.tissue_at(points).tolist() == expected


def test_voxels_agree_with_points_at_their_centres() -> None:
    rng = np.random.default_rng(2)
    scene = Scene(scale=(1.1, 0.9, 1.2), centre=(0, 0, -30))
    for tissue in (Tissue.FAT, Tissue.LIVER, Tissue.BONE, Tissue.LUNG):
        centre = rng.uniform(-20, 20, 3)
        scene.add(
            Ellipsoid((centre[0], centre[1], centre[2]), (12, 17, 22)),
            tissue,
            over=None if tissue != Tissue.LUNG else (Tissue.AIR, Tissue.FAT),
        )
    x, y, z = (np.arange(n) * s - n * s / 2 for n, s in ((23, 3.1), (27, 2.7), (19, 4.3)))
    painted = scene.paint(x, y, z)
    assert painted.flags.f_contiguous
    points = np.stack(np.meshgrid(x, y, z, indexing="ij"), axis=-1).reshape(-1, 3)
    np.testing.assert_array_equal(painted.ravel(), scene.tissue_at(points))


def test_scaling_a_scene_scales_volumes() -> None:
    axis = np.arange(-60, 60, 1.5)
    volumes = []
    for scale in ((1.0, 1.0, 1.0), (1.5, 0.8, 1.2)):
        scene = Scene(scale=scale)
        scene.add(Ellipsoid((0, 0, 0), (25, 30, 28)), Tissue.LIVER)
        volumes.append(int((scene.paint(axis, axis, axis) == Tissue.LIVER).sum()))
    assert abs(volumes[1] / volumes[0] - 1.5 * 0.8 * 1.2) < 0.02


def test_a_scene_outside_the_grid_paints_nothing() -> None:
    scene = Scene()
    scene.add(Ellipsoid((500, 0, 0), (5, 5, 5)), Tissue.BONE)
    axis = np.arange(10.0)
    assert not scene.paint(axis, axis, axis).any()
