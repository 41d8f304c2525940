"""A chart as an SVG file of its own, in the colours of the reports."""

from importlib.resources import files

from lesionloop.reporting.markup import Markup

__all__ = ["plain_svg_text", "svg_text"]

_XMLNS = "http://www.w3.org/2000/svg"

_INKS = ("#0b6e8f", "#d1590a", "#6d4aa8", "#12855f", "#b3256b", "#8a6d00", "#3d5a80", "#8c4a2f")
_STYLE = """
text { font: 11px sans-serif; fill: #5b6875; } .row { fill: #1b2530; }
path { fill: none; stroke-width: 2.2; } .grid { stroke: #dce2e8; stroke-width: 1; }
.tick.x, .name { text-anchor: middle; } .tick.y { text-anchor: end; }
.blob path { stroke-width: 1; } .podium circle { opacity: .55; }
.pair { fill: #f5f7f9; stroke: #dce2e8; } .better { fill: #2a9bbf; stroke: #2a9bbf; }
"""


def svg_text(chart: Markup) -> str:
    """The text of an SVG file with the whole style of the reports, for browsers."""
    style = files("lesionloop.reporting").joinpath("report.css").read_text(encoding="utf-8")
    opening, rest = _parted(chart)
    head = opening.replace("<svg ", f'<svg xmlns="{_XMLNS}" ', 1)
    return f"{head}><style><![CDATA[\n{style}]]></style>{rest}\n"


def plain_svg_text(chart: Markup) -> str:
    """The text of an SVG file in the light colours alone.

    Not every program that turns SVG into PDF knows style sheets with variables.
    """
    inks = "".join(
        f".series-{n} {{ fill: {ink}; stroke: none; }} .series-{n} path {{ stroke: {ink}; }}\n"
        for n, ink in enumerate(_INKS)
    )
    opening, rest = _parted(chart)
    return f'{opening} xmlns="{_XMLNS}"><style>{_STYLE}{inks}</style>{rest}\n'


def _parted(chart: Markup) -> tuple[str, str]:
    """The opening tag without its end, and the rest.

    Raises:
        ValueError: it is no chart, a fault of ours.
    """
    opening, _, rest = str(chart).partition(">")
    if not opening.startswith("<svg "):
        raise ValueError("this is not a chart")
    return opening, rest
