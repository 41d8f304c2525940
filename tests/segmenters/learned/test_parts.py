"""Groups, slabs and the fine mask against plain computations."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.imaging.working import IsotropicGrid
from lesionloop.networks.channels import GUIDANCE_REACH_MM, scribble_channel
from lesionloop.segmenters.learned import slabs
from lesionloop.segmenters.learned.fine_mask import FineMask
from lesionloop.segmenters.learned.groups import find_groups
from lesionloop.segmenters.learned.network import load_runtime


def test_groups_are_far_apart_and_hold_every_point_once() -> None:
    rng = np.random.default_rng(4)
    shape = (90, 80, 70)
    points = np.unique(rng.integers(0, shape, (12, 3)), axis=0)
    foreground, background = points[:6], points[6:]
    groups = find_groups(foreground, background, shape, 15)
    held = np.concatenate([np.concatenate([g.foreground, g.background]) for g in groups])
    assert sorted(map(tuple, held.tolist())) == sorted(map(tuple, points.tolist()))
    for one in groups:
        for other in groups:
            if one is not other:
                a = np.concatenate([one.foreground, one.background])
                b = np.concatenate([other.foreground, other.background])
                assert np.abs(a[:, None] - b[None]).max(axis=2).min() > 15
    shuffled = find_groups(foreground[::-1], background[::-1], shape, 15)
    assert [g.key for g in shuffled] == [g.key for g in groups]
    assert find_groups(points[:0], points[:0], shape, 15) == []


def test_slabs_give_what_one_piece_gives(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime = load_runtime(tiny_weights, "onnx", 1)
    inputs = np.random.default_rng(5).random((7, 21, 18, 150), dtype=np.float32)
    padding = np.array([0, -1000, 1e4, 1e4, 0, 0, 0], np.float32)
    whole = slabs.run_box(runtime, inputs, 8, padding)
    assert whole.shape == (21, 18, 150)
    monkeypatch.setattr(slabs, "MOST_VOXELS", 24 * 24 * 80)
    np.testing.assert_allclose(slabs.run_box(runtime, inputs, 8, padding), whole, atol=1e-5)


def test_a_mask_that_follows_is_the_mask_made_at_once() -> None:
    rng = np.random.default_rng(6)
    working = IsotropicGrid((53, 41, 37), (2.3, 3.1, 4.4))
    like = np.zeros(working.fine_shape, order="F")
    following = FineMask(working, 0.2, like)
    logits = rng.normal(-3, 1, working.shape).astype(np.float32)
    for _ in range(6):
        low = [int(rng.integers(0, n - 4)) for n in working.shape]
        part = tuple(slice(a, a + int(rng.integers(1, 9))) for a in low)
        logits = logits.copy()
        logits[part] += rng.normal(3, 2)
        mask = following.follow(logits).copy(order="K")
        x, y, z = (slice(0, n) for n in working.fine_shape)
        expected = working.expand(logits, (x, y, z)) > 0.2
        np.testing.assert_array_equal(mask, expected)
    assert mask.any()
    assert mask.flags.f_contiguous


class Counting:
    """A runtime that computes nothing and remembers what it was given."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        assert all(side % 8 == 0 for side in inputs.shape[1:])
        self.sizes.append(int(np.prod(inputs.shape[1:])))
        return np.asarray(inputs[0] * 2)


@pytest.mark.parametrize("shape", [(204, 204, 245), (300, 40, 301), (61, 250, 260)])
def test_tiles_fit_into_memory_and_cost_little_more(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(1)
    values = rng.random(shape, dtype=np.float32)
    inputs = np.broadcast_to(values, (7, *shape))
    runtime = Counting()
    result = slabs.run_box(runtime, inputs, 8, np.zeros(7, np.float32))
    np.testing.assert_array_equal(result, 2 * values)
    assert max(runtime.sizes) <= slabs.MOST_VOXELS
    assert sum(runtime.sizes) < 2.2 * np.prod(shape)


@pytest.mark.parametrize("shape", [(21, 18, 150), (70, 66, 61)])
def test_tiles_along_any_axes_give_what_one_piece_gives(
    tiny_weights: Path, monkeypatch: pytest.MonkeyPatch, shape: tuple[int, int, int]
) -> None:
    runtime = load_runtime(tiny_weights, "onnx", 1)
    inputs = np.random.default_rng(5).random((7, *shape), dtype=np.float32)
    padding = np.array([0, -1000, 1e4, 1e4, 0, 0, 0], np.float32)
    whole = slabs.run_box(runtime, inputs, 8, padding)
    monkeypatch.setattr(slabs, "MOST_VOXELS", 64**3)
    np.testing.assert_allclose(slabs.run_box(runtime, inputs, 8, padding), whole, atol=1e-5)


def test_long_groups_are_cut_so_that_a_stroke_more_costs_little() -> None:
    rng = np.random.default_rng(2)
    shape, nobody = (110, 80, 245), np.empty((0, 3), dtype=np.int64)
    points = np.unique(rng.integers(0, shape, (300, 3)), axis=0)
    before = find_groups(points, nobody, shape, 15)
    after = find_groups(np.concatenate([points, [[50, 40, 120]]]), nobody, shape, 15)
    for groups in (before, after):
        for group in groups:
            sides = [s.stop - s.start for s in group.box(0, shape)]
            assert max(sides) <= 32
    held = np.concatenate([group.foreground for group in before])
    assert sorted(map(tuple, held.tolist())) == sorted(map(tuple, points.tolist()))
    new = {group.key for group in after} - {group.key for group in before}
    assert 1 <= len(new) <= 8 < len(after)


def test_geodesic_guidance_goes_around_what_takes_up_otherwise() -> None:
    pet = np.ones((15, 15, 15), np.float32)
    pet[7] = 9.0
    point = np.array([[4, 7, 7]])
    plain = scribble_channel(point, pet, 4.0)
    geodesic = scribble_channel(point, pet, 4.0, geodesic=True)
    assert plain[10, 7, 7] == pytest.approx(24.0)
    assert geodesic[6, 7, 7] == pytest.approx(8.0)
    assert geodesic[10, 7, 7] == pytest.approx(GUIDANCE_REACH_MM)
    nothing = np.empty((0, 3), dtype=np.int64)
    assert scribble_channel(nothing, pet, 4.0, geodesic=True).min() > GUIDANCE_REACH_MM
