"""What stands around every chart: its frame, and its caption on a page."""

from collections.abc import Sequence

from lesionloop.reporting.markup import Markup, element

__all__ = ["chart", "figure"]


def chart(
    title: str, width: float, height: float, parts: Sequence[Markup], *, kind: str = "chart ranking"
) -> Markup:
    """Return a chart.

    Args:
        title: spoken by screen readers; says what is shown.
        width, height: of the area in which the parts are drawn.
        parts: what is drawn, the last on top.
        kind: classes, by which the style sheet knows it.
    """
    return element(
        "svg",
        element("title", title),
        *parts,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        class_=kind,
    )


def figure(caption: str, detail: str, drawn: Markup) -> Markup:
    """A chart of a page with its caption, and in small letters what is to know about it."""
    return element("figure", element("figcaption", caption, element("small", detail)), drawn)
