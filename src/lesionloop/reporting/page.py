"""The frame of every report: one HTML file that needs nothing else.

It opens without a network and without scripts, in light and dark, and prints.
"""

from collections.abc import Mapping, Sequence
from importlib.resources import files

from lesionloop.reporting.markup import Markup, element, join

__all__ = ["facts_section", "page"]

#: What the page may load: its own style and pictures, nothing from anywhere else.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def page(
    title: str, lede: str, places: Mapping[str, str], sections: Sequence[Markup | None]
) -> str:
    """Return a whole page.

    Args:
        title: its heading.
        lede: one line below it.
        places: name -> anchor of the sections in the navigation.
        sections: the content, in order.
    """
    style = files("lesionloop.reporting").joinpath("report.css").read_text(encoding="utf-8")
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("title", title),
        element("style", Markup(style)),
    )
    links = [element("a", name, href=f"#{place}") for name, place in places.items()]
    top = element(
        "header",
        element(
            "div",
            element("h1", title),
            element("p", lede, class_="lede"),
            element("nav", *links),
        ),
        class_="top",
    )
    body = element("body", top, element("main", *sections))
    return join(Markup("<!doctype html>\n"), element("html", head, body, lang="en"), Markup("\n"))


def facts_section(facts: Mapping[str, str]) -> Markup:
    """How the report came about: versions, command line, date."""
    entries = [join(element("dt", name), element("dd", value)) for name, value in facts.items()]
    title = element("h2", "How this was made", id="facts")
    return element("section", title, element("dl", *entries))
