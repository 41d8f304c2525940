"""The report of a ranking: who is where, how sure that is, and where the algorithms differ.

All numbers come from ``lesionloop.ranking``; all text from outside is escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan, nan
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionloop.output import write_text
from lesionloop.ranking import METRICS, Ranking
from lesionloop.ranking.league import League
from lesionloop.reporting.chart import figure
from lesionloop.reporting.curves import COLOURS, Curve, step_chart
from lesionloop.reporting.markup import Content, Markup, element, join
from lesionloop.reporting.page import facts_section, page
from lesionloop.reporting.pictures import picture
from lesionloop.reporting.ranking_figures import (
    blob_chart,
    interval_chart,
    pair_chart,
    podium_chart,
)
from lesionloop.reporting.tables import DASH, amount, cell, header_row, score, swatch, table

__all__ = ["Extras", "ranking_figures", "write_ranking_report"]

_TIED = {"average": "average", "min": "best"}
_DESCRIPTIVE = ("final_dice", "final_dmm", "fpv_ml", "fnv_ml")

#: Width of the picture of a case, CSS pixels: three stand beside each other.
_PICTURE_WIDTH = 250


@dataclass(frozen=True)
class Extras:
    """What the report shows beside the ranking.

    Args:
        curves: "Dice" or "DMM" -> mean per step of each algorithm, in the order of the table.
        strata: kind ("lesion volume") -> name of the stratum -> (cases,) bool.
        failures: one line for each run that failed.
        worst: caption and PNG of the cases that went worst.
        other_schemes: name of a scheme -> its ranking.
        carried: loops that ended early and carry their last value forward.
        lesion_free_empty: share of masks that are empty on lesion-free cases, per algorithm, in
            the order of the table; empty when there is no such case.
    """

    curves: Mapping[str, Sequence[Sequence[float]]] = field(default_factory=dict)
    strata: Mapping[str, Mapping[str, NDArray[np.bool_]]] = field(default_factory=dict)
    failures: Sequence[str] = ()
    worst: Sequence[tuple[str, bytes]] = ()
    other_schemes: Mapping[str, Ranking] = field(default_factory=dict)
    carried: int = 0
    lesion_free_empty: Sequence[float] = ()


def write_ranking_report(
    path: Path,
    *,
    title: str,
    league: League,
    figures: Mapping[str, Markup],
    extras: Extras,
    facts: Mapping[str, str],
) -> None:
    """Write the report as HTML, whole or not at all.

    Args:
        path: the file to write.
        title: heading of the page.
        league: what is reported.
        figures: those of ``ranking_figures``.
        extras: curves, strata, failures and pictures.
        facts: name -> value of what a reader needs to repeat the work.

    Raises:
        OutputError: the file cannot be written.
    """
    sections = {
        "Leaderboard": ("result", _leaderboard(league, extras)),
        "How sure": ("sure", _uncertainty(league, figures)),
        "Curves": ("curves", _curves(league, extras)),
        "Cases": ("cases", _podium(league, figures, extras)),
        "Pairs": ("pairs", _pairs(league, figures)),
        "Robustness": ("robust", _robustness(league, extras)),
        "Strata": ("strata", _strata(league, extras)),
        "Failures": ("failures", _failures(extras)),
        "How this was made": ("facts", facts_section(facts)),
    }
    shown = {name: entry for name, entry in sections.items() if entry[1] is not None}
    places = {name: anchor for name, (anchor, _) in shown.items()}
    lede = (
        f"{_count(league.table.algorithms, 'algorithm')}, {_count(league.table.cases, 'case')}"
        f" of {_count(sorted(set(league.table.centres)), 'centre')};"
        f" {league.rules.scheme} by {_weights(league)}."
    )
    write_text(path, page(title, lede, places, [section for _, section in shown.values()]))


def ranking_figures(league: League) -> dict[str, Markup]:
    """The drawn figures by file name, in the order of the ranking."""
    order = league.ranking.order
    names = [league.table.algorithms[n] for n in order]
    found: dict[str, Markup] = {}
    if league.bootstrap is not None:
        for metric in league.rules.weights:
            label = METRICS[metric].label
            found[f"intervals-{metric}"] = interval_chart(
                names,
                league.ranking.means[metric][order],
                league.bootstrap.mean_interval(metric)[order],
                title=f"Mean {label} of each algorithm with its interval",
                x_label=label,
            )
        found["blobs"] = blob_chart(
            names,
            league.bootstrap.place_shares()[order],
            league.bootstrap.place_interval()[order],
            title="How often each algorithm takes each place in the bootstrap",
        )
    for metric in league.rules.weights:
        label = METRICS[metric].label
        values = league.table.values[metric][order]
        found[f"podium-{metric}"] = podium_chart(
            names,
            values if METRICS[metric].higher_is_better else -values,
            title=f"{label} of every case by the place it takes there",
            y_label=label,
        )
        tests = league.tests[metric]
        found[f"pairs-{metric}"] = pair_chart(
            names,
            tests.better[np.ix_(order, order)],
            tests.adjusted[np.ix_(order, order)],
            title=f"Which algorithm has a significantly better {label} than which",
        )
    return found


def _leaderboard(league: League, extras: Extras) -> Markup:
    ranking, boot = league.ranking, league.bootstrap
    names = list(league.rules.weights)
    described = [name for name in _DESCRIPTIVE if name in ranking.means and name not in names]
    level = "" if boot is None else f"{boot.level:.0%}"
    numbers = ["Place", *([f"{level} interval"] if boot else []), "Combined rank"]
    for name in names:
        numbers += [METRICS[name].label, *([level] if boot else []), "rank"]
    numbers += [*(METRICS[name].label for name in described), "Missing"]
    if extras.lesion_free_empty:
        numbers.append("Empty when it should be")
    rows = []
    for row, n in enumerate(ranking.order):
        cells: list[Markup] = [cell(int(ranking.place[n]), "key")]
        if boot:
            low, high = boot.place_interval()[n]
            cells.append(cell(f"{low:.0f} to {high:.0f}"))
        cells.append(cell(f"{ranking.combined[n]:.2f}"))
        for name in names:
            cells.append(cell(score(ranking.means[name][n]), "key"))
            if boot:
                low, high = boot.mean_interval(name)[n]
                cells.append(cell(f"{low:.3f} to {high:.3f}"))
            cells.append(cell(f"{ranking.ranks[name][n]:g}"))
        for name in described:
            shown = amount if name.endswith("_ml") else score
            cells.append(cell(shown(float(ranking.means[name][n]))))
        cells.append(cell(int(league.table.missing[n].sum()) or DASH))
        if extras.lesion_free_empty:
            cells.append(cell(f"{extras.lesion_free_empty[n]:.0%}"))
        rows.append(element("tr", element("th", swatch(row), ranking.algorithms[n]), *cells))
    notes = [
        f"Means over cases; each metric is ranked, and the ranks are weighed: {_weights(league)}. "
        f"Equal values get the {_TIED[league.rules.ties]} of their ranks. "
        "AUC is the area under the curve over the steps, not divided by their number. Final Dice "
        "and DMM, FPV and FNV (after the last step) describe and do not rank.",
        "A missing submission has the worst value: 0 for Dice, DMM and their areas, the largest of "
        "the others for FPV and FNV. “Missing” counts cases.",
    ]
    if extras.carried:
        notes.append(
            f"{extras.carried} loops ended before the longest; their last value is carried forward."
        )
    return element(
        "section",
        element("h2", "Leaderboard", id="result"),
        table(header_row(["Algorithm"], numbers), element("tbody", *rows), class_="wide"),
        *(element("p", note, class_="note") for note in notes),
    )


def _uncertainty(league: League, figures: Mapping[str, Markup]) -> Markup | None:
    if league.bootstrap is None:
        return None
    charts = [
        figure(METRICS[name].label, "mean and interval", figures[f"intervals-{name}"])
        for name in league.rules.weights
    ]
    charts.append(figure("Places", "share of resamples by area", figures["blobs"]))
    tau = league.bootstrap.tau
    tau = tau[np.isfinite(tau)]
    low, middle, high = np.quantile(tau, [0.025, 0.5, 0.975]) if tau.size else (nan, nan, nan)
    note = (
        f"{len(league.bootstrap.places)} resamples of the cases with replacement, the same for all "
        f"algorithms, as many per centre as there are. Percentile intervals of "
        f"{league.bootstrap.level:.0%}. Kendall's tau between the order of a resample and that of "
        f"all cases: median {middle:.2f}, 95 % from {low:.2f} to {high:.2f}."
    )
    return element(
        "section",
        element("h2", "How sure", id="sure"),
        element("div", *charts, class_="charts ranking"),
        element("p", note, class_="note"),
    )


def _curves(league: League, extras: Extras) -> Markup | None:
    if not extras.curves:
        return None
    order = league.ranking.order[:COLOURS]
    charts = []
    for name, curves in extras.curves.items():
        drawn = [
            Curve(league.table.algorithms[n], curves[n], row, strong=True)
            for row, n in enumerate(order)
        ]
        title = f"Mean {name} over the steps of the loop, one line per algorithm"
        chart = step_chart(drawn, title=title, y_label=name, y_max=1.0)
        charts.append(figure(name, "mean over cases", chart))
    names = [element("li", swatch(row), league.table.algorithms[n]) for row, n in enumerate(order)]
    rest = len(league.ranking.order) - len(order)
    note = element("p", f"The best {len(order)} of them.", class_="note") if rest else None
    return element(
        "section",
        element("h2", "Curves", id="curves"),
        element("div", *charts, class_="charts pair"),
        element("ul", *names, class_="legend"),
        note,
    )


def _podium(league: League, figures: Mapping[str, Markup], extras: Extras) -> Markup:
    charts = [
        figure(
            METRICS[name].label,
            "every case, by the place that it takes there; below, how often",
            figures[f"podium-{name}"],
        )
        for name in league.rules.weights
    ]
    worst = [
        element("figure", picture(png, caption, _PICTURE_WIDTH), element("figcaption", caption))
        for caption, png in extras.worst
    ]
    return element(
        "section",
        element("h2", "Cases", id="cases"),
        element("div", *charts, class_="charts ranking"),
        element("h3", "Worst cases") if worst else None,
        element("div", *worst, class_="pictures run") if worst else None,
    )


def _pairs(league: League, figures: Mapping[str, Markup]) -> Markup:
    charts = [
        figure(METRICS[name].label, "row better than column", figures[f"pairs-{name}"])
        for name in league.tests
    ]
    alpha = next(iter(league.tests.values())).alpha
    note = (
        "Filled: the algorithm of the row is better than that of the column by a one-sided paired "
        "Wilcoxon signed-rank test over cases, corrected after Holm for all ordered pairs of the "
        f"metric, at {alpha:g}."
    )
    return element(
        "section",
        element("h2", "Pairs", id="pairs"),
        element("div", *charts, class_="charts ranking"),
        element("p", note, class_="note"),
    )


def _robustness(league: League, extras: Extras) -> Markup:
    columns: list[tuple[str, Ranking]] = [("All cases", league.ranking)]
    if league.without_empty is not None:
        columns.append(("Cases with lesions", league.without_empty))
    columns += [(f"Without {left.centre}", left.ranking) for left in league.left_out]
    columns += list(extras.other_schemes.items())
    rows = []
    for row, n in enumerate(league.ranking.order):
        cells: list[Content] = [cell(int(ranking.place[n])) for _, ranking in columns]
        rows.append(element("tr", element("th", swatch(row), league.table.algorithms[n]), *cells))
    notes = ["The place of each algorithm under other conditions."]
    if league.lesion_free.any():
        notes.append(
            f"{int(league.lesion_free.sum())} cases hold no lesion. Under “All cases” they "
            "count as in the challenge's loop: Dice 1 for an empty mask, else 0, and no DMM. Under "
            "“Cases with lesions” they are left out, as in the challenge's evaluator, "
            "where their Dice is not defined."
        )
    if league.left_out:
        told = ", ".join(f"{left.centre} {_number(left.tau)}" for left in league.left_out)
        notes.append(f"Kendall's tau with the order of all cases, without: {told}.")
    header = header_row(["Algorithm"], [name for name, _ in columns])
    return element(
        "section",
        element("h2", "Robustness", id="robust"),
        table(header, element("tbody", *rows)),
        *(element("p", note, class_="note") for note in notes),
    )


def _strata(league: League, extras: Extras) -> Markup | None:
    tables = []
    for kind, strata in extras.strata.items():
        for metric in league.rules.weights:
            tables.append(_stratum_table(league, kind, strata, metric))
    if not tables:
        return None
    return element("section", element("h2", "Strata", id="strata"), *tables)


def _stratum_table(
    league: League, kind: str, strata: Mapping[str, NDArray[np.bool_]], metric: str
) -> Markup:
    values = league.table.values[metric]
    names = [f"{name} ({int(chosen.sum())})" for name, chosen in strata.items()]
    rows = []
    for row, n in enumerate(league.ranking.order):
        cells = []
        for chosen in strata.values():
            kept = values[n, chosen]
            kept = kept[np.isfinite(kept)]
            cells.append(cell(score(float(kept.mean()) if kept.size else nan)))
        rows.append(element("tr", element("th", swatch(row), league.table.algorithms[n]), *cells))
    title = f"{METRICS[metric].label} by {kind}"
    return join(
        element("h4", title),
        table(header_row(["Algorithm"], names), element("tbody", *rows)),
    )


def _failures(extras: Extras) -> Markup | None:
    if not extras.failures:
        return None
    lines = [element("li", failure) for failure in extras.failures]
    return element(
        "section", element("h2", "Failures", id="failures"), element("ul", *lines, class_="notes")
    )


def _weights(league: League) -> str:
    total = sum(league.rules.weights.values())
    return ", ".join(
        f"{METRICS[name].label} {weight / total:.0%}"
        for name, weight in league.rules.weights.items()
    )


def _count(things: Sequence[str], noun: str) -> str:
    return f"{len(things)} {noun}{'' if len(things) == 1 else 's'}"


def _number(value: float) -> str:
    return "not defined" if isnan(value) else f"{value:.2f}"
