"""Reference regions in bodies of boxes and balls whose deepest places are known."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.quantification.organ_map import OrganMap
from lesionloop.quantification.reference_regions import blood_pool_region, liver_region

SHAPE = (48, 40, 44)
SPACING = (3.0, 3.5, 4.0)
NAMES = {1: "liver", 2: "aorta", 3: "heart"}


class Body:
    """An empty field; shapes are set in LPS mm around its middle."""

    def __init__(self, direction: tuple[float, ...] = (1, 0, 0, 0, 1, 0, 0, 0, 1)) -> None:
        flips = np.array(direction)[::4]
        half = (np.array(SHAPE) - 1) / 2 * SPACING
        self.grid = Grid(SHAPE, SPACING, tuple(-flips * half), direction)
        self.labels = np.zeros(SHAPE, dtype=np.uint8)
        self.near = np.zeros(SHAPE, dtype=bool)
        index = np.stack(np.meshgrid(*map(np.arange, SHAPE), indexing="ij"), axis=-1)
        self.world = self.grid.to_world(index)
        self.pet = np.full(SHAPE, 1.0)

    def ball(self, centre: tuple[float, float, float], radius: float) -> NDArray[np.bool_]:
        return np.asarray(np.linalg.norm(self.world - centre, axis=-1) <= radius)

    def tube(self, x: float, y: float, radius: float) -> NDArray[np.bool_]:
        return np.asarray(np.linalg.norm(self.world[..., :2] - (x, y), axis=-1) <= radius)

    def run(self, kind: Any) -> Any:
        study = Study(Volume(self.pet.astype(np.float32), self.grid, Quantity.SUV_BW), None, "c")
        return kind(study, OrganMap(self.labels, NAMES), self.near)


@pytest.mark.parametrize("direction", [(1, 0, 0, 0, 1, 0, 0, 0, 1), (-1, 0, 0, 0, -1, 0, 0, 0, 1)])
def test_the_deepest_place_of_the_right_lobe(direction: tuple[float, ...]) -> None:
    """Two balls of 32 and 36 mm; the larger is to the left, the sphere goes to the right one."""
    body = Body(direction)
    body.labels[body.ball((-25, 0, 0), 32) | body.ball((40, 0, 0), 30)] = 1
    body.pet += 0.001 * body.world[..., 0]
    found = body.run(liver_region)
    assert found.ok, found.why
    np.testing.assert_allclose(found.centre_mm, (-25, 0, 0), atol=3)
    inside = np.linalg.norm(body.world - found.centre_mm, axis=-1) <= 15
    assert found.volume_ml == pytest.approx(inside.sum() * body.grid.voxel_ml)
    assert found.volume_ml == pytest.approx(14.1, rel=0.06)
    values = body.pet[inside]
    assert found.mean == pytest.approx(values.mean(), rel=1e-6)
    assert found.sd == pytest.approx(values.std(), rel=1e-3)
    assert found.high == pytest.approx(values.max(), rel=1e-6)


def test_lesions_push_the_sphere_aside_and_then_out() -> None:
    body = Body()
    body.labels[np.abs(body.world - (0, 0, 0)).max(axis=-1) <= 60] = 1
    body.near = body.ball((-30, 0, 0), 15)
    found = body.run(liver_region)
    assert found.ok
    assert np.linalg.norm(np.array(found.centre_mm) - (-30, 0, 0)) > 35
    body.near = (body.world[..., 2] // 20 % 2).astype(bool)
    found = body.run(liver_region)
    assert not found.ok
    assert "lesions in the liver" in found.why
    assert np.isnan(found.mean)


def test_a_liver_cut_off_by_the_scan_says_so() -> None:
    body = Body()
    body.labels[body.ball((0, 0, 95), 30)] = 1
    found = body.run(liver_region)
    assert not found.ok
    assert "cut off by the scan" in found.why


@pytest.mark.parametrize("noise", [0.1, 0.5])
def test_an_uneven_liver_is_not_ok(noise: float) -> None:
    body = Body()
    body.labels[body.ball((0, 0, 0), 60)] = 1
    body.pet = body.pet + np.random.default_rng(0).normal(0, noise, SHAPE)
    found = body.run(liver_region)
    assert found.ok == (noise < 0.25)
    assert ("SD" in found.why) == (noise > 0.25)


def test_missing_organs() -> None:
    assert "no liver" in Body().run(liver_region).why
    assert "no usable aorta" in Body().run(blood_pool_region).why


def test_the_cylinder_stands_in_the_descending_aorta() -> None:
    """Two tubes, in front of and behind the heart; the one in front is wider."""
    body = Body()
    body.labels[body.ball((0, -20, 20), 30)] = 3
    body.labels[body.tube(0, 45, 12)] = 2
    body.labels[body.tube(0, -55, 14)] = 2
    body.pet[body.tube(0, 45, 12)] = 1.8
    found = body.run(blood_pool_region)
    assert found.ok, found.why
    assert "cylinder" in found.where
    assert found.centre_mm is not None
    np.testing.assert_allclose(found.centre_mm[:2], (0, 45), atol=3.5)
    assert -10 <= found.centre_mm[2] <= 50
    assert found.mean == pytest.approx(1.8, rel=1e-6)
    # 2 cm are five slices of 4 mm; a disc of 5 mm holds nine centres of 3 x 3.5 mm.
    assert found.volume_ml == pytest.approx(5 * 9 * body.grid.voxel_ml)


def test_without_room_for_the_cylinder_the_aorta_serves_and_then_the_heart() -> None:
    body = Body()
    body.labels[body.tube(0, 45, 5.5)] = 2
    found = body.run(blood_pool_region)
    assert found.ok
    assert found.where.startswith("aorta")
    assert "No cylinder" in found.why
    body.labels[body.labels == 2] = 0
    body.labels[body.ball((0, 0, 0), 40)] = 3
    found = body.run(blood_pool_region)
    assert found.ok
    assert found.where.startswith("heart")
    assert "myocardium" in found.why
    body.near[:] = True
    assert not body.run(blood_pool_region).ok
