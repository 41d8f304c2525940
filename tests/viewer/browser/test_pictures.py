"""The pictures of the documentation: what they show fits into the window.

With LESIONLOOP_PICTURES=docs/images they are made anew.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.viewer.browser.conftest import Reading

from lesionloop import Study, make_phantom
from lesionloop.datasets import write_case

pytestmark = pytest.mark.slow

NAME = "fdg_phantom"
PROTOCOL = """\
title = "Time to outline, with and without help"
design = "crossover"
seed = 3
washout_days = 0
readers = ["Reader 1", "Reader 2"]
cases = ["fdg_phantom"]
instructions = "Outline every lesion that you would report. Take the time that you need."
"""
#: Texts that are cut off, and parts of the head and the tools that are outside or on each other.
MISFITS = """() => {
  const wrong = [];
  for (const bar of document.querySelectorAll(".head, .tools, .foot, .start")) {
    const parts = [...bar.children].filter((part) => part.getBoundingClientRect().width > 0);
    const boxes = parts.map((part) => part.getBoundingClientRect());
    boxes.forEach((a, i) => {
      const name = parts[i].className || parts[i].tagName;
      if (a.right > innerWidth + 0.5) wrong.push(`${name} leaves the window`);
      for (const b of boxes.slice(i + 1))
        if (Math.max(a.left, b.left) < Math.min(a.right, b.right) - 1 &&
            Math.max(a.top, b.top) < Math.min(a.bottom, b.bottom) - 1)
          wrong.push(`${name} is on another part`);
    });
  }
  return wrong;
}"""


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study of nobody; a coarse one where nobody looks at the pictures."""
    folder = tmp_path_factory.mktemp("phantom")
    spacing = (4.07, 4.07, 5.0) if "LESIONLOOP_PICTURES" in os.environ else (8.0, 8.0, 8.0)
    made = make_phantom(seed=5, lesions=6, spacing=spacing)
    write_case(Study(ct=made.ct, pet=made.pet, name=NAME, tracer="fdg"), folder)
    return folder


def keep(reading: Reading, name: str, folder: Path) -> None:
    """A picture of the page as it is."""
    assert reading.page.evaluate(MISFITS) == [], name
    place = Path(os.environ.get("LESIONLOOP_PICTURES") or folder)
    reading.page.screenshot(path=place / f"viewer-{name}.png")


def test_reading(
    page_of: Callable[..., Reading], start: Any, phantom: Path, tmp_path: Path
) -> None:
    """Dark and fused, light and inverted, the keys, and the first page."""
    # The learned segmenter for the documentation, the quick one to see that all fits.
    quick = () if "LESIONLOOP_PICTURES" in os.environ else ("--segmenter", "propagate")
    server = start(phantom, tmp_path / "state", *quick)
    reading = page_of(server.address, reader="EF")
    reading.open(NAME)
    page = reading.page
    page.locator("[data-lesion]").nth(1).click()
    reading.settle()
    x, y = reading.crosshair("coronal")
    reading.press("f")
    reading.draw((x - 5, y + 2), (x + 6, y - 3))
    reading.press("a")
    reading.press("v")
    page.wait_for_timeout(3000)  # the places follow
    keep(reading, "dark", tmp_path)
    page.keyboard.press("?")
    page.wait_for_timeout(300)
    keep(reading, "keys", tmp_path)
    page.keyboard.press("Escape")
    page.goto(server.address)
    brought = tmp_path / "brought"
    brought.mkdir()
    for file in phantom.glob("imagesTr/*"):
        shutil.copy(file, brought / file.name.replace(NAME, "fdg_from_elsewhere"))
    page.get_by_label("Choose files").last.set_input_files(sorted(brought.iterdir()))
    page.get_by_text("1 study added.").wait_for()
    keep(reading, "studies", tmp_path)

    light = page_of(server.address, theme="light", reader="EF")
    light.page.add_init_script(
        'localStorage["lesionloop-settings"] = \'{"map":"grey","fusion":1,"large":null}\''
    )
    light.open(NAME)
    for key in ("r", "r"):
        light.press(key)
    light.page.wait_for_timeout(3000)
    keep(light, "light", tmp_path)


def test_by_hand(
    page_of: Callable[..., Reading], start: Any, phantom: Path, tmp_path: Path
) -> None:
    """The manual arm of a reader study, and its list of cases."""
    (tmp_path / "study.toml").write_text(PROTOCOL, encoding="utf-8")
    server = start(
        phantom, tmp_path / "state", "--segmenter", "propagate",
        "--reader-study", tmp_path / "study.toml",
    )  # fmt: skip
    reading = page_of(server.address)
    page = reading.page
    lists = [
        server.client().json("POST", "/reader-study/worklist", {"reader": reader})
        for reader in ("Reader 1", "Reader 2")
    ]
    (by_hand,) = [found["reader"] for found in lists if found["items"][0]["arm"] == "manual"]
    page.goto(server.address)
    page.get_by_label("Reader").select_option(by_hand)
    page.get_by_role("button", name="Begin").wait_for()
    keep(reading, "worklist", tmp_path)
    page.get_by_role("button", name="Begin").click()
    reading.ready()
    assert page.get_by_test_id("arm").inner_text() == "by hand"
    page.locator(".mip img").click(position={"x": 144, "y": 137})  # the lesion at the left ribs
    reading.settle()
    for key in "+++g":
        reading.press(key)
    x, y = reading.crosshair("axial")
    round_ = [(-20, -10), (-8, -20), (10, -18), (20, 0), (10, 18), (-12, 16), (-20, 4)]
    reading.draw(*((x + 4 + dx, y - 12 + 1.4 * dy) for dx, dy in round_))
    keep(reading, "by-hand", tmp_path)
