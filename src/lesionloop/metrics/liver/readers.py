"""How far two readers of the same cases agree, and whether an algorithm is within that.

One reader is taken as the reference. Lesions are components that share faces. Lesions are paired
one to one, by the most shared voxels first; a pair is a hit when its IoU is above a threshold. The
paper names maximum overlap and not the threshold, so it is an argument. No union with a fault here.

Source: TriALS, arXiv 2605.16572 (inter-reader study).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import fsum, isnan, nan

import numpy as np
from numpy.typing import ArrayLike

from lesionloop.errors import InputError
from lesionloop.metrics.box import crop_to_foreground
from lesionloop.metrics.liver.components import Shared, number_components, shared_voxels
from lesionloop.metrics.liver.mask_values import lesion_mask

__all__ = ["ReaderCase", "ReaderStudy", "compare_readers", "pool_readers"]


@dataclass(frozen=True)
class ReaderCase:
    """Agreement on one case.

    Args:
        lesion_dice: mean over the reference reader's lesions of the Dice with their partner, 0
            without one; NaN when the reference reader has no lesion.
        tp: pairs above the IoU threshold.
        fp: lesions of the other reader in no such pair.
        fn: lesions of the reference reader in no such pair.
        intersection: voxels that both hold.
        size_sum: voxels of one plus voxels of the other.
    """

    lesion_dice: float
    tp: int
    fp: int
    fn: int
    intersection: int
    size_sum: int


@dataclass(frozen=True)
class ReaderStudy:
    """Agreement on many cases.

    Args:
        cases: with a lesion of the reference reader.
        lesion_dice: mean over these cases.
        lesion_dice_sd: standard deviation over these cases (n - 1); NaN below two.
        low, high: percentile interval of the mean, from cases drawn with replacement.
        dice_global: over the voxels of all cases.
        precision, recall: of lesions, from summed counts; NaN without a lesion.
    """

    cases: int
    lesion_dice: float
    lesion_dice_sd: float
    low: float
    high: float
    dice_global: float
    precision: float
    recall: float

    def holds(self, mean: float) -> bool:
        """Whether the mean of an algorithm is inside the interval of the readers."""
        return self.low <= mean <= self.high


def compare_readers(
    other: ArrayLike, reference: ArrayLike, *, iou_threshold: float = 0.0
) -> ReaderCase:
    """Compare a reader's mask with that of the reference reader.

    Args:
        other: [x, y, z] of 0 and 1, or bool.
        reference: [x, y, z] of the same shape.
        iou_threshold: a pair is a hit above it; from 0 to below 1.

    Raises:
        InputError: shapes differ, other values, or a threshold out of range.
    """
    if not 0 <= iou_threshold < 1:
        raise InputError(f"the IoU threshold is from 0 to below 1, not {iou_threshold}")
    cuts = crop_to_foreground(lesion_mask(other), lesion_mask(reference))
    drawn, expected = (number_components(cut) for cut in cuts)
    pairs = shared_voxels(drawn, expected)
    dice, hits = [], 0
    for pair in _one_to_one(pairs):
        sizes = int(drawn.voxels[pair.prediction - 1] + expected.voxels[pair.reference - 1])
        dice.append(2 * pair.voxels / sizes)
        hits += pair.voxels / (sizes - pair.voxels) > iou_threshold
    return ReaderCase(
        lesion_dice=fsum(dice) / expected.count if expected.count else nan,
        tp=hits,
        fp=drawn.count - hits,
        fn=expected.count - hits,
        intersection=sum(pair.voxels for pair in pairs),
        size_sum=int(drawn.voxels.sum() + expected.voxels.sum()),
    )


def _one_to_one(pairs: Sequence[Shared]) -> list[Shared]:
    """The pairs that share most, each component once; of equals the lower numbers."""
    kept: list[Shared] = []
    used: set[tuple[str, int]] = set()
    for pair in sorted(pairs, key=lambda p: (-p.voxels, p.reference, p.prediction)):
        ends = {("other", pair.prediction), ("reference", pair.reference)}
        if not ends & used:
            kept.append(pair)
            used |= ends
    return kept


def pool_readers(
    cases: Sequence[ReaderCase], *, resamples: int = 1000, seed: int = 1, level: float = 0.95
) -> ReaderStudy:
    """Pool the cases of a reader study.

    Args:
        cases: those of ``compare_readers``.
        resamples: drawings of cases with replacement.
        seed: of the drawings.
        level: of the interval, between 0 and 1.

    Raises:
        InputError: an option is out of range.
    """
    if resamples < 1 or seed < 0 or not 0 < level < 1:
        raise InputError(
            "resamples are 1 or more, the seed 0 or more, and the level is between 0 and 1"
        )
    dice = np.array([case.lesion_dice for case in cases if not isnan(case.lesion_dice)])
    tp, fp, fn = (sum(getattr(case, name) for case in cases) for name in ("tp", "fp", "fn"))
    size_sum = sum(case.size_sum for case in cases)
    shared = sum(case.intersection for case in cases)
    low, high = nan, nan
    if dice.size:
        drawn = np.random.default_rng(seed).integers(dice.size, size=(resamples, dice.size))
        ends = [(1 - level) / 2, (1 + level) / 2]
        low, high = (float(end) for end in np.quantile(dice[drawn].mean(axis=1), ends))
    return ReaderStudy(
        cases=dice.size,
        lesion_dice=float(dice.mean()) if dice.size else nan,
        lesion_dice_sd=float(dice.std(ddof=1)) if dice.size > 1 else nan,
        low=low,
        high=high,
        dice_global=2 * shared / size_sum if size_sum else nan,
        precision=tp / (tp + fp) if tp + fp else nan,
        recall=tp / (tp + fn) if tp + fn else nan,
    )
