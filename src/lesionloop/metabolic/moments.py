"""Covariances of many weighted samples at once, covariates regressed out of each.

A resample is a row of weights on the subjects. With the products of all pairs of columns at hand,
the moments of a thousand resamples are one matrix product, and regressing covariates out of each is
a Schur complement: the covariance of residuals is ``S_xx - S_xc S_cc^-1 S_cx``.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Moments", "Residuals"]

Floats = NDArray[np.float64]

#: Directions of the covariates with less than this share of the largest variance are taken as
#: dependent on the others: in a resample a category may be empty.
_DEPENDENT = 1e-10


@dataclass(frozen=True, eq=False)
class Residuals:
    """Organs with the covariates regressed out, for each row of weights.

    Args:
        covariance: (resamples, organs, organs), divided by the sum of weights.
        lift: (resamples, 1 + organs + covariates, organs): a subject's row (1, organs, covariates)
            times it gives its residuals.
        total: (resamples,) sum of weights.
    """

    covariance: Floats
    lift: Floats
    total: Floats

    @property
    def correlation(self) -> Floats:
        """(resamples, organs, organs); 0 beside an organ that does not vary in a resample."""
        sd = np.sqrt(np.einsum("bii->bi", self.covariance))
        scale = np.divide(1.0, sd, out=np.zeros_like(sd), where=sd > 1e-12)
        found: Floats = self.covariance * scale[:, :, None] * scale[:, None, :]
        np.clip(found, -1, 1, out=found)
        found[:, range(found.shape[1]), range(found.shape[1])] = 1.0
        return found


class Moments:
    """The products of all pairs of columns (1, organs, covariates), a row per subject.

    Columns are standardised first, so that sums of squares keep their digits; correlations do not
    depend on it.

    Args:
        values: (subjects, organs), no column constant.
        design: (subjects, covariates).
    """

    def __init__(self, values: Floats, design: Floats) -> None:
        self.organs = values.shape[1]
        rows = np.column_stack([_standard(values), _standard(design)])
        self.rows: Floats = np.column_stack([np.ones(len(values)), rows])
        size = self.rows.shape[1]
        self._upper = np.triu_indices(size)
        self._products = self.rows[:, self._upper[0]] * self.rows[:, self._upper[1]]

    @property
    def subjects(self) -> int:
        """How many there are."""
        return len(self.rows)

    def residuals(self, weights: Floats) -> Residuals:
        """The residual covariance of weighted samples.

        Args:
            weights: (resamples, subjects), 0 or more: counts of a bootstrap, or 0 and 1.
        """
        total = weights.sum(axis=1)
        size, organs = self.rows.shape[1], self.organs
        raw = np.empty((len(weights), size, size))
        flat = weights @ self._products / total[:, None]
        raw[:, self._upper[0], self._upper[1]] = flat
        raw[:, self._upper[1], self._upper[0]] = flat
        mean = raw[:, 0, 1:]
        second = raw[:, 1:, 1:] - mean[:, :, None] * mean[:, None, :]
        lift = np.zeros((len(weights), size, organs))
        lift[:, 1 : 1 + organs] = np.eye(organs)
        lift[:, 0] = -mean[:, :organs]
        covariance = second[:, :organs, :organs]
        if size > 1 + organs:
            cross = second[:, organs:, :organs]
            inverse = np.linalg.pinv(second[:, organs:, organs:], rcond=_DEPENDENT, hermitian=True)
            slope = inverse @ cross
            covariance = covariance - np.swapaxes(cross, 1, 2) @ slope
            lift[:, 1 + organs :] = -slope
            lift[:, 0] += np.einsum("bk,bkp->bp", mean[:, organs:], slope)
        return Residuals(covariance, lift, total)

    def forms(self, matrices: Floats) -> Floats:
        """The quadratic form ``y G y`` of every subject's row y, (resamples, subjects).

        Args:
            matrices: (resamples, size, size), symmetric.
        """
        flat = matrices[:, self._upper[0], self._upper[1]]
        twice = np.where(self._upper[0] == self._upper[1], 1.0, 2.0)
        return np.asarray((flat * twice) @ self._products.T)


def _standard(columns: Floats) -> Floats:
    centred = columns - columns.mean(axis=0)
    return np.asarray(centred / np.sqrt((centred**2).mean(axis=0)))
