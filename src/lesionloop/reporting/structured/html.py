"""Reports as one HTML file: statements, tables, a picture, and the source of every number."""

from collections.abc import Mapping, Sequence
from itertools import count

from lesionloop.reporting.markup import Content, Markup, element
from lesionloop.reporting.page import facts_section, page
from lesionloop.reporting.pictures import picture
from lesionloop.reporting.structured.model import REGIONS, Number, Report, Sentence, Word
from lesionloop.reporting.structured.templates import Templates
from lesionloop.reporting.tables import cell, header_row, table

__all__ = ["report_html"]

_PICTURE_WIDTH = 420


def report_html(
    report: Report,
    languages: Sequence[Templates],
    facts: Mapping[str, str],
    *,
    png: bytes | None = None,
) -> str:
    """A report as a page.

    Statements are list items of class ``sentence`` that show their numbers when pointed at, and
    link to the table of all numbers with value in full, unit and source.

    Args:
        report: of a study.
        languages: one after the other.
        facts: how it came about.
        png: projection of the PET with the lesions, or None.
    """
    first = languages[0]
    said = {templates.language: f"report-{templates.language}" for templates in languages}
    pages = [_statements(report, templates, said[templates.language]) for templates in languages]
    sections = [pages[0], *([] if png is None else [_picture(png, first)])]
    sections += [*_lesions(report, first), _organs(report, first)]
    sections += [*pages[1:], _numbers(report, first)]
    places = {
        f"{templates.heading('findings')} ({templates.language})": said[templates.language]
        for templates in languages
    }
    places[first.heading("numbers")] = "numbers"
    notes = {f"Note {number}": text for number, text in enumerate(report.notes, start=1)}
    sections.append(facts_section({**facts, **notes}))
    return page(
        f"{first.heading('title')}: {report.study}",
        first.heading("convention"),
        places,
        sections,
    )


def _picture(png: bytes, templates: Templates) -> Markup:
    title = templates.heading("picture")
    shown = element("figure", picture(png, title, _PICTURE_WIDTH))
    return element("section", element("h2", title), element("div", shown, class_="pictures"))


def _statements(report: Report, templates: Templates, anchor: str) -> Markup:
    number = count(1)

    def listed(sentences: Sequence[Sentence]) -> Markup:
        items = [
            element(
                "li",
                element("span", templates.text(sentence), class_="said"),
                " ",
                element("a", "#", href=f"#s{next(number)}"),
                class_="sentence",
                title="; ".join(_told(entry) for entry in sentence.numbers),
            )
            for sentence in sentences
        ]
        return element("ul", *items)

    parts = [
        element("h2", templates.heading("technique"), id=anchor),
        listed(report.technique),
        element("h2", templates.heading("findings")),
    ]
    for region in REGIONS:
        found = report.findings(region)
        if found:
            parts += [element("h3", templates.heading(region)), listed(found)]
    parts += [element("h2", templates.heading("impression")), listed(report.impression)]
    return element("section", *parts, lang=templates.language)


def _lesions(report: Report, templates: Templates) -> list[Markup]:
    if not report.lesions:
        return []
    slots = ("volume", "diameter", "suv_max", "suv_mean", "suv_peak", "tlg")
    heads = ("volume", "diameter", "suv_max", "lesion_suv_mean", "suv_peak", "tlg")
    rows = []
    for entry in report.lesions:
        held = {number.name: number for number in entry.sentence.numbers}
        where = templates.word(entry.sentence.words["location"])
        rows.append(
            element(
                "tr",
                cell(held["lesion"].shown, "text"),
                cell(where, "text"),
                *(_cell(held[slot], templates) for slot in slots),
            )
        )
    header = header_row(
        (templates.column("lesion"), templates.column("location")),
        [templates.column(name) for name in heads],
    )
    values = table(header, element("tbody", *rows), class_="values")
    return [_section("lesion_table", "lesions", values, templates)]


def _organs(report: Report, templates: Templates) -> Markup:
    rows = []
    for entry in report.organs:
        held = {number.name: number for number in entry.sentence.numbers}
        reference = entry.sentence.words.get("reference")
        rows.append(
            element(
                "tr",
                cell(templates.word(Word("organ", (entry.organ,))), "text"),
                cell(templates.state(entry.state), f"text state-{entry.state}"),
                cell(None if reference is None else templates.word(reference), "text"),
                *(_cell(held.get(slot), templates) for slot in ("suv_mean", "ratio")),
            )
        )
    texts = [templates.column(name) for name in ("organ", "state", "reference")]
    header = header_row(texts, [templates.column(name) for name in ("suv_mean", "ratio")])
    values = table(header, element("tbody", *rows), class_="values")
    return _section("organ_table", "organs", values, templates)


def _numbers(report: Report, templates: Templates) -> Markup:
    """Every statement's numbers; the row of its first one is what the statement links to."""
    rows = []
    for place, sentence in enumerate(report.sentences, start=1):
        for order, number in enumerate(sentence.numbers):
            value: Content = templates.state("not_assessed")
            if number.value is not None:
                value = repr(number.value)
            rows.append(
                element(
                    "tr",
                    cell(number.name, "text"),
                    cell(value, "text"),
                    cell(number.unit, "text"),
                    cell(_origin(number), "text"),
                    id=f"s{place}" if order == 0 else None,
                )
            )
    names = [templates.column(name) for name in ("number", "value", "unit", "source")]
    body = table(header_row(names), element("tbody", *rows))
    return _section("numbers", "numbers", body, templates)


def _section(name: str, anchor: str, content: Markup, templates: Templates) -> Markup:
    title = element("h2", templates.heading(name), id=anchor)
    return element("section", title, content, lang=templates.language)


def _cell(number: Number | None, templates: Templates) -> Markup:
    if number is None or number.value is None:
        return element("td", templates.state("not_assessed"), class_="none")
    return element("td", templates.number(number), title=_told(number))


def _told(number: Number) -> str:
    value = "null" if number.value is None else repr(number.value)
    return f"{number.name} = {value} {number.unit} ({_origin(number)})"


def _origin(number: Number) -> str:
    sources = ", ".join(map(str, number.sources))
    return sources if number.how == "value" else f"{number.how}: {sources}"
