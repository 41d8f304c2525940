"""Values, cells and tables of a report, the same everywhere: digits, dashes and tints."""

from collections.abc import Sequence
from math import isnan

from lesionloop.reporting.curves import COLOURS
from lesionloop.reporting.markup import Content, Markup, element, join

__all__ = [
    "DASH",
    "amount",
    "cell",
    "change",
    "header_row",
    "score",
    "score_cells",
    "swatch",
    "table",
]

#: What stands for NaN.
DASH = "\N{EN DASH}"

_NOT_DEFINED = element("span", DASH, title="not defined", class_="none")


def score(value: float) -> Content:
    """A score with three decimals, a dash for NaN."""
    return _NOT_DEFINED if isnan(value) else f"{value:.3f}"


def amount(value: float) -> Content:
    """Millilitres or seconds with three digits or so, a dash for NaN."""
    if isnan(value):
        return _NOT_DEFINED
    decimals = 2 if abs(value) < 10 else 1 if abs(value) < 100 else 0
    return f"{value:.{decimals}f}"


def change(first: float, last: float) -> Markup:
    """A score before and after."""
    return join(score(first), element("span", "→", class_="arrow"), score(last))


def cell(content: Content, class_: str | None = None) -> Markup:
    """One cell of a table."""
    return element("td", content, class_=class_)


def score_cells(values: Sequence[float], count: int, *, gap: bool = False) -> list[Markup]:
    """Cells of scores from 0 to 1, tinted by value.

    Args:
        values: the scores.
        count: number of cells; those beyond the values stay empty.
        gap: keep a distance from the column before.
    """
    cells = []
    for number in range(count):
        classes = "gap" if gap and number == 0 else ""
        if number >= len(values) or isnan(values[number]):
            cells.append(cell(_NOT_DEFINED if number < len(values) else None, classes or None))
            continue
        tint = f"--v:{min(max(values[number], 0.0), 1.0):.3f}"
        classes = f"score {classes}".strip()
        cells.append(element("td", score(values[number]), class_=classes, style=tint))
    return cells


def swatch(number: int) -> Markup:
    """A square in the colour of series ``number``."""
    return element("span", class_=f"swatch series-{number % COLOURS}")


def header_row(texts: Sequence[str] = (), numbers: Sequence[str] = ()) -> Markup:
    """A row of column names: first those of text, which stand left, then those of numbers."""
    return element(
        "tr",
        *(element("th", name, scope="col", class_="text") for name in texts),
        *(element("th", name, scope="col") for name in numbers),
    )


def table(header: Markup, *bodies: Markup, class_: str | None = None) -> Markup:
    """A table that scrolls sideways on narrow screens."""
    inner = element("table", element("thead", header), *bodies, class_=class_)
    return element("div", inner, class_="scroll")
