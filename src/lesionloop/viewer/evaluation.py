"""The mask of a document: the segmenter's for the strokes, then locks and rejections in order.

A pure function of the study, the segmenter and the actions; those before a start from a mask made
elsewhere do not count. A mark speaks about the lesion (an 18-connected part of the mask) that held
its voxel when it was made, its region:

- lock: the region stays as it was, and a rim of one voxel around it stays free, so that what later
  strokes bring cannot flow into it; strokes on it wait until it is unlocked.
- unlock: ends the locks whose region holds the voxel.
- reject: the region is taken out, until a later foreground stroke has a point in it.
- accept: changes no voxel; the lesion that holds the voxel counts as accepted.

A mark whose voxel was in no lesion does nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation, generate_binary_structure

from lesionloop.quantification import split_lesions
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.boxes import Box, box_around
from lesionloop.viewer.document import Action, Document

__all__ = ["Evaluator", "Region", "Segmenting"]

Mask = NDArray[np.bool_]
#: A voxel and its 18 neighbours.
_NEAR = generate_binary_structure(3, 2)


class Segmenting(Protocol):
    """What is asked of a segmenter's session."""

    def segment(self, scribbles: ScribbleSet) -> Mask:
        """Mask for all scribbles, bool [x, y, z]."""
        ...


@dataclass(frozen=True, eq=False)
class Region:
    """A lesion as it was at a moment.

    Args:
        box: its voxels' box, grown by one voxel within the grid.
        inside: its voxels, bool, of the box's shape.
    """

    box: Box
    inside: Mask

    def holds(self, at: Sequence[int]) -> bool:
        """Whether a voxel x, y, z is one of its own."""
        place = [p - s.start for p, s in zip(at, self.box, strict=True)]
        in_box = all(0 <= p < n for p, n in zip(place, self.inside.shape, strict=True))
        return in_box and bool(self.inside[tuple(place)])

    def holds_any(self, points: NDArray[np.int64]) -> bool:
        """Whether any of points (n, 3) is one of its own voxels."""
        place = points - [s.start for s in self.box]
        place = place[((place >= 0) & (place < self.inside.shape)).all(axis=1)]
        return bool(self.inside[tuple(place.T)].any())

    def keep(self, mask: Mask) -> None:
        """Make the mask what it was here, rim and all, in place."""
        rim = binary_dilation(self.inside, _NEAR) & ~self.inside
        part = mask[self.box]
        part[rim] = False
        part[self.inside] = True

    def take_out(self, mask: Mask) -> None:
        """Clear the region's voxels, in place."""
        mask[self.box][self.inside] = False


class Evaluator:
    """Gives the mask of any document of one session; keeps the regions of its marks."""

    def __init__(self, session_from: Callable[[Action | None], Segmenting]) -> None:
        """Ask ``session_from`` for a segmenter's session that begins from a start, or from none."""
        self._session_from = session_from
        self._regions: dict[int, Region | None] = {}

    def mask(self, document: Document) -> Mask:
        """The mask shown, bool [x, y, z]; the caller's own.

        Args:
            document: its actions are those of the session, or were at some time: what an action
                means is kept under its number.
        """
        # First, as a region needs the segmenter at an earlier state: the warm one ends at the last.
        in_force = [(action, self._region(document, action)) for action in document.since_start]
        mask = self._session_from(document.start).segment(document.scribbles())
        for action, region in _in_force(in_force):
            if action.kind == "lock":
                region.keep(mask)
            else:
                region.take_out(mask)
        return mask

    def accepted(self, document: Document) -> list[tuple[int, int, int]]:
        """Voxels of the marks that accept a lesion, but for those removed after that."""
        found: list[tuple[int, int, int]] = []
        for action in document.since_start:
            if action.kind == "accept":
                found.append(_voxel(action))
            elif action.kind == "reject":
                region = self._region(document, action)
                found = [at for at in found if region is None or not region.holds(at)]
        return found

    def locked(self, document: Document) -> list[Region]:
        """The regions of the locks in force."""
        pairs = [(action, self._region(document, action)) for action in document.since_start]
        return [region for action, region in _in_force(pairs) if action.kind == "lock"]

    def _region(self, document: Document, action: Action) -> Region | None:
        """The lesion that a lock or a rejection was about."""
        if action.kind not in ("lock", "reject"):
            return None
        if action.number not in self._regions:
            before = self.mask(document.before(action))
            self._regions[action.number] = _lesion_at(before, _voxel(action))
        return self._regions[action.number]


def _in_force(pairs: list[tuple[Action, Region | None]]) -> list[tuple[Action, Region]]:
    """Locks and rejections that still hold, in their order."""
    held: list[tuple[Action, Region]] = []
    for action, region in pairs:
        if action.kind in ("lock", "reject") and region is not None:
            held.append((action, region))
        elif action.kind == "unlock":
            at = _voxel(action)
            held = [(a, r) for a, r in held if a.kind != "lock" or not r.holds(at)]
        elif action.kind == "scribble" and action.data["label"] == "foreground":
            points = np.asarray(action.data["points"], dtype=np.int64)
            held = [(a, r) for a, r in held if a.kind != "reject" or not r.holds_any(points)]
    return held


def _voxel(action: Action) -> tuple[int, int, int]:
    x, y, z = action.data["at"]
    return (int(x), int(y), int(z))


def _lesion_at(mask: Mask, at: tuple[int, int, int]) -> Region | None:
    if not mask[at]:
        return None
    labels = split_lesions(mask)
    box = box_around(np.argwhere(labels == labels[at]), 1, mask.shape)
    return Region(box, np.asarray(labels[box] == labels[at]))
