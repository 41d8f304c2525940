"""Figures of a ranking as SVG: intervals, blobs, podium and pairwise tests.

Like all charts of the reports they need no script, and take their colours from the page.
"""

from collections.abc import Sequence
from math import isfinite, sqrt

import numpy as np
from numpy.typing import NDArray

from lesionloop.reporting.chart import chart
from lesionloop.reporting.curves import COLOURS
from lesionloop.reporting.markup import Markup, element, join

__all__ = ["blob_chart", "interval_chart", "pair_chart", "podium_chart"]

Floats = NDArray[np.float64]

_ROW = 22.0
_NAMES = 150.0
_WIDTH = 520.0
_END = 14.0
_FOOT = 34.0
_LONGEST_NAME = 22
#: The podium shows so many algorithms, the best ones: as many as there are colours.
PODIUM = COLOURS


def interval_chart(
    names: Sequence[str], means: Floats, intervals: Floats, *, title: str, x_label: str
) -> Markup:
    """A dot and an interval per algorithm, the first on top.

    Args:
        names: of the algorithms, in the order to show.
        means: (algorithms,).
        intervals: (algorithms, 2).
        title: spoken by screen readers.
        x_label: name of the axis.
    """
    finite = intervals[np.isfinite(intervals)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    margin = 0.05 * (high - low) or 0.5
    low, high = low - margin, high + margin

    def x(value: float) -> float:
        return _NAMES + (_WIDTH - _NAMES - _END) * (value - low) / (high - low)

    foot = _ROW * len(names) + 6
    parts = []
    for tick in np.linspace(low, high, 5):
        parts += [
            element("path", d=f"M{x(tick):.1f} 4V{foot:g}", class_="grid"),
            element("text", f"{tick:.3g}", x=f"{x(tick):.1f}", y=foot + 14, class_="tick x"),
        ]
    for row, (name, mean, (start, stop)) in enumerate(zip(names, means, intervals, strict=True)):
        y = _ROW * (row + 0.5) + 4
        parts.append(_name(name, y))
        if isfinite(mean):
            detail = f"{name}: {mean:.3f} ({start:.3f} to {stop:.3f})"
            line = element("path", d=f"M{x(start):.1f} {y:.1f}H{x(stop):.1f}")
            dot = element("circle", cx=f"{x(mean):.1f}", cy=f"{y:.1f}", r=3.4)
            parts.append(element("g", element("title", detail), line, dot, class_=_series(row)))
    parts.append(element("text", x_label, x=(_NAMES + _WIDTH) / 2, y=foot + 29, class_="name"))
    return chart(title, _WIDTH, foot + _FOOT, parts)


def blob_chart(names: Sequence[str], shares: Floats, intervals: Floats, *, title: str) -> Markup:
    """How often each algorithm takes each place in the bootstrap: the area of a blob is its share.

    Args:
        names: of the algorithms, in the order to show.
        shares: (algorithms, places), rows sum to 1.
        intervals: (algorithms, 2) places, drawn as a line.
        title: spoken by screen readers.
    """
    count = len(names)
    step = min(34.0, (_WIDTH - _NAMES - _END) / max(count, 1))
    foot = _ROW * count + 6
    parts = []
    for place in range(1, count + 1):
        x = _NAMES + step * (place - 0.5)
        parts += [
            element("path", d=f"M{x:.1f} 4V{foot:g}", class_="grid"),
            element("text", place, x=f"{x:.1f}", y=foot + 14, class_="tick x"),
        ]
    largest = min(step, _ROW) / 2 - 0.5
    for row, (name, share, (low, high)) in enumerate(zip(names, shares, intervals, strict=True)):
        y = _ROW * (row + 0.5) + 4
        parts.append(_name(name, y))
        start, stop = (_NAMES + step * (place - 0.5) for place in (low, high))
        blobs = [
            element(
                "circle",
                element("title", f"{name}, place {place}: {part:.0%}"),
                cx=f"{_NAMES + step * (place - 0.5):.1f}",
                cy=f"{y:.1f}",
                r=f"{largest * sqrt(part):.2f}",
            )
            for place, part in enumerate(share, start=1)
            if part > 0
        ]
        line = element("path", d=f"M{start:.1f} {y:.1f}H{stop:.1f}")
        parts.append(element("g", line, *blobs, class_=f"blob {_series(row)}"))
    middle = _NAMES + step * count / 2
    parts.append(element("text", "place", x=f"{middle:.1f}", y=foot + 29, class_="name"))
    return chart(title, _WIDTH, foot + _FOOT, parts)


def podium_chart(names: Sequence[str], values: Floats, *, title: str, y_label: str) -> Markup:
    """Values per case by the place that they take on the case, with how often each takes it.

    Args:
        names: of the algorithms, the best first; at most `PODIUM` are shown.
        values: (algorithms, cases); higher is better; cases with a value for all count.
        title: spoken by screen readers.
        y_label: name of the values.
    """
    names, values = names[:PODIUM], values[:PODIUM]
    values = values[:, np.isfinite(values).all(axis=0)]
    count, cases = values.shape
    places = np.argsort(np.argsort(-values, axis=0, kind="stable"), axis=0)
    height, top, bar, foot = 200.0, 8.0, 70.0, 300.0
    left = 46.0
    column = (_WIDTH - left - _END) / max(count, 1)
    high = float(values.max(initial=1.0)) or 1.0
    low = min(0.0, float(values.min(initial=0.0)))
    parts = []
    for part in range(5):
        value = low + (high - low) * part / 4
        y = top + height * (1 - part / 4)
        parts += [
            element("path", d=f"M{left:g} {y:.1f}H{_WIDTH - _END:g}", class_="grid"),
            element("text", f"{value:.3g}", x=left - 6, y=f"{y + 3.5:.1f}", class_="tick y"),
        ]
    width = column / (count + 1)
    for number in range(count):
        dots, bars = [], []
        for place in range(count):
            x = left + column * place + width * (number + 1)
            here = values[number, places[number] == place]
            dots += [
                element(
                    "circle", cx=f"{x:.1f}", cy=f"{_height(v, low, high, top, height):.1f}", r=1.7
                )
                for v in here
            ]
            tall = bar * len(here) / max(cases, 1)
            bars.append(
                element(
                    "rect",
                    element("title", f"{names[number]}: place {place + 1} on {len(here)} cases"),
                    x=f"{x - width * 0.42:.1f}",
                    y=f"{foot - tall:.1f}",
                    width=f"{width * 0.84:.1f}",
                    height=f"{tall:.1f}",
                )
            )
        parts.append(element("g", *dots, *bars, class_=f"podium {_series(number)}"))
    for place in range(count):
        x = left + column * (place + 0.5)
        parts.append(element("text", place + 1, x=f"{x:.1f}", y=foot + 14, class_="tick x"))
    parts += [
        element("text", "place on the case", x=(left + _WIDTH) / 2, y=foot + 29, class_="name"),
        element("text", y_label, x=11, y=110, transform="rotate(-90 11 110)", class_="name"),
        element("text", "cases", x=11, y=265, transform="rotate(-90 11 265)", class_="name"),
    ]
    return chart(title, _WIDTH, foot + _FOOT, parts)


def pair_chart(
    names: Sequence[str], better: NDArray[np.bool_], adjusted: Floats, *, title: str
) -> Markup:
    """Which row is significantly better than which column.

    Args:
        names: of the algorithms, in the order to show.
        better: (algorithms, algorithms).
        adjusted: p values likewise.
        title: spoken by screen readers.
    """
    count = len(names)
    side = min(_ROW, (_WIDTH - _NAMES - _END) / max(count, 1))
    parts = []
    for row in range(count):
        y = side * (row + 0.5) + 4
        parts.append(_name(f"{row + 1}  {names[row]}", y))
        for column in range(count):
            if row == column:
                continue
            p = f"{names[row]} better than {names[column]}: p = {adjusted[row, column]:.2g}"
            parts.append(
                element(
                    "rect",
                    element("title", p),
                    x=f"{_NAMES + side * column + 1:.1f}",
                    y=f"{side * row + 5:.1f}",
                    width=f"{side - 2:.1f}",
                    height=f"{side - 2:.1f}",
                    class_="pair better" if better[row, column] else "pair",
                )
            )
    foot = side * count + 6
    for column in range(count):
        x = _NAMES + side * (column + 0.5)
        parts.append(element("text", column + 1, x=f"{x:.1f}", y=foot + 12, class_="tick x"))
    return chart(title, _NAMES + side * count + _END, foot + 18, parts)


def _height(value: float, low: float, high: float, top: float, height: float) -> float:
    return top + height * (1 - (value - low) / (high - low or 1.0))


def _series(number: int) -> str:
    return f"series-{number % COLOURS}"


def _name(name: str, y: float) -> Markup:
    shown = name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"
    text = join(element("title", name), shown)
    return element("text", text, x=_NAMES - 10, y=f"{y + 4:.1f}", class_="tick y row")
