"""What goes wrong in a reader's day: reloads, a second window, a dead server, a full disk."""

import sys
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
#: A segmenter from outside that fails while a file is there and there are clicks.
PROGRAM = """\
#!{python}
import sys
from pathlib import Path
from lesionloop.imaging import read_study, write_mask
from lesionloop.scribbles import ScribbleSet

source, target = map(Path, sys.argv[2:])
scribbles = ScribbleSet.read(source / "lesion-clicks.json")
if Path(sys.argv[1]).exists() and len(scribbles):
    sys.exit("out of memory in " + str(source))
study = read_study(None, source / "images" / "pet" / "case.mha")
mask = study.pet.values > 4
mask[tuple(scribbles.foreground.T)] = True
write_mask(mask, study, target / "images/tumor-lesion-segmentation/case.mha")
"""


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


def test_a_segmenter_from_outside_that_fails(
    page_of: Pages, start: Any, data: Path, tmp_path: Path
) -> None:
    """The reader is told what it said, sees the stroke, and goes on with the next one or undo."""
    program, fail = tmp_path / "program.py", tmp_path / "fail"
    program.write_text(PROGRAM.format(python=sys.executable), encoding="utf-8")
    program.chmod(0o755)
    server = start(data, tmp_path / "state", "--segmenter", f"command:{program} {fail}")
    reading = page_of(server.address)
    page = reading.page
    reading.open(STUDY)
    first = reading.mask()
    banner = page.get_by_role("alert").filter(has_text="The segmenter failed.")
    assert banner.is_hidden()
    fail.touch()
    stroke(reading)
    banner.wait_for()
    assert "ended with 1: out of memory in [path]" in banner.inner_text()
    undo = page.get_by_role("button", name="Undo")
    assert "foreground scribble 1" in undo.inner_text()
    np.testing.assert_array_equal(reading.mask(), first)
    page.reload()
    reading.ready()
    banner.wait_for()
    fail.unlink()
    stroke(reading, "axial")
    banner.wait_for(state="hidden")
    strokes = reading.state()["strokes"]
    assert len(strokes) == 2
    for drawn in strokes:
        assert (reading.mask()[tuple(np.array(drawn["points"]).T)] > 0).all()
    fail.touch()
    stroke(reading)
    banner.wait_for()
    fail.unlink()
    reading.press("z")
    banner.wait_for(state="hidden")
    assert len(reading.state()["strokes"]) == 2
