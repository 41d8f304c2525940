"""Box plots: quartiles where they belong, whiskers, and a file that stands alone."""

import math
import re
from xml.etree import ElementTree

import pytest

from lesionloop.reporting.box_plot import Box, box_chart
from lesionloop.reporting.markup import element
from lesionloop.reporting.standalone import svg_text


def chart(*boxes: Box) -> str:
    return svg_text(box_chart(boxes, title="t", x_label="points", y_label="Dice", y_max=1.0))


def test_lines_are_at_the_quartiles_and_whiskers_within_reach() -> None:
    values = [0.1, 0.5, 0.55, 0.6, 0.65, 0.7, math.nan]
    text = chart(Box("1", values))
    (path,) = re.findall(
        r'style="opacity:1"[^>]*d="([^"]+)"|d="([^"]+)"[^>]*style="opacity:1"', text
    )
    numbers = [float(n) for n in re.findall(r"V([\d.]+)", "".join(path))]

    def y(value: float) -> float:
        return 12 + (250 - 12 - 40) * (1 - value)

    # Quartiles of the six finite values are 0.5125 and 0.6375; 0.1 is out of reach of a whisker.
    expected = [y(0.6375), y(0.5125), y(0.7), y(0.5)]
    assert numbers == pytest.approx(expected, abs=0.06)
    assert text.count("<circle") == 6
    assert "median 0.575" in text
    assert "n 6" in text


def test_files_are_xml_also_without_values() -> None:
    root = ElementTree.fromstring(chart(Box("1", []), Box("<3>", [0.2])))  # noqa: S314
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    with pytest.raises(ValueError, match="not a chart"):
        svg_text(element("p", "x"))
