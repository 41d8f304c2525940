"""The first page: studies brought in and taken out, an opening that is watched and ended."""

import base64
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.viewer.browser.conftest import HeldServer, Reading

pytestmark = pytest.mark.slow

Pages = Callable[..., Reading]
#: Drop files on the page that lie in no file system: for them Chromium has no entries.
DROP = """(files) => {
  const transfer = new DataTransfer();
  for (const { name, data } of files) {
    const bytes = Uint8Array.from(atob(data), (c) => c.charCodeAt(0));
    transfer.items.add(new File([bytes], name));
  }
  transfer.items.add("a word", "text/plain");
  const page = document.querySelector("main.start");
  const send = (type) => {
    const event = new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true });
    return page.dispatchEvent(event);
  };
  const taken = !send("dragover");
  const marked = document.querySelector(".intake").classList.contains("over-it");
  send("drop");
  return [taken, marked, document.querySelector(".intake").classList.contains("over-it")];
}"""


@pytest.fixture
def hall(start: Any, tmp_path: Path) -> Any:
    """A server without a study."""
    (tmp_path / "no studies").mkdir()
    return start(tmp_path / "no studies", tmp_path / "state", "--segmenter", "propagate")


def brought(data: Path, folder: Path) -> list[Path]:
    """The files of a study, under names of their own."""
    folder.mkdir(parents=True)
    files = []
    for which in ("0000", "0001"):
        files.append(folder / f"fdg_brought_{which}.nii.gz")
        shutil.copy(data / "imagesTr" / f"fdg_case 0_{which}.nii.gz", files[-1])
    return files


def test_a_study_is_uploaded_read_and_removed(
    page_of: Pages, server: Any, data: Path, tmp_path: Path
) -> None:
    """Its mask is that of the same files in the data folder."""
    images = tmp_path / "brought"
    images.mkdir()
    for which in ("0000", "0001"):
        given = data / "imagesTr" / f"fdg_case 0_{which}.nii.gz"
        (images / f"fdg_brought_{which}.nii.gz").write_bytes(given.read_bytes())
    reading = page_of(server.address, reader="uploader")
    page = reading.page
    page.goto(server.address)
    page.get_by_label("Choose files").last.set_input_files(sorted(images.iterdir()))
    page.get_by_text("1 study added.").wait_for()
    row = page.get_by_role("row").filter(has_text="uploaded")
    row.wait_for()  # the list follows the message, and it is the only one
    page.get_by_label("Reader", exact=True).fill("uploader")
    before = {study["id"] for study in server.client().studies()}
    row.get_by_role("button", name="Open").click()
    reading.ready()
    mask = reading.mask()
    session = server.client().open(
        next(s["id"] for s in server.client().studies() if s["name"] == "fdg_case 0"), "other"
    )
    np.testing.assert_array_equal(mask > 0, session.mask > 0)
    # One that no session uses can be taken out again.
    page.goto(server.address)
    page.get_by_label("Choose files").last.set_input_files(sorted(images.iterdir()))
    page.get_by_text("1 study added.").wait_for()
    page.once("dialog", lambda dialog: dialog.accept())
    unused = page.get_by_role("row").filter(has_text="uploaded").filter(has_not_text="uploader")
    unused.get_by_role("button", name="Remove").click()
    page.locator(".studies .tag").nth(1).wait_for(state="detached")
    assert {study["id"] for study in server.client().studies()} == before


def test_what_is_no_study_is_refused_in_words(page_of: Pages, server: Any, tmp_path: Path) -> None:
    (tmp_path / "shopping.txt").write_text("milk", encoding="utf-8")
    page = page_of(server.address).page
    page.goto(server.address)
    page.get_by_label("Choose files").last.set_input_files([tmp_path / "shopping.txt"])
    page.locator(".transfer .bad").wait_for()
    assert "study" in page.locator(".transfer .bad").inner_text()


def test_an_opening_is_watched_and_ended(page_of: Pages, held: HeldServer) -> None:
    """The page says what the server does, with how far it is; Cancel leads back to the list."""
    reading = page_of(held.address)
    page = reading.page
    page.goto(held.address)
    page.get_by_label("Reader", exact=True).fill("AB")
    held.hold.touch()
    page.get_by_label("Open fdg_case 0").click()
    page.get_by_text("first mask: 50%").wait_for()
    assert page.get_by_role("progressbar").get_attribute("value") == "0.5"
    page.get_by_role("button", name="Cancel").click()
    page.get_by_label("Open fdg_case 1").wait_for()
    held.hold.unlink()
    reading.open("fdg_case 0")
    assert reading.mask().max() == 2


def test_files_are_dropped(
    page_of: Pages, hall: Any, server: Any, data: Path, tmp_path: Path
) -> None:
    page = page_of(hall.address).page
    page.goto(hall.address)
    page.get_by_text("No study in the data folder.").wait_for()
    files = [
        {"name": path.name, "data": base64.b64encode(path.read_bytes()).decode("ascii")}
        for path in brought(data, tmp_path / "brought")
    ]
    assert page.evaluate(DROP, files) == [True, True, False]
    page.get_by_text("1 study added.").wait_for()
    page.get_by_role("row").filter(has_text="fdg_brought").filter(has_text="uploaded").wait_for()
    (study,) = hall.client().studies()
    same = next(s["id"] for s in server.client().studies() if s["name"] == "fdg_case 0")
    np.testing.assert_array_equal(
        hall.client().open(study["id"], "other").mask, server.client().open(same, "other").mask
    )


def test_a_folder_is_chosen(page_of: Pages, hall: Any, data: Path, tmp_path: Path) -> None:
    """Files come under their places in the folder: two layouts in it stay apart."""
    brought(data, tmp_path / "disc" / "deep" / "imagesTr")
    images = tmp_path / "disc" / "other"
    images.mkdir()
    for which, name in (("0000", "ct"), ("0001", "pet")):
        shutil.copy(data / "imagesTr" / f"fdg_case 1_{which}.nii.gz", images / f"{name}.nii.gz")
    (tmp_path / "disc" / "read me.txt").write_text("of a disc", encoding="utf-8")
    page = page_of(hall.address).page
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else 0)
    page.goto(hall.address)
    page.locator("input[webkitdirectory]").set_input_files(tmp_path / "disc")
    page.get_by_text("2 studies added.").wait_for()
    page.get_by_text("1 files belong to no study and were not kept.").wait_for()
    assert "disc (5 files)" in page.locator(".transfer strong").inner_text()
    assert len(sent) == 5
    assert any(
        url.endswith("path=disc%2Fdeep%2FimagesTr%2Ffdg_brought_0001.nii.gz") for url in sent
    )
    rows = {row["name"]: row for row in hall.client().studies() if row["source"] == "upload"}
    assert {"fdg_brought", "other"} <= set(rows)
    assert rows["fdg_brought"]["upload"] == rows["other"]["upload"]
    # One upload goes as one: the page names both before it asks.
    asked: list[str] = []

    def agree(dialog: Any) -> None:
        asked.append(dialog.message)
        dialog.accept()

    page.once("dialog", agree)
    page.get_by_label("Remove other").click()
    page.get_by_label("Open other").wait_for(state="detached")
    assert "fdg_brought" in asked[0]
    assert "other" in asked[0]
    assert all(row["upload"] != rows["other"]["upload"] for row in hall.client().studies())


def test_a_connection_that_breaks_is_tried_again(
    page_of: Pages, hall: Any, data: Path, tmp_path: Path
) -> None:
    """In the middle of a file and at the end; what was sent before is not sent again."""
    page = page_of(hall.address).page
    tries: dict[str, int] = {}

    def break_once(route: Any) -> None:
        what = route.request.url.rsplit("/", 1)[1].partition("?")[2] or "finish"
        tries[what] = tries.get(what, 0) + 1
        if tries[what] == 1 and ("0001" in what or what == "finish"):
            route.abort("connectionreset")
        else:
            route.continue_()

    page.route("**/api/uploads/*/*", break_once)
    page.goto(hall.address)
    files = brought(data, tmp_path / "brought")
    page.get_by_label("Choose files").last.set_input_files(files)
    page.get_by_text("1 study added.").wait_for()
    assert sorted(tries.values()) == [1, 2, 2]
    assert [row["name"] for row in hall.client().studies()] == ["fdg_brought"]


def test_a_server_that_stays_away_is_told(
    page_of: Pages, hall: Any, data: Path, tmp_path: Path
) -> None:
    page = page_of(hall.address).page
    page.route("**/api/uploads/*/files*", lambda route: route.abort("connectionrefused"))
    page.goto(hall.address)
    page.get_by_label("Choose files").last.set_input_files(brought(data, tmp_path / "brought"))
    page.locator(".transfer .bad").wait_for()
    assert "does not answer" in page.locator(".transfer .bad").inner_text()
    assert not list((hall.state / "uploads" / ".incoming").iterdir()), "it was cleared away"


def test_an_upload_is_cancelled_in_the_middle(
    page_of: Pages, hall: Any, data: Path, tmp_path: Path
) -> None:
    page = page_of(hall.address).page
    page.route("**/api/uploads/*/files*_0001*", lambda _route: None)  # no answer ever comes
    page.goto(hall.address)
    files = brought(data, tmp_path / "brought")
    with page.expect_request("**/api/uploads/*/files*_0001*"):
        page.get_by_label("Choose files").last.set_input_files(files)
    page.locator(".transfer").filter(has_text=" of ").wait_for()  # the other file is there
    incoming = hall.state / "uploads" / ".incoming"
    assert len(list(incoming.iterdir())) == 1
    with page.expect_response(lambda answer: answer.request.method == "DELETE"):
        page.get_by_role("button", name="Cancel").click()
    page.get_by_text("Cancelled.").wait_for()
    assert not list(incoming.iterdir())
    assert hall.client().studies() == []
    page.get_by_role("button", name="Close").click()
    assert page.locator(".transfer").count() == 0


def test_what_was_fetched_is_removed(
    page_of: Pages, start: Any, data: Path, tmp_path: Path
) -> None:
    """As an upload is: not while a session uses it."""
    (tmp_path / "empty").mkdir()
    for digest, number in (("0a" * 10, 0), ("1b" * 10, 1)):
        place = tmp_path / "state" / "fetched" / digest / f"2024-01-1{number}"
        place.mkdir(parents=True)
        for which, name in (("0000", "ct"), ("0001", "pet")):
            given = data / "imagesTr" / f"fdg_case {number}_{which}.nii.gz"
            shutil.copy(given, place / f"{name}.nii.gz")
    server = start(tmp_path / "empty", tmp_path / "state", "--segmenter", "propagate")
    client = server.client()
    client.open(next(s["id"] for s in client.studies() if s["name"] == "2024-01-11"), "AB")
    page = page_of(server.address).page
    page.goto(server.address)
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_label("Remove 2024-01-10").click()
    page.get_by_label("Open 2024-01-10").wait_for(state="detached")
    page.get_by_label("Remove 2024-01-11").click()
    page.get_by_text("a session uses this study").wait_for()
    assert [row["name"] for row in client.studies()] == ["2024-01-11"]


def test_a_folder_is_dropped(page_of: Pages, hall: Any, data: Path, tmp_path: Path) -> None:
    """By the browser itself, as a mouse would: folders within it are looked through."""
    brought(data, tmp_path / "a disc" / "deep" / "imagesTr")
    (tmp_path / "a disc" / "nothing").mkdir()
    page = page_of(hall.address).page
    sent: list[str] = []
    page.on("request", lambda request: sent.append(request.url) if request.method == "PUT" else 0)
    page.goto(hall.address)
    page.locator(".drop").wait_for()
    drag = page.context.new_cdp_session(page)
    dragged = {"items": [], "files": [str(tmp_path / "a disc")], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        drag.send("Input.dispatchDragEvent", {"type": kind, "x": 400, "y": 400, "data": dragged})
    page.get_by_text("1 study added.").wait_for()
    assert sorted(url.partition("path=")[2] for url in sent) == [
        f"a+disc%2Fdeep%2FimagesTr%2Ffdg_brought_{which}.nii.gz" for which in ("0000", "0001")
    ]
    assert [row["name"] for row in hall.client().studies()] == ["fdg_brought"]
