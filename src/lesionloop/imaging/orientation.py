"""Turning arrays so that x goes to the patient's left, y to the back and z to the head."""

from itertools import permutations

import numpy as np
from numpy.typing import NDArray

__all__ = ["Orientation", "to_lps"]


class Orientation:
    """The permutation and flips that bring an array of some direction nearest to LPS axes.

    Args:
        direction: of ITK, nine numbers row by row.
    """

    def __init__(self, direction: tuple[float, ...]) -> None:
        matrix = np.array(direction, dtype=float).reshape(3, 3)
        #: Array axis that runs along patient axis x, y, z.
        self.axes: tuple[int, ...] = max(
            permutations(range(3)), key=lambda axes: float(np.abs(matrix[range(3), axes]).sum())
        )
        #: Whether that array axis runs the other way.
        self.flipped: tuple[bool, ...] = tuple(
            bool(matrix[row, axis] < 0) for row, axis in enumerate(self.axes)
        )

    def turn(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """A view of an array [x, y, z] with patient axes."""
        return values.transpose(self.axes)[self._steps]

    def turn_back(self, values: NDArray[np.generic]) -> NDArray[np.generic]:
        """A view of a turned array with its original axes."""
        return values[self._steps].transpose(np.argsort(self.axes))

    @property
    def _steps(self) -> tuple[slice, ...]:
        return tuple(slice(None, None, -1 if flip else 1) for flip in self.flipped)


def to_lps(values: NDArray[np.generic], direction: tuple[float, ...]) -> NDArray[np.generic]:
    """A view of an array [x, y, z] with patient axes: x left, y back, z head."""
    return Orientation(direction).turn(values)
