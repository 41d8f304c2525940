"""Clicks and strokes of the simulated reader, as tensors and as maps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from lesionloop.training.seganypet.clicks import NO_POINT  # noqa: E402
from lesionloop.training.seganypet.prompts import (  # noqa: E402
    Strokes,
    draw_into,
    next_prompts,
)
from lesionloop.training.seganypet.seeds import seeded  # noqa: E402

ALWAYS = Strokes(1.0, 4.0)


def test_an_object_is_clicked_alike_in_any_batch() -> None:
    rng = np.random.default_rng(1)
    mask, reference = torch.from_numpy(rng.random((2, 3, 1, 6, 5, 4)) < 0.3)
    mask[1] = reference[1]
    _, points, labels = next_prompts(mask, reference, [seeded(n) for n in range(3)], "uniform")
    for n in range(3):
        _, point, label = next_prompts(
            mask[n : n + 1], reference[n : n + 1], [seeded(n)], "uniform"
        )
        assert torch.equal(point, points[n : n + 1])
        assert torch.equal(label, labels[n : n + 1])
    assert points.shape == (3, 1, 3)
    assert labels[1].tolist() == [NO_POINT]


@given(seed=st.integers(0, 10**6), share=st.sampled_from([0.0, 0.5, 1.0]))
@settings(max_examples=40, deadline=None)
def test_all_that_is_drawn_is_wrong_in_the_mask(seed: int, share: float) -> None:
    rng = np.random.default_rng(seed)
    mask, reference = np.zeros((2, 2, 1, 16, 14, 12), bool)
    for volume in (mask, reference):
        for number in range(2):
            low = rng.integers(0, 6, 3)
            high = low + rng.integers(1, 6, 3)
            (x, y, z), (a, b, c) = low.tolist(), high.tolist()
            volume[number, 0, x:a, y:b, z:c] = True
    mask[1] = reference[1]
    generators = [seeded(seed), seeded(seed + 1)]
    prompts, points, labels = next_prompts(
        torch.from_numpy(mask), torch.from_numpy(reference), generators, "uniform",
        Strokes(share, 4.0),
    )  # fmt: skip
    assert len(prompts[1].drawn) == 0
    assert (labels[1] == NO_POINT).all()
    if not (mask[0] ^ reference[0]).any():
        return
    one = prompts[0]
    places = tuple(one.drawn.T)
    assert (mask[0, 0][places] != reference[0, 0][places]).all()
    assert (reference[0, 0][places] == one.positive).all()
    assert 1 <= len(one.points) <= 5
    assert {tuple(p) for p in one.points.tolist()} <= {tuple(p) for p in one.drawn.tolist()}
    assert points[0, : len(one.points)].long().tolist() == one.points.tolist()
    assert (labels[0, : len(one.points)] == int(one.positive)).all()
    assert (labels[0, len(one.points) :] == NO_POINT).all()
    if share == 0:
        assert len(one.drawn) == 1


def test_strokes_are_lines_and_seeds_decide_them() -> None:
    mask, reference = torch.zeros((2, 1, 1, 24, 24, 24), dtype=torch.bool)
    reference[..., 4:20, 6:18, 5:15] = True
    drawn = [
        next_prompts(mask, reference, [seeded(seed)], "uniform", ALWAYS)[0][0].drawn
        for seed in (1, 1, 2, 3, 4, 5)
    ]
    assert drawn[0].tolist() == drawn[1].tolist()
    assert max(len(stroke) for stroke in drawn) > 8
    assert len({str(stroke.tolist()) for stroke in drawn}) > 2


def test_maps_hold_all_that_was_drawn_and_the_last_class_counts() -> None:
    mask, reference = torch.zeros((2, 1, 1, 12, 12, 12), dtype=torch.bool)
    reference[..., 2:10, 2:10, 2:10] = True
    first, _, _ = next_prompts(mask, reference, [seeded(1)], "uniform", ALWAYS)
    empty = torch.zeros(1, 2, 12, 12, 12)
    maps = draw_into(empty, first)
    assert not empty.any()
    assert maps[0, 0][tuple(first[0].drawn.T)].all()
    assert int(maps.sum()) == len({tuple(p) for p in first[0].drawn.tolist()})
    # The other way round: everything is surplus now.
    second, _, _ = next_prompts(reference, mask, [seeded(1)], "uniform", ALWAYS)
    both = draw_into(maps, second)
    assert (both.sum(dim=1) <= 1).all()
    assert both[0, 1][tuple(second[0].drawn.T)].all()
