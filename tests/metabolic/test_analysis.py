"""The whole analysis on cohorts whose network is known."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from lesionloop.errors import InputError
from lesionloop.metabolic import Analysis, Cohort, Options, analyse
from lesionloop.metabolic.covariates import Design
from lesionloop.metabolic.estimators import pairs
from lesionloop.metabolic.figures import network_figures
from lesionloop.metabolic.inference import Rule

CohortOf = Callable[..., Cohort]
Floats = NDArray[np.float64]
QUICK = Options(bootstrap=0, permutations=0)


def blocks(rng: np.random.Generator, subjects: int) -> Floats:
    """Twelve organs: 0 to 3 share a source, 4 to 6 another, 7 is against 4; the rest is alone."""
    values = rng.normal(size=(subjects, 12))
    first, second = rng.normal(size=(2, subjects, 1))
    values[:, :4] += 1.3 * first
    values[:, 4:7] += 1.3 * second
    values[:, 7:8] -= 1.3 * second
    return values


def planted() -> NDArray[np.bool_]:
    rows, columns = pairs(12)
    return np.asarray((columns < 4) | ((rows >= 4) & (columns < 8)))


def edges_of(found: Analysis) -> NDArray[np.bool_]:
    return found.networks["all"].chosen


@pytest.mark.parametrize("estimator", ["pearson", "ledoit-wolf", "oas"])
def test_planted_edges_are_found_and_no_others(cohort_of: CohortOf, estimator: str) -> None:
    found = analyse(
        cohort_of(blocks(np.random.default_rng(0), 300)),
        Options(estimator=estimator, bootstrap=100, permutations=0),  # type: ignore[arg-type]
    )
    network = found.networks["all"]
    assert network.chosen[planted()].all()
    # 54 pairs without anything; the rate lets 5 % of all edges be false.
    assert network.chosen[~planted()].sum() <= 3
    assert network.stability is not None
    assert (network.stability.chosen[planted()] > 0.95).all()
    assert network.stability.chosen[~planted()].mean() < 0.2
    against = (pairs(12)[1] == 7) & planted()
    assert (network.weights[against] < -0.3).all()
    # Two blocks, and each organ alone is its own community.
    assert len(set(network.graph.community[:4])) == len(set(network.graph.community[4:8])) == 1
    assert network.graph.modularity > 0.3


def test_the_strongest_are_the_planted_ones_by_density(cohort_of: CohortOf) -> None:
    rule = Rule("density", 12 / 66)
    cohort = cohort_of(blocks(np.random.default_rng(1), 200))
    found = analyse(cohort, Options(rule=rule, bootstrap=0, permutations=0))
    np.testing.assert_array_equal(edges_of(found), planted())


def test_partial_correlation_cuts_the_middleman(cohort_of: CohortOf) -> None:
    """0 drives 1, and 1 drives 2: 0 and 2 go together, but not with 1 held fixed."""
    rng = np.random.default_rng(2)
    values = rng.normal(size=(400, 5))
    values[:, 1] += values[:, 0]
    values[:, 2] += values[:, 1]
    whole = analyse(cohort_of(values), QUICK)
    apart = analyse(cohort_of(values), Options(kind="partial", bootstrap=0, permutations=0))
    names = list(zip(*pairs(5), strict=True))
    assert edges_of(whole)[names.index((0, 2))]
    assert not edges_of(apart)[names.index((0, 2))]
    assert edges_of(apart)[[names.index((0, 1)), names.index((1, 2))]].all()


def test_an_edge_that_age_alone_makes_goes_with_age(cohort_of: CohortOf) -> None:
    rng = np.random.default_rng(3)
    hits = {"without": 0, "with": 0}
    for _ in range(200):
        age = rng.normal(60, 12, size=(80, 1))
        values = rng.normal(size=(80, 5))
        values[:, :2] += (age - 60) / 12
        hits["without"] += int(analyse(cohort_of(values), QUICK).networks["all"].p[0] < 0.05)
        hits["with"] += int(analyse(cohort_of(values, age), QUICK).networks["all"].p[0] < 0.05)
    assert hits["without"] > 190
    assert binom.ppf(0.001, 200, 0.05) <= hits["with"] <= binom.ppf(0.999, 200, 0.05)


def test_too_few_subjects_are_refused_without_shrinkage(cohort_of: CohortOf) -> None:
    rng = np.random.default_rng(4)
    values, age = rng.normal(size=(24, 12)), rng.normal(size=(24, 1))
    analyse(cohort_of(values), QUICK)
    with pytest.raises(InputError, match="too few for 12 organs") as error:
        analyse(cohort_of(values, age), QUICK)
    assert "25" in str(error.value)
    assert "ledoit-wolf" in str(error.value)
    shrunken = Options(estimator="ledoit-wolf", bootstrap=20, permutations=0)
    assert analyse(cohort_of(values, age), shrunken).networks["all"].covariates == 1
    partly = Options(estimator="oas", kind="partial", bootstrap=20, permutations=0)
    with pytest.raises(InputError, match="too few to test partial"):
        analyse(cohort_of(values[:12]), partly)
    by_density = Options(estimator="oas", kind="partial", rule=Rule("density", 0.2), bootstrap=20)
    found = analyse(cohort_of(values[:12]), by_density).networks["all"]
    assert np.isnan(found.p).all()
    assert found.chosen.sum() == 13


def test_what_makes_no_sense_is_refused(cohort_of: CohortOf) -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(60, 4))
    names = ("a", "b") * 30
    copied = np.column_stack([values, 3 * values[:, 0] + 1])
    with pytest.raises(InputError, match="organ_00 and organ_04 are the same"):
        analyse(cohort_of(copied), QUICK)
    with pytest.raises(InputError, match="organ_00 is wholly explained"):
        analyse(cohort_of(values, 2 * values[:, :1] - 7), QUICK)
    flat = values.copy()
    flat[::2, 1] = 2.5
    with pytest.raises(InputError, match="group 'a': organ_01 has the same value"):
        analyse(cohort_of(flat, groups=names), QUICK)
    with pytest.raises(InputError, match="3 organs or more"):
        analyse(cohort_of(values[:, :2]), QUICK)
    with pytest.raises(InputError, match="no group 'c'"):
        analyse(cohort_of(values, groups=names), Options(reference="c"))
    for bad in ({"estimator": "x"}, {"kind": "x"}, {"bootstrap": -1}, {"level": 1.0},
                {"rule": Rule("nonzero")}):  # fmt: skip
        with pytest.raises(InputError):
            Options(**bad)


def test_three_groups_have_networks_and_no_test(cohort_of: CohortOf) -> None:
    values = np.random.default_rng(6).normal(size=(60, 4))
    found = analyse(cohort_of(values, groups=("a", "b", "c") * 20), Options(bootstrap=10))
    assert list(found.networks) == ["a", "b", "c"]
    assert found.comparison is None


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**31))
def test_the_order_of_organs_and_their_units_do_not_count(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = blocks(np.random.default_rng(7), 60)
    order = rng.permutation(12)
    scale = 10 ** rng.uniform(-3, 3, 12)
    names = np.array([f"organ_{n:02d}" for n in range(12)])
    subjects = tuple(f"s{n:02d}" for n in range(60))
    groups = ("a", "b") * 30
    options = Options(bootstrap=20, permutations=30, reference="a", rule=Rule("density", 0.3))
    results = []
    for kept, factor in ((np.arange(12), np.ones(12)), (order, scale)):
        cohort = Cohort(
            subjects,
            tuple(names[kept]),
            (values * factor + factor)[:, kept],
            Design((), np.empty((60, 0))),
            groups,
        )
        found = analyse(cohort, options)
        assert found.comparison is not None
        assert found.individual is not None
        told = {}
        for n, (i, j) in enumerate(zip(*pairs(12), strict=True)):
            network = found.networks["a"]
            assert network.stability is not None
            told[tuple(sorted((cohort.organs[i], cohort.organs[j])))] = [
                network.weights[n], network.p[n], network.chosen[n], network.stability.chosen[n],
                found.comparison.difference[n], found.comparison.p_family[n],
                found.individual.z[3, n],
            ]  # fmt: skip
        graph = found.networks["a"].graph
        whole = [graph.global_efficiency, graph.mean_clustering, graph.modularity]
        results.append((told, whole, dict(zip(cohort.organs, graph.betweenness, strict=True))))
    (first, whole, between), (second, whole_2, between_2) = results
    assert first.keys() == second.keys()
    for pair, row in first.items():
        np.testing.assert_allclose(row, second[pair], atol=1e-7, err_msg=str(pair))
    np.testing.assert_allclose(whole, whole_2, atol=1e-9)
    for organ, value in between.items():
        assert between_2[organ] == pytest.approx(value)


def test_the_seed_decides_all(cohort_of: CohortOf) -> None:
    cohort = cohort_of(blocks(np.random.default_rng(8), 60), groups=("a", "b") * 30)
    runs = [analyse(cohort, Options(bootstrap=30, permutations=30, seed=s)) for s in (4, 4, 5)]
    shares = [run.networks["a"].stability.chosen for run in runs]  # type: ignore[union-attr]
    np.testing.assert_array_equal(shares[0], shares[1])
    assert (shares[0] != shares[2]).any()


def test_figures_hold_every_organ_and_edge(cohort_of: CohortOf) -> None:
    cohort = cohort_of(blocks(np.random.default_rng(9), 100), groups=("a", "<b>") * 50)
    found = analyse(cohort, Options(bootstrap=0, permutations=20))
    figures = network_figures(found)
    assert list(figures) == ["matrix-1", "body-1", "matrix-2", "body-2", "difference"]
    assert "<b>" not in "".join(figures.values())
    for number, network in enumerate(found.networks.values(), start=1):
        body = figures[f"body-{number}"]
        assert body.count("stroke-opacity") == network.chosen.sum()
        assert body.count("<circle") == 12
        matrix = figures[f"matrix-{number}"]
        assert matrix.count("<circle") == 2 * network.chosen.sum()
        assert "organ 11" in matrix
