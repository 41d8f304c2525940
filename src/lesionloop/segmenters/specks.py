"""Specks: components too small and too faint to be believed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging.occupied import occupied_voxels
from lesionloop.segmenters.boxes import Box, grow, place_in, within
from lesionloop.segmenters.parts import label_parts

__all__ = ["SpeckRule", "find_specks", "update_without_specks"]

#: Voxels looked at around a changed box at first; more when a component goes on beyond them.
_FIRST_LOOK = 8


@dataclass(frozen=True)
class SpeckRule:
    """A component is a speck when it is both small and faint.

    Args:
        least_voxels: fewer are small.
        sure_peak: a lower maximum is faint, in units of the uptake that is judged.
    """

    least_voxels: float
    sure_peak: float


def find_specks(
    labels: NDArray[np.unsignedinteger], count: int, uptake: NDArray[np.float32], rule: SpeckRule
) -> NDArray[np.bool_]:
    """Which labels, 0 to ``count``, are specks: bool [count + 1]; index 0 is False."""
    # Few voxels are inside: only they are looked at.
    at = np.unravel_index(occupied_voxels(labels), labels.shape, order="F")
    owner = labels[at]
    sizes = np.bincount(owner, minlength=count + 1)
    peaks = np.full(count + 1, -np.inf, dtype=np.float32)
    np.maximum.at(peaks, owner, uptake[at])
    specks = np.asarray((sizes < rule.least_voxels) & (peaks < rule.sure_peak))
    specks[0] = False
    return specks


def update_without_specks(
    cleaned: NDArray[np.bool_],
    mask: NDArray[np.bool_],
    changed: Box,
    *,
    uptake: NDArray[np.float32],
    rule: SpeckRule,
    kept: NDArray[np.int64],
) -> None:
    """Bring ``cleaned`` up to date after ``mask`` has changed inside a box, in place.

    ``cleaned`` is ``mask`` without the specks that hold no kept point. Components that do not touch
    the box are as they were; those that do are followed as far as they could be specks, so the
    result is the same as that of cleaning the whole mask.

    Args:
        cleaned: mask without specks [x, y, z], right for the mask before the change.
        mask: with specks, after the change.
        changed: box outside of which the mask is as before.
        uptake: what ``rule`` judges, on the same grid.
        rule: what a speck is.
        kept: points (n, 3) whose components stay.
    """
    near = grow(changed, 1, mask.shape)  # what a removed voxel leaves behind is next to it
    reach = _FIRST_LOOK
    while True:
        view = grow(changed, reach, mask.shape)
        labels, count = label_parts(mask[view])
        judged = np.zeros(count + 1, dtype=bool)
        judged[np.unique(labels[place_in(near, view)])] = True
        judged[0] = False
        specks = find_specks(labels, count, uptake[view], rule)
        specks[labels[tuple(within(kept, view).T)]] = False
        if not (judged & specks)[_at_open_faces(labels, view, mask.shape)].any():
            break
        reach *= 2
    target = cleaned[view]
    target[place_in(changed, view)] = False
    np.copyto(target, ~specks[labels], where=judged[labels])


def _at_open_faces(
    labels: NDArray[np.unsignedinteger], view: Box, shape: tuple[int, ...]
) -> NDArray[np.unsignedinteger]:
    """Labels at those faces of the view beyond which the grid goes on."""
    found = [np.empty(0, dtype=labels.dtype)]
    for axis, (side, size) in enumerate(zip(view, shape, strict=True)):
        if side.start > 0:
            found.append(np.unique(labels.take(0, axis=axis)))
        if side.stop < size:
            found.append(np.unique(labels.take(-1, axis=axis)))
    return np.concatenate(found)
