"""Simulated scribbles: what a reader would draw on a mask, or on the errors of a prediction.

Identical, point for point, to the evaluation code of autoPET V.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.scribbles.components import (
    Rows,
    TieRule,
    largest_component,
    occupied_rows,
    require_mask,
)
from lesionloop.scribbles.scribble import Label
from lesionloop.scribbles.strategies import require_strategy

__all__ = ["ErrorScribbles", "error_scribbles", "simulate_scribble"]


@dataclass(frozen=True, eq=False)
class ErrorScribbles:
    """One scribble on each kind of error of a prediction.

    Attributes:
        over: (n, 3) points x, y, z drawn where the prediction is too large; empty when it nowhere
            is.
        under: (n, 3) points drawn where it is too small; empty when it nowhere is.
    """

    over: NDArray[np.int64]
    under: NDArray[np.int64]

    @property
    def label(self) -> Label:
        """Class of the scribble to add: foreground unless ``over`` has more points than ``under``.

        The numbers of points are compared, not the volumes of the errors; that is the rule of the
        autoPET V loop.
        """
        return "foreground" if len(self.over) <= len(self.under) else "background"

    @property
    def points(self) -> NDArray[np.int64]:
        """(n, 3) points of the scribble to add; empty only for a perfect prediction."""
        return self.under if self.label == "foreground" else self.over


def simulate_scribble(mask: NDArray[Any], strategy: str, seed: int = 42) -> NDArray[np.int64]:
    """Draw one scribble on the largest in-plane component of a mask.

    Args:
        mask: array [x, y, z]; voxels other than 0 are foreground. Among equally large components
            of a slice another one wins for a boolean mask than for one of numbers, as in the
            published code (see `largest_component`). The memory order makes no difference: the
            rules for x-fastest arrays are applied to all. For boolean masks with an odd number of
            voxels along x or y the published code is undefined.
        strategy: "centerline", "random" or "boundary".
        seed: of the random numbers; the challenge always uses 42.

    Returns:
        (n, 3) points x, y, z of one slice, sorted by x, then y; (0, 3) for an empty mask.

    Raises:
        InputError: the mask is not 3-D, or there is no such strategy.

    Source: autoPET V evaluation code, scribble simulation.
    """
    require_mask(mask)
    (rows,) = occupied_rows(mask)
    return _draw(rows, strategy, seed, "block" if mask.dtype == np.bool_ else "voxel")


def error_scribbles(
    prediction: NDArray[Any], reference: NDArray[Any], strategy: str, seed: int = 42
) -> ErrorScribbles:
    """Draw one scribble where a prediction is too large and one where it is too small.

    Equal to `simulate_scribble` on the two boolean error masks, without making these.

    Args:
        prediction: array [x, y, z]; voxels other than 0 are foreground. (The published loop sees
            0 and 1 only; a voxel of another value is neither to it.)
        reference: array of the same shape.
        strategy: "centerline", "random" or "boundary".
        seed: of the random numbers, used anew for each of the two scribbles.

    Raises:
        InputError: the shapes differ, an array is not 3-D, or there is no such strategy.

    Source: autoPET V evaluation code, interactive loop.
    """
    require_mask(prediction, "prediction")
    require_mask(reference, "reference")
    if prediction.shape != reference.shape:
        raise InputError(
            f"the prediction has shape {prediction.shape}, the reference {reference.shape}",
            remedy="Resample one to the other's grid, or check that they belong together.",
        )
    predicted, true = occupied_rows(prediction, reference)
    over, under = (
        Rows(some.values & ~other.values, some.y, some.z, some.shape)
        for some, other in ((predicted, true), (true, predicted))
    )
    return ErrorScribbles(
        _draw(over, strategy, seed, "block"), _draw(under, strategy, seed, "block")
    )


def _draw(rows: Rows, strategy: str, seed: int, ties: TieRule) -> NDArray[np.int64]:
    draw = require_strategy(strategy)
    component = largest_component(rows, ties)
    if component is None:
        return np.empty((0, 3), dtype=np.int64)
    pixels = draw(component, seed)
    return np.column_stack([pixels, np.full(len(pixels), component.z)])
