"""Reports as plain text: one statement a line."""

from typing import Final

from lesionloop.reporting.structured.model import REGIONS, Report
from lesionloop.reporting.structured.templates import Templates

__all__ = ["BULLET", "report_text"]

#: Begins every statement, and nothing else does.
BULLET: Final = "- "


def report_text(report: Report, templates: Templates) -> str:
    """A report in the language of the templates.

    The statements follow :attr:`Report.sentences`; regions without one are left out.
    """
    heading = templates.heading
    lines = [heading("title"), f"{heading('study')}: {report.study}", ""]

    def add(name: str, sentences: list[str]) -> None:
        lines.extend([heading(name), *(BULLET + text for text in sentences), ""])

    add("technique", [templates.text(sentence) for sentence in report.technique])
    lines.extend([heading("findings"), ""])
    for region in REGIONS:
        found = report.findings(region)
        if found:
            add(region, [templates.text(sentence) for sentence in found])
    add("impression", [templates.text(sentence) for sentence in report.impression])
    return "\n".join([*lines, heading("convention")]) + "\n"
