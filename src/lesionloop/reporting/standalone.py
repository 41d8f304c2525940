"""A chart as an SVG file of its own, in the colours of the reports."""

from importlib.resources import files

from lesionloop.reporting.markup import Markup

__all__ = ["svg_text"]


def svg_text(chart: Markup) -> str:
    """The text of an SVG file from a chart of the reports, which has no style in it."""
    style = files("lesionloop.reporting").joinpath("report.css").read_text(encoding="utf-8")
    opening, _, rest = str(chart).partition(">")
    if not opening.startswith("<svg "):
        raise ValueError("this is not a chart")
    head = opening.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return f"{head}><style><![CDATA[\n{style}]]></style>{rest}\n"
