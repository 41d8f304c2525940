"""What a case and each of its lesions is like, and when a lesion was found."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Study
from lesionloop.metrics.case_score import IOU_THRESHOLD
from lesionloop.metrics.lesions import label_lesions
from lesionloop.metrics.overlap import LesionOverlap

__all__ = ["CaseRow", "LesionRow", "ReferenceLesions", "count_lesions", "lesion_rows"]


@dataclass(frozen=True)
class CaseRow:
    """A case by its reference; the columns of ``cases.csv`` in their order.

    Args:
        case: name.
        tracer: "fdg", "psma" or nothing when it is not known.
        lesions: number of reference lesions.
        volume_ml: of all of them.
        suv_max: highest uptake in them; NaN without a lesion.
        largest_ml: volume of the largest; 0 without a lesion.
    """

    case: str
    tracer: str
    lesions: int
    volume_ml: float
    suv_max: float
    largest_ml: float


@dataclass(frozen=True)
class LesionRow:
    """A reference lesion in one run; the columns of ``lesions.csv`` in their order.

    Args:
        case, segmenter, strategy: which run.
        lesion: number within the case, from 1.
        volume_ml: of the reference lesion.
        suv_max: highest uptake in it.
        found_at: first step whose mask matches it (IoU of 0.1 or more); -1 for never.
        iou_first, iou_last: largest IoU with a predicted lesion at the first and the last step;
            NaN where the step failed.
    """

    case: str
    segmenter: str
    strategy: str
    lesion: int
    volume_ml: float
    suv_max: float
    found_at: int
    iou_first: float
    iou_last: float


@dataclass(frozen=True, eq=False)
class ReferenceLesions:
    """The lesions of a reference, numbered as the evaluator does.

    Args:
        voxels: (lesions,) number of voxels.
        volume_ml: (lesions,).
        suv_max: (lesions,); NaN for an id of an instance map that no voxel has.
    """

    voxels: NDArray[np.int64]
    volume_ml: NDArray[np.float64]
    suv_max: NDArray[np.float64]

    @classmethod
    def of(cls, study: Study, reference: NDArray[Any]) -> "ReferenceLesions":
        """Look at the lesions of a study."""
        labels, count = _labelled(reference)
        inside = np.nonzero(reference)
        number = np.asarray(labels[inside], dtype=np.int64) - 1
        voxels = np.bincount(number, minlength=count).astype(np.int64)
        highest = np.full(count, -np.inf)
        np.maximum.at(highest, number, study.pet.values[inside])
        highest[voxels == 0] = nan
        volumes = np.asarray(voxels * study.grid.voxel_ml, dtype=np.float64)
        return cls(voxels, volumes, highest)

    def case_row(self, study: Study) -> CaseRow:
        """The case in one row."""
        count = len(self.voxels)
        return CaseRow(
            study.name,
            study.tracer or "",
            count,
            float(self.volume_ml.sum()),
            float(np.nanmax(self.suv_max)) if self.voxels.any() else nan,
            float(self.volume_ml.max(initial=0.0)),
        )


def count_lesions(reference: NDArray[Any]) -> int:
    """Number of reference lesions, as the evaluator counts them."""
    return _labelled(reference)[1]


def lesion_rows(
    overlaps: Sequence[LesionOverlap | None],
    lesions: ReferenceLesions,
    *,
    case: str,
    segmenter: str,
    strategy: str,
) -> list[LesionRow]:
    """When each reference lesion of a run was found, and how well it was covered.

    Args:
        overlaps: per step, None where it failed.
        lesions: of the reference.
        case, segmenter, strategy: names for the rows.
    """
    for overlap in overlaps:
        if overlap is not None and not np.array_equal(overlap.reference_voxels, lesions.voxels):
            raise RuntimeError(f"{case}: lesions are numbered in two ways")
    best = np.array([_best_iou(overlap, len(lesions.voxels)) for overlap in overlaps])
    rows = []
    for number in range(len(lesions.voxels)):
        found = np.flatnonzero(best[:, number] >= IOU_THRESHOLD)
        rows.append(
            LesionRow(
                case,
                segmenter,
                strategy,
                number + 1,
                float(lesions.volume_ml[number]),
                float(lesions.suv_max[number]),
                int(found[0]) if found.size else -1,
                float(best[0, number]),
                float(best[-1, number]),
            )
        )
    return rows


def _labelled(reference: NDArray[Any]) -> tuple[NDArray[Any], int]:
    """Labels and their number: an instance map as it is, a mask by connected parts."""
    highest = int(reference.max(initial=0))
    if highest > 1:
        return reference, highest
    return label_lesions(np.asarray(reference, dtype=np.uint8), connectivity=18)


def _best_iou(overlap: LesionOverlap | None, count: int) -> NDArray[np.float64]:
    if overlap is None:
        return np.full(count, nan)
    best = np.zeros(count)
    np.maximum.at(best, overlap.pairs[:, 0], overlap.iou())
    return best
