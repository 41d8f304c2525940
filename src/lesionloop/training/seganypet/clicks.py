"""Simulated clicks: one voxel where a mask is wrong."""

import numpy as np
import torch
from numpy.typing import NDArray

from lesionloop.scribbles.error_points import error_region
from lesionloop.training.chance import between, integer

__all__ = ["NO_POINT", "next_click"]

#: Label of a point that says nothing; positive ones have 1, negative ones 0.
NO_POINT = -1


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
