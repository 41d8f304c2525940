"""Values on a grid, and what they mean."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid

__all__ = ["Quantity", "Volume", "require_same_grid"]


class Quantity(StrEnum):
    """What the numbers of a volume are; decides interpolation, window and colour map."""

    HU = "hu"
    SUV_BW = "suv_bw"
    BQ_ML = "bq_ml"
    LABEL = "label"


@dataclass(frozen=True, eq=False)
class Volume:
    """An array with its grid.

    Args:
        values: array [x, y, z] of the grid's shape. Memory may be x-fastest.
        grid: where the voxels are.
        quantity: what the values are.
        source: file or series, for messages.

    Raises:
        InputError: the shapes of ``values`` and ``grid`` differ.
    """

    values: NDArray[Any]
    grid: Grid
    quantity: Quantity
    source: str = "in memory"

    def __post_init__(self) -> None:
        if self.values.shape != self.grid.shape:
            raise InputError(
                f"values of shape {self.values.shape} on a grid of shape {self.grid.shape}"
                f" ({self.source})"
            )

    def mask(self) -> NDArray[np.bool_]:
        """Voxels above 0, bool [x, y, z]."""
        return np.asarray(self.values > 0)


def require_same_grid(first: Volume, second: Volume) -> None:
    """Refuse two volumes whose voxels are not at the same places.

    Raises:
        InputError: names both sources, and how far apart the grids are or that their frames of
            reference differ.
    """
    shares_frame = first.grid.shares_frame(second.grid)
    if first.grid.agrees_with(second.grid) and shares_frame:
        return
    if not shares_frame:
        cause = f"Their frames of reference are {first.grid.frame_uid} and {second.grid.frame_uid}."
    elif first.grid.shape != second.grid.shape:
        cause = f"Their shapes are {first.grid.shape} and {second.grid.shape} (x, y, z)."
    else:
        worst = first.grid.worst_offset_mm(second.grid)
        cause = f"Their corners are up to {worst:.4g} mm apart."
    raise InputError(
        f"{first.source} and {second.source} are not on the same grid",
        cause=cause,
        remedy="Resample one to the other's grid, or check that they belong together.",
    )
