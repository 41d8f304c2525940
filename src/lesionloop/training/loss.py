"""The loss: cross-entropy that small lesions and strokes weigh in, plus soft Dice."""

import cc3d
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["lesion_weights", "loop_loss"]

#: A lesion of this volume weighs as much per voxel as background; smaller ones more, ml.
_WEIGHT_VOLUME_ML = 20.0
_MOST_WEIGHT = 5.0
#: Cross-entropy of a voxel under a stroke counts this much more.
_STROKE_WEIGHT = 10.0


def lesion_weights(reference: Tensor, voxel_ml: float) -> Tensor:
    """Weight of every voxel in the cross-entropy, [x, y, z]: 1, and more in small lesions.

    The weight of a lesion's voxel grows with the cube root of the volume that it lacks to
    20 ml, up to 5: a lesion of 0.2 ml has a hundredth of the voxels of one of 20 ml, and counts as
    one lesion all the same.
    """
    labels, count = cc3d.connected_components(
        reference.numpy().astype(np.uint8), connectivity=18, return_N=True
    )
    volumes = np.bincount(labels.ravel(), minlength=count + 1) * voxel_ml
    weights = np.clip(np.cbrt(_WEIGHT_VOLUME_ML / np.maximum(volumes, 1e-6)), 1, _MOST_WEIGHT)
    weights[0] = 1
    return torch.from_numpy(weights.astype(np.float32)[labels])


def loop_loss(
    logits: Tensor, reference: Tensor, weights: Tensor, field: Tensor, scribbled: Tensor
) -> Tensor:
    """Mean loss of a batch; all tensors (batch, x, y, z).

    Args:
        logits: float32.
        reference: bool.
        weights: of `lesion_weights`.
        field: bool; outside it nothing counts.
        scribbled: -1, 0, +1 (background stroke, none, foreground stroke); a stroke overrules the
            reference there.
    """
    target = torch.where(scribbled == 0, reference.float(), (scribbled > 0).float())
    inside = field.float()
    weights = torch.where(scribbled == 0, weights, _STROKE_WEIGHT) * inside
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    entropy = (entropy * weights).sum(dim=(1, 2, 3)) / inside.sum(dim=(1, 2, 3)).clamp(min=1)
    probability = torch.sigmoid(logits) * inside
    both = (probability * target).sum(dim=(1, 2, 3))
    size = probability.sum(dim=(1, 2, 3)) + (target * inside).sum(dim=(1, 2, 3))
    # Without a lesion Dice says nothing; the smoothing keeps tiny lesions from ruling the batch.
    present = (target * inside).sum(dim=(1, 2, 3)) > 0
    dice = torch.where(present, 1 - (2 * both + 5) / (size + 5), 0.0)
    # Lesions fill about a hundredth of a patch: the factor brings both terms to the same size.
    return (10 * entropy + dice).mean()
