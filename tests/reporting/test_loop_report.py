import io
import math
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lesionloop.errors import InputError
from lesionloop.reporting import CaseReport, StepRow, write_loop_report
from lesionloop.reporting.loop_records import group_cases

NAN = math.nan
DASH = "\N{EN DASH}"
VOID = {"meta", "img", "br"}


def png(width: int = 40, height: int = 50) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (width, height)).save(buffer, format="PNG")
    return buffer.getvalue()


def run(
    case: str,
    dice: list[float],
    dmm: list[float],
    *,
    segmenter: str = "propagate",
    strategy: str = "centerline",
    mode: str = "continue",
    notes: tuple[str, ...] = (),
) -> CaseReport:
    steps = [
        StepRow(
            step=k,
            dice=dice[k],
            dmm=dmm[k],
            tp=3,
            fp=1,
            fn=2,
            fpv_ml=1.5,
            fnv_ml=NAN if math.isnan(dmm[k]) else 2.5,
            seconds=4.0 - k,
            scribble_label="foreground" if k else None,
            scribble_points=12 if k else 0,
        )
        for k in range(len(dice))
    ]
    return CaseReport(case, segmenter, strategy, mode, steps, [("First mask", png())], notes)


class Page(HTMLParser):
    """Tags in balance, every attribute, and the cells of every table row."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.rows: list[list[str]] = []
        self.text = ""
        self.feed(html)
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self.open:
            return
        self.text += data
        if "td" in self.open or "th" in self.open:
            self.rows[-1][-1] += data


def page(tmp_path: Path, cases: list[CaseReport], **facts: str) -> tuple[str, Page]:
    path = tmp_path / "report.html"
    write_loop_report(path, title="Loop", cases=cases, facts=facts or {"numpy": np.__version__})
    html = path.read_text(encoding="utf-8")
    return html, Page(html)


def test_the_file_needs_nothing_else(tmp_path: Path) -> None:
    html, read = page(tmp_path, [run("a", [0.5, 0.7], [0.4, 0.6])])
    for tag, name, value in read.attributes:
        if name in ("src", "href", "data", "srcset"):
            assert value.startswith(("data:image/png;base64,", "#")), (tag, name, value[:40])
    assert "<script" not in html
    assert "http://" not in html
    assert "https://" not in html
    assert "url(" not in html
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html


def test_links_lead_somewhere(tmp_path: Path) -> None:
    cases = [run("a b", [0.5, 0.7], [0.4, 0.6]), run("c#d", [0.5, 0.7], [0.4, 0.6])]
    _, read = page(tmp_path, cases)
    ids = [value for _, name, value in read.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    links = {value[1:] for _, name, value in read.attributes if name == "href"}
    assert links <= set(ids)
    assert {"case-1", "case-2"} <= links


def test_headline_numbers_by_hand(tmp_path: Path) -> None:
    cases = [
        run("a", [0.2, 0.6, 1.0], [0.0, 0.5, 1.0]),
        run("b", [0.4, 0.4, 0.4], [NAN, NAN, NAN]),
    ]
    _, read = page(tmp_path, cases)
    row = next(row for row in read.rows if row[:3] == ["propagate", "centerline", "2"])
    assert row[3:] == [
        "1.000", "0.500", "1.000", "0.500", "0.300→0.700", "0.000→1.000",
        "1.50", "2.50", "3.00", "4.00", "1",
    ]  # fmt: skip


def test_nan_is_a_dash_with_an_explanation(tmp_path: Path) -> None:
    html, read = page(tmp_path, [run("empty", [0.0, 1.0], [NAN, NAN])])
    assert "nan" not in re.sub(r"base64,[^\"]*", "", html).lower()
    scores = next(row for row in read.rows if row[0] == "empty")
    assert scores == [
        "empty",
        "propagate · centerline",
        "0.000",
        "1.000",
        DASH,
        DASH,
        "0.500",
        DASH,
    ]
    assert "means not defined" in read.text


def test_foreign_text_is_escaped(tmp_path: Path) -> None:
    evil = '"><script>alert(1)</script><img src=x onerror=y>&'
    case = run(
        evil, [0.5, 0.6], [0.5, 0.6], segmenter=evil, strategy=evil, mode=evil, notes=(evil,)
    )
    case = CaseReport(**{**case.__dict__, "pictures": [(evil, png())]})
    path = tmp_path / "report.html"
    write_loop_report(path, title=evil, cases=[case], facts={evil: evil})
    html = path.read_text(encoding="utf-8")
    read = Page(html)
    assert "<script" not in html
    assert all(name != "onerror" for _, name, _ in read.attributes)
    assert read.text.count(evil) >= 8


def test_runs_of_different_modes_are_not_averaged() -> None:
    groups = group_cases(
        [
            run("a", [0.5, 0.6], [0.5, 0.6], mode="official"),
            run("a", [0.7, 0.8], [0.5, 0.6], mode="continue"),
            run("b", [0.9, 1.0], [0.5, 0.6], mode="official"),
        ]
    )
    assert [(group.label, group.summary.cases) for group in groups] == [
        ("official", 2),
        ("continue", 1),
    ]
    assert groups[0].summary.final_dice == pytest.approx(0.8)


def test_labels_hold_what_differs() -> None:
    groups = group_cases(
        [
            run("a", [0.5], [0.5], segmenter=name, strategy=strategy)
            for name in ("one", "two")
            for strategy in ("random", "boundary")
        ]
    )
    assert [group.label for group in groups] == [
        "one · random",
        "one · boundary",
        "two · random",
        "two · boundary",
    ]
    assert [group.label for group in group_cases([run("a", [0.5], [0.5])])] == [
        "propagate · centerline"
    ]


def test_short_runs_and_single_steps_are_told(tmp_path: Path) -> None:
    _, read = page(tmp_path, [run("a", [0.5, 0.6, 0.7], [0.5, 0.6, 0.7]), run("b", [0.5], [0.5])])
    assert "1 of 2 runs have fewer steps" in read.text
    row = next(row for row in read.rows if row[0] == "b")
    assert row[2:5] == ["0.500", "", ""]


def test_pictures_of_a_run_share_one_scale(tmp_path: Path) -> None:
    case = run("a", [0.5, 0.6], [0.5, 0.6])
    case = CaseReport(
        **{**case.__dict__, "pictures": [("one", png(300, 400)), ("two", png(300, 440))]}
    )
    _, read = page(tmp_path, [case])
    widths = [value for tag, name, value in read.attributes if (tag, name) == ("img", "width")]
    assert widths == ["300", "300"]


def test_many_cases_stay_quick_and_whole(tmp_path: Path) -> None:
    rng = np.random.default_rng(37)
    cases = [
        run(f"case_{number}", rng.random(6).tolist(), rng.random(6).tolist(), strategy=strategy)
        for number in range(17)
        for strategy in ("centerline", "boundary", "random")
    ]
    _, read = page(tmp_path, cases, Date="2026-02-03")
    assert "17 cases, 1 segmenter, 3 scribble strategies; 6 predictions per run." in read.text
    assert sum(name == "src" for _, name, _ in read.attributes) == 51
    assert "2026-02-03" in read.text


def test_what_cannot_be_reported_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    with pytest.raises(InputError, match="no case"):
        write_loop_report(path, title="x", cases=[], facts={})
    with pytest.raises(InputError, match="no steps"):
        CaseReport("a", "s", "t", "m", [])
    case = run("a", [0.5], [0.5])
    with pytest.raises(InputError, match="not a PNG"):
        write_loop_report(
            path,
            title="x",
            cases=[CaseReport(**{**case.__dict__, "pictures": [("x", b"GIF89a")]})],
            facts={},
        )
    assert not path.exists()
