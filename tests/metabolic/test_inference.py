"""Tests and thresholds against SciPy, by hand, and by how often they are wrong."""

import numpy as np
import pytest
from scipy.stats import binom, kstest, pearsonr

from lesionloop.errors import InputError
from lesionloop.metabolic.estimators import estimate, pairs
from lesionloop.metabolic.inference import Rule, freedom, intervals, p_values, q_values
from lesionloop.metabolic.moments import Moments


def test_p_and_interval_are_those_of_scipy() -> None:
    """SciPy's interval is Fisher's; its p is exact, and Fisher's is close to it."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(2, 50))
    result = pearsonr(x, y + 0.4 * x)
    r = np.array([result.statistic])
    free = freedom(50, 0)
    low, high = intervals(r, free, 0.9)[0]
    theirs = result.confidence_interval(0.9)
    assert (low, high) == pytest.approx((theirs.low, theirs.high), abs=1e-12)
    assert p_values(r, free)[0] == pytest.approx(result.pvalue, rel=0.05)


def test_q_by_hand() -> None:
    p = np.array([[0.01, 0.04, 0.03, 0.5], [0.2, 0.2, 0.2, 0.2]])
    np.testing.assert_allclose(
        q_values(p), [[0.04, 0.16 / 3, 0.16 / 3, 0.5], [0.2] * 4], atol=1e-12
    )
    assert np.isnan(q_values(np.array([0.1, np.nan]))).all()
    assert np.isnan(p_values(np.array([0.5]), 0)).all()
    assert np.isnan(intervals(np.array([0.5]), 0)).all()


@pytest.mark.parametrize(("kind", "covariates"), [("correlation", 0), ("correlation", 4),
                                                  ("partial", 0), ("partial", 4)])  # fmt: skip
def test_p_is_uniform_where_there_is_nothing(kind: str, covariates: int) -> None:
    """With 25 subjects and a covariate or six too many the degrees of freedom would show."""
    rng = np.random.default_rng(5)
    found = []
    for _ in range(300):
        values, design = rng.normal(size=(25, 8)), rng.normal(size=(25, covariates))
        r = estimate(Moments(values, design), np.ones((1, 25)), "pearson", kind).edges[0]  # type: ignore[arg-type]
        found.append(p_values(r, freedom(25, covariates, 6 if kind == "partial" else 0))[:4])
    p = np.concatenate(found)
    assert kstest(p, "uniform").pvalue > 0.001
    rate = (p <= 0.05).sum()
    assert binom.ppf(0.0005, len(p), 0.05) <= rate <= binom.ppf(0.9995, len(p), 0.05)


def test_the_false_discovery_rate_holds() -> None:
    """Of nothing, at most 5 % of networks have an edge; with signal, at most 5 % of edges err."""
    rng = np.random.default_rng(6)
    rule, free = Rule("fdr", 0.05), freedom(60, 0)
    weights = np.ones((1, 60))
    any_edge, shares, found = 0, [], []
    for _ in range(300):
        values = rng.normal(size=(60, 10))
        r = estimate(Moments(values, np.empty((60, 0))), weights).edges
        any_edge += bool(rule.choose(r, r, free).any())
        values[:, :4] += 1.2 * rng.normal(size=(60, 1))
        true = np.array([j < 4 for _, j in zip(*pairs(10), strict=True)])
        r = estimate(Moments(values, np.empty((60, 0))), weights).edges
        chosen = rule.choose(r, r, free)[0]
        found.append(chosen[true].mean())
        shares.append((chosen & ~true).sum() / max(chosen.sum(), 1))
    assert any_edge <= binom.ppf(0.999, 300, 0.05)
    assert np.mean(found) > 0.97
    assert np.mean(shares) < 0.05 + 3 * np.std(shares) / np.sqrt(300)


def test_rules_choose_what_they_say() -> None:
    weights = np.array([[0.9, -0.7, 0.1, 0.0, 0.6], [0.2, 0.2, -0.3, 0.0, 0.0]])
    density = Rule("density", 0.4).choose(weights, weights, 10)
    np.testing.assert_array_equal(density, [[1, 1, 0, 0, 0], [1, 0, 1, 0, 0]])
    least = Rule("least-r", 0.6).choose(weights, weights, 10)
    np.testing.assert_array_equal(least, [[1, 1, 0, 0, 1], [0, 0, 0, 0, 0]])
    nonzero = Rule("nonzero").choose(weights, weights, 10)
    np.testing.assert_array_equal(nonzero, weights != 0)
    assert not Rule("density", 1.0).choose(weights, weights, 10)[0, 3]
    for name in ("density", "least-r", "fdr"):
        for value in (0.0, 1.2, -1, float("nan")):
            with pytest.raises(InputError, match="above 0 and at most 1"):
                Rule(name, value)
