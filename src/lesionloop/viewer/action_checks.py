"""What of an action is recorded, once it is known to fit the study and the session's state."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Grid
from lesionloop.scribbles.formats import MAX_POINTS
from lesionloop.viewer.document import MARKS
from lesionloop.viewer.opened import Opened
from lesionloop.viewer.refusals import ConflictError

__all__ = ["checked_action"]

#: Points of all scribbles of a session: what a session file may hold.
MOST_POINTS: Final = MAX_POINTS
#: The same where the mask itself is drawn: 6 litres of voxels of 2 x 2 x 3 mm.
_MOST_DRAWN: Final = 500_000


def checked_action(held: Opened, kind: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """The data of an action as it is recorded. The session's lock is held.

    Raises:
        InputError: outside the grid, or too many points.
        ConflictError: a mark on no lesion, or an unlock of one that is not locked.
    """
    assert held.grid is not None  # noqa: S101  (the desk sees to it)
    if kind in MARKS:
        at = _voxels(np.asarray([data["at"]]), held.grid)[0]
        current = held.current
        # When strokes are being computed the lesion may be coming: then the mark is taken.
        if current is not None and current.revision == held.document.revision:
            number = current.labels.at(at)
            if not number:
                raise ConflictError(
                    f"there is no lesion at voxel {at}", remedy="Click inside a lesion."
                )
            if kind == "unlock" and not current.lesions[number - 1].locked:
                raise ConflictError(f"the lesion at voxel {at} is not locked")
        return {"at": at}
    given = data.get("points")
    points = np.floor(held.grid.to_index(data["points_mm"]) + 0.5) if given is None else given
    voxels = _voxels(np.asarray(points), held.grid)
    voxels = [v for number, v in enumerate(voxels) if not number or v != voxels[number - 1]]
    so_far = sum(len(stroke.data["points"]) for stroke in held.document.strokes)
    most = _MOST_DRAWN if held.row.arm == "manual" else MOST_POINTS
    if so_far + len(voxels) > most:
        raise InputError(
            f"the scribbles of a session hold at most {most} points",
            remedy="Undo some, or draw thinner strokes.",
        )
    return {"label": data["label"], "points": voxels}


def _voxels(points: NDArray[Any], grid: Grid) -> list[list[int]]:
    if not grid.contains(points).all():
        first = points[np.argmin(grid.contains(points))].tolist()
        raise InputError(
            f"a point at voxel {[int(p) for p in first]} is outside the study",
            cause=f"Its grid has {grid.shape} voxels along x, y, z.",
            remedy="Draw inside the image.",
        )
    return [[int(v) for v in point] for point in points.tolist()]
