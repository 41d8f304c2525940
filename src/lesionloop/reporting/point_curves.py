"""Scores by the number of points as SVG, one curve per network, with a legend."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

from lesionloop.reporting.chart import chart
from lesionloop.reporting.curves import COLOURS
from lesionloop.reporting.markup import Markup, element

__all__ = ["PointCurve", "point_chart"]

_WIDTH, _PLOT = 640.0, 300.0
_LEFT, _TOP, _BOTTOM, _GAP = 52.0, 12.0, 40.0, 24.0
_RIGHT = 380.0
_LINE = 18.0
#: Curves are drawn this far apart, so that their quartiles do not cover each other.
_APART = 5.0


@dataclass(frozen=True)
class PointCurve:
    """One curve.

    Args:
        name: in the legend.
        middle: (n,) medians or means, one per number of points; NaN where there is none.
        low: (n,) lower quartiles; empty where there are none to show.
        high: (n,) upper quartiles.
        colour: number of its colour.
        faint: drawn thin, without quartiles: what the others are measured against.
    """

    name: str
    middle: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()
    colour: int = 0
    faint: bool = False


def point_chart(
    curves: Sequence[PointCurve], points: Sequence[int], *, title: str, y_label: str
) -> Markup:
    """Draw scores over the number of points, quartiles as bars; the vertical axis is 0 to 1.

    Args:
        curves: of which each has a value for each number of points.
        points: ascending.
        title: spoken by screen readers; says what is shown.
        y_label: name of the vertical axis.
    """
    height = max(_TOP + _PLOT + _BOTTOM, _TOP + _LINE * (len(curves) + 1))
    foot = _TOP + _PLOT
    parts = []
    for number in range(5):
        y = _y(number / 4)
        parts += [
            element("path", d=f"M{_LEFT:g} {y:.1f}H{_RIGHT:g}", class_="grid"),
            element("text", f"{number / 4:g}", x=_LEFT - 7, y=f"{y + 3.5:.1f}", class_="tick y"),
        ]
    columns = [_LEFT + (_RIGHT - _LEFT) * (i + 0.5) / len(points) for i in range(len(points))]
    parts += [
        element("text", count, x=f"{x:.1f}", y=foot + 16, class_="tick x")
        for x, count in zip(columns, points, strict=True)
    ]
    centre = (_TOP + foot) / 2
    parts += [
        element("text", "points", x=(_LEFT + _RIGHT) / 2, y=foot + 34, class_="name"),
        element(
            "text", y_label, x=11, y=centre, transform=f"rotate(-90 11 {centre:g})", class_="name"
        ),
    ]
    for number, curve in enumerate(curves):
        shift = (number - (len(curves) - 1) / 2) * _APART
        parts += [_curve(curve, [x + shift for x in columns]), _legend(curve, number)]
    return chart(title, _WIDTH, height, parts, kind="chart")


def _curve(curve: PointCurve, columns: Sequence[float]) -> Markup:
    known = [(x, v) for x, v in zip(columns, curve.middle, strict=True) if isfinite(v)]
    line = "L".join(f"{x:.1f} {_y(value):.1f}" for x, value in known)
    said = f"{curve.name}: " + ", ".join(f"{value:.3f}" for _, value in known)
    marks = [element("title", said)]
    if known:
        marks.append(element("path", d=f"M{line}"))
    if not curve.faint and curve.low:
        marks += [
            element("path", d=f"M{x:.1f} {_y(low):.1f}V{_y(high):.1f}", style="stroke-width:1")
            for x, low, high in zip(columns, curve.low, curve.high, strict=True)
            if isfinite(low) and isfinite(high)
        ]
    marks += [element("circle", cx=f"{x:.1f}", cy=f"{_y(v):.1f}", r=2.6) for x, v in known]
    return element("g", *marks, class_=_style(curve))


def _legend(curve: PointCurve, number: int) -> Markup:
    x, y = _RIGHT + _GAP, _TOP + _LINE * (number + 0.6)
    return element(
        "g",
        element("path", d=f"M{x:g} {y:.1f}h22"),
        element("text", curve.name, x=x + 28, y=f"{y + 4:.1f}", class_="row"),
        class_=_style(curve),
    )


def _style(curve: PointCurve) -> str:
    return f"{'case' if curve.faint else 'mean'} series-{curve.colour % COLOURS}"


def _y(value: float) -> float:
    return _TOP + _PLOT * (1 - value)
