"""How well a detected lesion is drawn: overlap, and distances between surfaces in mm.

With P the prediction and R the reference, in voxels:

- dice ``2 |P and R| / (|P| + |R|)``, jaccard ``dice / (2 - dice)``, voe ``1 - jaccard``;
- rvd ``| |R| - |P| | / |P|``: the released code divides by the prediction;
- with a the distances from the surface of P to that of R, and b the reverse:
  assd ``(sum a + sum b) / (n_a + n_b)``, rmsd ``sqrt((sum a² + sum b²) / (n_a + n_b))``, msd the
  largest of all.

Source: TriALS, arXiv 2605.16572, and its released code, rebuilt from their description.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.metrics.liver.surfaces import surface_distances

__all__ = ["PENALTY_MM", "WORST", "LesionScores", "score_lesion"]

#: What a missed or false lesion gets for rvd and distances (released code).
PENALTY_MM = 9001.0


@dataclass(frozen=True)
class LesionScores:
    """Scores of one detected lesion, or of whatever stands for one.

    Args:
        dice: 0 to 1, higher is better.
        jaccard: 0 to 1, higher is better.
        voe: volume overlap error, 0 to 1, lower is better.
        rvd: relative volume difference, 0 or more, no unit.
        assd: average symmetric surface distance, mm.
        rmsd: root mean square symmetric surface distance, mm.
        msd: maximum symmetric surface distance, mm.
    """

    dice: float
    jaccard: float
    voe: float
    rvd: float
    assd: float
    rmsd: float
    msd: float

    def as_tuple(self) -> tuple[float, ...]:
        """The seven scores in their order."""
        return astuple(self)


#: The scores of a missed or false lesion.
WORST = LesionScores(0.0, 0.0, 1.0, PENALTY_MM, PENALTY_MM, PENALTY_MM, PENALTY_MM)


def score_lesion(
    prediction: NDArray[np.bool_], reference: NDArray[np.bool_], spacing: Sequence[float]
) -> LesionScores:
    """Score one lesion.

    Args:
        prediction: [x, y, z], cut to the box of both masks, not empty.
        reference: [x, y, z] of the same shape, not empty.
        spacing: mm along x, y, z.
    """
    n_prediction, n_reference = (int(np.count_nonzero(m)) for m in (prediction, reference))
    shared = int(np.count_nonzero(prediction & reference))
    dice = 2 * shared / (n_prediction + n_reference)
    jaccard = dice / (2 - dice)
    there, back = surface_distances(prediction, reference, spacing)
    both = np.concatenate([there, back])
    return LesionScores(
        dice=dice,
        jaccard=jaccard,
        voe=1 - jaccard,
        rvd=abs(n_reference - n_prediction) / n_prediction,
        assd=float(both.mean()),
        rmsd=float(np.sqrt(np.square(both).mean())),
        msd=float(both.max()),
    )
