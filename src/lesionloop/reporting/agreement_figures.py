"""The Bland-Altman plot of two readers as SVG."""

from collections.abc import Sequence
from math import ceil, floor, isfinite, log10

from lesionloop.ranking.agreement import BlandAltman
from lesionloop.reporting.chart import chart
from lesionloop.reporting.curves import COLOURS
from lesionloop.reporting.markup import Markup, element

__all__ = ["bland_altman_chart"]

_WIDTH, _HEIGHT = 420.0, 250.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 62.0, 82.0, 12.0, 40.0
#: The plot shows at least so wide a range: differences of rounding are no pattern.
_LEAST_RANGE = 0.02


def bland_altman_chart(
    cases: Sequence[str],
    first: Sequence[float],
    second: Sequence[float],
    limits: BlandAltman,
    *,
    title: str,
    x_label: str,
    y_label: str,
    colour: int = 0,
) -> Markup:
    """A dot per case, difference over mean, with bias and limits of agreement as lines.

    Args:
        cases: names, shown when the pointer rests on a dot.
        first, second: (cases,) values; a case with a NaN has no dot.
        limits: of first minus second; lines that are NaN are not drawn.
        title: spoken by screen readers.
        x_label, y_label: names of the axes.
        colour: number of the colour.
    """
    kept = [
        (case, (a + b) / 2, a - b)
        for case, a, b in zip(cases, first, second, strict=True)
        if isfinite(a) and isfinite(b)
    ]
    lines = [("bias", limits.bias), ("", limits.low), ("", limits.high)]
    drawn = [(name, value) for name, value in lines if isfinite(value)]
    x_low, x_high = _span([mean for _, mean, _ in kept])
    y_low, y_high = _span([0.0, *(d for _, _, d in kept), *(value for _, value in drawn)])
    right, foot = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM

    def x(value: float) -> float:
        return _LEFT + (right - _LEFT) * (value - x_low) / (x_high - x_low)

    def y(value: float) -> float:
        return _TOP + (foot - _TOP) * (y_high - value) / (y_high - y_low)

    parts = []
    for tick in _ticks(y_low, y_high):
        parts.append(element("path", d=f"M{_LEFT:g} {y(tick):.1f}H{right:g}", class_="grid"))
        parts.append(
            element("text", f"{tick:.4g}", x=_LEFT - 6, y=f"{y(tick) + 3.5:.1f}", class_="tick y")
        )
    for tick in _ticks(x_low, x_high):
        parts.append(
            element("text", f"{tick:.4g}", x=f"{x(tick):.1f}", y=foot + 15, class_="tick x")
        )
    marks = []
    for name, value in drawn:
        dash = None if name else "6 4"
        line = f"M{_LEFT:g} {y(value):.1f}H{right:g}"
        marks.append(element("path", d=line, stroke_dasharray=dash))
        said = f"{name} {value:+.3f}".strip()
        parts.append(element("text", said, x=right + 5, y=f"{y(value) + 3.5:.1f}", class_="tick"))
    marks += [
        element(
            "circle",
            element("title", f"{case}: mean {mean:.3f}, difference {difference:+.3f}"),
            cx=f"{x(mean):.1f}",
            cy=f"{y(difference):.1f}",
            r=3,
        )
        for case, mean, difference in kept
    ]
    middle = (_TOP + foot) / 2
    parts += [
        element("g", *marks, class_=f"series-{colour % COLOURS}"),
        element("text", x_label, x=(_LEFT + right) / 2, y=foot + 32, class_="name"),
        element(
            "text", y_label, x=11, y=middle, transform=f"rotate(-90 11 {middle:g})", class_="name"
        ),
    ]
    return chart(title, _WIDTH, _HEIGHT, parts)


def _span(values: Sequence[float]) -> tuple[float, float]:
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    margin = max(0.08 * (high - low), (_LEAST_RANGE - (high - low)) / 2)
    return low - margin, high + margin


def _ticks(low: float, high: float) -> list[float]:
    """Three to seven round numbers between two values."""
    power = 10.0 ** floor(log10((high - low) / 3))
    step = next(f * power for f in (5, 2, 1) if f * power <= (high - low) / 3)
    return [number * step for number in range(ceil(low / step), floor(high / step) + 1)]
