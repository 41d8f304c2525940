"""Which edges are there: Fisher's z, the false discovery rate, and rules that choose edges.

Fisher, Metron 1:3-32 (1921); Benjamini and Hochberg, J R Stat Soc B 57:289-300 (1995).
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, norm

from lesionloop.errors import InputError

__all__ = ["Rule", "RuleName", "fisher_z", "freedom", "intervals", "p_values", "q_values"]

Floats = NDArray[np.float64]
RuleName = Literal["fdr", "density", "least-r", "nonzero"]

#: Correlations of resamples that are 1 to rounding; Fisher's z of 1 is infinite.
_NEARLY_ONE = 1 - 1e-12


def fisher_z(r: Floats) -> Floats:
    """The inverse hyperbolic tangent, finite for 1."""
    return np.arctanh(np.clip(r, -_NEARLY_ONE, _NEARLY_ONE))


def freedom(subjects: float, covariates: int, held: int = 0) -> float:
    """One over the variance of Fisher's z.

    Args:
        subjects: how many.
        covariates: regressed out, the constant not counted.
        held: organs held fixed: 0 for a correlation, all others for a partial one.
    """
    return subjects - 3 - covariates - held


def p_values(r: Floats, free: float) -> Floats:
    """Two-sided p of "the correlation is 0" by Fisher's z; NaN where ``free`` is below 1."""
    if free < 1:
        return np.full(np.shape(r), np.nan)
    return np.asarray(2 * norm.sf(np.abs(fisher_z(r)) * np.sqrt(free)))


def q_values(p: Floats) -> Floats:
    """P values adjusted after Benjamini and Hochberg along the last axis; NaN stays NaN."""
    if p.size == 0 or np.isnan(p).any():
        return np.full(p.shape, np.nan)
    return np.asarray(false_discovery_control(p, axis=-1))


def intervals(r: Floats, free: float, level: float = 0.95) -> Floats:
    """Interval by Fisher's z, (pairs, 2); NaN where ``free`` is below 1."""
    if free < 1:
        return np.full((*np.shape(r), 2), np.nan)
    reach = norm.ppf((1 + level) / 2) / np.sqrt(free)
    z = fisher_z(r)
    return np.stack([np.tanh(z - reach), np.tanh(z + reach)], axis=-1)


@dataclass(frozen=True)
class Rule:
    """Which pairs become edges.

    Args:
        name: ``fdr``: q of the plain coefficient at most ``value``; ``density``: the strongest
            share ``value`` of all pairs; ``least-r``: strength at least ``value``; ``nonzero``:
            what the graphical lasso leaves.
        value: see above.

    Raises:
        InputError: the value makes no sense.
    """

    name: RuleName
    value: float = 0.0

    def __post_init__(self) -> None:
        if self.name != "nonzero" and not 0 < self.value <= 1:
            raise InputError(
                f"the threshold {self.name} is above 0 and at most 1, not {self.value:g}"
            )

    def choose(self, weights: Floats, plain: Floats, free: float) -> NDArray[np.bool_]:
        """Where there are edges, in the shape of the coefficients.

        Args:
            weights: (resamples, pairs) estimated coefficients.
            plain: likewise without shrinkage, for the tests.
            free: one over the variance of their Fisher's z.
        """
        strength = np.abs(weights)
        if self.name == "fdr":
            return np.asarray(q_values(p_values(plain, free)) <= self.value)
        if self.name == "density":
            count = round(self.value * weights.shape[1])
            order = np.argsort(-strength, axis=1, kind="stable")[:, :count]
            chosen = np.zeros(weights.shape, dtype=np.bool_)
            np.put_along_axis(chosen, order, values=True, axis=1)
            return chosen & (strength > 0)
        least = self.value if self.name == "least-r" else np.finfo(np.float64).tiny
        return np.asarray(strength >= least)

    def words(self) -> str:
        """The rule for people."""
        return {
            "fdr": f"false discovery rate {self.value:g} (Benjamini-Hochberg)",
            "density": f"the strongest {self.value:.0%} of all pairs",
            "least-r": f"|r| at least {self.value:g}",
            "nonzero": "what the graphical lasso leaves",
        }[self.name]
