"""The part of the loop report that sums up: averages, curves, scores by case, timings."""

from collections.abc import Callable, Sequence

from lesionloop.metrics.curves import auc, mean_curve
from lesionloop.reporting.chart import figure
from lesionloop.reporting.curves import Curve, step_chart
from lesionloop.reporting.loop_cases import case_anchor
from lesionloop.reporting.loop_records import CaseReport, Group, runs_by_case
from lesionloop.reporting.markup import Markup, element, join
from lesionloop.reporting.tables import (
    DASH,
    amount,
    cell,
    change,
    header_row,
    score,
    score_cells,
    swatch,
    table,
)

__all__ = [
    "curves_section",
    "result_section",
    "scores_section",
    "timings_section",
]

#: Reads one value per step from a run.
_Column = Callable[[CaseReport], Sequence[float]]

_METRICS: tuple[tuple[str, _Column], ...] = (
    ("Dice", lambda run: run.scores().dice),
    ("DMM", lambda run: run.scores().dmm),
)


def result_section(groups: Sequence[Group]) -> Markup:
    """One row of averages per group, and what the columns mean."""
    several_modes = len({group.mode for group in groups}) > 1
    names = ["Segmenter", "Strategy", *(["Mode"] if several_modes else [])]
    over = element(
        "tr",
        element("th", colspan=len(names) + 1),
        *(
            element("th", name, colspan=2)
            for name in ("AUC-Dice", "AUC-DMM", "First → last", "False volume, ml", "Seconds")
        ),
        element("th", "No DMM"),
        class_="over",
    )
    numbers = ["Cases", *["area", "per step"] * 2, "Dice", "DMM", "FPV", "FNV"]
    header = join(over, header_row(names, [*numbers, "median", "longest", "cases"]))
    rows = []
    for group in groups:
        made = group.summary
        rows.append(
            element(
                "tr",
                element("th", swatch(group.number), group.segmenter),
                cell(group.strategy, "text"),
                cell(group.mode, "text wrap") if several_modes else None,
                cell(made.cases),
                cell(score(made.auc_dice), "key"),
                cell(score(made.auc_dice_normalised)),
                cell(score(made.auc_dmm), "key"),
                cell(score(made.auc_dmm_normalised)),
                cell(change(made.first_dice, made.final_dice)),
                cell(change(made.first_dmm, made.final_dmm)),
                cell(amount(made.fpv_ml)),
                cell(amount(made.fnv_ml)),
                cell(amount(made.seconds_median)),
                cell(amount(made.seconds_max)),
                cell(made.cases_without_dmm),
            )
        )
    return element(
        "section",
        element("h2", "Result", id="result"),
        table(header, element("tbody", *rows), class_="wide"),
        *(element("p", note, class_="note") for note in _result_notes(groups)),
    )


def _result_notes(groups: Sequence[Group]) -> list[str]:
    notes = [
        "Means over cases. AUC is the area under the score over the step numbers (trapezoid rule); "
        "“per step” divides it by the number of corrective steps, so that 1 is perfect. DMM is the "
        "F1 of lesion detection at an IoU of 0.1 or more. FPV is the volume of predicted lesions "
        "that touch no reference lesion, FNV that of reference lesions that the mask does not "
        "touch, both after the last step. Seconds are per step, over all steps.",
        f"A dash ({DASH}) means not defined: DMM and FNV have no value for a case whose reference "
        "holds no lesion. The column “No DMM” counts these cases; the means of DMM and FNV "
        "leave them out.",
    ]
    short = sum(group.summary.cases_short for group in groups)
    if short:
        notes.append(
            f"{short} of {sum(len(group.cases) for group in groups)} runs have fewer steps than "
            "the longest of their group: their AUC covers fewer steps, and their own last step "
            "counts as the last."
        )
    return notes


def curves_section(groups: Sequence[Group]) -> Markup:
    """Dice and DMM over the steps: all groups together, then each with its cases."""
    together: list[Markup] = []
    if len(groups) > 1:
        charts = [
            figure(name, "mean over cases", _mean_chart(groups, name, column))
            for name, column in _METRICS
        ]
        names = [element("li", swatch(group.number), group.label) for group in groups]
        together = [
            element("div", *charts, class_="charts pair"),
            element("ul", *names, class_="legend"),
        ]
    each = [
        figure(
            f"{name}, {group.label}",
            _count(group),
            _group_chart(group, name, column, y_max=1.0),
        )
        for name, column in _METRICS
        for group in groups
    ]
    return element(
        "section",
        element("h2", "Curves", id="curves"),
        *together,
        _grid(each, groups),
    )


def scores_section(groups: Sequence[Group]) -> Markup:
    """Dice and DMM of every run at every step."""
    steps = max(len(run.steps) for group in groups for run in group.cases)
    over = element(
        "tr",
        element("th", colspan=2),
        element("th", "Dice at step", colspan=steps),
        element("th", "DMM at step", colspan=steps, class_="gap"),
        element("th", "AUC", colspan=2),
        class_="over",
    )
    numbers = [*map(str, range(steps)), *map(str, range(steps)), "Dice", "DMM"]
    bodies = []
    for number, (name, runs) in enumerate(runs_by_case(groups).items()):
        link = element("a", name, href=f"#{case_anchor(number)}")
        first = element("th", link, rowspan=len(runs), class_="wrap", scope="rowgroup")
        rows: list[Markup] = []
        for run, group in runs:
            made = run.scores()
            rows.append(
                element(
                    "tr",
                    None if rows else first,
                    element("td", swatch(group.number), group.label, class_="text"),
                    *score_cells(made.dice, steps),
                    *score_cells(made.dmm, steps, gap=True),
                    cell(score(auc(made.dice, made.steps))),
                    cell(score(auc(made.dmm, made.steps))),
                )
            )
        bodies.append(element("tbody", *rows))
    return element(
        "section",
        element("h2", "Scores by case", id="scores"),
        table(join(over, header_row(["Case", "Run"], numbers)), *bodies, class_="matrix"),
    )


def timings_section(groups: Sequence[Group]) -> Markup:
    """How long first masks and corrections took."""
    header = header_row(
        ["Run"], ["First mask, median s", "Correction, median s", "All, median s", "Longest, s"]
    )
    rows = [
        element(
            "tr",
            element("th", swatch(group.number), group.label),
            cell(amount(group.summary.seconds_first)),
            cell(amount(group.summary.seconds_correction)),
            cell(amount(group.summary.seconds_median)),
            cell(amount(group.summary.seconds_max)),
        )
        for group in groups
    ]
    charts = [
        figure(
            group.label,
            f"seconds per step, {_count(group)}",
            _group_chart(group, "seconds", lambda run: run.scores().seconds, y_max=None),
        )
        for group in groups
    ]
    return element(
        "section",
        element("h2", "Timings", id="timings"),
        table(header, element("tbody", *rows)),
        _grid(charts, groups),
    )


def _mean_chart(groups: Sequence[Group], name: str, column: _Column) -> Markup:
    curves = [
        Curve(group.label, _mean(group, column), group.number, strong=True) for group in groups
    ]
    title = f"Mean {name} over the steps of the loop, one line per group of runs"
    return step_chart(curves, title=title, y_label=name, y_max=1.0)


def _group_chart(group: Group, name: str, column: _Column, *, y_max: float | None) -> Markup:
    curves = [Curve(run.case, column(run), group.number) for run in group.cases]
    mean = Curve("mean", _mean(group, column), group.number, strong=True, write_last=True)
    title = f"{name} over the steps of the loop, {group.label}: every case and the mean"
    return step_chart([*curves, mean], title=title, y_label=name, y_max=y_max)


def _count(group: Group) -> str:
    runs = len(group.cases)
    return "one case" if runs == 1 else f"{runs} cases (thin) and their mean"


def _mean(group: Group, column: _Column) -> list[float]:
    return [float(value) for value in mean_curve([column(run) for run in group.cases])]


def _grid(figures: Sequence[Markup], groups: Sequence[Group]) -> Markup:
    """Figures side by side, one group per column as long as there are few."""
    columns = f"columns-{len(groups)}" if len(groups) in (2, 3, 4) else ""
    return element("div", *figures, class_=f"charts {columns}".strip())
