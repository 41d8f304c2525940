"""The first page: studies brought in and taken out, an opening that is watched and ended."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.viewer.browser.conftest import HeldServer, Reading

pytestmark = pytest.mark.slow

Pages = Callable[..., Reading]


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
