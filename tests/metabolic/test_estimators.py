"""Coefficients of many samples at once against scikit-learn and least squares on each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import OAS, LedoitWolf

from lesionloop.errors import InputError
from lesionloop.metabolic.estimators import choose_penalty, estimate, pairs
from lesionloop.metabolic.moments import Moments

RNG = np.random.default_rng(11)
N, P, K = 60, 6, 2
DESIGN = RNG.normal(size=(N, K)) * [10, 1] + [60, 0]
VALUES = RNG.normal(size=(N, P)) @ RNG.normal(size=(P, P)) + DESIGN @ RNG.normal(size=(K, P)) * 0.1
COUNTS = RNG.multinomial(N, [1 / N] * N, size=7).astype(float)


def residuals(counts: np.ndarray) -> np.ndarray:
    """Of one resample, by least squares on the rows that it really has."""
    rows = np.repeat(np.arange(N), counts.astype(int))
    x, c = VALUES[rows], np.column_stack([np.ones(len(rows)), DESIGN[rows]])
    return np.asarray(x - c @ np.linalg.lstsq(c, x, rcond=None)[0])


def standard(x: np.ndarray) -> np.ndarray:
    return np.asarray((x - x.mean(axis=0)) / x.std(axis=0))


def test_covariates_are_regressed_out_of_every_resample() -> None:
    found = Moments(VALUES, DESIGN).residuals(COUNTS)
    for correlation, counts in zip(found.correlation, COUNTS, strict=True):
        expected = np.corrcoef(residuals(counts), rowvar=False)
        np.testing.assert_allclose(correlation, expected, atol=1e-10)


def test_the_lift_gives_the_residuals_themselves() -> None:
    moments = Moments(VALUES, DESIGN)
    found = moments.residuals(np.ones((1, N)))
    ours = standard(moments.rows @ found.lift[0])
    np.testing.assert_allclose(ours, standard(residuals(np.ones(N))), atol=1e-9)


def test_a_category_that_a_resample_lacks_does_no_harm() -> None:
    rare = np.zeros((N, 1))
    rare[0] = 1
    without = np.ones((1, N))
    without[0, 0] = 0
    found = Moments(VALUES, rare).residuals(without).correlation[0]
    np.testing.assert_allclose(found, np.corrcoef(VALUES[1:], rowvar=False), atol=1e-10)


@pytest.mark.parametrize(("name", "theirs"), [("ledoit-wolf", LedoitWolf), ("oas", OAS)])
def test_shrinkage_is_that_of_scikit_learn(name: str, theirs: type) -> None:
    found = estimate(Moments(VALUES, DESIGN), COUNTS, name)  # type: ignore[arg-type]
    for matrix, amount, counts in zip(found.matrix, found.amount, COUNTS, strict=True):
        fitted = theirs().fit(standard(residuals(counts)))
        assert amount == pytest.approx(fitted.shrinkage_, abs=1e-10)
        np.testing.assert_allclose(matrix, fitted.covariance_, atol=1e-10)
    assert 0 < found.amount.min() < found.amount.max() < 1


@pytest.mark.parametrize("name", ["ledoit-wolf", "oas"])
def test_independent_organs_are_shrunken_to_nothing(name: str) -> None:
    values = np.random.default_rng(0).normal(size=(30, 25))
    found = estimate(Moments(values, np.empty((30, 0))), np.ones((1, 30)), name)  # type: ignore[arg-type]
    assert np.abs(found.edges).max() < 0.1
    strong = values + 3 * values[:, :1]
    found = estimate(Moments(strong, np.empty((30, 0))), np.ones((1, 30)), name)  # type: ignore[arg-type]
    assert found.amount[0] < 0.2


def test_partial_correlation_is_that_of_regression_residuals() -> None:
    """Of two organs after all others and the covariates are regressed out of both."""
    found = estimate(Moments(VALUES, DESIGN), np.ones((1, N)), kind="partial").matrix[0]
    for i, j in zip(*pairs(P), strict=True):
        others = [n for n in range(P) if n not in (i, j)]
        c = np.column_stack([np.ones(N), DESIGN, VALUES[:, others]])
        left = VALUES[:, [i, j]]
        left = left - c @ np.linalg.lstsq(c, left, rcond=None)[0]
        assert found[i, j] == pytest.approx(np.corrcoef(left, rowvar=False)[0, 1], abs=1e-9)


def test_the_lasso_finds_a_chain_and_little_else() -> None:
    """Where edges are strong its criterion lets weak false ones in: docs/metabolic-networks.md."""
    rng = np.random.default_rng(2)
    precision = np.eye(8) + np.diag([0.45] * 7, 1) + np.diag([0.45] * 7, -1)
    values = rng.multivariate_normal(np.zeros(8), np.linalg.inv(precision), size=500)
    moments = Moments(values, np.empty((500, 0)))
    once = np.ones((1, 500))
    penalty = choose_penalty(estimate(moments, once).matrix[0], 500)
    found = estimate(moments, once, "glasso", "partial", penalty).edges[0]
    chain = np.array([j == i + 1 for i, j in zip(*pairs(8), strict=True)])
    assert (found[chain] < -0.1).all()
    assert np.abs(found[~chain]).max() < 0.1
    assert np.count_nonzero(found[~chain]) <= 7
    whole = estimate(moments, once, "glasso", "correlation", penalty).edges[0]
    assert np.count_nonzero(whole) > np.count_nonzero(found)


def test_the_lasso_leaves_nothing_where_there_is_nothing() -> None:
    rng = np.random.default_rng(4)
    none = 0
    for _ in range(20):
        moments = Moments(rng.normal(size=(80, 8)), np.empty((80, 0)))
        penalty = choose_penalty(estimate(moments, np.ones((1, 80))).matrix[0], 80)
        found = estimate(moments, np.ones((1, 80)), "glasso", "partial", penalty)
        none += not found.edges.any()
    assert none >= 18


def test_the_lasso_refuses_organs_that_are_copies() -> None:
    with pytest.raises(InputError, match="no solution"):
        choose_penalty(np.full((3, 3), np.nan), 50)


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**31),
    st.sampled_from(["pearson", "ledoit-wolf", "oas"]),
    st.sampled_from(["correlation", "partial"]),
)
def test_units_and_orders_do_not_count(seed: int, name: str, kind: str) -> None:
    rng = np.random.default_rng(seed)
    scale, shift = 10 ** rng.uniform(-4, 4, P), rng.normal(0, 50, P)
    subjects, organs = rng.permutation(N), rng.permutation(P)
    once = np.ones((1, N))
    given_ = estimate(Moments(VALUES, DESIGN), once, name, kind).matrix[0]  # type: ignore[arg-type]
    moved = (VALUES * scale + shift * scale)[subjects][:, organs]
    found = estimate(Moments(moved, DESIGN[subjects]), once, name, kind).matrix[0]  # type: ignore[arg-type]
    np.testing.assert_allclose(found, given_[np.ix_(organs, organs)], atol=1e-8)
