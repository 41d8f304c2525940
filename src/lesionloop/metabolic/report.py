"""The HTML report of an analysis."""

from collections.abc import Mapping
from math import isnan, nan
from typing import Any

import numpy as np

from lesionloop.metabolic.analysis import Analysis, Network
from lesionloop.metabolic.estimators import pairs
from lesionloop.metabolic.figures import shown_name
from lesionloop.reporting.chart import figure
from lesionloop.reporting.markup import Markup, element
from lesionloop.reporting.page import facts_section, page
from lesionloop.reporting.tables import cell, header_row, score, table

__all__ = ["report_page"]

_MOST_EDGES = 40
_MOST_SUBJECTS = 25

_LIMITS = (
    "A network is of the cohort: organs are joined when subjects with more uptake in one have more "
    "or less in the other. It shows no exchange between organs within a person, and no cause.",
    "Whatever differs between subjects and touches many organs joins them: blood sugar, time from "
    "injection to scan, body size, scanner, and an error of the dose. Only what is among the "
    "covariates is taken out, and only as far as its effect is a straight line.",
    "With n subjects an interval of a correlation near 0 is about ±2/√n wide: ±0.4 for 25, ±0.2 "
    "for 100. Measures of the graph depend on the threshold and on n; compare groups of about the "
    "same size only.",
    "For research. Not for decisions on a patient.",
)


def report_page(analysis: Analysis, figures: Mapping[str, Markup], facts: Mapping[str, str]) -> str:
    """The whole page.

    Args:
        analysis: what was found.
        figures: those of ``network_figures``.
        facts: name -> value of what a reader needs to repeat the work.
    """
    sections: dict[str, tuple[str, Markup | None]] = {"Whole": ("whole", _whole(analysis))}
    for number, (name, network) in enumerate(analysis.networks.items(), start=1):
        ending = "" if len(analysis.networks) == 1 else f"-{number}"
        title = "Network" if len(analysis.networks) == 1 else f"Network of {name}"
        anchor = f"network{ending}"
        sections[title] = (
            anchor,
            _network(analysis, network, figures, title=title, anchor=anchor, ending=ending),
        )
    sections["Difference"] = "difference", _difference(analysis, figures)
    sections["Individuals"] = "individuals", _individuals(analysis)
    sections["Limits"] = (
        "limits",
        element(
            "section",
            element("h2", "Limits", id="limits"),
            element(
                "ul",
                *(element("li", line) for line in (*analysis.cohort.notes, *_LIMITS)),
                class_="notes",
            ),
        ),
    )
    sections["How this was made"] = "facts", facts_section(facts)
    shown = {name: entry for name, entry in sections.items() if entry[1] is not None}
    options = analysis.options
    lede = (
        f"{len(analysis.cohort.subjects)} subjects, {len(analysis.cohort.organs)} organs; "
        f"{options.kind.replace('partial', 'partial correlation')} by {options.estimator}; edges: "
        f"{options.rule.words()}."
    )
    places = {name: anchor for name, (anchor, _) in shown.items()}
    return page("Metabolic network", lede, places, [entry for _, entry in shown.values()])


def _whole(analysis: Analysis) -> Markup:
    rows = []
    for name, network in analysis.networks.items():
        graph, stability = network.graph, network.stability
        spans = stability.globals if stability is not None else {}
        rows.append(
            element(
                "tr",
                element("th", name),
                cell(network.subjects),
                cell(int(network.chosen.sum())),
                cell(f"{graph.density:.0%}"),
                *(
                    _with_span(getattr(graph, measure), spans.get(measure))
                    for measure in ("mean_strength", "global_efficiency", "mean_clustering")
                ),
                cell(score(graph.modularity)),
                cell(score(network.shrinkage)),
            )
        )
    columns = ["Subjects", "Edges", "Density", "Mean |r|", "Global efficiency", "Clustering"]
    columns += ["Modularity", "Penalty" if analysis.options.estimator == "glasso" else "Shrinkage"]
    note = (
        "Small: percentile interval of the bootstrap over subjects. It holds the resampled "
        "network, which is noisier than the one of all subjects: mean |r| is biased upwards in it."
    )
    return element(
        "section",
        element("h2", "Whole", id="whole"),
        table(header_row(["Network"], columns), element("tbody", *rows)),
        element("p", note, class_="note") if analysis.options.bootstrap else None,
    )


def _network(
    analysis: Analysis,
    network: Network,
    figures: Mapping[str, Markup],
    *,
    title: str,
    anchor: str,
    ending: str,
) -> Markup:
    matrix, body = figures[f"matrix{ending}"], figures[f"body{ending}"]
    charts = [
        figure("Matrix", "red positive, blue negative; a dot marks edges", matrix),
        figure("Body", "edges at their organs, from the front; the strongest 150 at most", body),
    ]
    return element(
        "section",
        element("h2", title, id=anchor),
        element("div", *charts, class_="charts pair"),
        element("h3", "Edges"),
        _edge_table(analysis, network),
        element("h3", "Organs"),
        _node_table(analysis, network),
    )


def _edge_table(analysis: Analysis, network: Network) -> Markup:
    organs = [shown_name(organ) for organ in analysis.cohort.organs]
    rows, columns = pairs(len(organs))
    order = np.flatnonzero(network.chosen)
    order = order[np.argsort(-np.abs(network.weights[order]), kind="stable")]
    stability = network.stability
    lines = []
    for n in order[:_MOST_EDGES]:
        low, high = network.interval[n]
        cells = [cell(f"{network.weights[n]:.3f}", "key"), cell(score(float(network.plain[n])))]
        cells += [cell("" if isnan(low) else f"{low:.2f} to {high:.2f}"), _p(network.q[n])]
        if stability is not None:
            cells += [cell(f"{stability.chosen[n]:.0%}"), cell(f"{stability.same_sign[n]:.0%}")]
        lines.append(
            element("tr", element("th", f"{organs[rows[n]]}, {organs[columns[n]]}"), *cells)
        )
    numbers = ["Weight", "Plain", f"{analysis.options.level:.0%}", "q"]
    numbers += ["Edge in resamples", "Same sign"] if stability is not None else []
    if not lines:
        return element("p", "There are no edges.", class_="note")
    told = f"{len(order)} edges" + (
        f", the strongest {_MOST_EDGES} shown; all are in edges.csv."
        if len(order) > _MOST_EDGES
        else "."
    )
    note = (
        " Weight is by the estimator; plain is without shrinkage, and the interval and q are its."
    )
    return element(
        "div",
        table(header_row(["Organs"], numbers), element("tbody", *lines)),
        element("p", told + note, class_="note"),
    )


def _node_table(analysis: Analysis, network: Network) -> Markup:
    graph = network.graph
    lines = [
        element(
            "tr",
            element("th", shown_name(analysis.cohort.organs[n])),
            cell(int(graph.degree[n])),
            cell(score(float(graph.strength[n]))),
            cell(score(float(graph.clustering[n]))),
            cell(score(float(graph.betweenness[n]))),
            cell(int(graph.community[n])),
        )
        for n in np.argsort(-graph.strength, kind="stable")
    ]
    numbers = ["Degree", "Strength", "Clustering", "Betweenness", "Community"]
    return table(header_row(["Organ"], numbers), element("tbody", *lines))


def _difference(analysis: Analysis, figures: Mapping[str, Markup]) -> Markup | None:
    comparison = analysis.comparison
    if comparison is None:
        return None
    first, second = analysis.networks.values()
    organs = [shown_name(organ) for organ in analysis.cohort.organs]
    rows, columns = pairs(len(organs))
    lines = [
        element("tr", element("th", name.replace("_", " ")), cell(score(value)),
                _p(comparison.p_global[name]))
        for name, value in comparison.observed.items()
    ]  # fmt: skip
    order = np.lexsort((-np.abs(comparison.difference), comparison.p_family))[:15]
    pairs_shown = [
        element(
            "tr",
            element("th", f"{organs[rows[n]]}, {organs[columns[n]]}"),
            cell(f"{first.weights[n]:.3f}"),
            cell(f"{second.weights[n]:.3f}"),
            _p(comparison.p[n]),
            _p(comparison.p_family[n]),
        )
        for n in order
    ]
    drawn = figure(
        f"{first.name} less {second.name}", "Fisher's z; a dot marks family-wise p < 0.05",
        figures["difference"],
    )  # fmt: skip
    note = (
        f"{comparison.permutations} permutations of the groups' names among residuals that have "
        "each group's own mean, slopes and spread taken out. Family-wise: the largest difference "
        "of all pairs is as large by chance."
    )
    return element(
        "section",
        element("h2", "Difference", id="difference"),
        table(header_row(["Whole"], ["Difference", "p"]), element("tbody", *lines)),
        element("div", drawn, style="max-width:620px"),
        table(
            header_row(["Organs"], [first.name, second.name, "p", "p family-wise"]),
            element("tbody", *pairs_shown),
        ),
        element("p", note, class_="note"),
    )


def _individuals(analysis: Analysis) -> Markup | None:
    found = analysis.individual
    if found is None:
        return None
    organs = [shown_name(organ) for organ in analysis.cohort.organs]
    rows, columns = pairs(len(organs))
    order = np.argsort(-found.mean_size, kind="stable")[:_MOST_SUBJECTS]
    lines = []
    for n in order:
        worst = int(found.largest[n])
        lines.append(
            element(
                "tr",
                element("th", analysis.cohort.subjects[n]),
                cell(analysis.cohort.groups[n]),
                cell(score(float(found.mean_size[n]))),
                _p(found.p[n]),
                cell(f"{organs[rows[worst]]}, {organs[columns[worst]]}"),
                cell(f"{found.z[n, worst]:.1f}"),
            )
        )
    note = (
        f"Each subject against the group {analysis.options.reference}; its members against the "
        "rest of it. z is how far adding the subject moves a correlation, in units of its spread. "
        "Far values of z are more frequent than normal ones, so p is the share of the reference "
        "whose mean |z| is as large. A subject whose uptake is merely high or low stands out as "
        "well: z does not tell an unusual relation from an unusual value."
    )
    return element(
        "section",
        element("h2", "Individuals", id="individuals"),
        table(
            header_row(["Subject"], ["Group", "Mean |z|", "p", "Farthest pair", "its z"]),
            element("tbody", *lines),
        ),
        element("p", note, class_="note"),
    )


def _with_span(value: float, span: Any) -> Markup:
    if span is None:
        return cell(score(value))
    return cell(
        element("span", score(value), element("small", f" ({span[0]:.2f} to {span[1]:.2f})"))
    )


def _p(value: float) -> Markup:
    value = float(value)
    if isnan(value):
        return cell(score(nan))
    return cell("< 0.001" if value < 0.001 else f"{value:.3f}")
