"""How sure a network is: bootstrap over subjects, and the permutation test of two groups.

Nichols and Holmes, Hum Brain Mapp 15:1-25 (2002) for the family-wise control by the largest
statistic; Phipson and Smyth, Stat Appl Genet Mol Biol 9:39 (2010) for p values that are never 0.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.metabolic.estimators import Estimator, Kind, estimate
from lesionloop.metabolic.graph import clustering, efficiency, filled
from lesionloop.metabolic.inference import Rule, fisher_z
from lesionloop.metabolic.moments import Moments
from lesionloop.progress import tell

__all__ = ["GLOBALS", "Comparison", "Method", "Stability", "bootstrap_edges", "compare_groups",
           "global_values"]  # fmt: skip

Floats = NDArray[np.float64]

#: Measures of the whole network that are resampled.
GLOBALS = ("mean_strength", "global_efficiency", "mean_clustering")

#: Weights held in memory at once: resamples x subjects.
_MOST_WEIGHTS = 1_000_000
#: Cells of matrices held at once: resamples x organs x organs.
_MOST_CELLS = 2_000_000
#: The graphical lasso is solved one by one; the progress moves after so many.
_MOST_LASSOS = 20


@dataclass(frozen=True)
class Method:
    """How a network is made from a sample.

    Args:
        estimator: of the coefficients.
        kind: correlation or partial correlation.
        rule: which pairs are edges.
        free: one over the variance of Fisher's z of a plain coefficient.
        penalty: of the graphical lasso.
    """

    estimator: Estimator
    kind: Kind
    rule: Rule
    free: float
    penalty: float = 0.0

    def network(self, moments: Moments, weights: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Coefficients and edges of weighted samples, (resamples, pairs) each."""
        edges = estimate(moments, weights, self.estimator, self.kind, self.penalty).edges
        plain = edges
        if self.estimator != "pearson" and self.rule.name == "fdr":
            plain = estimate(moments, weights, "pearson", self.kind).edges
        return edges, self.rule.choose(edges, plain, self.free)


@dataclass(frozen=True, eq=False)
class Stability:
    """The bootstrap of one network.

    Args:
        interval: (pairs, 2) percentile interval of the coefficient.
        same_sign: (pairs,) share of resamples with the sign that the coefficient has.
        chosen: (pairs,) share of resamples in which the pair is an edge.
        globals: measure of the whole -> (2,) percentile interval.
        resamples: how many.
    """

    interval: Floats
    same_sign: Floats
    chosen: Floats
    globals: dict[str, Floats]
    resamples: int


@dataclass(frozen=True, eq=False)
class Comparison:
    """The permutation test of two groups.

    Args:
        difference: (pairs,) Fisher's z of the first group less that of the second.
        p: (pairs,) two-sided, for each pair alone.
        p_family: (pairs,) two-sided, family-wise over all pairs, by the largest difference.
        observed: global statistic -> its value: ``matrix_distance`` (root mean square of
            ``difference``) and the differences of the measures of the whole.
        p_global: likewise its p value; two-sided for differences.
        permutations: how many.
    """

    difference: Floats
    p: Floats
    p_family: Floats
    observed: dict[str, float]
    p_global: dict[str, float]
    permutations: int


def global_values(edges: Floats, chosen: NDArray[np.bool_], organs: int) -> dict[str, Floats]:
    """Measures of the whole of each resample, by the names of ``GLOBALS``, (resamples,)."""
    kept = filled(np.where(chosen, edges, 0.0), organs)
    return {
        "mean_strength": np.abs(edges).mean(axis=1),
        "global_efficiency": efficiency(kept != 0),
        "mean_clustering": clustering(kept),
    }


def bootstrap_edges(
    moments: Moments, method: Method, resamples: int, seed: int, level: float = 0.95
) -> Stability:
    """Make the network again on subjects drawn with replacement, covariates included.

    The regression on covariates is fitted anew in every resample.

    Args:
        moments: of the cohort.
        method: of the network.
        resamples: how often.
        seed: of the drawing.
        level: of the intervals.
    """
    rng = np.random.default_rng(seed)
    count = moments.subjects
    share = np.full(count, 1 / count)
    observed = method.network(moments, np.ones((1, count)))[0][0]
    drawn, chosen_sum, wholes = [], np.zeros(len(observed)), []
    for size, done in _chunks(resamples, moments, method):
        weights = rng.multinomial(count, share, size=size).astype(np.float64)
        edges, chosen = method.network(moments, weights)
        drawn.append(edges)
        chosen_sum += chosen.sum(axis=0)
        wholes.append(global_values(edges, chosen, moments.organs))
        tell(done / resamples)
    edges = np.concatenate(drawn)
    tails = [(1 - level) / 2, (1 + level) / 2]
    return Stability(
        np.quantile(edges, tails, axis=0).T,
        (np.sign(edges) == np.sign(observed)).mean(axis=0),
        chosen_sum / resamples,
        {
            name: np.quantile(np.concatenate([part[name] for part in wholes]), tails)
            for name in GLOBALS
        },
        resamples,
    )


def compare_groups(
    first: tuple[Floats, Method],
    second: tuple[Floats, Method],
    permutations: int,
    seed: int,
) -> Comparison:
    """Test whether two groups have the same network.

    Args:
        first: residuals (subjects, organs) of a group after its own means, slopes of covariates and
            spreads are taken out, and its method. So neither a difference of means nor one of
            spreads can pass for one of correlation.
        second: likewise.
        permutations: how often the groups' names are dealt anew.
        seed: of the dealing.
    """
    rows = np.concatenate([first[0], second[0]])
    moments = Moments(rows, np.empty((len(rows), 0)))
    size = len(first[0])
    member = np.zeros(len(rows))
    member[:size] = 1.0
    methods = (first[1], second[1])
    difference, wholes = _differences(moments, methods, member[None])
    observed = _statistics(difference, wholes)
    rng = np.random.default_rng(seed)
    # Equal statistics count; rounding must not make them differ.
    tiny = 1e-12
    alone, family = np.zeros(difference.shape[1]), np.zeros(difference.shape[1])
    beyond = dict.fromkeys(observed, 0)
    for count, done in _chunks(permutations, moments, first[1]):
        dealt = rng.permuted(np.repeat(member[None], count, axis=0), axis=1)
        found, parts = _differences(moments, methods, dealt)
        size_found = np.abs(found)
        limit = np.abs(difference[0]) - tiny
        alone += (size_found >= limit).sum(axis=0)
        family += (size_found.max(axis=1)[:, None] >= limit).sum(axis=0)
        for name, values in _statistics(found, parts).items():
            beyond[name] += int((np.abs(values) >= abs(observed[name][0]) - tiny).sum())
        tell(done / permutations)
    return Comparison(
        difference[0],
        (alone + 1) / (permutations + 1),
        (family + 1) / (permutations + 1),
        {name: float(values[0]) for name, values in observed.items()},
        {name: (count + 1) / (permutations + 1) for name, count in beyond.items()},
        permutations,
    )


def _differences(
    moments: Moments, methods: tuple[Method, Method], member: Floats
) -> tuple[Floats, dict[str, Floats]]:
    """Differences of Fisher's z (resamples, pairs), and of the measures of the whole."""
    sides = []
    for method, weights in zip(methods, (member, 1 - member), strict=True):
        edges, chosen = method.network(moments, weights)
        sides.append((fisher_z(edges), global_values(edges, chosen, moments.organs)))
    (z1, whole1), (z2, whole2) = sides
    return z1 - z2, {name: whole1[name] - whole2[name] for name in GLOBALS}


def _statistics(difference: Floats, wholes: dict[str, Floats]) -> dict[str, Floats]:
    return {"matrix_distance": np.sqrt((difference**2).mean(axis=1)), **wholes}


def _chunks(total: int, moments: Moments, method: Method) -> Iterator[tuple[int, int]]:
    """Sizes of parts that fit in memory, and how many are done after each."""
    most = max(1, min(_MOST_WEIGHTS // moments.subjects, _MOST_CELLS // moments.organs**2))
    if method.estimator == "glasso":
        most = min(most, _MOST_LASSOS)
    for start in range(0, total, most):
        size = min(most, total - start)
        yield size, start + size
