"""The report of recorded sessions: draws what it is given; nothing from outside is markup."""

import re
from math import nan
from pathlib import Path

import pytest

from lesionloop.ranking.agreement import bland_altman, intraclass_correlation
from lesionloop.reporting.agreement_figures import bland_altman_chart
from lesionloop.reporting.clinician_report import (
    AreaPlot,
    ClinicianFindings,
    CurveRow,
    MaskRow,
    SessionRow,
    write_clinician_report,
)

EVIL = "<script>alert(1)</script>"


def test_everything_is_shown_and_escaped(tmp_path: Path) -> None:
    values = {"dice": [0.5, 0.75], "dmm": [nan, nan], "fpv_ml": [1.0, 2.0], "fnv_ml": [nan, nan]}
    first, second = [0.5, 0.6, nan], [0.4, 0.7, 0.5]
    limits = bland_altman(first, second)
    icc = intraclass_correlation(list(zip(first, second, strict=True)))
    findings = ClinicianFindings(
        last_step=1,
        carried=f"carried {EVIL}",
        curves=[CurveRow(EVIL, EVIL, "mean", 3, values, 0.625, nan, 2)],
        masks=[MaskRow(EVIL, EVIL, 3, 1, 0.812, nan, 0.4, 0)],
        areas=[
            AreaPlot(EVIL, "auc_dice", "loop", EVIL, "b", [EVIL] * 3, first, second, limits, icc)
        ],
        sessions=[SessionRow(EVIL, [1, 2], 3, 4, 5, [nan, 6.0]), SessionRow("b", [], 0, 0, 0, [])],
        missing=[EVIL],
        failures=[EVIL],
        notes=[EVIL],
    )
    write_clinician_report(tmp_path / "r.html", findings=findings, facts={"command": EVIL})
    page = (tmp_path / "r.html").read_text()
    assert "<script" not in page
    for text in ("0.625", "0.812", f"{limits.low:+.3f}", "Missing sessions", "6.00"):
        assert text in page
    assert re.findall(r'href="#(\w+)"', page) == re.findall(r'<h2 id="(\w+)"', page)


@pytest.mark.parametrize(
    ("first", "second", "dots", "lines"),
    [
        ([0.2, 0.4, 0.9], [0.1, 0.5, 0.7], 3, 3),
        ([0.2, nan], [0.1, 0.5], 1, 1),
        ([0.5, 0.5], [0.5, 0.5], 2, 3),
        ([], [], 0, 0),
    ],
)
def test_a_dot_per_case_and_lines_where_they_are_defined(
    first: list[float], second: list[float], dots: int, lines: int
) -> None:
    limits = bland_altman(first, second)
    cases = [f"case {n}" for n in range(len(first))]
    drawn = bland_altman_chart(cases, first, second, limits, title="t", x_label="x", y_label="y")
    assert drawn.count("<circle") == dots
    group = re.search(r'<g class="series-0">.*?</g>|<g [^>]*>.*?</g>', drawn)
    assert (group.group().count("<path") if group else 0) == lines
    assert "nan" not in drawn
    heights = [float(y) for y in re.findall(r'cy="([\d.-]+)"', drawn)]
    assert all(0 < y < 250 for y in heights)
    if dots == 3:  # the largest difference is the highest dot
        differences = [a - b for a, b in zip(first, second, strict=True)]
        order = sorted(range(3), key=lambda n: -differences[n])
        assert order == sorted(range(3), key=lambda n: heights[n])
