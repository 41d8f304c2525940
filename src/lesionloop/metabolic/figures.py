"""Figures of a network as SVG: the matrix, the edges on a body, the difference of two groups.

Red is positive, blue negative; the deeper, the stronger. Colours of values are written into the
figure, those of lines and letters come from the page.
"""

from collections.abc import Sequence
from math import hypot

import numpy as np
from numpy.typing import NDArray

from lesionloop.metabolic.analysis import Analysis, Network
from lesionloop.metabolic.estimators import pairs
from lesionloop.metabolic.graph import filled
from lesionloop.metabolic.outline import HEIGHT, WIDTH, body_path, places_of
from lesionloop.reporting.chart import chart
from lesionloop.reporting.markup import Markup, element, join

__all__ = ["body_chart", "matrix_chart", "network_figures", "shown_name"]

Floats = NDArray[np.float64]

_NAMES = 132.0
_MOST_SIDE, _LEAST_SIDE = 26.0, 9.0
_SPACE = 560.0
_POSITIVE, _NEGATIVE = (190, 38, 46), (24, 94, 168)
_KEY_STEPS = 21
_SIDE_LABELS = 145.0
_LABEL_STEP = 17.0
#: The body shows so many edges, the strongest: more hide each other.
_MOST_EDGES = 150


def network_figures(analysis: Analysis) -> dict[str, Markup]:
    """All figures by file name."""
    organs = analysis.cohort.organs
    found: dict[str, Markup] = {}
    for number, (name, network) in enumerate(analysis.networks.items(), start=1):
        ending = "" if len(analysis.networks) == 1 else f"-{number}"
        found[f"matrix{ending}"] = matrix_chart(
            organs,
            network.matrix(len(organs)),
            filled(network.chosen[None].astype(np.float64), len(organs))[0] > 0,
            title=f"{_kind(analysis)} between the uptake of organs, {name}",
            details=_details(organs, network),
        )
        found[f"body{ending}"] = body_chart(
            organs, network.weights, network.chosen, title=f"Edges of the network on a body, {name}"
        )
    comparison = analysis.comparison
    if comparison is not None:
        first, second = analysis.networks
        size = float(np.abs(comparison.difference).max()) or 1.0
        rows, columns = pairs(len(organs))
        found["difference"] = matrix_chart(
            organs,
            filled(comparison.difference[None], len(organs))[0],
            filled((comparison.p_family < 0.05)[None].astype(np.float64), len(organs))[0] > 0,
            title=f"Fisher's z of {first} less that of {second}",
            most=size,
            details={
                (int(i), int(j)): f"difference {d:.2f}, p {p:.3g}, family-wise {f:.3g}"
                for i, j, d, p, f in zip(
                    rows, columns, comparison.difference, comparison.p, comparison.p_family,
                    strict=True,
                )
            },
        )  # fmt: skip
    return found


def matrix_chart(
    names: Sequence[str],
    matrix: Floats,
    marked: NDArray[np.bool_],
    *,
    title: str,
    details: dict[tuple[int, int], str],
    most: float = 1.0,
) -> Markup:
    """A square per pair; a dot marks those that count.

    Args:
        names: of the organs.
        matrix: (organs, organs), symmetric; the diagonal is left empty.
        marked: likewise, which get a dot.
        title: spoken by screen readers.
        details: what is shown when the pointer rests on the square of the pair (i < j).
        most: size at the deepest colour.
    """
    count = len(names)
    side = min(_MOST_SIDE, max(_LEAST_SIDE, _SPACE / count))
    top, letters = _NAMES, min(12.0, side + 1)
    parts = []
    for row in range(count):
        middle = top + side * (row + 0.5)
        parts.append(_text(names[row], _NAMES - 6, middle + 3.5, "end", size=letters))
        x = _NAMES + side * (row + 0.5) + 3.5
        parts.append(
            _text(
                names[row], x, top - 6, "start", f"rotate(-90 {x:.1f} {top - 6:.1f})", size=letters
            )
        )
        for column in range(count):
            if row == column:
                continue
            value = float(matrix[row, column])
            left, up = _NAMES + side * column, top + side * row
            told = details[min(row, column), max(row, column)]
            square = element(
                "rect",
                element("title", f"{shown_name(names[row])} – {shown_name(names[column])}: {told}"),  # noqa: RUF001
                x=f"{left + 0.5:.1f}", y=f"{up + 0.5:.1f}",
                width=f"{side - 1:.1f}", height=f"{side - 1:.1f}",
                style=f"fill:{_colour(value / most)};stroke:none",
            )  # fmt: skip
            parts.append(square)
            if marked[row, column]:
                ink = "#fff" if abs(value) > 0.55 * most else "#1b2530"
                parts.append(
                    element(
                        "circle", cx=f"{left + side / 2:.1f}", cy=f"{up + side / 2:.1f}",
                        r=f"{max(1.3, side * 0.11):.1f}",
                        style=f"fill:{ink};stroke:none;pointer-events:none",
                    )
                )  # fmt: skip
    width = _NAMES + side * count + 64
    parts += _key(_NAMES + side * count + 18, top, min(side * count, 180), most)
    return chart(title, width, top + side * count + 10, parts, kind="chart")


def body_chart(
    names: Sequence[str], weights: Floats, chosen: NDArray[np.bool_], *, title: str
) -> Markup:
    """Organs at their places in a body, edges as curves as thick as they are strong; at most 150.

    Args:
        names: of the organs.
        weights: (pairs,) coefficients.
        chosen: (pairs,) which are edges.
        title: spoken by screen readers.
    """
    places = [(x + _SIDE_LABELS, y) for x, y in places_of(names)]
    rows, columns = pairs(len(names))
    parts = [
        element(
            "path", d=body_path(), transform=f"translate({_SIDE_LABELS:g} 0)",
            style="fill:#8d9aa8;fill-opacity:.12;stroke:#8d9aa8;stroke-width:1.4",
        )
    ]  # fmt: skip
    strength = np.zeros(len(names))
    np.add.at(strength, rows[chosen], np.abs(weights[chosen]))
    np.add.at(strength, columns[chosen], np.abs(weights[chosen]))
    # The strongest are drawn last, on top.
    order = sorted(np.flatnonzero(chosen), key=lambda n: abs(float(weights[n])))
    for n in order[-_MOST_EDGES:]:
        first, second = int(rows[n]), int(columns[n])
        value = float(weights[n])
        told = f"{shown_name(names[first])} – {shown_name(names[second])}: {value:.2f}"  # noqa: RUF001
        colour = _rgb(_POSITIVE if value > 0 else _NEGATIVE)
        line = element(
            "path", element("title", told), d=_curve(places[first], places[second]),
            style=f"fill:none;stroke:{colour};stroke-width:{0.6 + 4.4 * abs(value):.2f};"
            f"stroke-opacity:{0.25 + 0.55 * abs(value):.2f}",
        )  # fmt: skip
        parts.append(line)
    parts += _labels(names, places)
    most = float(strength.max()) or 1.0
    for (x, y), name, size in zip(places, names, strength, strict=True):
        parts.append(
            element(
                "circle", element("title", f"{shown_name(name)}: strength {size:.2f}"),
                cx=f"{x:.1f}", cy=f"{y:.1f}", r=f"{3 + 6 * (size / most) ** 0.5:.1f}",
                style="fill:#1b2530;stroke:#fff;stroke-width:1.2",
            )
        )  # fmt: skip
    return chart(title, WIDTH + 2 * _SIDE_LABELS, HEIGHT, parts, kind="chart")


def shown_name(organ: str) -> str:
    """An organ's name for people."""
    return organ.replace("_", " ")


def _labels(names: Sequence[str], places: Sequence[tuple[float, float]]) -> list[Markup]:
    """Names beside the body, on the organ's side, pushed apart, with a line to each organ."""
    middle = WIDTH / 2 + _SIDE_LABELS
    # Organs of the middle go where there are fewer names.
    sides: dict[bool, list[int]] = {False: [], True: []}
    for n in sorted(range(len(names)), key=lambda n: -abs(places[n][0] - middle)):
        away = places[n][0] - middle
        right = len(sides[True]) <= len(sides[False]) if abs(away) < 8 else away > 0
        sides[right].append(n)
    parts = []
    for right, members in sides.items():
        members.sort(key=lambda n: places[n][1])
        step = min(_LABEL_STEP, (HEIGHT - 24) / max(len(members), 1))
        heights = _apart([places[n][1] for n in members], step, HEIGHT - 12)
        x = WIDTH + _SIDE_LABELS + 8 if right else _SIDE_LABELS - 8
        for n, y in zip(members, heights, strict=True):
            end = x - 4 if right else x + 4
            line = f"M{places[n][0]:.1f} {places[n][1]:.1f}L{end:.1f} {y:.1f}"
            style = "fill:none;stroke:#8d9aa8;stroke-width:.6;stroke-dasharray:1.5 2.5"
            parts.append(element("path", d=line, style=style))
            parts.append(
                _text(names[n], x, y + 3.5, "start" if right else "end", size=min(12, step))
            )
    return parts


def _apart(heights: Sequence[float], step: float, lowest: float) -> list[float]:
    """Heights, in order, moved so that neighbours are a step apart and all fit above an edge."""
    found: list[float] = []
    for height in heights:
        found.append(max(height, found[-1] + step) if found else max(height, 12.0))
    limit = lowest
    for n in reversed(range(len(found))):
        found[n] = min(found[n], limit)
        limit = found[n] - step
    return found


def _curve(first: tuple[float, float], second: tuple[float, float]) -> str:
    """A curve that bends to the side, so that edges along the spine do not hide each other."""
    (x1, y1), (x2, y2) = first, second
    length = hypot(x2 - x1, y2 - y1) or 1.0
    bend = 0.18 * length
    x, y = (x1 + x2) / 2 + bend * (y2 - y1) / length, (y1 + y2) / 2 - bend * (x2 - x1) / length
    return f"M{x1:.1f} {y1:.1f}Q{x:.1f} {y:.1f} {x2:.1f} {y2:.1f}"


def _key(x: float, top: float, height: float, most: float) -> list[Markup]:
    step = height / _KEY_STEPS
    parts = [
        element(
            "rect", x=f"{x:.1f}", y=f"{top + step * n:.1f}", width=12, height=f"{step + 0.3:.1f}",
            style=f"fill:{_colour(1 - 2 * n / (_KEY_STEPS - 1))};stroke:none",
        )
        for n in range(_KEY_STEPS)
    ]  # fmt: skip
    for part, value in ((0.0, most), (0.5, 0.0), (1.0, -most)):
        parts.append(
            element("text", f"{value:.2g}", x=f"{x + 16:.1f}", y=f"{top + height * part + 4:.1f}",
                    class_="tick")
        )  # fmt: skip
    return parts


def _details(organs: Sequence[str], network: Network) -> dict[tuple[int, int], str]:
    rows, columns = pairs(len(organs))
    found = {}
    for n, (i, j) in enumerate(zip(rows, columns, strict=True)):
        text = f"{network.weights[n]:.3f}"
        if np.isfinite(network.q[n]):
            low, high = network.interval[n]
            text += (
                f"; plain {network.plain[n]:.3f} ({low:.2f} to {high:.2f}), q {network.q[n]:.2g}"
            )
        found[int(i), int(j)] = text
    return found


def _kind(analysis: Analysis) -> str:
    return "Partial correlation" if analysis.options.kind == "partial" else "Correlation"


def _colour(value: float) -> str:
    """White at 0 to the deep colour at 1 or -1."""
    size = min(abs(value), 1.0)
    deep = _POSITIVE if value > 0 else _NEGATIVE
    return _rgb(tuple(round(250 + (c - 250) * size) for c in deep))


def _rgb(colour: Sequence[int]) -> str:
    return "#" + "".join(f"{part:02x}" for part in colour)


def _text(
    name: str, x: float, y: float, anchor: str, turn: str | None = None, *, size: float = 12
) -> Markup:
    full = shown_name(name)
    shown = full if len(full) <= 21 else full[:20] + "…"
    return element(
        "text", join(element("title", full), shown), x=f"{x:.1f}", y=f"{y:.1f}", transform=turn,
        style=f"text-anchor:{anchor};font-size:{size:.3g}px", class_="row",
    )  # fmt: skip
