"""The page of a study: saving, times, agreement, and every reading."""

from collections.abc import Mapping
from math import isnan
from pathlib import Path

from lesionloop.output import write_text
from lesionloop.reader_study.results import Findings, mean_agreement
from lesionloop.reporting.markup import Content, Markup, element
from lesionloop.reporting.page import facts_section, page
from lesionloop.reporting.tables import DASH, amount, cell, header_row, score, table

__all__ = ["write_report"]

#: Figures of the table of times: what it is called, and whether it is a score from 0 to 1.
_TIMES = {
    "task_s": ("Task s", False),
    "active_s": ("Active s", False),
    "wait_s": ("Waiting s", False),
    "idle_s": ("Idle s", False),
    "foreground": ("Foreground strokes", False),
    "background": ("Background strokes", False),
    "dice": ("Dice", True),
    "dmm": ("DMM", True),
}


def write_report(path: Path, findings: Findings, facts: Mapping[str, str]) -> None:
    """Write the page, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    protocol = findings.protocol
    done = sum(row.state == "done" for row in findings.rows)
    lede = (
        f"{protocol.design} design, {len(protocol.readers)} readers, {len(protocol.cases)} cases; "
        f"{done} of {len(findings.rows)} readings are finished."
    )
    sections = {
        "Time saved": ("saving", _saving(findings)),
        "Arms": ("arms", _arms(findings)),
        "Readings": ("readings", _readings(findings)),
        "How this was made": ("facts", facts_section(facts)),
    }
    shown = {name: entry for name, entry in sections.items() if entry[1] is not None}
    places = {name: anchor for name, (anchor, _) in shown.items()}
    write_text(path, page(protocol.title, lede, places, [part for _, part in shown.values()]))


def _saving(findings: Findings) -> Markup | None:
    if not findings.savings:
        return None
    names = {"task_s": "active and waiting", "active_s": "active alone"}
    rows = [
        element(
            "tr",
            element("th", f"{'all readers' if reader == 'all' else reader} · {names[of]}"),
            cell(saving.cases),
            cell(_percent(saving.median), "key"),
            cell(f"{_percent(saving.low)} to {_percent(saving.high)}"),
            cell(f"{_percent(saving.q1)} to {_percent(saving.q3)}"),
            cell(DASH if isnan(saving.p) else f"{saving.p:.2g}"),
        )
        for (of, reader), saving in findings.savings.items()
    ]
    level = next(iter(findings.savings.values())).level
    numbers = ["Cases", "Median", f"{level:.0%} interval", "Quartiles", "p"]
    return element(
        "section",
        element("h2", "Time saved", id="saving"),
        table(header_row(["Readers · time"], numbers), element("tbody", *rows)),
        element(
            "p",
            "1 - assisted / manual for each case. The interval of the median is a percentile "
            "bootstrap over cases; p is of the two-sided Wilcoxon signed-rank test of the seconds.",
            class_="note",
        ),
    )


def _arms(findings: Findings) -> Markup:
    protocol = findings.protocol
    rows = []
    for arm in protocol.arms:
        for period in (None, *range(1, protocol.periods + 1)) if protocol.periods > 1 else (None,):
            spreads = findings.spreads(arm, period)
            cells = [
                cell(_median(spreads[name].median, is_score=is_score), "key" if not n else None)
                for n, (name, (_, is_score)) in enumerate(_TIMES.items())
            ]
            between: Content = score(mean_agreement(findings.agreement, arm)) if not period else ""
            title = arm if period is None else f"{arm}, period {period}"
            count = cell(spreads["task_s"].count)
            rows.append(element("tr", element("th", title), count, *cells, cell(between)))
    numbers = ["Readings", *(title for title, _ in _TIMES.values()), "Dice between readers"]
    notes = [element("p", note, class_="note") for note in findings.notes]
    return element(
        "section",
        element("h2", "Arms", id="arms"),
        table(header_row(["Arm"], numbers), element("tbody", *rows)),
        element(
            "p", "Medians of finished readings; Dice between readers is a mean.", class_="note"
        ),
        *notes,
    )


def _readings(findings: Findings) -> Markup:
    rows = [
        element(
            "tr",
            element("th", f"{row.reader} · {row.case}"),
            element("td", f"{row.arm}, {row.state}", class_="text"),
            cell(row.period),
            cell(row.position),
            *(cell(amount(value)) for value in (row.active_s, row.wait_s, row.idle_s)),
            cell(amount(row.mtv_ml)),
            cell(score(row.dice)),
            cell(score(row.dmm)),
        )
        for row in findings.rows
    ]
    numbers = [
        "Period", "Position", "Active s", "Waiting s", "Idle s", "MTV ml", "Dice", "DMM",
    ]  # fmt: skip
    return element(
        "section",
        element("h2", "Readings", id="readings"),
        table(header_row(["Reader · case", "Arm"], numbers), element("tbody", *rows)),
    )


def _percent(value: float) -> str:
    return DASH if isnan(value) else f"{value:.1%}"


def _median(value: float, *, is_score: bool) -> Content:
    return score(value) if is_score else amount(value)
