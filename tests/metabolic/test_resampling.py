"""Bootstrap and permutation test: against plain loops, and how often they are wrong."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import binom

from lesionloop.metabolic import Cohort, Options, analyse
from lesionloop.metabolic.inference import Rule, freedom
from lesionloop.metabolic.moments import Moments
from lesionloop.metabolic.resampling import Method, bootstrap_edges, compare_groups

CohortOf = Callable[..., Cohort]


def test_the_bootstrap_is_a_loop_over_resamples() -> None:
    rng = np.random.default_rng(8)
    values, age = rng.normal(size=(40, 5)), rng.normal(size=(40, 1))
    values[:, 1] += 2 * values[:, 0]
    values += age
    method = Method("pearson", "correlation", Rule("density", 0.3), freedom(40, 1))
    found = bootstrap_edges(Moments(values, age), method, 50, seed=9)
    drawn = np.random.default_rng(9).multinomial(40, [1 / 40] * 40, size=50)
    edges = []
    for counts in drawn:
        rows = np.repeat(np.arange(40), counts)
        c = np.column_stack([np.ones(40), age[rows]])
        left = values[rows] - c @ np.linalg.lstsq(c, values[rows], rcond=None)[0]
        edges.append(np.corrcoef(left, rowvar=False)[np.triu_indices(5, 1)])
    expected = np.array(edges)
    np.testing.assert_allclose(
        found.interval, np.quantile(expected, [0.025, 0.975], axis=0).T, atol=1e-9
    )
    strongest = np.argsort(-np.abs(expected), axis=1)[:, :3]
    shares = [(strongest == n).any(axis=1).mean() for n in range(10)]
    np.testing.assert_allclose(found.chosen, shares)
    assert found.chosen[0] == found.same_sign[0] == 1
    np.testing.assert_allclose(
        found.globals["mean_strength"], np.quantile(np.abs(expected).mean(axis=1), [0.025, 0.975])
    )


def test_the_intervals_of_the_bootstrap_hold_the_truth() -> None:
    rng = np.random.default_rng(10)
    truth = np.full((4, 4), 0.5) + 0.5 * np.eye(4)
    method = Method("pearson", "correlation", Rule("density", 0.3), freedom(100, 0))
    inside = 0
    for n in range(100):
        values = rng.multivariate_normal(np.zeros(4), truth, size=100)
        low, high = bootstrap_edges(
            Moments(values, np.empty((100, 0))), method, 200, seed=n
        ).interval[0]
        inside += low <= 0.5 <= high
    # The percentile interval is a little narrow: about 93 % at 100 subjects.
    assert inside >= binom.ppf(0.001, 100, 0.92)


def groups_of(rng: np.random.Generator, mean: float, spread: float) -> tuple[np.ndarray, ...]:
    common = np.full((5, 5), 0.4) + 0.6 * np.eye(5)
    first = rng.multivariate_normal(np.zeros(5), common, size=30)
    return first, mean + spread * rng.multivariate_normal(np.zeros(5), common, size=36)


@pytest.mark.parametrize(("mean", "spread"), [(0.0, 1.0), (4.0, 1.0), (0.0, 5.0)])
def test_groups_with_one_network_seldom_differ(
    cohort_of: CohortOf, mean: float, spread: float
) -> None:
    """Whatever their means and spreads; the rate of errors is that of the level, 5 %."""
    rng = np.random.default_rng(12)
    names = ("a",) * 30 + ("b",) * 36
    options = Options(bootstrap=0, permutations=99, rule=Rule("density", 0.5))
    family, distance, strength, alone = [], [], [], []
    for _ in range(150):
        age = rng.normal(size=(66, 1))
        values = np.concatenate(groups_of(rng, mean, spread)) + age * [1, 0, 1, 0, 0]
        found = analyse(cohort_of(values, age, names), options).comparison
        assert found is not None
        family.append(found.p_family.min() <= 0.05)
        distance.append(found.p_global["matrix_distance"] <= 0.05)
        strength.append(found.p_global["mean_strength"] <= 0.05)
        alone.append((found.p <= 0.05).mean())
    for errors in (family, distance, strength):
        assert sum(errors) <= binom.ppf(0.9995, 150, 0.05), np.mean(errors)
    assert 0.03 < np.mean(alone) < 0.075


def test_an_edge_of_one_group_is_found(cohort_of: CohortOf) -> None:
    rng = np.random.default_rng(13)
    values = rng.normal(size=(120, 6))
    values[:60, 1] = 0.8 * values[:60, 0] + 0.6 * values[:60, 1]
    cohort = cohort_of(values, groups=("a",) * 60 + ("b",) * 60)
    found = analyse(cohort, Options(bootstrap=0, permutations=499)).comparison
    assert found is not None
    assert found.p_family[0] == found.p[0] == 1 / 500
    assert found.difference[0] > 0.5
    assert (found.p_family[1:] > 0.05).all()
    assert found.p_global["matrix_distance"] < 0.05


def test_family_wise_p_is_the_largest_difference_of_all_pairs() -> None:
    """On four subjects a group all 70 ways to deal the names can be gone through."""
    from itertools import combinations

    rng = np.random.default_rng(14)
    values = rng.normal(size=(8, 3))
    both = [(v - v.mean(axis=0)) / v.std(axis=0) for v in (values[:4], values[4:])]
    rows = np.concatenate(both)

    def difference(first: tuple[int, ...]) -> np.ndarray:
        member = np.isin(np.arange(8), first)
        z = [
            np.arctanh(np.corrcoef(rows[side], rowvar=False)[np.triu_indices(3, 1)])
            for side in (member, ~member)
        ]
        return np.asarray(np.abs(z[0] - z[1]))

    every = np.array([difference(first) for first in combinations(range(8), 4)])
    exact = (every.max(axis=1)[:, None] >= difference((0, 1, 2, 3)) - 1e-9).mean(axis=0)
    method = Method("pearson", "correlation", Rule("density", 0.5), 1.0)
    found = compare_groups((both[0], method), (both[1], method), 4000, seed=15)
    np.testing.assert_allclose(found.p_family, exact, atol=0.03)
