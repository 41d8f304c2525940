"""The loss of one prediction: soft Dice with squared sums, plus cross-entropy."""

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["click_loss", "mask_dice"]

_SMOOTH = 1e-5


def click_loss(logits: Tensor, target: Tensor) -> Tensor:
    """Loss of each object, (batch,).

    The cross-entropy is the binary one: a softmax over a single channel would be zero everywhere.

    Args:
        logits: float [batch, 1, x, y, z].
        target: of the same shape, bool or 0 to 1.

    Source:
        V-Net (Milletari et al., 2016) for squared sums in the denominator; both terms weigh the
        same, as in SegAnyPET (arXiv 2603.11627).
    """
    logits, target = logits.float().flatten(1), target.float().flatten(1)
    probability = torch.sigmoid(logits)
    both = (probability * target).sum(dim=1)
    size = probability.square().sum(dim=1) + target.square().sum(dim=1)
    dice = 1 - (2 * both + _SMOOTH) / (size + _SMOOTH)
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return dice + entropy.mean(dim=1)


@torch.no_grad()
def mask_dice(mask: Tensor, target: Tensor) -> Tensor:
    """Dice of bool masks [batch, 1, x, y, z], (batch,); 1 where both are empty."""
    both = (mask & target).flatten(1).sum(dim=1)
    size = mask.flatten(1).sum(dim=1) + target.flatten(1).sum(dim=1)
    return torch.where(size > 0, 2 * both / size.clamp(min=1), 1.0)
