import math
import xml.etree.ElementTree as ET

import pytest

from lesionloop.reporting.curves import COLOURS, Curve, step_chart

NAN = math.nan


def chart(*curves: Curve, y_max: float | None = 1.0) -> ET.Element:
    svg = step_chart(curves, title="Dice <all>", y_label="Dice", y_max=y_max)
    return ET.fromstring(svg)  # noqa: S314  (our own text, nothing from outside)


def lines(svg: ET.Element) -> list[ET.Element]:
    return list(svg.findall("g"))


def points(group: ET.Element) -> list[list[tuple[float, float]]]:
    """The pieces of a line, each a list of x, y."""
    path = group.find("path")
    assert path is not None
    pieces = path.attrib["d"].split("M")[1:]
    return [
        [(float(x), float(y)) for x, y in (dot.split() for dot in piece.split("L"))]
        for piece in pieces
    ]


def test_positions_are_linear() -> None:
    (piece,) = points(lines(chart(Curve("a", [0.0, 0.5, 1.0])))[0])
    (x0, y0), (x1, y1), (x2, y2) = piece
    assert x1 == pytest.approx((x0 + x2) / 2, abs=0.1)
    assert y1 == pytest.approx((y0 + y2) / 2, abs=0.1)
    assert y2 < y0


def test_nan_breaks_the_line() -> None:
    pieces = points(lines(chart(Curve("a", [0.1, 0.2, NAN, 0.4, 0.5])))[0])
    assert [len(piece) for piece in pieces] == [2, 2]


def test_the_mean_is_on_top_and_named() -> None:
    svg = chart(Curve("mean", [0.1, 0.9], 9, strong=True, write_last=True), Curve("case", [0.2]))
    first, last = lines(svg)
    assert first.attrib["class"] == "case series-0"
    assert last.attrib["class"] == f"mean series-{9 % COLOURS}"
    assert last.findtext("text") == "0.90"
    assert [group.findtext("title") for group in (first, last)] == ["case", "mean"]
    assert svg.findtext("title") == "Dice <all>"
    assert svg.attrib["role"] == "img"
    assert len(first.findall("circle")) == 1  # a lone value has no line


@pytest.mark.parametrize(
    ("highest", "top"), [(0.07, "0.08"), (1.0, "1"), (7.3, "8"), (8.2, "10"), (130.0, "200")]
)
def test_the_axis_ends_above_the_highest_value(highest: float, top: str) -> None:
    svg = chart(Curve("a", [0.0, highest]), y_max=None)
    ticks = [text.text for text in svg.findall("text") if text.attrib["class"] == "tick y"]
    assert ticks[0] == "0"
    assert ticks[-1] == top


def test_nothing_to_draw_is_still_a_chart() -> None:
    assert chart(Curve("a", [NAN, NAN]), y_max=None).find("title") is not None
    assert chart().find("title") is not None
    assert chart(Curve("a", [0.0]), y_max=None).find("g") is not None
