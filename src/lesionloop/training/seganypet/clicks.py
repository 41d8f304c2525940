"""Simulated clicks as tensors: one voxel per object of a batch, where its mask is wrong."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lesionloop.scribbles.error_points import error_region
from lesionloop.training.chance import between, integer

__all__ = ["NO_POINT", "next_click", "next_clicks"]

#: Label of a point that says nothing; positive ones have 1, negative ones 0.
NO_POINT = -1


def next_clicks(
    mask: Tensor, reference: Tensor, generators: Sequence[torch.Generator], rule: str
) -> tuple[Tensor, Tensor]:
    """One click per object of a batch.

    Args:
        mask: bool [batch, 1, x, y, z].
        reference: of the same shape.
        generators: one per object, on the CPU: an object's clicks do not depend on its batch.
        rule: one of ``scribbles.error_points.RULES``.

    Returns:
        Points [batch, 1, 3] float32, voxel indices, and labels [batch, 1]: 1 where the mask lacks
        the voxel, 0 where it has it and should not, ``NO_POINT`` where nothing is wrong.
    """
    points, labels = [], []
    for found, wanted, generator in zip(
        mask[:, 0].cpu().numpy(), reference[:, 0].cpu().numpy(), generators, strict=True
    ):
        click = next_click(found, wanted, generator, rule)
        points.append((0, 0, 0) if click is None else click[0])
        labels.append(NO_POINT if click is None else int(click[1]))
    device = mask.device
    return (
        torch.tensor(points, dtype=torch.float32, device=device)[:, None],
        torch.tensor(labels, dtype=torch.int64, device=device)[:, None],
    )


def next_click(
    mask: NDArray[np.bool_], reference: NDArray[np.bool_], generator: torch.Generator, rule: str
) -> tuple[tuple[int, int, int], bool] | None:
    """A voxel [x, y, z] where a mask is wrong, and whether it is lesion; None if all is right.

    Args:
        mask: [x, y, z].
        reference: of the same shape.
        generator: decides.
        rule: one of ``scribbles.error_points.RULES``.
    """
    region = error_region(mask, reference, rule, coin=between(0, 1, generator) < 0.5)
    places = np.flatnonzero(region)
    if not len(places):
        return None
    lot = int(places[integer(0, len(places) - 1, generator)])
    x, y, z = (int(index) for index in np.unravel_index(lot, region.shape))
    return (x, y, z), bool(reference[x, y, z])
