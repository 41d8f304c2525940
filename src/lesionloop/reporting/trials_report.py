"""The report of the liver benchmark's ranking: who is where, how sure that is, and what differs.

All numbers come from ``lesionloop.ranking.trials``; all text from outside is escaped.
"""

from collections.abc import Mapping, Sequence
from math import nan
from pathlib import Path

import numpy as np

from lesionloop.output import write_text
from lesionloop.ranking.trials.analysis import TaskResult, TrialsResult
from lesionloop.ranking.trials.blocks import BLOCKS, THOUSANDS, TRIALS_METRICS
from lesionloop.ranking.trials.centre_tests import quartiles
from lesionloop.ranking.trials.checks import NOT_REPRODUCIBLE
from lesionloop.ranking.trials.size_strata import CONVENTION
from lesionloop.ranking.trials.standings import CellRanks
from lesionloop.reporting.chart import figure
from lesionloop.reporting.markup import Markup, element
from lesionloop.reporting.page import facts_section, page
from lesionloop.reporting.ranking_figures import blob_chart, interval_chart
from lesionloop.reporting.tables import amount, cell, header_row, score, swatch, table

__all__ = ["trials_figures", "write_trials_report"]

_TASKS = {"task1": "Task 1, venous phase", "task2": "Task 2, non-contrast"}


def trials_figures(result: TrialsResult) -> dict[str, Markup]:
    """Figures of rank stability by file name; none for a task without records per case."""
    found: dict[str, Markup] = {}
    for task, entry in result.tasks.items():
        boot, ranking = entry.bootstrap, entry.ranking
        if boot is None:
            continue
        names = [ranking.competitors[n] for n in ranking.order]
        rows = [boot.algorithms.index(name) for name in names]
        tail = (1 - boot.level) / 2
        combined = boot.combined[:, rows]
        found[f"places-{task}"] = blob_chart(
            names,
            boot.place_shares()[rows],
            boot.place_interval()[rows],
            title=f"{_TASKS[task]}: how often each competitor takes each place in the bootstrap",
        )
        found[f"ranks-{task}"] = interval_chart(
            names,
            ranking.average[ranking.order],
            np.nanquantile(combined, [tail, 1 - tail], axis=0).T,
            title=f"{_TASKS[task]}: average rank of each competitor with its interval",
            x_label="average rank",
        )
    return found


def write_trials_report(
    path: Path, result: TrialsResult, *, figures: Mapping[str, Markup], facts: Mapping[str, str]
) -> None:
    """Write the report as HTML, whole or not at all.

    Args:
        path: the file to write.
        result: what is reported.
        figures: those of ``trials_figures``.
        facts: name -> value of what a reader needs to repeat the work.

    Raises:
        OutputError: the file cannot be written.
    """
    sections = {
        "Places": ("places", _places(result)),
        "How sure": ("sure", _uncertainty(result, figures)),
        "Centres": ("cells", _cells(result)),
        "Differences of centres": ("centres", _centres(result)),
        "Tasks": ("tasks", _tasks(result)),
        "Sizes": ("sizes", _sizes(result)),
        "To know": ("notes", _notes(result)),
        "How this was made": ("facts", facts_section(facts)),
    }
    shown = {name: entry for name, entry in sections.items() if entry[1] is not None}
    anchors = {name: anchor for name, (anchor, _) in shown.items()}
    lede = "; ".join(
        f"{_TASKS[task]}: competitors {len(entry.ranking.competitors)}, "
        f"centres {len(entry.without) or 1}"
        for task, entry in result.tasks.items()
    )
    title = "Ranking of the liver benchmark"
    write_text(path, page(title, lede, anchors, [section for _, section in shown.values()]))


def _places(result: TrialsResult) -> Markup:
    tables = []
    for task, entry in result.tasks.items():
        tables += [element("h3", _TASKS[task]), _place_table(entry)]
    rules = result.options.rules
    shared = "average" if rules.ties == "average" else "best"
    missing = (
        "ranked there with the worst values"
        if rules.missing == "worst"
        else "not ranked there, and its average is over the others"
    )
    notes = [
        "Every metric is ranked in every cell (a block at a centre), equal values get the "
        f"{shared} of their ranks; a cell is the mean rank over its metrics, the average is over "
        "the cells. "
        f"A competitor without a submission in a cell is {missing}.",
    ]
    if rules.outside:
        notes.append(f"Not in the pool: {', '.join(sorted(rules.outside))}.")
    return element(
        "section",
        element("h2", "Places", id="places"),
        *tables,
        *(element("p", note, class_="note") for note in notes),
    )


def _place_table(entry: TaskResult) -> Markup:
    ranking, boot = entry.ranking, entry.bootstrap
    numbers = ["Place", *([f"{boot.level:.0%} interval"] if boot else []), "Average rank"]
    numbers += [
        f"{BLOCKS[ranked.cell.block].label}, {ranked.cell.centre}" for ranked in ranking.cells
    ]
    numbers += [f"Place without {centre}" for centre in entry.without]
    rows = []
    for row, n in enumerate(ranking.order):
        name = ranking.competitors[n]
        cells = [cell(int(ranking.place[n]), "key")]
        if boot:
            low, high = boot.place_interval()[boot.algorithms.index(name)]
            cells.append(cell(f"{low:.0f} to {high:.0f}"))
        cells.append(cell(amount(float(ranking.average[n])), "key"))
        cells += [cell(amount(float(value))) for value in ranking.means[n]]
        for other in entry.without.values():
            there = name in other.competitors
            place = int(other.place[other.competitors.index(name)]) if there else None
            cells.append(cell(place))
        rows.append(element("tr", element("th", swatch(row), name), *cells))
    return table(header_row(["Competitor"], numbers), element("tbody", *rows), class_="wide")


def _uncertainty(result: TrialsResult, figures: Mapping[str, Markup]) -> Markup | None:
    charts, tau = [], []
    for task, entry in result.tasks.items():
        if entry.bootstrap is None:
            continue
        charts += [
            figure(_TASKS[task], "share of resamples by area", figures[f"places-{task}"]),
            figure(_TASKS[task], "average rank and interval", figures[f"ranks-{task}"]),
        ]
        known = entry.bootstrap.tau[np.isfinite(entry.bootstrap.tau)]
        median = float(np.median(known)) if known.size else nan
        tau.append(f"{_TASKS[task]} {median:.2f}")
    if not charts:
        return None
    options = result.options
    note = (
        f"{options.resamples} resamples of the cases of every centre with replacement, the same "
        f"for all competitors, seed {options.seed}; all metrics and ranks are made anew each time. "
        f"Percentile intervals of {options.level:.0%}. Median of Kendall's tau between the order "
        f"of a resample and that of all cases: {', '.join(tau)}. Declared ties play no part."
    )
    return element(
        "section",
        element("h2", "How sure", id="sure"),
        element("div", *charts, class_="charts ranking"),
        element("p", note, class_="note"),
    )


def _cells(result: TrialsResult) -> Markup:
    tables = []
    for entry in result.tasks.values():
        for ranked in entry.ranking.cells:
            title = f"{BLOCKS[ranked.cell.block].label}, {ranked.cell.centre}"
            tables += [element("h4", title), _cell_table(ranked, entry)]
    note = "The value of each metric and, small, its rank."
    return element(
        "section",
        element("h2", "Centres", id="cells"),
        *tables,
        element("p", note, class_="note"),
    )


def _cell_table(ranked: CellRanks, entry: TaskResult) -> Markup:
    metrics = list(ranked.ranks)
    series = {entry.ranking.competitors[n]: row for row, n in enumerate(entry.ranking.order)}
    rows = []
    for n in np.argsort(ranked.mean, kind="stable"):
        name = ranked.cell.competitors[n]
        cells = [cell(f"{ranked.mean[n]:.2f}", "key")]
        for metric in metrics:
            value = float(ranked.cell.values[metric][n])
            shown = amount(value) if metric in THOUSANDS else score(value)
            cells.append(
                element("td", shown, " ", element("small", f"{ranked.ranks[metric][n]:g}"))
            )
        rows.append(element("tr", element("th", swatch(series[name]), name), *cells))
    labels = ["Mean rank", *(TRIALS_METRICS[metric].label for metric in metrics)]
    return table(header_row(["Competitor"], labels), element("tbody", *rows), class_="wide")


def _centres(result: TrialsResult) -> Markup | None:
    if not result.tests:
        return None
    spread = []
    for (block, metric), by_centre in result.samples.items():
        for centre, values in by_centre.items():
            found = quartiles(values)
            cells = [cell(amount(v)) for v in (found.median, found.low, found.high)]
            names = (_parameter(block, metric), centre)
            spread.append(element("tr", *(element("th", name) for name in names), *cells))
    tests = []
    for test in result.tests:
        names = (_parameter(test.block, test.metric), f"{test.first}, {test.second}")
        cells = [
            cell(score(test.p)),
            cell(score(test.adjusted), "key" if test.significant else None),
        ]
        cells += [cell("yes" if test.significant else "no")]
        tests.append(element("tr", *(element("th", name) for name in names), *cells))
    note = (
        "Two-sided Mann-Whitney U tests of the teams' values, exact distribution, corrected after "
        f"Benjamini and Hochberg (family: {result.options.family})."
    )
    return element(
        "section",
        element("h2", "Differences of centres", id="centres"),
        table(
            header_row(["Metric", "Centre"], ["Median", "Lower quartile", "Upper quartile"]),
            element("tbody", *spread),
        ),
        table(
            header_row(["Metric", "Centres"], ["p", "corrected", "significant"]),
            element("tbody", *tests),
        ),
        element("p", note, class_="note"),
    )


def _tasks(result: TrialsResult) -> Markup | None:
    lines = []
    found = result.association
    if found is not None:
        lines.append(
            f"Dice per case in Task 1 and Task 2 visible, {found.pairs} pairs of team and centre: "
            f"Spearman's rho {found.rho:.3f} (p = {found.p:.3f}), "
            f"{result.options.level:.0%} bootstrap interval over pairs {found.low:.2f} to "
            f"{found.high:.2f}, slope {found.slope:.2f}."
        )
    lines += [
        f"{centre}: Dice per case is {gap:+.3f} higher against the visible reference than against "
        f"the combined one, mean of {teams} teams."
        for centre, (teams, gap) in result.gaps.items()
    ]
    return _list("Tasks", "tasks", lines)


def _sizes(result: TrialsResult) -> Markup | None:
    if not result.strata:
        return None
    rows = []
    for competitor, strata in result.strata.items():
        cells = [cell(score(stratum.f1)) for stratum in strata]
        rows.append(element("tr", element("th", competitor), *cells))
    names = [f"{stratum.name} mm³" for stratum in next(iter(result.strata.values()))]
    return element(
        "section",
        element("h2", "Sizes", id="sizes"),
        table(header_row(["F1"], names), element("tbody", *rows)),
        element("p", CONVENTION, class_="note"),
    )


def _notes(result: TrialsResult) -> Markup | None:
    known = [f"{name}: {why}." for name, why in NOT_REPRODUCIBLE.items()]
    return element(
        "section",
        element("h2", "To know", id="notes"),
        *((element("h3", "In these tables"), _lines(result.warnings)) if result.warnings else ()),
        element("h3", "What the published tables do not give"),
        _lines(known),
    )


def _list(title: str, anchor: str, lines: Sequence[str]) -> Markup | None:
    if not lines:
        return None
    return element("section", element("h2", title, id=anchor), _lines(lines))


def _lines(lines: Sequence[str]) -> Markup:
    return element("ul", *(element("li", line) for line in lines), class_="notes")


def _parameter(block: str, metric: str) -> str:
    return f"{BLOCKS[block].label}, {TRIALS_METRICS[metric].label}"
