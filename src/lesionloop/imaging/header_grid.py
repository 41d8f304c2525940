"""Grids from the numbers of a file's header, which may be anything."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid

__all__ = ["header_grid"]

#: Spacing from a nanometre to ten metres, places up to ten kilometres, in mm: far beyond any
#: scanner, and well within what double precision can take.
_SPACING_MM = (1e-6, 1e4)
_PLACE_MM = 1e7

#: Parts of a direction below this are rounding. ITK's SVD complains about the tiniest of them.
_NOTHING = 1e-14

_REMEDY = "Repair its header, or export the file again."


def header_grid(path: Path, make: Callable[[], Grid]) -> Grid:
    """The grid that ``make`` builds from a header.

    Raises:
        InputError: names the file, when the header gives no grid or one beyond any scanner.
    """
    try:
        with np.errstate(all="ignore"):  # numbers that overflow are refused, not warned about
            grid = make()
    except InputError as error:
        raise InputError(
            f"{path} has no usable geometry",
            cause=" ".join(
                filter(None, (f"{error.what[:1].upper()}{error.what[1:]}.", error.cause))
            ),
            remedy=error.remedy or _REMEDY,
        ) from error
    low, high = _SPACING_MM
    if not all(low <= step <= high for step in grid.spacing):
        cause = f"Its spacing is {' x '.join(f'{step:g}' for step in grid.spacing)} mm."
    elif max(map(abs, grid.origin)) > _PLACE_MM:
        cause = f"Its origin is at {', '.join(f'{place:g}' for place in grid.origin)} mm."
    else:
        direction = tuple(0.0 if abs(part) < _NOTHING else part for part in grid.direction)
        return replace(grid, direction=direction)
    raise InputError(f"{path} has no usable geometry", cause=cause, remedy=_REMEDY)
