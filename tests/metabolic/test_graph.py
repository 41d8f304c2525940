"""Measures of networks against networkx and graphs whose measures are known."""

import os
import subprocess
import sys

import networkx as nx
import numpy as np
import pytest

from lesionloop.metabolic.estimators import pairs
from lesionloop.metabolic.graph import clustering, efficiency, filled, measure_graph

NAMES = tuple(f"organ_{n}" for n in range(7))
PAIRS = len(pairs(7)[0])


def test_batches_agree_with_networkx() -> None:
    rng = np.random.default_rng(3)
    dense = np.linspace(0, 1, 12)[:, None]
    edges = rng.uniform(-1, 1, (12, PAIRS)) * (rng.random((12, PAIRS)) < dense)
    matrices = filled(edges, 7)
    ours = efficiency(matrices != 0), clustering(matrices)
    for matrix, distance, local in zip(matrices, *ours, strict=True):
        graph = nx.from_numpy_array(np.abs(matrix))
        assert distance == pytest.approx(nx.global_efficiency(graph), abs=1e-12)
        assert local == pytest.approx(nx.average_clustering(graph, weight="weight"), abs=1e-12)


def test_two_triangles_and_a_bridge() -> None:
    """Organs 0, 1, 2 and 3, 4, 5; the edge from 2 to 3 joins them; 6 is alone."""
    rows, columns = pairs(7)
    weights = np.zeros(PAIRS)
    for i, j, value in ((0, 1, 0.9), (0, 2, -0.9), (1, 2, 0.9), (3, 4, 0.9), (3, 5, 0.9),
                        (4, 5, 0.9), (2, 3, 0.3)):  # fmt: skip
        weights[(rows == i) & (columns == j)] = value
    found = measure_graph(NAMES, weights, weights != 0, seed=1)
    np.testing.assert_array_equal(found.degree, [2, 2, 3, 3, 2, 2, 0])
    np.testing.assert_allclose(found.strength, [1.8, 1.8, 2.1, 2.1, 1.8, 1.8, 0])
    # 2 lies between {0, 1} and {3, 4, 5}: 6 of the 15 pairs of the 6 others.
    np.testing.assert_allclose(found.betweenness, [0, 0, 0.4, 0.4, 0, 0, 0])
    assert len(set(found.community[:3])) == len(set(found.community[3:6])) == 1
    assert len(set(found.community.tolist())) == 3
    assert found.density == pytest.approx(7 / 21)
    # Ordered pairs: 7 edges, 4 at two steps, 4 at three.
    assert found.global_efficiency == pytest.approx(2 * (7 + 4 / 2 + 4 / 3) / 42)
    inside, all_ = 2.7, 5.7
    assert found.modularity == pytest.approx(2 * (inside / all_ - ((5.4 + 0.3) / (2 * all_)) ** 2))


def test_a_network_without_edges() -> None:
    found = measure_graph(NAMES, np.full(PAIRS, 0.1), np.zeros(PAIRS, dtype=bool), seed=1)
    assert np.isnan(found.modularity)
    assert found.global_efficiency == found.mean_clustering == found.density == 0
    assert found.mean_strength == pytest.approx(0.1)
    assert sorted(found.community) == list(range(1, 8))


def test_every_process_finds_the_same() -> None:
    """Python gives sets of names another order in every process."""
    code = """
import numpy as np
from lesionloop.metabolic.graph import measure_graph
weights = np.random.default_rng(3).uniform(-1, 1, 190)
found = measure_graph(tuple(f"organ {n}" for n in range(20)), weights, abs(weights) > 0.4, seed=1)
print([value.hex() for value in found.clustering], found.community, found.modularity.hex())
"""
    told = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": str(seed)},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in (1, 2)
    }
    assert len(told) == 1
