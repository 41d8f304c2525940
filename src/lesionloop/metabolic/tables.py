"""Results as tables and as one JSON document."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from lesionloop.metabolic.analysis import Analysis, Network
from lesionloop.metabolic.estimators import pairs
from lesionloop.output import finite

__all__ = ["Row", "rows_csv", "summary", "tables"]

Row = Mapping[str, str | int | float]

_GLOBALS = ("density", "mean_strength", "global_efficiency", "mean_clustering", "modularity")


def tables(analysis: Analysis) -> dict[str, list[Row]]:
    """Tables by file name: edges, nodes, matrix; difference and individuals where there are."""
    found: dict[str, list[Row]] = {"edges": [], "nodes": [], "matrix": []}
    for network in analysis.networks.values():
        found["edges"] += _edges(analysis, network)
        found["nodes"] += _nodes(analysis, network)
        found["matrix"] += _matrix(analysis, network)
    if analysis.comparison is not None:
        found["difference"] = _difference(analysis)
    if analysis.individual is not None:
        found["individuals"] = _individuals(analysis)
    return found


def rows_csv(rows: Sequence[Row]) -> str:
    """Rows as CSV: numbers in full precision, empty where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(rows[0].keys())
    for row in rows:
        writer.writerow(["" if finite(value) is None else value for value in row.values()])
    return text.getvalue()


def summary(analysis: Analysis, facts: Mapping[str, str]) -> dict[str, Any]:
    """What was done and the measures of the whole, ready for strict JSON."""
    options = analysis.options
    found: dict[str, Any] = {
        "subjects": len(analysis.cohort.subjects),
        "organs": list(analysis.cohort.organs),
        "covariates": list(analysis.cohort.design.names),
        "estimator": options.estimator,
        "kind": options.kind,
        "threshold": {"rule": options.rule.name, "value": options.rule.value},
        "level": options.level,
        "seed": options.seed,
        "networks": {name: _whole(network) for name, network in analysis.networks.items()},
        "notes": list(analysis.cohort.notes),
        "facts": dict(facts),
    }
    comparison = analysis.comparison
    if comparison is not None:
        found["comparison"] = {
            "groups": list(analysis.networks),
            "permutations": comparison.permutations,
            "least_p_family": float(comparison.p_family.min()),
            "global": {
                name: {"difference": finite(value), "p": comparison.p_global[name]}
                for name, value in comparison.observed.items()
            },
        }
    if options.reference is not None:
        found["reference"] = options.reference
    return found


def _whole(network: Network) -> dict[str, Any]:
    stability = network.stability
    found: dict[str, Any] = {
        "subjects": network.subjects,
        "covariates": network.covariates,
        "shrinkage": network.shrinkage,
        "edges": int(network.chosen.sum()),
        **{name: finite(getattr(network.graph, name)) for name in _GLOBALS},
    }
    if stability is not None:
        found["bootstrap"] = {
            "resamples": stability.resamples,
            **{name: [float(v) for v in value] for name, value in stability.globals.items()},
        }
    return found


def _edges(analysis: Analysis, network: Network) -> list[Row]:
    organs = analysis.cohort.organs
    rows, columns = pairs(len(organs))
    found: list[Row] = []
    for n in range(len(rows)):
        row: dict[str, str | int | float] = {
            "network": network.name,
            "organ_a": organs[rows[n]],
            "organ_b": organs[columns[n]],
            "subjects": network.subjects,
            "weight": float(network.weights[n]),
            "plain": float(network.plain[n]),
            "low": float(network.interval[n, 0]),
            "high": float(network.interval[n, 1]),
            "p": float(network.p[n]),
            "q": float(network.q[n]),
            "edge": int(network.chosen[n]),
        }
        stability = network.stability
        if stability is not None:
            row["bootstrap_low"], row["bootstrap_high"] = map(float, stability.interval[n])
            row["same_sign"] = float(stability.same_sign[n])
            row["edge_share"] = float(stability.chosen[n])
        found.append(row)
    return found


def _nodes(analysis: Analysis, network: Network) -> list[Row]:
    graph = network.graph
    return [
        {
            "network": network.name,
            "organ": organ,
            "degree": int(graph.degree[n]),
            "strength": float(graph.strength[n]),
            "clustering": float(graph.clustering[n]),
            "betweenness": float(graph.betweenness[n]),
            "community": int(graph.community[n]),
        }
        for n, organ in enumerate(analysis.cohort.organs)
    ]


def _matrix(analysis: Analysis, network: Network) -> list[Row]:
    organs = analysis.cohort.organs
    matrix = network.matrix(len(organs))
    return [
        {"network": network.name, "organ": organ, **dict(zip(organs, values, strict=True))}
        for organ, values in zip(organs, matrix.tolist(), strict=True)
    ]


def _difference(analysis: Analysis) -> list[Row]:
    comparison = analysis.comparison
    assert comparison is not None  # noqa: S101
    organs = analysis.cohort.organs
    first, second = analysis.networks.values()
    rows, columns = pairs(len(organs))
    return [
        {
            "organ_a": organs[rows[n]],
            "organ_b": organs[columns[n]],
            f"weight_{first.name}": float(first.weights[n]),
            f"weight_{second.name}": float(second.weights[n]),
            "difference_z": float(comparison.difference[n]),
            "p": float(comparison.p[n]),
            "p_family": float(comparison.p_family[n]),
        }
        for n in range(len(rows))
    ]


def _individuals(analysis: Analysis) -> list[Row]:
    found = analysis.individual
    assert found is not None  # noqa: S101
    organs = analysis.cohort.organs
    rows, columns = pairs(len(organs))
    labels = [f"{organs[i]}~{organs[j]}" for i, j in zip(rows, columns, strict=True)]
    return [
        {
            "subject": subject,
            "group": analysis.cohort.groups[n],
            "mean_size": float(found.mean_size[n]),
            "p_among_reference": float(found.p[n]),
            "largest": labels[found.largest[n]],
            "largest_z": float(found.z[n, found.largest[n]]),
            **dict(zip(labels, np.asarray(found.z[n]).tolist(), strict=True)),
        }
        for n, subject in enumerate(analysis.cohort.subjects)
    ]
