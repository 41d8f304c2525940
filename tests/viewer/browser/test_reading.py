"""A reader at work: open, draw in two planes, undo, redo, lock, export, lose the server."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from tests.viewer.browser.conftest import Reading

from lesionloop import Study, make_phantom
from lesionloop.datasets import write_case

pytestmark = pytest.mark.slow

NAME = "fdg_phantom"


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One small synthetic study."""
    folder = tmp_path_factory.mktemp("phantoms")
    made = make_phantom(seed=3, spacing=(6.0, 6.0, 7.0), lesions=8)
    write_case(Study(ct=made.ct, pet=made.pet, name=NAME, tracer="fdg"), folder)
    return folder


@pytest.fixture
def server(start: Callable[..., Any], phantoms: Path, tmp_path: Path) -> Any:
    """A server of its own, that a test may kill."""
    return start(phantoms, tmp_path, "--segmenter", "propagate")


@pytest.fixture
def reading(browser: Any, server: Any) -> Reading:
    """The study, opened by a reader."""
    opened = Reading(browser, server.address)
    opened.open(NAME)
    return opened


def around(mask: NDArray[np.bool_], more: int) -> NDArray[np.bool_]:
    """The box of a mask, grown."""
    places = np.argwhere(mask)
    low, high = np.maximum(places.min(axis=0) - more, 0), places.max(axis=0) + more + 1
    box = np.zeros_like(mask)
    box[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    return box


def test_a_session_from_first_mask_to_seg(reading: Reading) -> None:
    """What is drawn changes the mask there and nowhere else; all of it can be taken back."""
    page = reading.page
    first = reading.mask()
    lesions = reading.state()["lesions"]
    assert page.locator("[data-lesion]").count() == len(lesions) == first.max() > 1
    with_mask = reading.picture()
    assert (reading.hold("m") != with_mask).any(), "the mask is not on the picture"
    np.testing.assert_array_equal(reading.picture(), with_mask)

    for plane, number, axis in (("axial", 1, 2), ("coronal", 2, 1)):
        reading.press("v")
        page.locator(f"[data-lesion='{number}']").click()
        reading.settle()
        before, at = reading.mask(), reading.state()["lesions"][number - 1]["at"]
        lesion = before == number
        assert reading.voxel() == tuple(at)
        reading.press("x")
        rejected = reading.mask()
        np.testing.assert_array_equal(rejected > 0, (before > 0) & ~lesion)
        shown = reading.picture()
        x, y = reading.crosshair(plane)
        reading.press("f")
        reading.draw((x - 5, y), (x + 5, y + 3))
        stroke = reading.state()["strokes"][-1]
        points = np.array(stroke["points"])
        assert stroke["label"] == "foreground"
        assert set(points[:, axis]) == {at[axis]}, "the stroke left the plane"
        assert np.abs(points - at).max() <= 4
        drawn = reading.mask()
        changed = (drawn > 0) != (rejected > 0)
        assert changed.any()
        assert not (changed & ~around(lesion, 3)).any(), "the mask changed elsewhere"
        assert (drawn[tuple(points.T)] > 0).all()

        page.mouse.move(640, 10)
        reading.press("z")
        np.testing.assert_array_equal(reading.mask(), rejected)
        reading.press("v")
        np.testing.assert_array_equal(reading.picture()[80:760, :960], shown[80:760, :960])
        reading.press("y")
        np.testing.assert_array_equal(reading.mask(), drawn)

    page.locator("[data-lesion='1']").click()
    reading.press("l")
    assert reading.state()["lesions"][0]["locked"]
    locked = reading.mask() == 1
    x, y = reading.crosshair("coronal")
    reading.press("b")
    reading.draw((x - 6, y), (x + 6, y))
    assert reading.state()["strokes"][-1]["label"] == "background"
    assert (reading.mask()[locked] > 0).all(), "a locked lesion changed"

    page.locator("summary").click()
    with page.expect_download() as waiting:
        page.locator("[data-export='seg.dcm']").click()
    seg = pydicom.dcmread(waiting.value.path())
    np.testing.assert_array_equal(voxels_of(seg, reading), reading.mask())
    assert reading.faults == []
    assert {urlsplit(url).netloc for url in reading.asked if url.startswith("http")} == {
        urlsplit(reading.address).netloc
    }, "another host was asked"


def voxels_of(seg: Any, reading: Reading) -> NDArray[np.uint8]:
    """The segments of a SEG on the study's grid, by the positions that it says."""
    study = reading.state()["study"]
    labels = np.zeros(study["shape"], dtype=np.uint8)
    direction = np.array(study["direction"]).reshape(3, 3)
    frames = seg.pixel_array.reshape(-1, seg.Rows, seg.Columns)
    shared = seg.SharedFunctionalGroupsSequence[0]
    down, across = map(float, shared.PixelMeasuresSequence[0].PixelSpacing)
    for frame, told in zip(frames, seg.PerFrameFunctionalGroupsSequence, strict=True):
        corner = np.array(told.PlanePositionSequence[0].ImagePositionPatient, dtype=float)
        turn = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, dtype=float)
        rows, columns = np.nonzero(frame)
        mm = corner + np.outer(columns * across, turn[:3]) + np.outer(rows * down, turn[3:])
        index = np.rint((mm - study["origin"]) @ direction / study["spacing"]).astype(int)
        number = told.SegmentIdentificationSequence[0].ReferencedSegmentNumber
        labels[tuple(index.T)] = number
    return labels


def test_a_lost_server_loses_no_stroke(
    reading: Reading, server: Any, start: Callable[..., Any], phantoms: Path, tmp_path: Path
) -> None:
    """The page says so, keeps the stroke, and sends it once when the server is back."""
    server.stop(signal.SIGKILL)
    reading.page.keyboard.press("f")
    x, y = reading.crosshair("coronal")
    reading.page.mouse.move(x - 5, y)
    reading.page.mouse.down()
    reading.page.mouse.move(x + 5, y)
    reading.page.mouse.up()
    banner = reading.page.get_by_role("alert").filter(has_text="does not answer")
    banner.wait_for(state="visible")
    port = urlsplit(reading.address).port
    start(phantoms, tmp_path, "--segmenter", "propagate", "--port", port)
    reading.page.get_by_role("button", name="Try now").click()
    banner.wait_for(state="hidden")
    reading.settle()
    assert len(reading.state()["strokes"]) == 1
    reading.page.reload()
    reading.ready()
    assert "foreground" in reading.page.get_by_role("button", name="Undo").inner_text()
    assert reading.faults == []
