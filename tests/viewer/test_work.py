"""How far a computation is, over the network, and what stops it: a segmenter that waits for us."""

import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.imaging import Study
from lesionloop.progress import tell
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.protocol import honour
from lesionloop.viewer.app import create_app
from lesionloop.viewer.client import Client, RefusedError
from lesionloop.viewer.server import listen, serve

LIMIT_S = 20.0


class Patient:
    """A segmenter that holds still, half done, as long as it is told to."""

    name = "patient"
    identity: dict[str, object] = {"name": "patient"}  # noqa: RUF012

    def __init__(self) -> None:
        self.hold = threading.Event()
        self.begun: list[int] = []  # strokes of each computation; -1 is the first pass, -2 places
        self.ended: list[int] = []

    def open(self, study: Study) -> "PatientSession":
        self.work(-1)
        return PatientSession(self, study)

    def work(self, what: int) -> None:
        self.begun.append(what)
        tell(0.25)
        end = time.monotonic() + LIMIT_S
        while self.hold.is_set() and time.monotonic() < end:
            time.sleep(0.002)
            tell(0.5)
        self.ended.append(what)


class PatientSession:
    def __init__(self, segmenter: Patient, study: Study) -> None:
        self.segmenter, self.study = segmenter, study

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        if len(scribbles):
            self.segmenter.work(len(scribbles))
        return honour(np.asarray(self.study.pet.values > 4), scribbles)

    def next_places(self, scribbles: ScribbleSet, count: int) -> list[Any]:
        if len(scribbles):
            self.segmenter.work(-2)
        return list[Any]()[:count]


@pytest.fixture
def patient() -> Patient:
    return Patient()


@pytest.fixture
def client(patient: Patient, data: Path, tmp_path: Path) -> Iterator[Client]:
    """A server in this process, so that the segmenter can be told to wait."""
    app = create_app(data, tmp_path / "state", segmenter=patient)
    opened = listen("127.0.0.1", 0)
    ready, servers = threading.Event(), list[Any]()
    import uvicorn

    real = uvicorn.Server.__init__

    def noted(self: Any, *arguments: Any, **options: Any) -> None:
        servers.append(self)
        real(self, *arguments, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(uvicorn.Server, "__init__", noted)
        thread = threading.Thread(target=serve, args=(app, opened, ready.set), daemon=True)
        thread.start()
        assert ready.wait(LIMIT_S)
    yield Client(f"http://127.0.0.1:{opened.getsockname()[1]}")
    patient.hold.clear()
    servers[0].should_exit = True
    thread.join(LIMIT_S)
    assert not thread.is_alive()


class Later:
    """A request that waits for its answer."""

    def __init__(self, ask: Callable[[], Any]) -> None:
        self.answer: Any = None
        self.thread = threading.Thread(target=self._run, args=(ask,), daemon=True)
        self.thread.start()

    def _run(self, ask: Callable[[], Any]) -> None:
        try:
            self.answer = ask()
        except RefusedError as error:
            self.answer = error

    def result(self) -> Any:
        self.thread.join(LIMIT_S)
        assert not self.thread.is_alive()
        return self.answer


def begin(client: Client, reader: str, study: int = 0) -> str:
    body = {"study": client.studies()[study]["id"], "reader": reader}
    named: dict[str, Any] = client.json("POST", "/sessions", body)
    assert named["reader"] == reader
    return str(named["id"])


def work(client: Client, session: str) -> dict[str, Any]:
    found: dict[str, Any] = client.json("GET", f"/sessions/{session}/work")
    return found


def is_idle(client: Client, session: str) -> bool:
    return bool(work(client, session)["state"] == "idle")


def until(found: Callable[[], Any]) -> None:
    end = time.monotonic() + LIMIT_S
    while not found():
        assert time.monotonic() < end
        time.sleep(0.005)


def draw(client: Client, session: str, x: int, kind: str = "scribble") -> Later:
    body: dict[str, Any] = {"kind": kind}
    if kind == "scribble":
        body |= {"label": "foreground", "points": [[x, 18, 15]], "key": f"at {x}"}
    before = recorded(client, session)
    later = Later(lambda: client.json("POST", f"/sessions/{session}/events", body))
    until(lambda: recorded(client, session) > before)
    return later


def recorded(client: Client, session: str) -> int:
    return sum(row["events"] for row in client.json("GET", "/timings") if row["session"] == session)


def test_opening_is_answered_at_once_and_can_be_followed(client: Client, patient: Patient) -> None:
    patient.hold.set()
    one = begin(client, "one")
    until(lambda: work(client, one)["part"] is not None and patient.begun == [-1])
    now = work(client, one)
    assert (now["state"], now["what"], now["ahead"]) == ("computing", "first mask", 0)
    assert 0.25 <= now["part"] <= 0.5
    two = begin(client, "two")
    three = begin(client, "three", study=1)
    assert begin(client, "two") == two
    queued = {"state": "queued", "what": None, "part": None}
    assert work(client, two) == {**queued, "ahead": 1}
    assert work(client, three) == {**queued, "ahead": 2}
    patient.hold.clear()
    idle = {"state": "idle", "what": None, "part": None, "ahead": 0}
    for session in (one, two, three):
        until(partial(is_idle, client, session))
        assert work(client, session) == idle
    assert patient.ended == [-1, -1, -1]
    assert client.resume(two).state["revision"] == 0
    assert patient.ended == [-1, -1, -1], "nothing is computed twice"
    for body in ({"study": "none", "reader": "x"}, {"study": "", "reader": " "}):
        with pytest.raises(RefusedError):
            client.json("POST", "/sessions", body)
    with pytest.raises(RefusedError, match="no such session"):
        work(client, "none")


def test_cancelled_while_it_opens(client: Client, patient: Patient) -> None:
    patient.hold.set()
    one, two = begin(client, "one"), begin(client, "two")
    waiting = [Later(partial(client.resume, session)) for session in (one, two)]
    until(lambda: patient.begun == [-1])
    time.sleep(0.05)
    for session in (two, one):  # the one in the queue, the one at work
        client.bytes("DELETE", f"/sessions/{session}/work")
    for later in waiting:
        refused = later.result()
        assert isinstance(refused, RefusedError)
        assert refused.status == 409
        assert "the computation was cancelled" in refused.what
    until(lambda: work(client, one)["state"] == "idle")
    assert work(client, two)["state"] == "idle"
    assert (patient.begun, patient.ended) == ([-1], [])
    patient.hold.clear()
    assert client.resume(one).mask.any()
    assert client.resume(two).mask.any()
    assert patient.ended == [-1, -1]
    client.bytes("DELETE", f"/sessions/{one}/work")  # there is nothing to stop
    assert client.resume(one).mask.any()


def test_a_cancelled_stroke_is_kept(client: Client, patient: Patient) -> None:
    session = begin(client, "me")
    before = client.resume(session).mask
    patient.hold.set()
    stroke = draw(client, session, 20)
    until(lambda: work(client, session)["what"] == "correction")
    client.bytes("DELETE", f"/sessions/{session}/work")
    assert stroke.result().status == 409
    patient.hold.clear()
    now = client.resume(session)
    assert len(now.state["strokes"]) == 1
    assert now.mask[20, 18, 15]
    assert (now.mask > 0).sum() == (before > 0).sum() + 1


def test_an_undo_stops_the_stroke_that_it_takes_back(client: Client, patient: Patient) -> None:
    session = begin(client, "me")
    before = client.resume(session).mask
    draw(client, session, 19).result()
    patient.hold.set()
    stroke = draw(client, session, 20)
    until(lambda: patient.begun[-1] == 2)
    undo = draw(client, session, 0, "undo")
    until(lambda: patient.begun[-1] == 1)
    patient.hold.clear()
    for later, event in ((stroke, 3), (undo, 4)):
        answer = later.result()
        assert (answer["event"], answer["revision"]) == (event, 3)
        assert len(answer["state"]["strokes"]) == 1
    assert 2 not in patient.ended
    assert (client.resume(session).mask > 0).sum() == (before > 0).sum() + 1
    patient.hold.set()
    redo = draw(client, session, 0, "redo")
    until(lambda: patient.begun[-1] == 2)
    again = draw(client, session, 0, "undo")
    until(lambda: patient.begun[-1] == 1)
    patient.hold.clear()
    assert redo.result()["revision"] == again.result()["revision"] == 5
    assert 2 not in patient.ended


def test_a_further_stroke_stops_nothing(client: Client, patient: Patient) -> None:
    """Nor does taking it back, as what is computed never held it."""
    session = begin(client, "me")
    client.resume(session)
    patient.hold.set()
    first = draw(client, session, 19)
    until(lambda: patient.begun[-1] == 1)
    second = draw(client, session, 20)
    third = draw(client, session, 21)
    undo = draw(client, session, 0, "undo")
    time.sleep(0.05)
    assert patient.begun[-1] == 1
    patient.hold.clear()
    assert first.result()["revision"] == 1
    assert second.result()["revision"] == third.result()["revision"] == 4
    assert undo.result()["revision"] == 4
    assert [strokes for strokes in patient.ended if strokes > 0] == [1, 2]


def test_what_is_opened_stays_good_whatever_is_drawn(client: Client, patient: Patient) -> None:
    """A session with a stroke is opened again; the stroke is taken back meanwhile."""
    session = begin(client, "me")
    client.resume(session)
    patient.hold.set()
    stroke = draw(client, session, 20)
    until(lambda: patient.begun[-1] == 1)
    client.bytes("DELETE", f"/sessions/{session}/work")
    assert stroke.result().status == 409
    other = begin(client, "other")
    until(lambda: patient.begun[-1] == -1)
    undo = draw(client, session, 0, "undo")
    body = {"kind": "view", "what": "a look"}
    client.json("POST", f"/sessions/{session}/events", body)
    assert work(client, session)["state"] == "queued"
    assert work(client, other)["state"] == "computing"
    patient.hold.clear()
    assert undo.result()["revision"] == 2
    assert 1 not in patient.ended
    until(lambda: work(client, other)["state"] == "idle")
    assert patient.begun.count(-1) == patient.ended.count(-1) == 2


def test_looking_for_places_gives_way_to_a_stroke(client: Client, patient: Patient) -> None:
    session = begin(client, "me")
    client.resume(session)
    draw(client, session, 19).result()
    patient.hold.set()
    until(lambda: patient.begun[-1] == -2)
    assert work(client, session)["state"] == "idle", "the mask is there"
    client.bytes("DELETE", f"/sessions/{session}/work")
    stroke = draw(client, session, 20)
    until(lambda: patient.begun[-1] == 2)
    assert -2 not in patient.ended
    patient.hold.clear()
    assert stroke.result()["revision"] == 2
    until(lambda: patient.ended[-1] == -2)
    resumed = client.resume(session)
    until(lambda: client.resume(session).state["places_revision"] == 2)
    assert resumed.mask[20, 18, 15]


def test_a_server_that_ends_does_not_wait_for_a_computation(data: Path, tmp_path: Path) -> None:
    from lesionloop.viewer.desk import Desk
    from lesionloop.viewer.library import Library
    from lesionloop.viewer.store import Store

    patient = Patient()
    patient.hold.set()
    desk = Desk(Library(data), Store(tmp_path / "state"), patient)
    session = desk.open(desk.library.entries()[0].id, "me")
    waiting = desk.current(session.id)
    until(lambda: patient.begun == [-1])
    began = time.monotonic()
    desk.close()
    assert time.monotonic() - began < 2
    with pytest.raises(ValueError, match="the server is ending"):
        waiting.result(1)
