"""How far one subject stands off a reference cohort's correlations.

The subject is added to the reference, and every correlation moves a little; the move is divided by
its spread: ``z = (r_with - r) (n - 1) / (1 - r^2)``, Liu et al., Nucleic Acids Res 44:e164 (2016).
Its spread is near 1 when the subject is one of the reference, but it is a product of two values, so
far values are much more frequent than among normal ones: |z| > 1.96 and |z| > 3.29 are no tests at
5 and 0.1 %. The members of the reference, each against the others, show what is usual.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.metabolic.estimators import pairs
from lesionloop.metabolic.moments import Moments

__all__ = ["Deviations", "deviations"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Deviations:
    """Every subject against the reference.

    Args:
        z: (subjects, pairs).
        mean_size: (subjects,) mean of |z| over the pairs.
        p: (subjects,) share of the reference, the subject counted in, whose mean is as large.
        largest: (subjects,) the pair with the largest |z|.
    """

    z: Floats
    mean_size: Floats
    p: Floats
    largest: NDArray[np.intp]


def deviations(moments: Moments, reference: NDArray[np.bool_]) -> Deviations:
    """Deviation of all subjects; a member of the reference is held against the rest of it.

    Covariates are regressed out by the reference alone, without the subject.

    Args:
        moments: of all subjects.
        reference: (subjects,) who is in the reference.
    """
    weights = np.repeat(reference[None].astype(np.float64), len(reference), axis=0)
    np.fill_diagonal(weights, 0.0)
    found = moments.residuals(weights)
    n = found.total[:, None, None]
    away = np.einsum("sy,syp->sp", moments.rows, found.lift)
    with_it = found.covariance * (n / (n + 1)) + away[:, :, None] * away[:, None, :] * (
        n / (n + 1) ** 2
    )
    before = found.correlation
    sd = np.sqrt(np.einsum("sii->si", with_it))
    after = with_it / (sd[:, :, None] * sd[:, None, :])
    rows, columns = pairs(moments.organs)
    r = before[:, rows, columns]
    z = (after[:, rows, columns] - r) * (found.total[:, None] - 1) / (1 - r**2)
    size = np.abs(z).mean(axis=1)
    usual = np.sort(size[reference])
    as_large = len(usual) - np.searchsorted(usual, size - 1e-12, side="left")
    # A member counts itself among the reference already.
    own = (~reference).astype(np.int64)
    return Deviations(z, size, (as_large + own) / (len(usual) + own), np.abs(z).argmax(axis=1))
