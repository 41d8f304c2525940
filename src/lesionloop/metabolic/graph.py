"""Measures of a network: of its organs and of the whole.

All are taken on absolute weights: an edge of -0.8 binds two organs as closely as one of 0.8. The
published ones come from networkx; the batched forms, for resamples, agree with it (see the tests).
Sources: Onnela et al., Phys Rev E 71:065103 (2005) for weighted clustering; Latora and Marchiori,
Phys Rev Lett 87:198701 (2001) for efficiency; Brandes, J Math Sociol 25:163-177 (2001) for
betweenness; Blondel et al., J Stat Mech P10008 (2008) for the communities of modularity.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lesionloop.metabolic.estimators import EXTRA, pairs
from lesionloop.packages import load_package

__all__ = ["GraphMeasures", "clustering", "efficiency", "filled", "measure_graph"]

Floats = NDArray[np.float64]

#: The search for communities is by chance; the best of so many starts counts.
_STARTS: Final = 20


@dataclass(frozen=True, eq=False)
class GraphMeasures:
    """Of one network.

    Args:
        degree: (organs,) edges.
        strength: (organs,) sum of absolute weights.
        clustering: (organs,) weighted, 0 to 1.
        betweenness: (organs,) share of shortest paths through the organ, length 1 / weight.
        community: (organs,) number of its community from 1, the largest first.
        density: edges over pairs.
        mean_strength: mean absolute weight of all pairs, edges or not.
        global_efficiency: mean over pairs of one over the number of steps between them.
        mean_clustering: of the organs.
        modularity: of the communities; NaN without edges.
    """

    degree: NDArray[np.int64]
    strength: Floats
    clustering: Floats
    betweenness: Floats
    community: NDArray[np.int64]
    density: float
    mean_strength: float
    global_efficiency: float
    mean_clustering: float
    modularity: float


def measure_graph(
    names: tuple[str, ...], weights: Floats, chosen: NDArray[np.bool_], seed: int
) -> GraphMeasures:
    """Measure one network with networkx.

    Args:
        names: of the organs.
        weights: (pairs,) coefficients.
        chosen: (pairs,) which are edges.
        seed: of the search for communities.

    Raises:
        InputError: networkx is not installed.
    """
    nx = load_package("networkx", EXTRA)
    rows, columns = pairs(len(names))
    graph = nx.Graph()
    # Numbered by name, so that the order of the table's columns decides nothing; and numbers, as
    # a set of names has another order in every process.
    number = {name: n for n, name in enumerate(sorted(names))}
    graph.add_nodes_from(range(len(names)))
    edges = [
        (*sorted((number[names[rows[n]]], number[names[columns[n]]])), abs(float(weights[n])))
        for n in np.flatnonzero(chosen)
    ]
    for first, second, weight in sorted(edges):
        graph.add_edge(first, second, weight=weight, length=1 / weight)
    communities, modularity = _communities(nx, graph, seed)
    place = {node: n for n, group in enumerate(communities, start=1) for node in group}
    local = nx.clustering(graph, weight="weight")

    def of_organs(values: Any, kind: type[np.number[Any]]) -> NDArray[Any]:
        return np.array([values[number[name]] for name in names], dtype=kind)

    return GraphMeasures(
        degree=of_organs(graph.degree(), np.int64),
        strength=of_organs(graph.degree(weight="weight"), np.float64),
        clustering=of_organs(local, np.float64),
        betweenness=of_organs(nx.betweenness_centrality(graph, weight="length"), np.float64),
        community=of_organs(place, np.int64),
        density=float(chosen.mean()) if len(chosen) else 0.0,
        mean_strength=float(np.abs(weights).mean()),
        global_efficiency=float(nx.global_efficiency(graph)),
        mean_clustering=float(np.mean(list(local.values()))),
        modularity=modularity,
    )


def filled(edges: Floats, organs: int) -> Floats:
    """Symmetric matrices, (resamples, organs, organs), of edges (resamples, pairs); diagonal 0."""
    rows, columns = pairs(organs)
    found = np.zeros((len(edges), organs, organs))
    found[:, rows, columns] = edges
    found[:, columns, rows] = edges
    return found


def efficiency(present: NDArray[np.bool_]) -> Floats:
    """Global efficiency by steps, (resamples,), of adjacencies (resamples, organs, organs)."""
    count = present.shape[1]
    steps = np.where(present, 1.0, np.inf)
    steps[:, range(count), range(count)] = 0.0
    for middle in range(count):  # Floyd and Warshall, all resamples at once
        np.minimum(steps, steps[:, :, middle, None] + steps[:, None, middle, :], out=steps)
    inverse = np.divide(1.0, steps, out=np.zeros_like(steps), where=steps > 0)
    return np.asarray(inverse.sum(axis=(1, 2)) / (count * (count - 1)))


def clustering(weights: Floats) -> Floats:
    """Mean weighted clustering, (resamples,); weights (resamples, organs, organs), diagonal 0."""
    size = np.abs(weights)
    largest = size.max(axis=(1, 2), keepdims=True)
    root = np.cbrt(np.divide(size, largest, out=np.zeros_like(size), where=largest > 0))
    triangles = np.einsum("bij,bji->bi", root @ root, root)
    degree = (size > 0).sum(axis=2)
    possible = degree * (degree - 1)
    local = np.divide(triangles, possible, out=np.zeros_like(triangles), where=possible > 0)
    return np.asarray(local.mean(axis=1))


def _communities(nx: Any, graph: Any, seed: int) -> tuple[list[set[int]], float]:
    if not graph.number_of_edges():
        return [{node} for node in graph], float("nan")
    best: tuple[list[set[int]], float] = ([], -np.inf)
    for start in range(_STARTS):
        found = nx.community.louvain_communities(graph, weight="weight", seed=seed + start)
        value = float(nx.community.modularity(graph, found, weight="weight"))
        if value > best[1] + 1e-12:
            best = found, value
    return sorted(best[0], key=lambda group: (-len(group), min(group))), best[1]
