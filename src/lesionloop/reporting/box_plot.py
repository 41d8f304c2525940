"""Box plots as SVG: median, quartiles and every value as a faint dot."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np

from lesionloop.reporting.chart import chart
from lesionloop.reporting.curves import COLOURS
from lesionloop.reporting.markup import Markup, element

__all__ = ["Box", "box_chart"]

_WIDTH, _HEIGHT = 420.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 52.0, 12.0, 12.0, 40.0
#: Half the width of a box, as a share of its column.
_HALF = 0.22
#: Whiskers end at the last value within so many lengths of the box (Tukey, 1977).
_REACH = 1.5


@dataclass(frozen=True)
class Box:
    """One box.

    Args:
        name: written below it.
        values: NaN ones are left out.
        colour: number of its colour.
    """

    name: str
    values: Sequence[float]
    colour: int = 0


def box_chart(
    boxes: Sequence[Box], *, title: str, x_label: str, y_label: str, y_max: float
) -> Markup:
    """Draw boxes side by side.

    Args:
        boxes: from left to right; one without values stays empty.
        title: spoken by screen readers; says what is shown.
        x_label, y_label: names of the axes.
        y_max: upper end of the vertical axis, which starts at 0.
    """
    foot, right = _HEIGHT - _BOTTOM, _WIDTH - _RIGHT
    column = (right - _LEFT) / max(1, len(boxes))
    parts = []
    for number in range(5):
        value = y_max * number / 4
        y = _y(value, y_max)
        parts += [
            element("path", d=f"M{_LEFT:g} {y:.1f}H{right:g}", class_="grid"),
            element("text", f"{value:.4g}", x=_LEFT - 7, y=f"{y + 3.5:.1f}", class_="tick y"),
        ]
    for number, box in enumerate(boxes):
        middle = _LEFT + column * (number + 0.5)
        parts += [
            element("text", box.name, x=f"{middle:.1f}", y=foot + 15, class_="tick x"),
            element(
                "g", *_marks(box, middle, column, y_max),
                class_=f"series-{box.colour % COLOURS} case",
            ),
        ]  # fmt: skip
    centre = (_TOP + foot) / 2
    parts += [
        element("text", x_label, x=(_LEFT + right) / 2, y=foot + 32, class_="name"),
        element(
            "text", y_label, x=11, y=centre, transform=f"rotate(-90 11 {centre:g})", class_="name"
        ),
    ]
    return chart(title, _WIDTH, _HEIGHT, parts)


def _marks(box: Box, middle: float, column: float, y_max: float) -> list[Markup]:
    values = np.sort([value for value in box.values if isfinite(value)])
    if not len(values):
        return []
    low, median, high = (float(value) for value in np.quantile(values, [0.25, 0.5, 0.75]))
    reach = _REACH * (high - low)
    ends = (
        float(values[values >= low - reach][0]),
        float(values[values <= high + reach][-1]),
    )
    left, right = middle - _HALF * column, middle + _HALF * column
    start, first, half, third, end = (
        f"{_y(value, y_max):.1f}" for value in (ends[0], low, median, high, ends[1])
    )
    line = (
        f"M{left:.1f} {first}V{third}H{right:.1f}V{first}Z"
        f"M{left:.1f} {half}H{right:.1f}"
        f"M{middle:.1f} {third}V{end}M{middle:.1f} {first}V{start}"
    )
    said = f"{box.name}: median {median:.3f}, quartiles {low:.3f} and {high:.3f}, n {len(values)}"
    # Dots are spread by rank, not at random: the same values give the same picture.
    spread = [(number * 7 % 11 - 5) / 5 * 0.5 for number in range(len(values))]
    dots = [
        element(
            "circle", cx=f"{middle + shift * _HALF * column:.1f}",
            cy=f"{_y(float(value), y_max):.1f}", r=1.5,
        )
        for shift, value in zip(spread, values, strict=True)
    ]  # fmt: skip
    return [element("title", said), element("path", d=line, style="opacity:1"), *dots]


def _y(value: float, y_max: float) -> float:
    return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / y_max)
