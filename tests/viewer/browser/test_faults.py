"""What goes wrong in a reader's day: reloads, a second window, a dead server, a full disk."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.viewer.browser.conftest import HeldServer, Reading

pytestmark = pytest.mark.slow
resource = pytest.importorskip("resource")  # not on Windows

Pages = Callable[..., Reading]
STUDY = "fdg_case 0"


def stroke(reading: Reading, plane: str = "coronal", *, wait: bool = True) -> None:
    """A short line beside the crosshair."""
    reading.page.keyboard.press("f")
    x, y = reading.crosshair(plane)
    if wait:
        reading.draw((x + 40, y), (x + 70, y))
        return
    reading.page.mouse.move(x + 40, y)
    reading.page.mouse.down()
    reading.page.mouse.move(x + 70, y, steps=5)
    reading.page.mouse.up()


def test_a_reload_in_mid_stroke(page_of: Pages, server: Any) -> None:
    """What was acknowledged is there, the stroke in the hand is not, and nothing wrong is told."""
    reading = page_of(server.address, reader="reloader")
    page = reading.page
    page.on("dialog", lambda dialog: dialog.accept())
    reading.open(STUDY)
    stroke(reading)
    before = reading.state()
    x, y = reading.crosshair("axial")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y, steps=4)
    page.reload()
    reading.ready()
    page.mouse.up()
    reading.settle()
    after = reading.state()
    assert after["strokes"] == before["strokes"]
    assert after["revision"] == before["revision"]
    assert page.locator(".banner").is_hidden()
    assert page.locator(".told").inner_text() == ""
    assert page.locator("[data-lesion]").count() == len(after["lesions"])


def test_two_windows_on_one_session(page_of: Pages, server: Any) -> None:
    """A stroke in one is in the other within seconds; the other can take it back."""
    one = page_of(server.address, reader="twice")
    other = page_of(server.address, reader="twice")
    one.open(STUDY)
    other.open(STUDY)
    assert one.session == other.session
    first = one.mask()
    stroke(one)
    changed = one.mask()
    assert (changed != first).any()
    undo = other.page.get_by_role("button", name="Undo")
    other.page.wait_for_selector(".reader[data-revision='1']", timeout=8000)
    assert "foreground scribble 1" in undo.inner_text()
    undo.click()
    other.settle()
    np.testing.assert_array_equal(other.mask(), first)
    one.page.wait_for_selector(".reader[data-revision='2']", timeout=8000)
    assert one.page.get_by_role("button", name="Undo").is_disabled()


def test_a_server_killed_in_mid_correction(page_of: Pages, held: HeldServer) -> None:
    """The page says so, sends the stroke again, and the server has it exactly once."""
    reading = page_of(held.address)
    reading.open(STUDY)
    held.hold.touch()
    stroke(reading, wait=False)
    reading.page.get_by_text("Computing").wait_for()
    held.kill()
    banner = reading.page.get_by_role("alert").filter(has_text="does not answer")
    banner.wait_for(state="visible")
    assert "One step is kept here" in banner.inner_text()
    held.hold.unlink()
    held.start()
    banner.wait_for(state="hidden")
    reading.settle()
    (drawn,) = reading.state()["strokes"]
    assert (reading.mask()[tuple(np.array(drawn["points"]).T)] > 0).all()


def test_a_correction_that_takes_long_is_cancelled(page_of: Pages, held: HeldServer) -> None:
    """Cancel takes the stroke back, which ends its computation."""
    reading = page_of(held.address)
    reading.open(STUDY)
    first = reading.mask()
    cancel = reading.page.get_by_role("button", name="Cancel")
    assert cancel.is_hidden()
    held.hold.touch()
    stroke(reading, wait=False)
    cancel.click()
    reading.page.wait_for_selector(".reader[data-waiting='0']", timeout=20_000)
    assert held.hold.exists(), "it was not waited for"
    held.hold.unlink()
    assert reading.state()["strokes"] == []
    np.testing.assert_array_equal(reading.mask(), first)


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit (Linux)")
def test_a_full_disk(page_of: Pages, start: Any, data: Path, tmp_path: Path) -> None:
    """The reader is told, keeps the stroke, and can send it when there is room."""
    server = start(data, tmp_path / "state", "--segmenter", "propagate")
    reading = page_of(server.address)
    reading.open(STUDY)
    stroke(reading)
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1, before[1]))
    reading.press("6")
    for _ in range(20):  # a small one may still fit into the file that is there
        stroke(reading)
        if "kept here" in reading.page.locator(".told").inner_text():
            break
    assert "nothing was recorded" in reading.page.locator(".told").inner_text()
    strokes = len(reading.state()["strokes"])
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)
    reading.page.get_by_role("button", name="Run 1").click()
    reading.settle()
    assert len(reading.state()["strokes"]) == strokes + 1
