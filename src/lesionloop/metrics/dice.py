"""Dice of two masks, voxel by voxel, as the interactive loop scores a step."""

import numpy as np
from numpy.typing import ArrayLike

from lesionloop.metrics.box import crop_to_foreground
from lesionloop.metrics.empty import value_when_empty

__all__ = ["voxel_dice"]


def voxel_dice(prediction: ArrayLike, reference: ArrayLike) -> float:
    """Return ``2 |A and B| / (|A| + |B|)``, from 0 to 1, of what is above 0 in each.

    1.0 when both are empty, 0.0 when one is (see ``lesionloop.metrics.empty``).

    Args:
        prediction: [x, y, z], any numbers; above 0 is lesion.
        reference: [x, y, z] of the same shape.

    Raises:
        InputError: the shapes differ.

    Source:
        Dice 1945; the rule for empty masks is that of the autoPET V interactive loop.
    """
    one, two = (values > 0 for values in crop_to_foreground(prediction, reference))
    n_one, n_two = int(np.count_nonzero(one)), int(np.count_nonzero(two))
    fixed = value_when_empty("voxel_dice", reference_empty=n_two == 0, prediction_empty=n_one == 0)
    if fixed is not None:
        return fixed
    return 2 * int(np.count_nonzero(one & two)) / (n_one + n_two)
