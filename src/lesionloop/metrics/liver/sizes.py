"""The components of a case with their volumes and whether they were found, for counts by size.

A merged group counts once, so of its components the first is found and the others are missed (or
false): sums over sizes are the counts of the case. The paper does not say; this is a choice.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from typing import Literal

from lesionloop.metrics.liver.case import LiverCase

__all__ = ["SizedLesion", "sized_lesions"]


@dataclass(frozen=True)
class SizedLesion:
    """A component of either side.

    Args:
        side: whose it is.
        number: of the component, from 1.
        volume_mm3: of the component alone.
        matched: it stands for a group accepted at IoU > 0.5.
    """

    side: Literal["reference", "prediction"]
    number: int
    volume_mm3: float
    matched: bool


def sized_lesions(case: LiverCase) -> Iterator[SizedLesion]:
    """All components of a case, those of the reference first."""
    voxel_mm3 = prod(case.spacing)
    found = set(case.half.references)
    for number, voxels in enumerate(case.reference_sizes, start=1):
        yield SizedLesion("reference", number, voxels * voxel_mm3, number in found)
    found = set(case.half.predictions)
    for number, voxels in enumerate(case.prediction_sizes, start=1):
        yield SizedLesion("prediction", number, voxels * voxel_mm3, number in found)
