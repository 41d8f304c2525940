"""The whole analysis: a network for each group, how sure it is, and whether two groups differ."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.metabolic.cohort import Cohort
from lesionloop.metabolic.estimators import Estimator, Kind, choose_penalty, estimate, pairs
from lesionloop.metabolic.graph import GraphMeasures, measure_graph
from lesionloop.metabolic.individual import Deviations, deviations
from lesionloop.metabolic.inference import Rule, freedom, intervals, p_values, q_values
from lesionloop.metabolic.moments import Moments
from lesionloop.metabolic.resampling import (
    Comparison,
    Method,
    Stability,
    bootstrap_edges,
    compare_groups,
)
from lesionloop.progress import stage

__all__ = ["Analysis", "Network", "Options", "analyse"]

Floats = NDArray[np.float64]

#: The name of the network when there are no groups.
ALL = "all"
#: Correlations of plain columns that are 1 to rounding: one organ under two names.
_SAME = 1 - 1e-9
_LEAST_ORGANS = 3


@dataclass(frozen=True)
class Options:
    """What to compute.

    Args:
        estimator: ``pearson`` is plain; the others shrink.
        kind: ``correlation``, or ``partial``: with all other organs held fixed.
        rule: which pairs are edges.
        level: of the intervals.
        bootstrap: resamples of the subjects; 0 for none.
        permutations: of two groups' names; 0 for none.
        reference: group that every subject is held against; None for no such comparison.
        seed: of all that is by chance.

    Raises:
        InputError: options that do not go together.
    """

    estimator: Estimator = "pearson"
    kind: Kind = "correlation"
    rule: Rule = field(default_factory=lambda: Rule("fdr", 0.05))
    level: float = 0.95
    bootstrap: int = 1000
    permutations: int = 1000
    reference: str | None = None
    seed: int = 1

    def __post_init__(self) -> None:
        if self.estimator not in ("pearson", "ledoit-wolf", "oas", "glasso"):
            raise InputError(
                f"unknown estimator {self.estimator!r}",
                remedy="Use pearson, ledoit-wolf, oas or glasso.",
            )
        if self.kind not in ("correlation", "partial"):
            raise InputError(f"unknown kind {self.kind!r}", remedy="Use correlation or partial.")
        if min(self.bootstrap, self.permutations, self.seed) < 0 or not 0 < self.level < 1:
            raise InputError(
                "resamples, permutations and the seed are 0 or more, and the level is between 0 "
                "and 1"
            )
        if self.rule.name == "nonzero" and self.estimator != "glasso":
            raise InputError(
                "only the graphical lasso leaves coefficients that are 0",
                remedy="Choose edges by another rule, or use the estimator glasso.",
            )


@dataclass(frozen=True, eq=False)
class Network:
    """The network of one group.

    Args:
        name: of the group, ``all`` without groups.
        subjects: how many.
        covariates: how many columns were regressed out (of full rank).
        plain: (pairs,) coefficients without shrinkage; NaN where they cannot be had.
        weights: (pairs,) coefficients by the estimator; the network is made of these.
        p: (pairs,) of the plain coefficient; NaN where it cannot be had.
        q: likewise, after Benjamini and Hochberg.
        interval: (pairs, 2) of the plain coefficient by Fisher's z.
        chosen: (pairs,) which are edges.
        shrinkage: share shrunken, or the penalty of the graphical lasso.
        graph: its measures.
        stability: the bootstrap, None without.
    """

    name: str
    subjects: int
    covariates: int
    plain: Floats
    weights: Floats
    p: Floats
    q: Floats
    interval: Floats
    chosen: NDArray[np.bool_]
    shrinkage: float
    graph: GraphMeasures
    stability: Stability | None

    def matrix(self, organs: int) -> Floats:
        """The coefficients as (organs, organs), 1 on the diagonal."""
        rows, columns = pairs(organs)
        found = np.eye(organs)
        found[rows, columns] = found[columns, rows] = self.weights
        return found


@dataclass(frozen=True, eq=False)
class Analysis:
    """All that was found.

    Args:
        cohort: who was analysed.
        options: how.
        networks: by group, in alphabetical order.
        comparison: of the first two, None unless there are just two and permutations.
        individual: every subject against the reference, None without one.
    """

    cohort: Cohort
    options: Options
    networks: Mapping[str, Network]
    comparison: Comparison | None
    individual: Deviations | None


def analyse(cohort: Cohort, options: Options | None = None) -> Analysis:
    """Make the networks of a cohort.

    Args:
        cohort: complete subjects.
        options: what to compute.

    Raises:
        InputError: too few subjects for the organs, organs that are copies of each other or that
            the covariates explain, or options that the groups do not allow.
    """
    options = options or Options()
    if len(cohort.organs) < _LEAST_ORGANS:
        raise InputError(
            f"a network needs {_LEAST_ORGANS} organs or more; there are {len(cohort.organs)}",
            remedy="Choose more organs with --organ, or take all.",
        )
    groups = sorted(set(cohort.groups)) or [ALL]
    if options.reference is not None and options.reference not in cohort.groups:
        raise InputError(
            f"there is no group {options.reference!r} to be the reference",
            cause=f"The groups are {', '.join(groups) if cohort.groups else 'not given'}.",
            remedy="Name one of the column of --groups with --reference.",
        )
    compared = len(groups) == 2 and options.permutations > 0
    prepared = {}
    for name in groups:
        members = cohort.of(name) if cohort.groups else np.ones(len(cohort.subjects), np.bool_)
        prepared[name] = _prepare(name, cohort, members, options)
    networks = {}
    share = 1 / (len(groups) + compared)
    for number, (name, (moments, method)) in enumerate(prepared.items()):
        with stage(number * share, (number + 1) * share):
            networks[name] = _network(name, cohort, moments, method, options)
    comparison = None
    if compared:
        with stage(1 - share, 1):
            first, second = ((_scaled(moments), method) for moments, method in prepared.values())
            comparison = compare_groups(first, second, options.permutations, options.seed)
    individual = None
    if options.reference is not None:
        everyone = Moments(cohort.values, cohort.design.values)
        individual = deviations(everyone, cohort.of(options.reference))
    return Analysis(cohort, options, networks, comparison, individual)


def _prepare(
    name: str, cohort: Cohort, members: NDArray[np.bool_], options: Options
) -> tuple[Moments, Method]:
    """Moments of a group and the method; refuses what would only give noise."""
    where = "" if name == ALL and not cohort.groups else f"group {name!r}: "
    values, design = cohort.values[members], cohort.design.values[members]
    design = design[:, np.ptp(design, axis=0) > 0] if len(design) else design
    covariates = int(np.linalg.matrix_rank(design - design.mean(axis=0))) if design.size else 0
    count, organs = values.shape
    least = 2 * organs if options.estimator == "pearson" else 0
    if count - covariates < max(least, 5):
        raise InputError(
            f"{where}{count} subjects are too few for {organs} organs and {covariates} covariates",
            cause=f"Without shrinkage there must be twice as many subjects, less the covariates, "
            f"as organs: {least + covariates}."
            if least > 5
            else "There must be at least 5 more subjects than covariates.",
            remedy="Choose fewer organs with --organ, or --estimator ledoit-wolf.",
        )
    _refuse_flat(where, values, design, cohort.organs)
    moments = Moments(values, design)
    held = organs - 2 if options.kind == "partial" else 0
    free = freedom(count, covariates, held)
    if options.rule.name == "fdr" and free < 1:
        raise InputError(
            f"{where}{count} subjects are too few to test partial correlations of {organs} organs",
            remedy="Choose edges with --density or --least-r instead.",
        )
    penalty = 0.0
    if options.estimator == "glasso":
        whole = estimate(moments, np.ones((1, count)))
        penalty = choose_penalty(whole.matrix[0], count - covariates)
    return moments, Method(options.estimator, options.kind, options.rule, free, penalty)


def _refuse_flat(where: str, values: Floats, design: Floats, organs: tuple[str, ...]) -> None:
    flat = np.ptp(values, axis=0) <= 1e-9 * np.abs(values).max(axis=0)
    if flat.any():
        names = ", ".join(organ for organ, is_flat in zip(organs, flat, strict=True) if is_flat)
        raise InputError(
            f"{where}{names} has the same value for all subjects",
            remedy="Choose the other organs with --organ.",
        )
    found = Moments(values, design).residuals(np.ones((1, len(values))))
    left = np.diag(found.covariance[0])
    if (left < 1e-10).any():
        raise InputError(
            f"{where}{organs[int(left.argmin())]} is wholly explained by the covariates",
            remedy="Leave the organ or a covariate out.",
        )
    rows, columns = pairs(len(organs))
    r = np.abs(found.correlation[0][rows, columns])
    if r.max() > _SAME:
        worst = int(r.argmax())
        raise InputError(
            f"{where}{organs[rows[worst]]} and {organs[columns[worst]]} are the same to rounding",
            cause="One organ under two names makes every other partial correlation noise.",
            remedy="Choose one of them with --organ.",
        )


def _network(
    name: str, cohort: Cohort, moments: Moments, method: Method, options: Options
) -> Network:
    count = moments.subjects
    once = np.ones((1, count))
    found = estimate(moments, once, method.estimator, method.kind, method.penalty)
    weights = found.edges[0]
    plain = np.full(len(weights), np.nan)
    if method.free >= 1:
        plain = estimate(moments, once, "pearson", method.kind).edges[0]
    p = p_values(plain, method.free)
    chosen = method.rule.choose(weights[None], plain[None], method.free)[0]
    held = moments.organs - 2 if method.kind == "partial" else 0
    stability = None
    if options.bootstrap:
        stability = bootstrap_edges(moments, method, options.bootstrap, options.seed, options.level)
    return Network(
        name=name,
        subjects=count,
        covariates=int(count - 3 - held - method.free),
        plain=plain,
        weights=weights,
        p=p,
        q=q_values(p),
        interval=intervals(plain, method.free, options.level),
        chosen=chosen,
        shrinkage=float(found.amount[0]),
        graph=measure_graph(cohort.organs, weights, chosen, options.seed),
        stability=stability,
    )


def _scaled(moments: Moments) -> Floats:
    """Residuals of a group, (subjects, organs), each organ with standard deviation 1."""
    found = moments.residuals(np.ones((1, moments.subjects)))
    sd = np.sqrt(np.diag(found.covariance[0]))
    return np.asarray(moments.rows @ found.lift[0] / sd)
