"""Strokes, episodes, loss and augmentation, each against what it says."""

import math
from typing import Any

import cc3d
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lesionloop.networks.channels import CHANNELS, NO_SCRIBBLE_MM, Channel  # noqa: E402
from lesionloop.training.augment import cut_field, random_patch, vary_uptake  # noqa: E402
from lesionloop.training.calibration import fit_logistic  # noqa: E402
from lesionloop.training.episode import Plan, start_episode  # noqa: E402
from lesionloop.training.loss import lesion_weights, loop_loss  # noqa: E402
from lesionloop.training.sample import Sample  # noqa: E402
from lesionloop.training.strokes import Habits, next_stroke  # noqa: E402

EXACT = Habits(satisfied=0, one_lesion=0, both=0, short=0, shaky=0, wrong=0)


def generator(seed: int) -> Any:
    return torch.Generator().manual_seed(seed)


def masks() -> tuple[np.ndarray, np.ndarray]:
    reference = np.zeros((24, 22, 20), bool)
    reference[4:12, 5:13, 6:12] = True
    reference[17:20, 15:19, 3:6] = True
    mask = np.zeros_like(reference)
    mask[8:18, 5:13, 6:12] = True
    return mask, reference


@pytest.mark.parametrize("habits", [EXACT, Habits(0, 1, 0, 0, 0, 0), Habits(0, 0, 1, 0.5, 0, 0)])
def test_strokes_lie_in_the_error_they_correct(habits: Habits, uptake: np.ndarray) -> None:
    mask, reference = masks()
    seen = set()
    for seed in range(40):
        stroke = next_stroke(mask, reference, uptake, habits, generator(seed))
        assert stroke is not None
        points, foreground = stroke
        error = reference & ~mask if foreground else mask & ~reference
        assert error[tuple(points.T)].all()
        assert any(len(np.unique(points[:, axis])) == 1 for axis in range(3)), "not in a plane"
        seen.add(foreground)
    assert seen == ({True, False} if habits is not EXACT else seen)


def test_needless_strokes_ask_for_what_is_so(uptake: np.ndarray) -> None:
    mask, reference = masks()
    habits = Habits(satisfied=1, one_lesion=0, both=0, short=0, shaky=0, wrong=0)
    for seed in range(20):
        stroke = next_stroke(mask, reference, uptake, habits, generator(seed))
        assert stroke is not None
        points, foreground = stroke
        at = tuple(points.T)
        assert (reference[at] == foreground).all()
        assert (mask[at] == foreground).all()


def test_a_perfect_mask_needs_no_stroke(uptake: np.ndarray) -> None:
    _, reference = masks()
    assert next_stroke(reference, reference, uptake, EXACT, generator(1)) is None


def test_an_episode_tells_the_network_what_happened(cube_sample: Sample) -> None:
    plan = Plan(steps=3, ct_missing=0.0, tracer_told=1.0, habits=EXACT)
    draws = generator(3)
    episode = start_episode(cube_sample, plan, 4.0, draws)
    episode.steps_left = 2
    inputs = episode.inputs()
    assert inputs.shape == (CHANNELS, 40, 36, 30)
    torch.testing.assert_close(inputs[Channel.PET], cube_sample.pet)
    assert (inputs[Channel.FOREGROUND] == NO_SCRIBBLE_MM).all()
    assert (inputs[Channel.TRACER] == 1).all()
    assert (inputs[Channel.PREVIOUS] == 0).all()
    assert episode.advance(torch.zeros(cube_sample.pet.shape), draws)
    drawn = episode.scribbled()
    assert set(drawn.flatten().tolist()) == {0.0, 1.0}
    assert cube_sample.reference[drawn == 1].all()
    distance = episode.inputs()[Channel.FOREGROUND]
    points = (drawn == 1).nonzero().float()
    places = torch.tensor([[0, 0, 0], [39, 35, 29], [20, 20, 12]])
    for place in places:
        expected = 4 * (points - place).square().sum(dim=1).sqrt().min()
        assert float(distance[tuple(place)]) == pytest.approx(float(expected), abs=1e-3)
    assert episode.advance(torch.ones(cube_sample.pet.shape), draws), "background is due now"
    assert -1.0 in episode.scribbled().flatten().tolist()
    assert not episode.advance(torch.ones(cube_sample.pet.shape), draws), "two strokes were planned"


def test_small_lesions_weigh_more() -> None:
    reference = torch.zeros((30, 30, 30), dtype=torch.bool)
    reference[2:4, 2:4, 2:4] = True
    reference[10:25, 10:25, 10:25] = True
    weights = lesion_weights(reference, 0.064)
    assert float(weights[0, 0, 0]) == 1
    assert float(weights[3, 3, 3]) == pytest.approx(min(5, (20 / (8 * 0.064)) ** (1 / 3)))
    assert float(weights[20, 20, 20]) == 1
    labels, count = cc3d.connected_components(
        reference.numpy().astype(np.uint8), connectivity=18, return_N=True
    )
    assert count == 2
    assert labels[3, 3, 3] != labels[20, 20, 20]


def test_the_loss_is_low_when_right_and_heeds_strokes() -> None:
    reference = torch.zeros((1, 8, 8, 8), dtype=torch.bool)
    reference[:, 2:6, 2:6, 2:6] = True
    ones, field = torch.ones(reference.shape), torch.ones_like(reference)
    none = torch.zeros(reference.shape)
    right = torch.where(reference, 9.0, -9.0)
    assert float(loop_loss(right, reference, ones, field, none)) < 0.02
    assert float(loop_loss(-right, reference, ones, field, none)) > 5
    empty = torch.zeros_like(reference)
    # Without a lesion only cross-entropy counts: the mean of log(1 + exp(-9)), ten times.
    found = float(loop_loss(torch.full(reference.shape, -9.0), empty, ones, field, none))
    assert found == pytest.approx(10 * math.log1p(math.exp(-9)), rel=1e-2)
    against = none.clone()
    against[:, 3, 3, 3] = -1
    assert float(loop_loss(right, reference, ones, field, against)) > float(
        loop_loss(right, reference, ones, field, none)
    )
    nowhere = torch.zeros_like(field)
    assert float(loop_loss(-right, reference, ones, nowhere, none)) == 0


def test_augmentation_keeps_images_and_reference_together(cube_sample: Sample) -> None:
    seen = 0
    for seed in range(12):
        draws = generator(seed)
        patch = cut_field(random_patch(cube_sample, 32, draws), draws)
        assert patch.pet.shape == (32, 32, 32)
        assert not patch.reference[~patch.field].any()
        assert not patch.pet[~patch.field].any()
        if int(patch.reference.sum()) > 200:
            seen += 1
            inside = patch.pet[patch.reference].mean()
            outside = patch.pet[patch.field & ~patch.reference].mean()
            assert inside > 6
            assert outside < 1.5
            varied = vary_uptake(patch, draws)
            assert varied.pet[patch.reference].mean() > 2 * varied.pet[~patch.reference].mean()
    assert seen > 4


def test_logistic_fit_finds_the_curve_that_made_the_data() -> None:
    rng = np.random.default_rng(9)
    x = rng.normal(0, 3, 200_000).astype(np.float32)
    y = rng.random(len(x)) < 1 / (1 + np.exp(-(0.6 * x - 1.2)))
    slope, bias = fit_logistic(x, y)
    assert slope == pytest.approx(0.6, abs=0.02)
    assert bias == pytest.approx(-1.2, abs=0.03)
