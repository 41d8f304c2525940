"""The leaderboard as files: JSON with all of it, CSV and Markdown with the table, an HTML page."""

import csv
import io
from collections.abc import Mapping
from dataclasses import asdict
from math import isnan
from pathlib import Path
from typing import Any, Final

from lesionloop.output import all_or_none, strict, write_json, write_text
from lesionloop.report_benchmark.leaderboard import BASELINE, SHOWN, Board, Row
from lesionloop.reporting.markup import Markup, element
from lesionloop.reporting.page import facts_section, page
from lesionloop.reporting.tables import DASH, cell, header_row, table

__all__ = ["HEADINGS", "board_content", "board_table", "write_board"]

#: Column to heading, in the order of the paper's table.
HEADINGS: Final = {
    "bleu_4": "BLEU-4",
    "meteor": "METEOR",
    "rouge_l": "ROUGE-L",
    "ce_precision": "CE-P",
    "ce_recall": "CE-R",
    "ce_f1": "CE-F1",
    "overall": "overall",
    "bleu_1": "BLEU-1",
    "bleu_2": "BLEU-2",
    "bleu_3": "BLEU-3",
    "cider": "CIDEr",
}

_FILES: Final = ("leaderboard.json", "leaderboard.csv", "leaderboard.md", "leaderboard.html")


def write_board(out: Path, board: Board, *, facts: Mapping[str, str]) -> None:
    """Write the four files, all of them or none.

    Args:
        out: folder.
        board: the leaderboard.
        facts: name -> value of what a reader needs to repeat the work.

    Raises:
        OutputError: a file cannot be written.
    """
    with all_or_none([out / name for name in _FILES]):
        write_json(out / _FILES[0], {**board_content(board), "facts": dict(facts)})
        write_text(out / _FILES[1], _csv(board))
        write_text(out / _FILES[2], _markdown(board))
        write_text(out / _FILES[3], _html(board, facts))


def board_content(board: Board) -> dict[str, Any]:
    """All of a board as JSON; what is not defined is null."""
    return dict(strict(asdict(board)))


def board_table(board: Board) -> tuple[list[str], list[list[Any]]]:
    """Headings and rows for the terminal."""
    columns = ["system", *list(HEADINGS.values())[:7], "interval", "to template"]
    rows = [
        [
            row.name,
            *(row.values[name] for name in list(HEADINGS)[:7]),
            _span(row.intervals["overall"], 1),
            _difference(row),
        ]
        for row in board.rows
    ]
    return columns, rows


def _csv(board: Board) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    bounds = [f"{name}_{side}" for name in SHOWN for side in ("low", "high")]
    failures = list(board.rows[0].failures)
    writer.writerow(["system", *SHOWN, *bounds, "to_template", "to_template_low",
                     "to_template_high", *failures])  # fmt: skip
    for row in board.rows:
        numbers = [row.values[name] for name in SHOWN]
        numbers += [bound for name in SHOWN for bound in row.intervals[name]]
        numbers += row.against_template
        # A spreadsheet takes a name that begins like this for a formula.
        name = f"'{row.name}" if row.name[:1] in "=+-@\t\r" else row.name
        writer.writerow([name, *map(repr, numbers), *row.failures.values()])
    return text.getvalue()


def _markdown(board: Board) -> str:
    headings = ["System", *HEADINGS.values(), f"overall, {board.level:.0%} interval", "to template"]
    lines = [_line(headings), _line(["---"] + ["---:"] * (len(headings) - 1))]
    for row in board.rows:
        shown = [_number(row.values[name], name) for name in HEADINGS]
        lines.append(
            _line([row.name, *shown, _span(row.intervals["overall"], 1), _difference(row)])
        )
    notes = [f"- {name}: {value}" for name, value in _settings(board).items()]
    return "\n".join([*lines, "", *notes, ""])


def _line(cells: list[str]) -> str:
    safe = [" ".join(text.replace("|", "\\|").split()) for text in cells]
    return f"| {' | '.join(safe)} |"


def _html(board: Board, facts: Mapping[str, str]) -> str:
    sections = {
        "Scores": ("scores", _scores(board)),
        "States": ("states", _states(board)),
        "Failures": ("failures", _failures(board)),
        "How it is scored": ("settings", _settings_section(board)),
        "How this was made": ("facts", facts_section(facts)),
    }
    anchors = {name: anchor for name, (anchor, _) in sections.items()}
    lede = f"{board.patients} patients, {len(board.rows) - 1} systems beside the unedited template"
    return page("Report benchmark", lede, anchors, [section for _, section in sections.values()])


def _scores(board: Board) -> Markup:
    head = header_row(["System"], [*HEADINGS.values(), "overall, interval", "to template"])
    rows = []
    for row in board.rows:
        cells = [cell(_number(row.values[name], name)) for name in HEADINGS]
        cells += [cell(_span(row.intervals["overall"], 1)), cell(_difference(row))]
        rows.append(element("tr", element("th", row.name, scope="row", class_="text"), *cells))
    note = (
        f"Intervals of {board.level:.0%} from {board.resamples} resamples of the patients, the same"
        ' for all systems. "To template" is the overall score minus that of the unedited template.'
    )
    return element(
        "section",
        element("h2", "Scores", id="scores"),
        table(head, element("tbody", *rows)),
        element("p", note, class_="note"),
    )


def _states(board: Board) -> Markup:
    head = header_row(["System", "State"], ["precision", "recall", "F1", "in the references"])
    rows = []
    for row in board.rows:
        for state, entry in row.efficacy["states"].items():
            cells = [cell(f"{entry[key]:.3f}") for key in ("precision", "recall", "f1")]
            name = element("th", row.name, scope="row", class_="text")
            rows.append(element("tr", name, cell(state, "text"), *cells, cell(entry["positives"])))
    note = "Macro scores are means over the first three states; rare ones make them unstable."
    return element(
        "section",
        element("h2", "States", id="states"),
        table(head, element("tbody", *rows)),
        element("p", note, class_="note"),
    )


def _failures(board: Board) -> Markup:
    kinds = list(board.rows[0].failures)
    rows = [
        element(
            "tr",
            element("th", row.name, scope="row", class_="text"),
            *(cell(row.failures[kind]) for kind in kinds),
        )
        for row in board.rows
    ]
    return element(
        "section",
        element("h2", "Failures", id="failures"),
        table(header_row(["System"], kinds), element("tbody", *rows)),
        element("p", "All of them count: a missing answer is scored as empty.", class_="note"),
    )


def _settings_section(board: Board) -> Markup:
    entries = [
        element("p", element("strong", f"{name}: "), value, class_="note")
        for name, value in _settings(board).items()
    ]
    return element("section", element("h2", "How it is scored", id="settings"), *entries)


def _settings(board: Board) -> dict[str, str]:
    return {
        **board.settings,
        "bootstrap": f"{board.resamples} resamples of {board.patients} patients, seed {board.seed},"
        f" percentile intervals of {board.level:.0%}",
    }


def _number(value: float, name: str) -> str:
    return DASH if isnan(value) else f"{value:.1f}" if name == "overall" else f"{value:.3f}"


def _span(bounds: tuple[float, float], decimals: int) -> str:
    return DASH if isnan(bounds[0]) else f"{bounds[0]:.{decimals}f} to {bounds[1]:.{decimals}f}"


def _difference(row: Row) -> str:
    if row.name == BASELINE:
        return DASH
    middle, low, high = row.against_template
    return f"{middle:+.1f}" + ("" if isnan(low) else f" ({low:+.1f} to {high:+.1f})")
