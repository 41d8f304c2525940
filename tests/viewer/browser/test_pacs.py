"""The archive in the page, by the words of the interface; the archive itself is played."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from tests.viewer.browser.conftest import Reading

pytestmark = pytest.mark.slow

FOUND = {
    "uid": "1.2.3", "patient_id": "P7", "patient_name": "Doe^Jane", "date": "20260102",
    "description": "PET/CT", "modalities": ["PT", "CT"], "series": 2, "instances": 600,
}  # fmt: skip


def test_search_fetch_and_store(page_of: Callable[..., Reading], server: Any) -> None:
    """What is asked for, how far a fetch is, and that a part could not be stored."""
    reading = page_of(server.address, reader="archivist")
    page, asked = reading.page, list[Any]()
    info = {**server.client().info(), "pacs": "Archive"}
    jobs = [{"state": "running", "done": 120, "total": 600}, {"state": "done", "done": 600}]

    def play(route: Any) -> None:
        path = route.request.url.split("/api/")[1]
        body = route.request.post_data_json if route.request.post_data else None
        asked.append((path.split("/")[-1], body))
        if path == "info":
            route.fulfill(json=info)
        elif path == "pacs/search":
            route.fulfill(json={"studies": [FOUND], "more": True})
        elif path == "pacs/fetch":
            route.fulfill(json={"job": "j"})
        elif path == "jobs/j":
            job = jobs.pop(0) if len(jobs) > 1 else jobs[0]
            route.fulfill(json={"total": 600, "problem": None, "studies": [], **job})
        else:
            text = {"error": "the PACS did not take all", "cause": "sr.dcm was refused."}
            route.fulfill(status=502, body=json.dumps(text))

    for path in ("info", "pacs/*", "jobs/*", "sessions/*/store"):
        page.route(f"**/api/{path}", play)
    page.goto(server.address)
    page.get_by_text("Fetch from Archive").click()
    page.get_by_label("Patient ID").fill("P7")
    page.get_by_role("button", name="Search").click()
    page.get_by_text("There are more").wait_for()
    assert ("search", {"patient_id": "P7"}) in asked
    page.get_by_role("button", name="Fetch Doe Jane, 2026-01-02").click()
    page.get_by_text("120 of 600 images").wait_for()
    page.get_by_text("Fetched").wait_for()
    reading.open("fdg_case 2")
    page.locator("summary").click()
    page.get_by_role("button", name="Send to Archive").click()
    page.get_by_label("Contours (RTSTRUCT)").uncheck()
    page.get_by_role("button", name="Send", exact=True).click()
    page.get_by_text("sr.dcm was refused.").wait_for()
    assert asked[-1] == ("store", {"what": ["seg.dcm", "sr.dcm"]})
