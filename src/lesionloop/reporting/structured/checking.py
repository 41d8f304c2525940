"""A written report is read again: every number in it must be one that its statement has.

The check knows the form of the files, not how they were written: it takes the lines or list items
apart, takes out the words that hold digits of their own (vertebrae and ribs), and looks for digits.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from csv import DictReader
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final

from lesionloop.reporting.structured.model import Number, Report, Sentence, Source
from lesionloop.reporting.structured.templates import Templates
from lesionloop.reporting.structured.text import BULLET

__all__ = ["check_html", "check_sources", "check_text"]

#: A number as a person would see one, with a sign, a point, or an exponent.
_NUMBER: Final = re.compile(r"<?-?\d+(?:[.,]\d+)*(?:[eE][+-]?\d+)?")
_NOT_NUMBERS: Final = re.compile(r"\b(?:nan|none|null|inf(?:inity)?)\b", re.IGNORECASE | re.ASCII)


def check_text(text: str, report: Report, templates: Templates) -> list[str]:
    """What is wrong with a report in plain text; nothing when it is as it must be.

    Each statement may hold the numbers of its sentence, each as often as the sentence has it and
    rounded by the rule; other lines none but the name of the study. Words such as NaN or None are
    wrong anywhere but there, and so is a statement that says nothing of an undefined number.
    """
    said: list[str] = []
    problems: list[str] = []
    for line in text.split("\n"):
        if line.startswith(BULLET):
            said.append(line.removeprefix(BULLET))
        elif line != f"{templates.heading('study')}: {report.study}" and _NUMBER.search(line):
            problems.append(f"a number outside statements: {line}")
    return problems + _check_said(said, report, templates)


def check_html(html: str, report: Report, languages: Sequence[Templates]) -> list[str]:
    """What is wrong with the statements of a page, and with the cells of its tables of values.

    Args:
        html: the page.
        report: what it is of.
        languages: those that it is written in.
    """
    reader = _Page()
    reader.feed(html)
    problems: list[str] = []
    known = {number.shown for sentence in report.sentences for number in sentence.numbers}
    for templates in languages:
        problems += _check_said(reader.said.get(templates.language, []), report, templates)
        words = {word for entry in report.sentences for word in _words(entry, templates)}
        for text in reader.cells.get(templates.language, []):
            for found in _NUMBER.findall("" if text in words else text):
                if found not in known:
                    problems.append(f"a table holds {found}, which no statement has")
    return problems


def check_sources(report: Report, folder: Path) -> list[str]:
    """Which numbers are not what their sources in a study's folder give."""
    files: dict[str, Any] = {}
    problems = []
    for sentence in report.sentences:
        if not sentence.numbers:
            problems.append(f"{sentence.key} has no number")
        for number in sentence.numbers:
            if not number.sources:
                problems.append(f"{number.name} of {sentence.key} has no source")
            elif number.value is not None and number.how != "measured":
                given = _given(number, folder, files)
                if given != number.value:
                    problems.append(f"{number.name} of {sentence.key}: {number.value}, not {given}")
    return problems


def _check_said(said: Sequence[str], report: Report, templates: Templates) -> list[str]:
    sentences = report.sentences
    if len(said) != len(sentences):
        return [f"{len(said)} statements, {len(sentences)} sentences"]
    problems = []
    for text, sentence in zip(said, sentences, strict=True):
        left = text
        for word in sorted(_words(sentence, templates), key=len, reverse=True):
            left = re.sub(re.escape(word), " ", left, count=1, flags=re.IGNORECASE)
        allowed = Counter(number.shown for number in sentence.numbers if number.shown is not None)
        stated = Counter(_NUMBER.findall(left))
        if stated - allowed:
            problems.append(f"{', '.join(stated - allowed)} has no source: {text}")
        if allowed - stated:
            problems.append(f"{', '.join(allowed - stated)} is not said: {text}")
        if _NOT_NUMBERS.search(left):
            problems.append(f"an undefined number is written out: {text}")
        undefined = any(number.shown is None for number in sentence.numbers)
        if undefined and templates.state("not_assessed").lower() not in text.lower():
            problems.append(f"an undefined number is passed over: {text}")
    return problems


def _words(sentence: Sentence, templates: Templates) -> list[str]:
    return [templates.word(word) for word in sentence.words.values()]


def _given(number: Number, folder: Path, files: dict[str, Any]) -> float | None:
    """The value that the sources give."""
    if number.how == "count":
        return len(number.sources)
    if number.how == "rows":
        rows = _content(number.sources[0].file, folder, files)
        return sum(1 for row in rows if row[number.sources[0].column] != "")
    values = [_value(source, folder, files) for source in number.sources]
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return None
    if number.how == "ratio":
        over = known[0] if len(known) == 2 else _weighted(known[:-1])
        return over / known[-1] if known[-1] else None
    if number.how == "weighted_mean":
        return _weighted(known)
    return max(known) if number.how == "maximum" else known[0]


def _weighted(values: list[float]) -> float:
    means, weights = values[::2], values[1::2]
    return sum(m * w for m, w in zip(means, weights, strict=True)) / sum(weights)


def _value(source: Source, folder: Path, files: dict[str, Any]) -> float | None:
    content = _content(source.file, folder, files)
    if source.pointer is not None:
        for key in source.pointer.removeprefix("/").split("/"):
            content = content[key]
        return None if content is None else float(content)
    for row in content:
        if source.where is not None and row[source.where[0]] == source.where[1]:
            return float(row[source.column]) if row.get(source.column) else None
    return None


def _content(name: str, folder: Path, files: dict[str, Any]) -> Any:
    if name not in files:
        with (folder / name).open(encoding="utf-8", newline="") as file:
            files[name] = json.load(file) if name.endswith(".json") else list(DictReader(file))
    return files[name]


class _Page(HTMLParser):
    """Statements and cells of tables of values by language, as a reader sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.said: dict[str, list[str]] = {}
        self.cells: dict[str, list[str]] = {}
        self._language = ""
        self._place: list[str] | None = None
        self._in_values = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note where text goes from here on."""
        held = dict(attrs)
        if tag == "section":
            self._language = held.get("lang") or ""
        elif tag == "table":
            self._in_values = held.get("class") == "values"
        elif tag == "span" and held.get("class") == "said":
            self._open(self.said.setdefault(self._language, []))
        elif tag == "td" and self._in_values:
            self._open(self.cells.setdefault(self._language, []))

    def handle_endtag(self, tag: str) -> None:
        """A statement or a cell ends."""
        if tag in ("span", "td"):
            self._place = None

    def handle_data(self, data: str) -> None:
        """Take the text of a statement or a cell."""
        if self._place is not None:
            self._place[-1] += data

    def _open(self, place: list[str]) -> None:
        place.append("")
        self._place = place
