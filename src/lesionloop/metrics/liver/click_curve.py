"""The interactive track of the liver benchmark: 11 masks of a case, after 0 to 10 clicks.

The whole reference is one object, with no matching of lesions. The released code sorts the masks by
file name, so 10 comes before 2: its final value is that of 9 clicks, and the area is that under a
permuted curve. ``order="names"`` does the same.

Source: TriALS 2025 interactive track, released code (commit de701ea), rebuilt from its description.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from lesionloop.errors import InputError
from lesionloop.metrics.box import crop_to_foreground
from lesionloop.metrics.curves import auc
from lesionloop.metrics.liver.lesion_scores import PENALTY_MM, score_lesion
from lesionloop.metrics.liver.mask_values import lesion_mask

__all__ = ["MASKS", "ClickCurve", "FileOrder", "WholeScore", "score_click_curve",
           "score_whole_lesion"]  # fmt: skip

#: Masks of a case: before any click, and after each of 10.
MASKS = 11

#: "numbers": 0, 1, 2, ..., 10. "names": 0, 1, 10, 2, ..., 9, as in the released code.
FileOrder = Literal["numbers", "names"]


@dataclass(frozen=True)
class WholeScore:
    """Scores of one mask.

    Args:
        dice: 0 to 1.
        assd: average symmetric surface distance, mm.
        msd: maximum symmetric surface distance, mm.
    """

    dice: float
    assd: float
    msd: float


@dataclass(frozen=True)
class ClickCurve:
    """Summary of a case.

    Args:
        auc: area under each score over 0 to 10 clicks, by the trapezoid rule, not divided by the
            range: a perfect Dice gives 10.
        final: each score of the last mask, in the order that was asked for.
    """

    auc: WholeScore
    final: WholeScore


def score_whole_lesion(
    prediction: ArrayLike, reference: ArrayLike, spacing: Sequence[float]
) -> WholeScore | None:
    """Score one mask against the reference as one object.

    Args:
        prediction: [x, y, z] of 0 and 1; an empty one gets Dice 0 and 9001 mm.
        reference: [x, y, z] of the same shape.
        spacing: mm along x, y, z, of the prediction.

    Returns:
        The scores; None for an empty reference, where they are not defined.

    Raises:
        InputError: shapes differ, or a mask holds other values.
    """
    one, two = crop_to_foreground(lesion_mask(prediction), lesion_mask(reference))
    if not two.any():
        return None
    if not one.any():
        return WholeScore(0.0, PENALTY_MM, PENALTY_MM)
    scores = score_lesion(one.astype(np.bool_), two.astype(np.bool_), spacing)
    return WholeScore(scores.dice, scores.assd, scores.msd)


def score_click_curve(scores: Sequence[WholeScore], order: FileOrder = "numbers") -> ClickCurve:
    """Summarise the scores of a case after 0, 1, ..., 10 clicks.

    Raises:
        InputError: there are not 11, or the order is unknown.
    """
    if len(scores) != MASKS:
        raise InputError(
            f"{len(scores)} masks of a case instead of {MASKS}",
            cause="The interactive track scores the masks after 0, 1, ..., 10 clicks.",
        )
    if order not in ("numbers", "names"):
        raise InputError(f"unknown order {order!r}", remedy="Use numbers or names.")
    sequence = sorted(range(MASKS), key=str) if order == "names" else range(MASKS)
    curve = [scores[clicks] for clicks in sequence]
    areas = (auc([getattr(s, name) for s in curve]) for name in ("dice", "assd", "msd"))
    return ClickCurve(WholeScore(*areas), curve[-1])
