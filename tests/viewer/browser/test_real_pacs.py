"""A reader's way through the page with a real PACS: search, fetch, draw, send, and what came."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.pacs.conftest import fdg, make_study, orthancs, pet_header, program, write_series

from lesionloop.imaging.dicom import read_dicom_seg, read_dicom_study

pytestmark = pytest.mark.slow

#: The PACS comes here, not the browser to the tests of the PACS: a process has one browser.
__all__ = ["fdg", "make_study", "orthancs", "pet_header", "program", "write_series"]


def test_from_the_pacs_and_back(
    page_of: Callable[..., Any],
    start: Callable[..., Any],
    orthancs: Callable[..., Any],
    make_study: Callable[..., Any],
    tmp_path: Path,
) -> None:
    orthanc = orthancs()
    made = make_study(PatientID="P-page", PatientName="Größe^Ægir")
    orthanc.pacs().store(made.paths).require_all()
    (tmp_path / "data").mkdir()
    server = start(
        tmp_path / "data", tmp_path / "state", "--segmenter", "propagate",
        "--dicomweb", orthanc.url,
    )  # fmt: skip
    reading = page_of(server.address, reader="archivist")
    page = reading.page
    page.goto(server.address)
    page.get_by_text(f"Fetch from 127.0.0.1:{orthanc.port}").click()
    page.get_by_label("Patient ID").fill("nobody")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("Nothing fits.").wait_for()
    page.get_by_label("Patient ID").fill("P-page")
    page.get_by_role("button", name="Search").click()
    page.get_by_role("button", name="Fetch Größe Ægir, 2024-01-10").click()
    page.get_by_text("Fetched: 2024-01-10").wait_for()
    page.get_by_role("row").filter(has_text="from the PACS").wait_for()
    (study,) = server.client().studies()

    reading.open(study["name"])
    first = reading.mask() > 0
    assert first.any()
    page.keyboard.press("f")
    x, y = reading.crosshair("coronal")
    reading.draw((x + 60, y), (x + 90, y))  # beside the ball
    mask = reading.mask() > 0
    assert (mask & ~first).any()
    assert not mask.all()

    page.locator("summary").click()
    page.get_by_role("button", name="Send to 127.0.0.1").click()
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text(f"127.0.0.1:{orthanc.port} has seg.dcm, rtstruct.dcm, sr.dcm.").wait_for()
    back = tmp_path / "back"
    fetched = orthanc.pacs().fetch(made.uid, back, modalities=("SEG", "RTSTRUCT", "SR"))
    assert fetched.instances == 3
    (seg,) = [path for path in back.iterdir() if modality(path) == "SEG"]
    read = read_dicom_seg(seg, read_dicom_study(made.folder).grid)
    np.testing.assert_array_equal(np.asarray(read.values) > 0, mask)

    # Its images stay as long as the session does.
    page.goto(server.address)
    page.once("dialog", lambda dialog: dialog.accept())
    page.get_by_label(f"Remove {study['name']}").click()
    page.get_by_text("a session uses this study").wait_for()
    assert [row["id"] for row in server.client().studies()] == [study["id"]]


def modality(path: Path) -> str:
    """What kind of object a file is."""
    from pydicom import dcmread

    return str(dcmread(path, stop_before_pixels=True).Modality)
