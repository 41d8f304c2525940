"""How well the phases agree on each fused lesion after their alignment."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.fusion.connected import Labels, Voxels, number_lesions, voxels_by_number
from lesionloop.imaging import Grid

__all__ = ["LesionQuality", "PhaseAgreement", "describe_lesions", "lone_lesions"]


@dataclass(frozen=True)
class PhaseAgreement:
    """A lesion as one phase shows it, against the fused one.

    Args:
        phase: its name.
        volume_ml: of the phase's lesions that meet the fused one.
        dice: with the fused lesion.
        centroid_mm: distance of the centroids; what the alignment left over, or a lesion that
            looks different in this phase.
    """

    phase: str
    volume_ml: float
    dice: float
    centroid_mm: float


@dataclass(frozen=True)
class LesionQuality:
    """One fused lesion.

    Args:
        number: its label.
        volume_ml: ml.
        centre_mm: LPS mm.
        at: its voxel nearest to the centre, [x, y, z] of the grid.
        phases: those that show it.
        combined_only: whether the phase that all were aligned to does not show it: for a
            radiologist to verify.
    """

    number: int
    volume_ml: float
    centre_mm: tuple[float, float, float]
    at: tuple[int, int, int]
    phases: tuple[PhaseAgreement, ...]
    combined_only: bool


def describe_lesions(
    labels: Labels, masks: Mapping[str, NDArray[np.bool_]], grid: Grid, reference: str
) -> list[LesionQuality]:
    """Describe each fused lesion, by number.

    Args:
        labels: [x, y, z], 0 outside.
        masks: of each phase on the same grid.
        grid: of all.
        reference: the phase that the others were aligned to.
    """
    shown = {name: number_lesions(mask) for name, mask in masks.items()}
    parts = {name: voxels_by_number(numbered) for name, numbered in shown.items()}
    found = []
    for number, voxels in enumerate(voxels_by_number(labels), start=1):
        centre = voxels.mean(axis=0)
        nearest = voxels[int(((voxels - centre) ** 2).sum(axis=1).argmin())]
        agreements = []
        for name, numbered in shown.items():
            met = np.unique(numbered[tuple(voxels.T)])
            theirs = [parts[name][n - 1] for n in met if n]
            if theirs:
                agreements.append(_agreement(name, voxels, np.concatenate(theirs), grid))
        x, y, z = grid.to_world(centre)
        found.append(
            LesionQuality(
                number=number,
                volume_ml=len(voxels) * grid.voxel_ml,
                centre_mm=(float(x), float(y), float(z)),
                at=(int(nearest[0]), int(nearest[1]), int(nearest[2])),
                phases=tuple(agreements),
                combined_only=reference not in {entry.phase for entry in agreements},
            )
        )
    return found


def lone_lesions(
    labels: Labels, masks: Mapping[str, NDArray[np.bool_]], grid: Grid, within_mm: float
) -> list[tuple[str, str, float]]:
    """Lesions of one phase that are not fused though another phase has one close by.

    The alignment may have missed them: each is a pair of phases and the distance of the centroids,
    mm. A radiologist should look.

    Args:
        labels: fused lesions [x, y, z], 0 outside.
        masks: of each phase on the same grid.
        grid: of all.
        within_mm: how close the centroids must be, mm.
    """
    lone: list[tuple[str, NDArray[np.float64]]] = []
    for name, mask in masks.items():
        for part in voxels_by_number(number_lesions(mask)):
            if not labels[tuple(part.T)].any():
                lone.append((name, grid.to_world(part.mean(axis=0))))
    pairs = []
    for i, (phase, centre) in enumerate(lone):
        for other, place in lone[i + 1 :]:
            apart = float(np.linalg.norm(centre - place))
            if other != phase and apart <= within_mm:
                pairs.append((phase, other, apart))
    return pairs


def _agreement(phase: str, fused: Voxels, shown: Voxels, grid: Grid) -> PhaseAgreement:
    ours, theirs = (np.ravel_multi_index(tuple(part.T), grid.shape) for part in (fused, shown))
    common = int(np.isin(ours, theirs).sum())
    apart = grid.to_world(fused.mean(axis=0)) - grid.to_world(shown.mean(axis=0))
    return PhaseAgreement(
        phase,
        len(shown) * grid.voxel_ml,
        2 * common / (len(fused) + len(shown)),
        float(np.linalg.norm(apart)),
    )
