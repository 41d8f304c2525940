"""The viewer with a real PACS: search, fetch, read, store, and a PACS that goes away."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pytest
from pydicom import dcmread

from lesionloop.imaging.dicom import read_dicom_seg, read_dicom_study
from lesionloop.viewer.client import RefusedError


@pytest.fixture
def viewer(start: Callable[..., Any], tmp_path: Path) -> Callable[..., Any]:
    """Start a viewer without studies of its own on a PACS; its client and the server."""
    (tmp_path / "data").mkdir()

    def make(orthanc: Any) -> Any:
        environment = {"LESIONLOOP_DICOMWEB_LOGIN": orthanc.login} if orthanc.login else {}
        return start(
            tmp_path / "data", tmp_path / "state", "--segmenter", "propagate",
            "--dicomweb", orthanc.url, **environment,
        )  # fmt: skip

    return make


def ask(server: Any, method: str, path: str, body: Any = None) -> Any:
    answer = server.client().bytes(method, path, body)[0]
    return json.loads(answer) if answer else None


def wait(server: Any, job: str, state: str = "done") -> dict[str, Any]:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        told: dict[str, Any] = ask(server, "GET", f"/jobs/{job}")
        if told["state"] != "running":
            assert told["state"] == state, told
            return told
        time.sleep(0.05)
    raise AssertionError("the job does not end")


def fetch(server: Any, uid: str) -> dict[str, Any]:
    return wait(server, ask(server, "POST", "/pacs/fetch", {"study": uid})["job"])


def test_search_fetch_read_store_and_back(
    viewer: Callable[..., Any],
    orthancs: Callable[..., Any],
    make_study: Callable[..., Any],
    tmp_path: Path,
) -> None:
    orthanc = orthancs(AuthenticationEnabled=True, RegisteredUsers={"viewer": "secret"})
    made = make_study(PatientID="V1", PatientName="Größe^Ægir")
    orthanc.pacs().store(made.paths).require_all()
    server = viewer(orthanc)
    assert ask(server, "GET", "/info")["pacs"] == f"127.0.0.1:{orthanc.port}"
    assert ask(server, "GET", "/studies") == []

    found = ask(server, "POST", "/pacs/search", {"patient_name": "größe"})
    assert not found["more"]
    (row,) = found["studies"]
    assert row == {
        "uid": made.uid, "patient_id": "V1", "patient_name": "Größe^Ægir", "date": "20240110",
        "description": "PET/CT", "modalities": row["modalities"], "series": 2, "instances": 48,
    }  # fmt: skip
    assert sorted(row["modalities"]) == ["CT", "PT"]

    told = fetch(server, made.uid)
    assert (told["done"], told["total"], told["problem"]) == (48, 48, None)
    (study,) = told["studies"]
    assert study["source"] == "pacs"
    assert study["name"].startswith("2024-01-10 ")
    assert ask(server, "GET", "/studies") == [study]
    assert fetch(server, made.uid)["studies"] == [study]  # again: nothing changes

    session = server.client().open(study["id"], "a reader")
    session.scribble("foreground", [[6, 6, 6], [7, 6, 6]])
    place = f"/sessions/{session.state['id']}/store"
    what = ["sr.dcm", "seg.dcm", "rtstruct.dcm"]
    stored = ask(server, "POST", place, {"what": what})["stored"]
    assert [row["what"] for row in stored] == ["seg.dcm", "rtstruct.dcm", "sr.dcm"]
    assert ask(server, "POST", place, {"what": what})["stored"] == stored  # nothing is doubled

    back = tmp_path / "back"
    fetched = orthanc.pacs().fetch(made.uid, back, modalities=("SEG", "RTSTRUCT", "SR"))
    assert fetched.instances == 3
    uids = {row["what"]: row["sop_instance_uid"] for row in stored}
    seg, rtstruct, sr = (
        dcmread(back / f"{uids[name]}.dcm") for name in ("seg.dcm", "rtstruct.dcm", "sr.dcm")
    )
    assert {str(header.PatientName) for header in (seg, rtstruct, sr)} == {"Größe^Ægir"}
    assert {header.StudyInstanceUID for header in (seg, rtstruct, sr)} == {made.uid}
    # The voxels, by a second library and by ours.
    mask = np.asarray(session.mask) > 0
    assert mask.any()
    assert int(highdicom.seg.Segmentation.from_dataset(seg).pixel_array.sum()) == mask.sum()
    read = read_dicom_seg(back / f"{uids['seg.dcm']}.dcm", read_dicom_study(made.folder).grid)
    np.testing.assert_array_equal(np.asarray(read.values) > 0, mask)
    # The numbers, and whose they are.
    totals = {
        item.ConceptNameCodeSequence[0].CodeMeaning: float(
            item.MeasuredValueSequence[0].NumericValue
        )
        for item in _tree(sr)
        if item.get("ValueType") == "NUM"
    }
    lesions = session.state["lesions"]
    assert any(
        value == pytest.approx(lesions[0]["volume_ml"], rel=1e-3) for value in totals.values()
    ) or any(value == pytest.approx(lesions[0]["suv_max"], rel=1e-3) for value in totals.values())
    referred = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in _tree(sr)
        if "ReferencedSOPSequence" in item
    }
    assert uids["seg.dcm"] in referred
    assert len(rtstruct.StructureSetROISequence) == len(lesions)
    said = "".join(server.said)
    assert "Größe" not in said
    assert "secret" not in said


def _tree(item: Any) -> Any:
    for child in item.get("ContentSequence", ()):
        yield child
        yield from _tree(child)


def test_killed_while_storing_then_stored_once(
    viewer: Callable[..., Any], orthancs: Callable[..., Any], make_study: Callable[..., Any]
) -> None:
    orthanc = orthancs()
    made = make_study()
    orthanc.pacs().store(made.paths).require_all()
    server = viewer(orthanc)
    (study,) = fetch(server, made.uid)["studies"]
    session = server.client().open(study["id"], "a reader")
    session.scribble("foreground", [[6, 6, 6], [7, 6, 6]])
    place = f"/sessions/{session.state['id']}/store"
    first = ask(server, "POST", place, {"what": ["rtstruct.dcm"]})["stored"]
    orthanc.kill()
    with pytest.raises(RefusedError, match="does not answer") as caught:
        ask(server, "POST", place, {"what": ["rtstruct.dcm", "seg.dcm"]})
    assert caught.value.status == 502
    with pytest.raises(RefusedError) as caught:
        ask(server, "POST", "/pacs/search", {})
    assert caught.value.status == 502
    session.scribble("background", [[1, 1, 1]])  # the reader can go on
    session.undo()
    orthanc.start()
    stored = ask(server, "POST", place, {"what": ["rtstruct.dcm", "seg.dcm"]})["stored"]
    assert {row["what"] for row in stored} == {"rtstruct.dcm", "seg.dcm"}
    assert first
    (row,) = orthanc.pacs().find().studies
    assert "SEG" in row.modalities


def test_killed_while_fetching_then_fetched_on(
    viewer: Callable[..., Any],
    orthancs: Callable[..., Any],
    make_study: Callable[..., Any],
    tmp_path: Path,
) -> None:
    orthanc = orthancs()
    made = make_study()
    orthanc.pacs().store(made.paths).require_all()
    server = viewer(orthanc)
    job = ask(server, "POST", "/pacs/fetch", {"study": made.uid})["job"]
    incoming = tmp_path / "state" / "fetched" / ".incoming"
    deadline = time.monotonic() + 30
    while not list(incoming.rglob("*.dcm")) and time.monotonic() < deadline:
        time.sleep(0.001)
    orthanc.kill()
    told = wait(server, job, "failed")
    assert "does not answer" in told["problem"]["error"]
    assert told["studies"] == []
    assert ask(server, "GET", "/studies") == []
    had = len(list(incoming.rglob("*.dcm")))
    assert 0 < had < 48
    orthanc.start()
    assert len(fetch(server, made.uid)["studies"]) == 1


def test_cancelled_and_gone_on_with(
    viewer: Callable[..., Any], orthancs: Callable[..., Any], make_study: Callable[..., Any]
) -> None:
    orthanc = orthancs()
    made = make_study()
    orthanc.pacs().store(made.paths).require_all()
    server = viewer(orthanc)
    job = ask(server, "POST", "/pacs/fetch", {"study": made.uid})["job"]
    assert ask(server, "DELETE", f"/jobs/{job}") is None
    told = wait(server, job, "cancelled")
    assert told["problem"] is None
    assert len(fetch(server, made.uid)["studies"]) == 1


def test_what_cannot_be_done_is_told(
    viewer: Callable[..., Any],
    orthancs: Callable[..., Any],
    make_study: Callable[..., Any],
    tmp_path: Path,
) -> None:
    orthanc = orthancs()
    ct_only = make_study()
    orthanc.pacs().store([p for p in ct_only.paths if p.name.startswith("CT")]).require_all()
    server = viewer(orthanc)
    for uid in ("../../etc", "1..2", "1.2/..", "", "a"):
        with pytest.raises(RefusedError) as caught:
            ask(server, "POST", "/pacs/fetch", {"study": uid})
        assert caught.value.status == 422
    job = ask(server, "POST", "/pacs/fetch", {"study": ct_only.uid})["job"]
    told = wait(server, job, "failed")
    assert told["problem"]["error"] == "no PET series in the fetched study"
    assert not list((tmp_path / "state" / "fetched").rglob("*.dcm"))
    with pytest.raises(RefusedError) as caught:
        ask(server, "GET", "/jobs/nonsense")
    assert caught.value.status == 404
    with pytest.raises(RefusedError) as caught:
        ask(server, "POST", "/sessions/nonsense/store", {"what": ["seg.dcm"]})
    assert caught.value.status == 404
    with pytest.raises(RefusedError) as caught:
        ask(server, "POST", "/pacs/search", {"date_from": "yesterday"})
    assert caught.value.status == 422


def test_a_study_that_was_no_dicom_is_not_stored(
    start: Callable[..., Any], orthanc: Any, tmp_path: Path, write_case: Callable[..., None]
) -> None:
    write_case(
        tmp_path / "data", "case", np.linspace(0, 9, 1728, dtype=np.float32).reshape(12, 12, 12)
    )
    server = start(
        tmp_path / "data", tmp_path / "state", "--segmenter", "propagate",
        "--dicomweb", orthanc.url,
    )  # fmt: skip
    (study,) = ask(server, "GET", "/studies")
    session = server.client().open(study["id"], "a reader")
    with pytest.raises(RefusedError, match="cannot be stored") as caught:
        ask(server, "POST", f"/sessions/{session.state['id']}/store", {"what": ["seg.dcm"]})
    assert caught.value.status == 409


def test_without_a_pacs(start: Callable[..., Any], tmp_path: Path) -> None:
    server = start(tmp_path, tmp_path / "state", "--segmenter", "propagate")
    assert ask(server, "GET", "/info")["pacs"] is None
    with pytest.raises(RefusedError, match="no PACS") as caught:
        ask(server, "POST", "/pacs/search", {})
    assert caught.value.status == 404
