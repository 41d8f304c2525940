"""The report of replayed sessions: what readers get from each segmenter, and how far they agree.

All numbers come from ``lesionloop.cohort`` and ``lesionloop.ranking``; all text from outside is
escaped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from pathlib import Path
from statistics import median

from lesionloop.output import write_text
from lesionloop.ranking.agreement import BlandAltman, IntraclassCorrelation
from lesionloop.reporting.agreement_figures import bland_altman_chart
from lesionloop.reporting.chart import figure
from lesionloop.reporting.curves import Curve, step_chart
from lesionloop.reporting.markup import Content, Markup, element
from lesionloop.reporting.page import facts_section, page
from lesionloop.reporting.tables import DASH, amount, cell, header_row, score, swatch, table

__all__ = [
    "AreaPlot", "ClinicianFindings", "CurveRow", "MaskRow", "SessionRow", "write_clinician_report",
]  # fmt: skip

_METRICS = {"auc_dice": "AUC-Dice", "auc_dmm": "AUC-DMM"}
_RULES = {"loop": "all cases", "evaluator": "cases with lesions"}
_COLUMNS = {"dice": "Dice", "dmm": "DMM"}


@dataclass(frozen=True)
class CurveRow:
    """Means of one segmenter with one reader, with all of them, or on its own errors.

    Args:
        segmenter, reader: names.
        kind: "reader", "mean" or "own".
        cases: in the means.
        values: "dice", "dmm", "fpv_ml", "fnv_ml" -> value per step of the common axis.
        auc_dice, auc_dmm: divided by the number of corrections.
        carried: loops that ended before the last step.
    """

    segmenter: str
    reader: str
    kind: str
    cases: int
    values: Mapping[str, Sequence[float]]
    auc_dice: float
    auc_dmm: float
    carried: int


@dataclass(frozen=True)
class MaskRow:
    """Agreement of the masks of two readers, means over cases.

    Args:
        masks: whose: a segmenter after each reader's session, or the readers' own.
        readers: which.
        cases, lesion_free: compared, and how many of them without a lesion.
        dice, dice_with_lesions: of all, and of those with lesions.
        dmm: of those where it is defined.
        cases_without_dmm: where both masks are empty.
    """

    masks: str
    readers: str
    cases: int
    lesion_free: int
    dice: float
    dice_with_lesions: float
    dmm: float
    cases_without_dmm: int


@dataclass(frozen=True)
class AreaPlot:
    """Areas under the curve of two readers with one segmenter.

    Args:
        segmenter: name.
        metric: "auc_dice" or "auc_dmm".
        rule: "loop" or "evaluator", for cases without a lesion.
        reader_a, reader_b: names.
        cases: names of the cases that both have.
        first, second: (cases,) areas divided by the number of corrections.
        limits: of first minus second.
        correlation: of all readers of the segmenter.
    """

    segmenter: str
    metric: str
    rule: str
    reader_a: str
    reader_b: str
    cases: Sequence[str]
    first: Sequence[float]
    second: Sequence[float]
    limits: BlandAltman
    correlation: IntraclassCorrelation


@dataclass(frozen=True)
class SessionRow:
    """The sessions of one reader.

    Args:
        reader: name.
        steps: of each session.
        strokes, foreground_points, background_points: of all sessions.
        seconds: of each session; NaN where the time was not taken.
    """

    reader: str
    steps: Sequence[int]
    strokes: int
    foreground_points: int
    background_points: int
    seconds: Sequence[float]


@dataclass(frozen=True)
class ClinicianFindings:
    """All that the report shows.

    Args:
        last_step: end of the common axis.
        carried: how sessions of different length were brought to it, in a sentence.
        curves, masks, areas, sessions: the tables and plots.
        missing, failures, notes: a line each.
    """

    last_step: int
    carried: str
    curves: Sequence[CurveRow]
    masks: Sequence[MaskRow] = ()
    areas: Sequence[AreaPlot] = ()
    sessions: Sequence[SessionRow] = ()
    missing: Sequence[str] = ()
    failures: Sequence[str] = ()
    notes: Sequence[str] = ()


def write_clinician_report(
    path: Path, *, findings: ClinicianFindings, facts: Mapping[str, str]
) -> None:
    """Write the report as HTML, whole or not at all.

    Args:
        path: the file to write.
        findings: what is shown.
        facts: name -> value of what a reader needs to repeat the work.

    Raises:
        OutputError: the file cannot be written.
    """
    sections = {
        "Result": ("result", _result(findings)),
        "Curves": ("curves", _curves(findings)),
        "Masks": ("masks", _masks(findings)),
        "Areas": ("areas", _areas(findings)),
        "Sessions": ("sessions", _sessions(findings)),
        "Missing and failed": ("missing", _missing(findings)),
        "How this was made": ("facts", facts_section(facts)),
    }
    shown = {name: entry for name, entry in sections.items() if entry[1] is not None}
    places = {name: anchor for name, (anchor, _) in shown.items()}
    readers = [row.reader for row in findings.sessions]
    lede = (
        f"{_count(len(_segmenters(findings)), 'segmenter')}, {_count(len(readers), 'reader')}, "
        f"{_count(sum(len(row.steps) for row in findings.sessions), 'session')} of up to "
        f"{_count(findings.last_step, 'correction')}."
    )
    sections_ = [section for _, section in shown.values()]
    write_text(path, page("Recorded sessions", lede, places, sections_))


def _segmenters(findings: ClinicianFindings) -> list[str]:
    return list(dict.fromkeys(row.segmenter for row in findings.curves))


def _colours(findings: ClinicianFindings) -> dict[str, int]:
    """Colour of each kind of curve: the mean first, then readers and own errors."""
    order = {"mean": 0, "reader": 1, "own": 2}
    rows = sorted(findings.curves, key=lambda row: order[row.kind])
    return {name: n for n, name in enumerate(dict.fromkeys(row.reader for row in rows))}


def _result(findings: ClinicianFindings) -> Markup:
    colours = _colours(findings)
    rows = []
    for row in findings.curves:
        label = element("th", swatch(colours[row.reader]), f"{row.segmenter} · {row.reader}")
        cells = [
            cell(row.cases),
            cell(score(row.auc_dice), "key"),
            cell(score(row.auc_dmm), "key"),
            *(cell(score(row.values[name][at])) for name in _COLUMNS for at in (0, -1)),
            cell(amount(row.values["fpv_ml"][-1])),
            cell(amount(row.values["fnv_ml"][-1])),
            cell(row.carried),
        ]
        rows.append(element("tr", label, *cells))
    numbers = [
        "Cases", "AUC-Dice", "AUC-DMM", "First Dice", "Final Dice", "First DMM", "Final DMM",
        "FPV ml", "FNV ml", "Carried",
    ]  # fmt: skip
    notes = [
        f"AUC is divided by the number of corrections, {findings.last_step}: 1 is perfect. "
        f"{findings.carried} “Carried” counts the sessions so treated.",
        "The mean of readers is the mean over cases of the mean over readers.",
    ]
    if any(row.kind == "own" for row in findings.curves):
        notes.append(
            "Own errors: a simulated reader corrects the segmenter's own errors on the same cases, "
            "with as many corrections as each reader made there."
        )
    return element(
        "section",
        element("h2", "Result", id="result"),
        table(header_row(["Segmenter · reader"], numbers), element("tbody", *rows)),
        *(element("p", note, class_="note") for note in notes),
    )


def _curves(findings: ClinicianFindings) -> Markup:
    colours = _colours(findings)
    charts = []
    for segmenter in _segmenters(findings):
        rows = [row for row in findings.curves if row.segmenter == segmenter]
        for column, label in _COLUMNS.items():
            drawn = [
                Curve(
                    row.reader, row.values[column], colours[row.reader], strong=True,
                    write_last=row.kind == "mean",
                )
                for row in sorted(rows, key=lambda row: row.kind == "mean")
            ]  # fmt: skip
            title = f"{label} of {segmenter} per step, with each reader and their mean"
            chart = step_chart(drawn, title=title, y_label=label, y_max=1.0)
            charts.append(figure(f"{segmenter}: {label}", "mean over cases", chart))
    names = [element("li", swatch(number), name) for name, number in colours.items()]
    return element(
        "section",
        element("h2", "Curves", id="curves"),
        element("ul", *names, class_="legend"),
        element("div", *charts, class_="charts pair"),
        element("p", findings.carried, class_="note"),
    )


def _masks(findings: ClinicianFindings) -> Markup | None:
    if not findings.masks:
        return None
    rows = [
        element(
            "tr",
            element("th", row.masks),
            element("td", row.readers, class_="text"),
            cell(row.cases),
            cell(row.lesion_free),
            cell(score(row.dice), "key"),
            cell(score(row.dice_with_lesions)),
            cell(score(row.dmm), "key"),
            cell(row.cases_without_dmm),
        )
        for row in findings.masks
    ]
    numbers = ["Cases", "Lesion-free", "Dice", "Dice, with lesions", "DMM", "Without DMM"]
    note = (
        "How much the final masks of two readers have in common. Two empty masks have Dice 1, as "
        "in the challenge's loop, and no DMM; “with lesions” leaves out the cases whose "
        "reference holds no lesion, as its evaluator does. DMM is not symmetric: the mean of both "
        "ways to take one mask as the reference."
    )
    return element(
        "section",
        element("h2", "Agreement of masks", id="masks"),
        table(header_row(["Masks", "Readers"], numbers), element("tbody", *rows)),
        element("p", note, class_="note"),
    )


def _areas(findings: ClinicianFindings) -> Markup | None:
    if not findings.areas:
        return None
    rows = []
    for plot in findings.areas:
        limits, icc = plot.limits, plot.correlation
        cells: list[Content] = [
            element("td", f"{_METRICS[plot.metric]}, {_RULES[plot.rule]}", class_="text"),
            element("td", f"{plot.reader_a} − {plot.reader_b}", class_="text"),  # noqa: RUF001
            cell(limits.pairs),
            cell(_signed(limits.bias), "key"),
            cell(f"{_signed(limits.low)} to {_signed(limits.high)}"),
            cell(_signed(limits.limit_error).lstrip("+")),
            cell(score(icc.agreement), "key"),
            cell(f"{icc.cases} x {icc.readers}"),
        ]
        rows.append(element("tr", element("th", plot.segmenter), *cells))
    charts = [
        figure(
            f"{plot.segmenter}: {_METRICS[plot.metric]}, {plot.reader_a} and {plot.reader_b}",
            _RULES[plot.rule],
            bland_altman_chart(
                plot.cases,
                plot.first,
                plot.second,
                plot.limits,
                title=f"Bland-Altman plot of {plot.reader_a} and {plot.reader_b} with "
                f"{plot.segmenter}, {_METRICS[plot.metric]}",
                x_label="mean of both readers",
                y_label=f"{plot.reader_a} − {plot.reader_b}",  # noqa: RUF001
                colour=_segmenters(findings).index(plot.segmenter),
            ),
        )
        for plot in findings.areas
        if plot.rule == "loop"
    ]
    numbers = ["Cases", "Bias", "Limits of agreement", "± SE", "ICC(2,1)", "cases x readers"]
    note = (
        "Areas under the curve, divided by the number of corrections. Limits of agreement are the "
        "bias ± 1.96 standard deviations of the differences, SE is the standard error of "
        "a limit. ICC(2,1) is the absolute agreement of a single reader over the cases that "
        "all readers have; it is not defined where all values are the same. “All cases” counts "
        "lesion-free cases as the challenge's loop does (Dice 1 for an empty mask, else 0)."
    )
    return element(
        "section",
        element("h2", "Agreement of areas under the curve", id="areas"),
        table(header_row(["Segmenter", "Area", "Readers"], numbers), element("tbody", *rows)),
        element("p", note, class_="note"),
        element("div", *charts, class_="charts ranking"),
    )


def _sessions(findings: ClinicianFindings) -> Markup:
    rows = []
    for row in findings.sessions:
        timed = [value for value in row.seconds if not isnan(value)]
        steps = sorted(row.steps)
        cells = [
            cell(len(steps)),
            cell(f"{median(steps):g}" if steps else DASH),
            cell(f"{steps[0]} to {steps[-1]}" if steps else DASH),
            cell(row.strokes),
            cell(row.foreground_points),
            cell(row.background_points),
            cell(amount(median(timed)) if timed else DASH),
        ]
        rows.append(element("tr", element("th", row.reader), *cells))
    numbers = [
        "Sessions", "Steps, median", "Steps", "Strokes", "Lesion points", "Background points",
        "s per session, median",
    ]  # fmt: skip
    return element(
        "section",
        element("h2", "Sessions", id="sessions"),
        table(header_row(["Reader"], numbers), element("tbody", *rows)),
    )


def _missing(findings: ClinicianFindings) -> Markup | None:
    parts = []
    for title, lines in (
        ("Missing sessions", findings.missing),
        ("Failures", findings.failures),
        ("Not used", findings.notes),
    ):
        if lines:
            items = [element("li", line) for line in lines]
            parts += [element("h4", title), element("ul", *items, class_="notes")]
    if not parts:
        return None
    note = (
        "A case that a reader lacks counts with the other readers in the mean of readers. What "
        "failed is in no mean here; a ranking gives it the worst value."
    )
    return element(
        "section",
        element("h2", "Missing and failed", id="missing"),
        *parts,
        element("p", note, class_="note"),
    )


def _signed(value: float) -> str:
    return DASH if isnan(value) else f"{value:+.3f}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
