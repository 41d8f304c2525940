"""The loss against a plain computation."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from lesionloop.training.seganypet.loss import click_loss, mask_dice  # noqa: E402


def test_the_loss_is_dice_of_squares_plus_binary_entropy() -> None:
    rng = np.random.default_rng(2)
    logits = rng.normal(0, 3, (2, 1, 4, 3, 5))
    target = rng.random(logits.shape) < 0.3
    found = click_loss(torch.from_numpy(logits).float(), torch.from_numpy(target))
    for number in range(2):
        p, g = 1 / (1 + np.exp(-logits[number])), target[number].astype(float)
        dice = 1 - 2 * (p * g).sum() / ((p**2).sum() + (g**2).sum())
        entropy = -(g * np.log(p) + (1 - g) * np.log(1 - p)).mean()
        assert float(found[number]) == pytest.approx(dice + entropy, rel=1e-4)


def test_a_single_channel_still_has_an_entropy() -> None:
    # A softmax over one channel would give the same loss to both.
    target = torch.ones((1, 1, 2, 2, 2), dtype=torch.bool)
    right, wrong = (click_loss(torch.full(target.shape, x), target) for x in (6.0, -6.0))
    assert float(wrong - right) > 6


def test_dice_of_masks() -> None:
    mask = torch.zeros((3, 1, 2, 2, 2), dtype=torch.bool)
    target = mask.clone()
    mask[0, 0, 0, 0] = True
    target[0, 0, 0] = True
    mask[1, 0, 0, 0, 0] = True
    assert mask_dice(mask, target).tolist() == pytest.approx([2 * 2 / 6, 0, 1])
