"""Cross prompting confident learning: mend a noisy reference where predictions disagree.

One image is segmented from several sequences of clicks. Where the predictions vary more than they
do on average, the reference is taken for unreliable and changed; it is learned from beside the
original, at half its weight.

The published description (SegAnyPET, arXiv 2502.14351) leaves the rule open; this is our reading of
it: variances are those of probabilities, not of logits, which have no bound.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from lesionloop.training.seganypet.loss import click_loss

__all__ = ["CHANGES", "Confident", "confident_loss", "rectify", "unreliable"]

#: "ensemble": an unreliable voxel gets what the mean probability says. "flip": it is turned.
#: "none": nothing is changed, to tell what the warm-up alone does.
CHANGES = ("ensemble", "flip", "none")

#: Of the changed reference in the loss; the reference as it was has the rest.
_WEIGHT = 1 / 3


@dataclass(frozen=True)
class Confident:
    """How noisy references are learned from.

    Args:
        change: one of ``CHANGES``.
        prompts: first clicks that are tried on an image; 0 compares the steps of its own loop.
        warm_up: steps of the optimiser at the start that see clean data only.
    """

    change: str = "ensemble"
    prompts: int = 5
    warm_up: int = 0


def unreliable(predictions: Tensor) -> Tensor:
    """Where the variance over predictions is above its mean over the volume.

    Args:
        predictions: probabilities [prediction, batch, 1, x, y, z], two at least.

    Returns:
        bool [batch, 1, x, y, z]; nowhere in an object whose predictions agree.
    """
    variance = predictions.float().var(dim=0, correction=0)
    return variance > variance.mean(dim=(1, 2, 3, 4), keepdim=True)


def rectify(reference: Tensor, predictions: Tensor, change: str) -> Tensor:
    """The reference, changed inside of the unreliable region only.

    Args:
        reference: bool [batch, 1, x, y, z].
        predictions: see `unreliable`.
        change: one of ``CHANGES``.
    """
    if change == "none":
        return reference
    doubtful = unreliable(predictions)
    if change == "flip":
        return reference ^ doubtful
    if change == "ensemble":
        return torch.where(doubtful, predictions.float().mean(dim=0) > 0.5, reference)
    raise ValueError(f"no change {change!r}; there are {', '.join(CHANGES)}")


def confident_loss(logits: Tensor, reference: Tensor, rectified: Tensor) -> Tensor:
    """Loss of each object, (batch,): the reference counts two thirds, the changed one a third."""
    return torch.lerp(click_loss(logits, reference), click_loss(logits, rectified), _WEIGHT)
