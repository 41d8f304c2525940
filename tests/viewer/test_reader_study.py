"""A reader study over the network: who gets what, when, and under which name."""

import csv
import json
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import nibabel as nib
import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.reader_study import Protocol, Reading, plan_readings, read_protocol
from lesionloop.reader_study.protocol import parse_protocol
from lesionloop.scribbles.formats import MAX_POINTS
from lesionloop.segmenters import load_segmenter
from lesionloop.viewer.client import Client, RefusedError, RemoteSession
from lesionloop.viewer.library import Library
from lesionloop.viewer.reader_study import assign

Start = Callable[..., Any]
NAMES = ("alphaville", "bravissimo", "charleston", "deltawing")
LINE = [(x, 18, 15) for x in range(18, 23)]
PROTOCOL = """\
title = "Two readers"
design = "crossover"
seed = 5
washout_days = {washout}
readers = ["Anna", "Bo"]
cases = ["alphaville", "bravissimo", "charleston", "deltawing"]
instructions = "Read."
"""


@pytest.fixture(scope="module")
def cases(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four small studies with telling names."""
    folder = tmp_path_factory.mktemp("cases")
    (folder / "imagesTr").mkdir()
    for number, name in enumerate(NAMES):
        values = np.full((40, 36, 30), 0.6, dtype=np.float32)
        values[8 + number : 12 + number, 10:14, 9:12] = 8.0
        image = nib.Nifti1Image(values, np.diag([-4.0, -5.0, 6.0, 1.0]))
        nib.save(image, folder / "imagesTr" / f"{name}_0001.nii.gz")
    return folder


class Study:
    """A study that is served, and its protocol."""

    def __init__(self, start: Start, cases: Path, folder: Path, washout: float = 0) -> None:
        self.path = folder / "study.toml"
        self.path.write_text(PROTOCOL.format(washout=washout), encoding="utf-8")
        self.cases, self.state = cases, folder / "state"
        self.protocol: Protocol = read_protocol(self.path)
        self.server = start(
            cases, self.state, "--segmenter", "propagate", "--reader-study", self.path
        )

    @property
    def client(self) -> Client:
        found: Client = self.server.client()
        return found

    def worklist(self, reader: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.json(
            "POST", "/reader-study/worklist", {"reader": reader}
        )
        return found

    def begin(self, reader: str, position: int) -> RemoteSession:
        body = {"reader": reader, "position": position}
        return self.client.resume(self.client.json("POST", "/reader-study/begin", body)["id"])

    def plan(self, reader: str) -> list[Reading]:
        return [r for r in plan_readings(self.protocol) if r.reader == reader]


@pytest.fixture
def study(start: Start, cases: Path, tmp_path: Path) -> Study:
    return Study(start, cases, tmp_path)


def refused(call: Callable[[], object], status: int, says: str) -> str:
    with pytest.raises(RefusedError, match=says) as error:
        call()
    assert error.value.status == status
    return str(error.value)


def answers(address: str, asked: list[tuple[str, str, Any]]) -> Iterator[tuple[str, bytes]]:
    """Everything that comes back, headers too, whatever the status."""
    for method, path, body in asked:
        data = None if body is None else json.dumps(body).encode()
        request = Request(address + path, data=data, method=method)  # noqa: S310
        request.add_header("Content-Type", "application/json")
        try:
            with urlopen(request, timeout=60) as answer:  # noqa: S310
                yield path, str(answer.headers).encode() + answer.read()
        except HTTPError as error:
            yield path, str(error.headers).encode() + error.read()


def test_two_readers_work_through_a_crossover(study: Study, tmp_path: Path) -> None:
    info = study.client.info()
    assert info["reader_study"] == {"title": "Two readers", "readers": ["Anna", "Bo"]}
    drawn: dict[tuple[str, int], Any] = {}
    for reader in ("Anna", "Bo"):
        plan = study.plan(reader)
        found = study.worklist(f" {reader} ")
        assert [(i["position"], i["label"], i["arm"]) for i in found["items"]] == [
            (r.position, f"Case {r.position}", r.arm) for r in plan
        ]
        assert {i["state"] for i in found["items"]} == {"waiting"}
        assert (found["next"], found["instructions"], found["not_before"]) == (1, "Read.", None)
        for reading in plan:
            session = study.begin(reader, reading.position)
            told = session.state["study"]
            assert (told["name"], told["arm"], told["notes"]) == (reading.label, reading.arm, [])
            assert session.mask.any() == (reading.arm == "assisted")
            session.scribble("foreground", LINE)
            session.event(kind="pause")
            session.event(kind="resume")
            session.event(kind="done", confidence=4)
            drawn[reader, reading.position] = session.mask.copy() > 0
        assert study.worklist(reader)["next"] is None
    # The table, while the server is at work, by the command line.
    references = tmp_path / "labels"
    references.mkdir()
    for name in NAMES:
        image = nib.load(study.cases / "imagesTr" / f"{name}_0001.nii.gz")
        label = (np.asarray(image.dataobj) > 4).astype(np.uint8)
        nib.save(nib.Nifti1Image(label, image.affine), references / f"{name}.nii.gz")
    out = tmp_path / "out"
    said = lesionloop(
        "reader-study", "table", study.path, "--state", study.state, "--references", references,
        "--out", out,
    )  # fmt: skip
    assert "time saved:" in said.stdout, said.stderr
    with (out / "cases.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 16
    for row in rows:
        assert (row["state"], row["confidence"], row["foreground"]) == ("done", "4", "1")
        mask = drawn[row["reader"], int(row["position"])]
        number = NAMES.index(row["case"])
        label = np.zeros((40, 36, 30), dtype=bool)
        label[8 + number : 12 + number, 10:14, 9:12] = True
        dice = 2 * (mask & label).sum() / (mask.sum() + label.sum())
        assert float(row["dice"]) == pytest.approx(dice)
        assert float(row["mtv_ml"]) == pytest.approx(mask.sum() * 0.12)
        if row["arm"] == "manual":
            assert mask.sum() == len(LINE)
        assert 0 < float(row["first_mask_s"]) < 60
        assert float(row["wait_s"]) > 0
        assert 0 <= float(row["idle_s"]) < 5
    summary = json.loads((out / "summary.json").read_text())
    assert summary["saving"][0]["cases"] == 4
    assert {row["dice"] for row in summary["agreement"]} == {1.0}


def test_no_answer_names_a_case(study: Study) -> None:
    """Whatever is asked, allowed or not, no case's name comes back."""
    session = study.begin("Anna", 1)
    session.scribble("foreground", LINE)
    known = session.state["study"]["id"]
    sessions, list_ = f"/api/sessions/{session.id}", "/api/reader-study/worklist"
    asked: list[tuple[str, str, Any]] = [
        ("GET", "/api/info", None),
        ("GET", "/api/studies", None),
        ("GET", "/api/timings", None),
        ("GET", "/api/openapi.json", None),
        ("POST", list_, {"reader": "Anna"}),
        ("POST", list_, {"reader": "Nobody"}),
        ("POST", "/api/reader-study/begin", {"reader": "Anna", "position": 3}),
        ("POST", f"/api/studies/{known}/sessions", {"reader": "Anna"}),
        ("POST", "/api/sessions", {"study": known, "reader": "Anna"}),
        ("GET", f"/api/studies/{known}/pet.nii.gz", None),
        ("GET", f"/api/studies/{known}/ct.nii.gz", None),
        ("GET", sessions, None),
        ("GET", f"{sessions}/changes?since=0", None),
        ("GET", f"{sessions}/mask", None),
        ("GET", f"{sessions}/work", None),
        ("GET", f"{sessions}/mip/0.png", None),
        ("GET", f"{sessions}/mip/0/pick?u=0.5&v=0.5", None),
        ("POST", f"{sessions}/start?name=x&key=k", None),
        ("POST", "/api/uploads", {}),
        ("POST", "/api/pacs/search", {}),
        ("GET", "/api/nonesuch", None),
        ("POST", f"{sessions}/events", {"kind": "view", "what": "x"}),
        *(("GET", f"{sessions}/export/{what}", None)
          for what in ("seg.dcm", "mask.nii.gz", "session.json", "lesions.csv")),
    ]  # fmt: skip
    for path, answer in answers(study.server.address.rstrip("/"), asked):
        for name in NAMES:
            assert name.encode() not in answer, (path, name)
    for what in ("seg.dcm", "mask.mha"):
        refused(lambda what=what: session.export(what), 409, "closed")  # type: ignore[misc]
    refused(study.client.studies, 409, "closed")
    refused(lambda: study.client.open(known, "Anna"), 409, "closed")


def test_a_case_that_cannot_be_read_is_not_named(start: Start, cases: Path, tmp_path: Path) -> None:
    broken = tmp_path / "cases"
    (broken / "imagesTr").mkdir(parents=True)
    for path in (cases / "imagesTr").iterdir():
        (broken / "imagesTr" / path.name).write_bytes(path.read_bytes()[:300])
    study = Study(start, broken, tmp_path)
    text = refused(lambda: study.begin("Anna", 1), 422, "cannot be shown")
    assert not any(name in text for name in NAMES)
    assert str(broken) not in text


def test_the_order_is_kept(study: Study) -> None:
    refused(lambda: study.begin("Anna", 2), 409, "cannot be begun yet")
    refused(lambda: study.begin("Anna", 9), 404, "no reading 9")
    refused(lambda: study.begin("Nobody", 1), 404, "nobody")
    refused(lambda: study.worklist("Nobody"), 404, "nobody")
    first = study.begin("Anna", 1)
    assert study.begin("Anna", 1).id == first.id
    refused(lambda: study.begin("Anna", 2), 409, "cannot be begun yet")
    for confidence in (0, 6, 2.5, "4"):
        refused(lambda c=confidence: first.event(kind="done", confidence=c), 422, "valid")  # type: ignore[misc]
    assert study.worklist("Anna")["items"][0]["state"] == "open"
    first.event(kind="done")
    refused(lambda: study.begin("Anna", 1), 409, "is done")
    # Reopened it comes first again, until the next one was begun.
    first.event(kind="reopen")
    assert study.worklist("Anna")["next"] == 1
    refused(lambda: study.begin("Anna", 2), 409, "cannot be begun yet")
    first.scribble("foreground", LINE)
    first.event(kind="done")
    second = study.begin("Anna", 2)
    refused(lambda: first.event(kind="reopen"), 409, "is closed")
    states = [item["state"] for item in study.worklist("Anna")["items"]]
    assert states == ["done", "open", *["waiting"] * 6]
    assert study.begin("Bo", 1).id not in (first.id, second.id)


def test_the_washout_is_kept(start: Start, cases: Path, tmp_path: Path) -> None:
    study = Study(start, cases, tmp_path, washout=14)
    for position in range(1, 5):
        study.begin("Bo", position).event(kind="done")
    found = study.worklist("Bo")
    assert found["next"] == 5
    text = refused(lambda: study.begin("Bo", 5), 409, "cannot be begun yet")
    assert "14 days lie between" in text
    assert "14.0 are left" in text
    # Thirteen days later as the store has it, and then more than fourteen.
    database = sqlite3.connect(study.state / "sessions.sqlite")

    def pass_days(days: float) -> None:
        with database:
            database.execute("UPDATE event SET time = time - ?", (days * 86400,))

    pass_days(13)
    refused(lambda: study.begin("Bo", 5), 409, "cannot be begun yet")
    pass_days(1.01)
    assert study.begin("Bo", 5).state["study"]["name"] == "Case 5"
    database.close()


def test_in_the_manual_arm_the_later_stroke_holds(study: Study) -> None:
    position = next(r.position for r in study.plan("Anna") if r.arm == "manual")
    for before in range(1, position):
        study.begin("Anna", before).event(kind="done")
    session = study.begin("Anna", position)
    assert not session.mask.any()
    assert session.state["places"] == []
    session.scribble("foreground", LINE)
    session.scribble("background", LINE[1:3])
    expected = np.zeros(session.mask.shape, dtype=bool)
    expected[tuple(np.transpose([LINE[0], *LINE[3:]]))] = True
    np.testing.assert_array_equal(session.mask > 0, expected)
    session.scribble("foreground", LINE[2:3])
    assert session.mask[LINE[2]]
    session.undo()
    session.undo()
    assert all(session.mask[voxel] for voxel in LINE)
    # A mask may have more voxels than hints to a segmenter may have points.
    everywhere = list(np.ndindex(session.mask.shape))
    for _ in range(3):
        session.scribble("foreground", everywhere)
    assert len(everywhere) * 3 > MAX_POINTS
    assert session.mask.all()


def test_a_killed_server_loses_nothing(study: Study) -> None:
    arms = {r.position: r.arm for r in study.plan("Anna")}
    first = study.begin("Anna", 1)
    first.scribble("foreground", LINE)
    first.event(kind="done", confidence=2)
    done = first.mask.copy()
    second = study.begin("Anna", 2)
    second.scribble("foreground", LINE)
    second.scribble("background", LINE[:2])
    mask = second.mask.copy()
    study.server.stop(signal.SIGKILL)
    study.server.start()
    found = study.worklist("Anna")
    assert [item["state"] for item in found["items"][:3]] == ["done", "open", "waiting"]
    assert found["items"][1]["session"] == second.id
    again = study.begin("Anna", 2)
    assert again.id == second.id
    assert again.state["study"]["arm"] == arms[2]
    np.testing.assert_array_equal(again.mask, mask)
    kept = study.state / "reader-study" / f"{first.id}.nii.gz"
    np.testing.assert_array_equal(np.asarray(nib.load(kept).dataobj), done > 0)


def test_a_study_goes_on_as_it_was_begun(study: Study) -> None:
    study.begin("Anna", 1)
    study.server.stop()
    text = study.path.read_text(encoding="utf-8")
    library = Library(study.cases)

    def start_with(old: str, new: str, segmenter: str, says: str) -> None:
        protocol = parse_protocol(text.replace(old, new), "study.toml")
        with pytest.raises(InputError, match=says):
            assign(protocol, library, study.state, load_segmenter(segmenter).identity)

    start_with("seed = 5", "seed = 6", "propagate", "not the one that Anna began with")
    start_with('"Anna", ', "", "propagate", "not the one that Anna began with")
    start_with("deltawing", "nonesuch", "propagate", "nonesuch")
    start_with("", "", "threshold", "another segmenter")
    done = lesionloop(
        "serve", study.cases, "--state", study.state, "--port", 0, "--reader-study", study.path,
        "--segmenter", "threshold", check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "another segmenter" in done.stderr
    study.path.write_text(text.replace('"Bo"]', '"Bo", "Cy"]'), encoding="utf-8")
    study.server.start()
    assert study.worklist("Cy")["next"] == 1
    # The owner serves the same state without the protocol, and exports by name.
    study.server.stop()
    study.server.arguments = ("--segmenter", "propagate")
    study.server.start()
    rows = {row["name"]: row for row in study.client.studies()}
    first = study.plan("Anna")[0]
    owned = study.client.resume(rows[first.case]["sessions"][0]["id"])
    assert (owned.state["study"]["name"], owned.state["study"]["arm"]) == (first.case, first.arm)
    assert owned.export("mask.nii.gz")
    assert study.client.info()["reader_study"] is None
    refused(lambda: study.worklist("Anna"), 404, "no reader study")
    # Reading freely is another session than the one in the study.
    assert study.client.open(rows[first.case]["id"], "Anna").id != owned.id


def lesionloop(*arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "from lesionloop.cli import main; main()", *map(str, arguments)],
        capture_output=True, text=True, check=check, timeout=60,
    )  # fmt: skip
