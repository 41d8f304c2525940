"""A lesion stays when at least two phases show it: the rule that STAPLE alone does not keep.

STAPLE weighs voxels. It can drop a lesion that two phases show when it trusts the other two more,
and it can keep one that a single phase shows. The TriALS paper promises that what is visible in two
phases or more is kept; so each connected lesion is asked for the phases that show it.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.fusion.connected import Labels, Voxels, number_lesions, voxels_by_number

__all__ = ["Conflict", "Supported", "supported_lesions"]


@dataclass(frozen=True)
class Conflict:
    """Where the rule and STAPLE differ.

    Args:
        kind: "dropped" (STAPLE kept it, too few phases show it) or "restored" (STAPLE lost it,
            enough phases show it).
        phases: that show it.
        voxels: of the lesion.
        at: its voxel nearest to its middle, [x, y, z] of the masks.
    """

    kind: str
    phases: tuple[str, ...]
    voxels: int
    at: tuple[int, int, int]


@dataclass(frozen=True, eq=False)
class Supported:
    """The lesions that the rule keeps.

    Args:
        labels: int32 [x, y, z], 0 outside, lesions from 1 in the order of their first voxel.
        phases: of each lesion, the phases that show it.
        conflicts: with STAPLE.
    """

    labels: Labels
    phases: tuple[tuple[str, ...], ...]
    conflicts: tuple[Conflict, ...]


def supported_lesions(
    fused: NDArray[np.bool_], masks: Mapping[str, NDArray[np.bool_]], *, least_phases: int = 2
) -> Supported:
    """Apply the rule to a fused mask.

    A phase shows a lesion when its mask has a voxel of it. A lesion of the fused mask that fewer
    than ``least_phases`` show is dropped. A connected part of the voxels that at least
    ``least_phases`` masks hold, and that meets no lesion of the fused mask, is restored.

    Args:
        fused: bool [x, y, z].
        masks: of each phase, on the same grid.
        least_phases: how many must show a lesion.

    Raises:
        InputError: ``least_phases`` is below 1 or above the number of masks.
    """
    if not 1 <= least_phases <= len(masks):
        raise InputError(
            f"at least {least_phases} of {len(masks)} phases cannot be asked for",
            remedy=f"Give a number from 1 to {len(masks)}.",
        )
    votes = np.zeros(fused.shape, dtype=np.uint8)
    for mask in masks.values():
        votes += mask
    conflicts: list[Conflict] = []
    kept = np.zeros(fused.shape, dtype=np.bool_)
    for part in voxels_by_number(number_lesions(fused)):
        phases = _showing(part, masks)
        if len(phases) >= least_phases:
            kept[tuple(part.T)] = True
        else:
            conflicts.append(_conflict("dropped", phases, part))
    for part in voxels_by_number(number_lesions(votes >= least_phases)):
        if not fused[tuple(part.T)].any():
            kept[tuple(part.T)] = True
            conflicts.append(_conflict("restored", _showing(part, masks), part))
    labels = number_lesions(kept)
    phases_of = tuple(_showing(part, masks) for part in voxels_by_number(labels))
    return Supported(labels, phases_of, tuple(conflicts))


def _showing(part: Voxels, masks: Mapping[str, NDArray[np.bool_]]) -> tuple[str, ...]:
    return tuple(name for name, mask in masks.items() if mask[tuple(part.T)].any())


def _conflict(kind: str, phases: tuple[str, ...], part: Voxels) -> Conflict:
    away = ((part - part.mean(axis=0)) ** 2).sum(axis=1)
    x, y, z = part[int(away.argmin())]
    return Conflict(kind, phases, len(part), (int(x), int(y), int(z)))
