"""What is acknowledged stays: a killed server, a full disk, a lost answer."""

import os
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.viewer.client import RefusedError

resource = pytest.importorskip("resource")  # not on Windows

Start = Callable[..., Any]


def test_a_server_killed_in_mid_correction(start: Start, data: Path, tmp_path: Path) -> None:
    """Scribbles are sent without a pause; the server is killed at odd moments."""
    server = start(data, tmp_path / "state", "--segmenter", "propagate")
    study = server.client().studies()[0]["id"]
    session = server.client().open(study, "me")
    acknowledged: list[list[list[int]]] = []
    sent: list[list[list[int]]] = []
    for kill_after in (0.08, 0.4):
        killer = threading.Timer(kill_after, os.kill, (server.pid, signal.SIGKILL))
        killer.start()
        try:
            while True:
                points = [[4 + len(sent) % 30, 18, 4 + len(sent) // 30]]
                sent.append(points)
                session.scribble("foreground", points)
                acknowledged.append(points)
        except (ConnectionError, OSError):
            pass
        killer.join()
        server.process.wait(timeout=10)
        server.start()
        session = server.client().resume(session.id)
    strokes = [stroke["points"] for stroke in session.state["strokes"]]
    # Everything acknowledged is there, in order, and nothing that was never sent; what was on its
    # way when the server died may be there or not.
    assert [points for points in strokes if points in acknowledged] == acknowledged
    assert all(points in sent for points in strokes)
    assert len(strokes) - len(acknowledged) <= 2
    assert len(acknowledged) > 3
    mask = session.mask.copy()
    twin = server.client().open(study, "twin")
    for points in strokes:
        twin.scribble("foreground", points)
    np.testing.assert_array_equal(twin.mask, mask)


def test_an_answer_that_was_lost_with_the_server(start: Start, data: Path, tmp_path: Path) -> None:
    server = start(data, tmp_path / "state", "--segmenter", "propagate")
    session = server.client().open(server.client().studies()[0]["id"], "me")
    first = session.scribble("foreground", [[20, 18, 15]], key="k")
    session.mark("lock", [20, 18, 15])
    mask = session.mask.copy()
    server.stop(signal.SIGKILL)
    server.start()
    again = server.client().json(
        "POST",
        f"/sessions/{session.id}/events",
        {"kind": "scribble", "label": "foreground", "points": [[20, 18, 15]], "key": "k"},
    )
    assert again["event"] == first["event"]
    session = server.client().resume(session.id)
    np.testing.assert_array_equal(session.mask, mask)
    assert len(session.state["strokes"]) == 1
    assert [lesion["locked"] for lesion in session.state["lesions"]].count(True) == 1
    # The whole history came back: it can be undone to the first mask.
    session.undo()
    session.undo()
    assert session.mask[20, 18, 15] == 0


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="needs prlimit (Linux)")
def test_a_full_disk(start: Start, data: Path, tmp_path: Path) -> None:
    """Files of the server may not grow: nothing is acknowledged, and it goes on afterwards."""
    server = start(data, tmp_path / "state", "--segmenter", "propagate")
    session = server.client().open(server.client().studies()[0]["id"], "me")
    session.scribble("foreground", [[20, 18, 15]])
    mask = session.mask.copy()
    before = resource.prlimit(server.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, (1, before[1]))
    long = [[x, y, z] for x in range(20) for y in range(20) for z in range(20)]
    with pytest.raises(RefusedError, match="nothing was recorded") as refused:
        session.scribble("background", long)
    assert refused.value.status == 507
    assert "space" in str(refused.value.remedy)
    assert server.client().info()
    assert server.client().resume(session.id).state["revision"] == 1
    resource.prlimit(server.pid, resource.RLIMIT_FSIZE, before)
    np.testing.assert_array_equal(server.client().resume(session.id).mask, mask)
    session.scribble("background", [[12, 10, 9]])
    server.stop(signal.SIGKILL)
    server.start()
    assert len(server.client().resume(session.id).state["strokes"]) == 2


def test_scribbles_that_wait_are_computed_together(server: Any) -> None:
    """Ten windows draw at once on one session: all is recorded, each answer is up to date."""
    client = server.client()
    session = client.open(client.studies()[1]["id"], "many hands")
    answers: list[dict[str, Any]] = []

    def draw(x: int) -> None:
        body = {"kind": "scribble", "label": "foreground", "points": [[x, 18, 5]], "key": f"m{x}"}
        answers.append(client.json("POST", f"/sessions/{session.id}/events", body))

    threads = [threading.Thread(target=draw, args=(x,)) for x in range(5, 35, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer["event"] for answer in answers) == list(range(2, 12))
    for answer in answers:
        assert answer["base"] < answer["event"] - 1 <= answer["revision"]
    session.follow()
    assert all(session.mask[x, 18, 5] for x in range(5, 35, 3))
    np.testing.assert_array_equal(session.mask, client.resume(session.id).mask)


def test_many_readers_at_once(server: Any) -> None:
    """Ten readers on three studies for eight seconds: none lost, none mixed, turns are fair."""
    client = server.client()
    studies = [study["id"] for study in client.studies()]
    end = time.monotonic() + 8
    counts, failures = [0] * 10, []
    sessions: list[Any] = [None] * 10

    def read(number: int) -> None:
        try:
            session = server.client().open(studies[number % 3], f"load {number}")
            sessions[number] = session
            rng = np.random.default_rng(number)
            while time.monotonic() < end:
                at = [*rng.integers((4, 4, 3), (36, 32, 27)).tolist()]
                points = [at, [number, counts[number] % 36, 29]]  # the second says who and when
                label = "foreground" if rng.random() < 0.5 else "background"
                if rng.random() < 0.2 and session.state["undo"]:
                    session.undo()
                    session.redo()
                session.scribble(label, points)
                counts[number] += 1
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=read, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    for number, session in enumerate(sessions):
        now = client.resume(session.id)
        marks = [stroke["points"][-1] for stroke in now.state["strokes"]]
        assert marks == [[number, k % 36, 29] for k in range(counts[number])]
        np.testing.assert_array_equal(session.mask, now.mask)
    assert min(counts) > 0.4 * max(counts)
