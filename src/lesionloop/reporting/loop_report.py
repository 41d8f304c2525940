"""The report of interactive loops: averages, curves, every case with pictures.

All numbers come from ``lesionloop.metrics``; all text from outside is escaped.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from lesionloop.errors import InputError
from lesionloop.output import write_text
from lesionloop.reporting.loop_cases import cases_section
from lesionloop.reporting.loop_overview import (
    curves_section,
    result_section,
    scores_section,
    timings_section,
)
from lesionloop.reporting.loop_records import CaseReport, Group, group_cases
from lesionloop.reporting.page import facts_section, page

__all__ = ["write_loop_report"]

_PLACES = {
    "Result": "result",
    "Curves": "curves",
    "Scores by case": "scores",
    "Cases": "cases",
    "Timings": "timings",
    "How this was made": "facts",
}


def write_loop_report(
    path: Path, *, title: str, cases: Sequence[CaseReport], facts: Mapping[str, str]
) -> None:
    """Write the report of one or many runs of the loop as HTML, whole or not at all.

    Args:
        path: the file to write.
        title: heading of the page.
        cases: the runs; those of one segmenter, strategy and mode are averaged.
        facts: name -> value of what a reader needs to repeat the work (versions, command line,
            date), shown as it is.

    Raises:
        InputError: there is no case.
        OutputError: the file cannot be written.
    """
    if not cases:
        raise InputError("there is no case to report")
    write_text(path, _page(title, group_cases(cases), facts))


def _page(title: str, groups: Sequence[Group], facts: Mapping[str, str]) -> str:
    sections = (
        result_section(groups),
        curves_section(groups),
        scores_section(groups),
        cases_section(groups),
        timings_section(groups),
        facts_section(facts),
    )
    return page(title, _in_short(groups), _PLACES, sections)


def _in_short(groups: Sequence[Group]) -> str:
    counts = (
        (len({run.case for group in groups for run in group.cases}), "case"),
        (len({group.segmenter for group in groups}), "segmenter"),
        (len({group.strategy for group in groups}), "scribble strategy"),
        (max(group.summary.steps for group in groups), "prediction"),
    )
    words = [_count(number, noun) for number, noun in counts]
    modes = sorted({group.mode for group in groups})
    return f"{', '.join(words[:-1])}; {words[-1]} per run. Mode: {', '.join(modes)}."


def _count(number: int, noun: str) -> str:
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun.removesuffix('y')}ies" if noun.endswith("y") else f"{number} {noun}s"
