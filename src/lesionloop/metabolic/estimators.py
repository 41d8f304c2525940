"""Estimates of correlation and partial correlation between organs, plain and shrunken.

Every organ is standardised first (residuals after the covariates), so shrinkage pulls correlations
to 0 and does not depend on the organs' units. Sources: Ledoit and Wolf, J Multivar Anal 88:365-411
(2004); Chen, Wiesel, Eldar and Hero, IEEE Trans Signal Process 58:5016-5029 (2010) for OAS, both in
the form that scikit-learn uses; Friedman, Hastie and Tibshirani, Biostatistics 9:432-441 (2008) for
the graphical lasso; Foygel and Drton, NIPS 23 (2010) for the choice of its penalty.
"""

import warnings
from dataclasses import dataclass
from math import log
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.metabolic.moments import Moments, Residuals
from lesionloop.packages import load_package

__all__ = ["EXTRA", "Estimate", "Estimator", "Kind", "choose_penalty", "estimate", "pairs",
           "partial"]  # fmt: skip

Floats = NDArray[np.float64]
Estimator = Literal["pearson", "ledoit-wolf", "oas", "glasso"]
Kind = Literal["correlation", "partial"]

#: The extra of the package that brings scikit-learn and networkx.
EXTRA: Final = "metabolic"

#: Penalties tried: so many, from the one that leaves no edge down to this share of it.
_PENALTIES: Final = 25
_LEAST_PENALTY: Final = 0.02
#: Weight of the extended criterion; 0.5 as Foygel and Drton advise.
_GAMMA: Final = 0.5


@dataclass(frozen=True, eq=False)
class Estimate:
    """Coefficients of resamples.

    Args:
        matrix: (resamples, organs, organs), 1 on the diagonal.
        amount: (resamples,) share shrunken to the identity, 0 to 1; the penalty for the graphical
            lasso; 0 for plain ones.
    """

    matrix: Floats
    amount: Floats

    @property
    def edges(self) -> Floats:
        """(resamples, pairs) in the order of ``pairs``."""
        rows, columns = pairs(self.matrix.shape[1])
        return np.asarray(self.matrix[:, rows, columns])


def pairs(organs: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """First and second organ of every pair, the first row of the matrix first."""
    return np.triu_indices(organs, 1)


def estimate(
    moments: Moments,
    weights: Floats,
    estimator: Estimator = "pearson",
    kind: Kind = "correlation",
    penalty: float = 0.0,
) -> Estimate:
    """Estimate the coefficients of weighted samples.

    Args:
        moments: of the cohort.
        weights: (resamples, subjects).
        estimator: how the correlation is estimated.
        kind: ``partial``: between two organs with all others held fixed.
        penalty: of the graphical lasso.

    Raises:
        InputError: the graphical lasso is asked for and scikit-learn is not installed.
    """
    found = moments.residuals(weights)
    correlation = found.correlation
    if estimator == "glasso":
        return _lasso(correlation, kind, penalty)
    amount = np.zeros(len(weights))
    if estimator != "pearson":
        amount = (
            _ledoit_wolf(moments, found, correlation, weights)
            if estimator == "ledoit-wolf"
            else _oas(correlation, found.total)
        )
        correlation = correlation * (1 - amount)[:, None, None]
        index = range(moments.organs)
        correlation[:, index, index] = 1.0
    return Estimate(correlation if kind == "correlation" else partial(correlation), amount)


def partial(correlation: Floats) -> Floats:
    """Partial correlations, (resamples, organs, organs), from correlations that can be inverted."""
    try:
        precision = np.asarray(np.linalg.inv(correlation), dtype=np.float64)
    except np.linalg.LinAlgError:
        # A resample of few subjects: the smallest inverse that there is.
        inverse = np.linalg.pinv(correlation, hermitian=True)
        precision = np.asarray(inverse, dtype=np.float64)
    return _partial_of(precision)


def choose_penalty(correlation: Floats, subjects: float) -> float:
    """The penalty of the graphical lasso with the least extended Bayes information criterion.

    Unlike cross-validation it does not depend on the order of the subjects.

    Args:
        correlation: (organs, organs).
        subjects: how many, less the covariates.

    Raises:
        InputError: scikit-learn is not installed, or no penalty gives a solution.
    """
    organs = len(correlation)
    most = float(np.abs(correlation[pairs(organs)]).max())
    best, least = None, np.inf
    for penalty in most * np.geomspace(1, _LEAST_PENALTY, _PENALTIES):
        solved = _solve(correlation, float(penalty))
        if solved is None:
            continue
        precision = solved[1]
        edges = int((np.abs(precision[pairs(organs)]) > 0).sum())
        fit = float(np.linalg.slogdet(precision)[1] - np.sum(correlation * precision))
        cost = -subjects * fit + edges * log(subjects) + 4 * edges * _GAMMA * log(organs)
        if cost < least:
            best, least = float(penalty), cost
    if best is None:
        raise InputError(
            "the graphical lasso has no solution on this table",
            cause="Organs that are nearly copies of each other cause it.",
            remedy="Leave one of them out with --organ, or use --estimator ledoit-wolf.",
        )
    return best


def _partial_of(precision: Floats) -> Floats:
    scale = 1 / np.sqrt(np.abs(np.einsum("bii->bi", precision)))
    found: Floats = -precision * scale[:, :, None] * scale[:, None, :]
    np.clip(found, -1, 1, out=found)
    found[:, range(found.shape[1]), range(found.shape[1])] = 1.0
    return found


def _ledoit_wolf(
    moments: Moments, found: Residuals, correlation: Floats, weights: Floats
) -> Floats:
    """Shrinkage of standardised residuals: noise of the sample correlations over their spread."""
    organs = moments.organs
    variance = np.einsum("bii->bi", found.covariance)
    scale = np.divide(1.0, np.sqrt(variance), out=np.zeros_like(variance), where=variance > 1e-24)
    lift = found.lift * scale[:, None, :]
    # Squared length of every subject's residuals; its fourth moment is the noise.
    length = moments.forms(lift @ np.swapaxes(lift, 1, 2))
    fourth = (weights * length**2).sum(axis=1) / found.total
    squares = (correlation**2).sum(axis=(1, 2))
    noise = (fourth - squares) / (organs * found.total)
    spread = (squares - organs) / organs
    noise = np.minimum(np.maximum(noise, 0), spread)
    return np.asarray(np.divide(noise, spread, out=np.zeros_like(noise), where=spread > 0))


def _oas(correlation: Floats, total: Floats) -> Floats:
    """Shrinkage by the closed form for normal values; the mean variance is 1."""
    organs = correlation.shape[1]
    square = (correlation**2).mean(axis=(1, 2))
    below = (total + 1) * (square - 1 / organs)
    amount = np.divide(square + 1, below, out=np.ones_like(square), where=below > 0)
    return np.asarray(np.minimum(amount, 1))


def _lasso(correlation: Floats, kind: Kind, penalty: float) -> Estimate:
    found = np.empty_like(correlation)
    for number, matrix in enumerate(correlation):
        solved = _solve(matrix, penalty)
        # A resample without a solution has no edges; it counts against every edge's stability.
        covariance, precision = solved or (np.eye(len(matrix)), np.eye(len(matrix)))
        if kind == "partial":
            found[number] = _partial_of(precision[None])[0]
        else:
            sd = np.sqrt(np.diag(covariance))
            found[number] = covariance / np.outer(sd, sd)
    return Estimate(found, np.full(len(found), penalty))


def _solve(correlation: Floats, penalty: float) -> tuple[Floats, Floats] | None:
    """Covariance and precision, None when the solver does not end in a valid one."""
    covariance = load_package("sklearn.covariance", EXTRA)
    with warnings.catch_warnings():
        # Not converged to the last digit; the solution is used all the same.
        warnings.simplefilter("ignore")
        try:
            found = covariance.graphical_lasso(correlation, alpha=penalty, max_iter=200)
        except (FloatingPointError, ValueError):
            return None
    first, second = np.asarray(found[0]), np.asarray(found[1])
    return (first, second) if np.isfinite(second).all() else None
