"""A reader study in the page: who reads, the list, both arms, an outline, the next case."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.viewer.browser.conftest import Reading

from lesionloop.reader_study.times import times_of
from lesionloop.viewer.store import Store

pytestmark = pytest.mark.slow

PROTOCOL = """\
title = "With and without help"
design = "crossover"
seed = 5
washout_days = 0
readers = ["Anna", "Bo"]
cases = ["fdg_case 0", "fdg_case 1"]
instructions = "Outline every lesion."
"""
#: Seconds for which the page is hidden.
AWAY_S = 3.0
#: A page that runs without a screen is never hidden by another: say that it is.
HIDE = """(hidden) => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_the_clock_stands_while_the_page_is_hidden(
    page_of: Callable[..., Reading], start: Any, data: Path, tmp_path: Path
) -> None:
    (tmp_path / "study.toml").write_text(PROTOCOL, encoding="utf-8")
    server = start(
        data, tmp_path / "state", "--segmenter", "propagate",
        "--reader-study", tmp_path / "study.toml",
    )  # fmt: skip
    reading = page_of(server.address)
    page = reading.page
    page.goto(server.address)
    page.get_by_label("Reader").select_option("Bo")
    page.get_by_role("button", name="Begin").click()
    reading.ready()
    for hidden in (True, False):
        with page.expect_response("**/events") as answer:
            page.evaluate(HIDE, hidden)
        assert answer.value.ok
        kind = answer.value.request.post_data_json["kind"]
        assert kind == ("pause" if hidden else "resume")
        page.wait_for_timeout(1000 * AWAY_S if hidden else 0)
    was = page.url
    page.get_by_role("button", name="Done").click()
    page.get_by_role("button", name="Done, next case").click()
    page.wait_for_url(lambda url: url != was)
    server.stop()
    store = Store(tmp_path / "state")
    first = store.sessions()[0]
    log = store.events(first.id)
    store.close()
    kinds = [event.kind for event in log if event.kind != "view"]
    assert kinds == ["open", "pause", "resume", "done"]
    times = times_of(log)
    assert AWAY_S <= times.idle_s < AWAY_S + 30
    assert times.active_s + times.idle_s == pytest.approx(log[-1].time - log[0].time, abs=0.01)


def test_a_reader_reads_two_cases(
    page_of: Callable[..., Reading], start: Any, data: Path, tmp_path: Path
) -> None:
    """By hand nothing is suggested and the mask is the outline; both cases follow in order."""
    (tmp_path / "study.toml").write_text(PROTOCOL, encoding="utf-8")
    server = start(
        data, tmp_path / "state", "--segmenter", "propagate",
        "--reader-study", tmp_path / "study.toml",
    )  # fmt: skip
    reading = page_of(server.address)
    page = reading.page
    page.goto(server.address)
    page.get_by_text("With and without help").wait_for()
    page.get_by_label("Reader").select_option("Anna")
    page.get_by_text("Outline every lesion.").wait_for()
    page.locator("tbody tr").nth(3).wait_for()
    assert page.locator("tbody tr").count() == 4
    assert "fdg_case" not in page.content(), "the list names a case"
    page.get_by_role("button", name="Begin").click()
    arms = []
    for _ in range(2):
        reading.ready()
        arm = page.get_by_test_id("arm").inner_text()
        arms.append(arm)
        assert "fdg_case" not in page.content(), "the page names a case"
        assert page.get_by_text("File").count() == 0 or page.get_by_text("File").is_hidden()
        assert page.get_by_text("Look next").count() == (arm != "by hand")
        if arm == "by hand":
            outline(reading)
        was = page.url
        page.get_by_role("button", name="Done").click()
        page.get_by_label("4", exact=True).check()
        page.get_by_role("button", name="Done, next case").click()
        page.wait_for_url(lambda url, was=was: url != was)
    reading.ready()
    done = server.client().json("POST", "/reader-study/worklist", {"reader": "Anna"})
    assert [item["state"] for item in done["items"]] == ["done", "done", "open", "waiting"]
    assert "by hand" in arms or page.get_by_test_id("arm").inner_text() == "by hand"
    if "by hand" not in arms:
        outline(reading)


def outline(reading: Reading) -> None:
    """A square around the crosshair: its inside becomes the mask; the right button takes away."""
    page = reading.page
    assert reading.mask().max() == 0
    reading.press("g")
    x, y = reading.crosshair("axial")
    corners = ((x - 60, y - 50), (x + 60, y - 50), (x + 60, y + 50), (x - 60, y + 50))
    reading.draw(*corners)
    (drawn,) = reading.state()["strokes"]
    points = np.array(drawn["points"])
    mask = reading.mask() > 0
    assert len({tuple(p) for p in points.tolist()}) == len(points) == mask.sum()
    assert mask[tuple(points.T)].all()
    low, high = points.min(axis=0), points.max(axis=0)
    assert high[2] == low[2], "an outline stays in its plane"
    # A rectangle on the screen is a box of voxels, full.
    assert len(points) == np.prod(high - low + 1) > 20
    page.mouse.move(x - 20, y - 20)
    page.mouse.down(button="right")
    for corner in ((x + 20, y - 20), (x + 20, y + 20), (x - 20, y + 20)):
        page.mouse.move(*corner, steps=4)
    page.mouse.up(button="right")
    reading.settle()
    _, erased = reading.state()["strokes"]
    assert erased["label"] == "background"
    left = reading.mask() > 0
    assert not left[tuple(np.array(erased["points"]).T)].any()
    assert left.sum() == mask.sum() - len(erased["points"])
