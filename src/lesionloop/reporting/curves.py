"""Curves over the steps of a loop as SVG: sharp at any size, light or dark, without a script.

Colours and line widths come from the style sheet of the page, by class name.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, isfinite, log10

from lesionloop.reporting.chart import chart
from lesionloop.reporting.markup import Markup, element

__all__ = ["COLOURS", "Curve", "step_chart"]

#: The style sheet defines so many colours, classes "series-0" and up; more series start over.
COLOURS = 8

_WIDTH, _HEIGHT = 340.0, 230.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 44.0, 40.0, 14.0, 38.0


@dataclass(frozen=True)
class Curve:
    """One line of a chart.

    Args:
        name: shown when the pointer rests on the line.
        values: (n,) value at steps 0 to n - 1; the line is broken where a value is NaN.
        colour: number of its colour.
        strong: a mean (thick, with dots, its last value written) rather than one case (faint).
        write_last: write the last value beside the end of the line.
    """

    name: str
    values: Sequence[float]
    colour: int = 0
    strong: bool = False
    write_last: bool = False


def step_chart(
    curves: Sequence[Curve], *, title: str, y_label: str, y_max: float | None = None
) -> Markup:
    """Draw curves over step numbers, faint ones below strong ones.

    Args:
        curves: what to draw.
        title: spoken by screen readers; says what is shown.
        y_label: name and unit of the vertical axis, which starts at 0.
        y_max: its upper end; chosen from the values when not given.
    """
    last = max((len(curve.values) for curve in curves), default=1) - 1
    finite = [value for curve in curves for value in curve.values if isfinite(value)]
    frame = _Frame(max(last, 1), y_max or _round_up(max(finite, default=1.0)))
    lines = [_line(frame, curve) for curve in sorted(curves, key=lambda curve: curve.strong)]
    parts = [*_axes(frame, last, y_label), *lines]
    return chart(title, _WIDTH, _HEIGHT, parts, kind="chart")


@dataclass(frozen=True)
class _Frame:
    last_step: int
    y_max: float

    def x(self, step: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * step / self.last_step

    def y(self, value: float) -> float:
        return _TOP + (_HEIGHT - _TOP - _BOTTOM) * (1 - value / self.y_max)


def _axes(frame: _Frame, last: int, y_label: str) -> list[Markup]:
    parts = []
    for number in range(5):
        value = frame.y_max * number / 4
        y = frame.y(value)
        parts += [
            element("path", d=f"M{_LEFT:g} {y:.1f}H{_WIDTH - _RIGHT:g}", class_="grid"),
            element("text", f"{value:.4g}", x=_LEFT - 7, y=f"{y + 3.5:.1f}", class_="tick y"),
        ]
    every = max(1, ceil((last + 1) / 12))
    foot = _HEIGHT - _BOTTOM
    parts += [
        element("text", step, x=f"{frame.x(step):.1f}", y=foot + 15, class_="tick x")
        for step in range(0, last + 1, every)
    ]
    middle = (_TOP + foot) / 2
    parts += [
        element("text", "step", x=(_LEFT + _WIDTH - _RIGHT) / 2, y=foot + 31, class_="name"),
        element(
            "text", y_label, x=11, y=middle, transform=f"rotate(-90 11 {middle:g})", class_="name"
        ),
    ]
    return parts


def _line(frame: _Frame, curve: Curve) -> Markup:
    dots = [
        (frame.x(step), frame.y(value)) if isfinite(value) else None
        for step, value in enumerate(curve.values)
    ]
    style = f"{'mean' if curve.strong else 'case'} series-{curve.colour % COLOURS}"
    dashed = curve.strong and curve.colour >= COLOURS
    parts = [
        element("title", curve.name),
        element("path", d=_path(dots), stroke_dasharray="5 3" if dashed else None),
    ]
    drawn = [dot for dot in dots if dot]
    # A lone value has no line, so a case shows it as a dot as well.
    if curve.strong or len(drawn) == 1:
        radius = 2.6 if curve.strong else 1.6
        parts += [element("circle", cx=f"{x:.1f}", cy=f"{y:.1f}", r=radius) for x, y in drawn]
    if curve.write_last and drawn:
        value = [value for value in curve.values if isfinite(value)][-1]
        x, y = drawn[-1]
        text = f"{value:.2f}" if value < 10 else f"{value:.0f}"
        parts.append(element("text", text, x=f"{x + 6:.1f}", y=f"{y + 4:.1f}"))
    return element("g", *parts, class_=style)


def _path(dots: Sequence[tuple[float, float] | None]) -> str:
    text, command = "", "M"
    for dot in dots:
        if dot is None:
            command = "M"
            continue
        text += f"{command}{dot[0]:.1f} {dot[1]:.1f}"
        command = "L"
    return text


def _round_up(value: float) -> float:
    """The next of 1, 2, 4, 6, 8 or 10 times a power of ten: quarters of it are short numbers."""
    if value <= 0:
        return 1.0
    power = 10.0 ** floor(log10(value))
    return next(factor * power for factor in (1, 2, 4, 6, 8, 10, 20) if factor * power >= value)
