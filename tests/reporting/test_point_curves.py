"""Curves over the number of points."""

import re
from math import nan
from xml.etree import ElementTree

from lesionloop.reporting.point_curves import PointCurve, point_chart
from lesionloop.reporting.standalone import svg_text

POINTS = (1, 3, 5)


def test_medians_quartiles_and_a_legend() -> None:
    curves = [
        PointCurve("a & b", (0.2, 0.5, 0.75), (0.1, 0.4, 0.7), (0.3, 0.6, 0.8)),
        PointCurve("before", (0.1, nan, 0.2), (0, nan, 0), (1, nan, 1), colour=9, faint=True),
    ]
    text = svg_text(point_chart(curves, POINTS, title="what", y_label="Dice"))
    assert "<title>a &amp; b: 0.200, 0.500, 0.750</title>" in text
    assert ">a &amp; b</text>" in text
    assert ">before</text>" in text
    assert text.count("<circle") == 5
    assert 'class="mean series-0"' in text
    assert 'class="case series-1"' in text
    assert len(re.findall("stroke-width:1", text.split("</style>")[1])) == 3
    ElementTree.fromstring(text)  # noqa: S314


def test_heights_grow_with_scores_and_with_the_legend() -> None:
    chart = str(point_chart([PointCurve("a", (0, 0.5, 1), (0,) * 3, (1,) * 3)], POINTS,
                            title="t", y_label="Dice"))  # fmt: skip
    heights = [float(y) for y in re.findall(r'cy="([\d.]+)"', chart)]
    assert heights == sorted(heights, reverse=True)
    assert heights[0] - heights[2] == 300
    many = [PointCurve(str(n), (nan,) * 3, (nan,) * 3, (nan,) * 3, n) for n in range(30)]
    tall = str(point_chart(many, POINTS, title="t", y_label="Dice"))
    assert float(re.findall(r'viewBox="0 0 640 (\d+)"', tall)[0]) > 30 * 18
