"""What is acknowledged stays: a killed server, a full disk, a lost answer."""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.datasets.nnunet import find_cases
from lesionloop.imaging import read_study
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter
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


#: The package's own container entry point: started afresh at every step, which takes its time.
PROGRAM = """#!/bin/sh
exec {python} -c "from lesionloop.cli import main; main()" grand-challenge \
  --segmenter propagate --input "$1" --output "$2"
"""


def test_killed_while_a_stroke_is_computed(start: Start, data: Path, tmp_path: Path) -> None:
    """The stroke was recorded before it was computed: the restarted server computes it."""
    program = tmp_path / "run.sh"
    program.write_text(PROGRAM.format(python=sys.executable))
    program.chmod(0o755)
    server = start(data, tmp_path / "state", "--segmenter", f"command:{program}")
    client = server.client()
    session = client.open(client.studies()[0]["id"], "me")
    answer = session.scribble("background", [[12, 10, 9]])
    lost: list[Exception] = []

    def draw() -> None:
        try:
            session.scribble("foreground", [[20, 18, 15], [21, 18, 15]], key="k")
        except (ConnectionError, OSError) as error:
            lost.append(error)

    drawing = threading.Thread(target=draw)
    drawing.start()
    end = time.monotonic() + 30
    while client.json("GET", f"/sessions/{session.id}/work")["what"] != "correction":
        assert time.monotonic() < end
        time.sleep(0.01)
    server.stop(signal.SIGKILL)
    drawing.join()
    assert lost, "killed before the answer"
    server.start()
    now = server.client().resume(session.id)
    assert [stroke["points"] for stroke in now.state["strokes"]] == [
        [[12, 10, 9]], [[20, 18, 15], [21, 18, 15]],
    ]  # fmt: skip
    case = find_cases(data, labelled=False)[0]
    scribbles = ScribbleSet().add([[12, 10, 9]], "background")
    scribbles = scribbles.add([[20, 18, 15], [21, 18, 15]], "foreground")
    study = read_study(case.ct, case.pet, tracer="fdg")
    cold = load_segmenter("propagate").open(study).segment(scribbles)
    np.testing.assert_array_equal(now.mask > 0, cold)
    again = now.scribble("foreground", [[20, 18, 15], [21, 18, 15]], key="k")
    assert again["event"] > answer["event"], "sent again it is answered, not recorded twice"
    assert len(now.state["strokes"]) == 2


def test_two_windows_on_one_session(server: Any) -> None:
    """Both draw and follow at once: both get all, and no revision goes back."""
    client = server.client()
    study = client.studies()[2]["id"]
    windows = [server.client().open(study, "two windows") for _ in range(2)]
    assert windows[0].id == windows[1].id
    backward: list[tuple[int, int]] = []
    failures: list[Exception] = []

    def use(number: int) -> None:
        window, rng = windows[number], np.random.default_rng(number)
        try:
            for turn in range(25):
                before = window.revision
                if turn % 5 == 4:
                    window.undo() if window.state["undo"] else window.follow()
                elif turn % 3 == 2:
                    window.follow()
                else:
                    at = rng.integers((4, 4, 3), (36, 32, 27)).tolist()
                    label = "foreground" if rng.random() < 0.5 else "background"
                    window.scribble(label, [at])
                if window.revision < before or window.state["revision"] < before:
                    backward.append((before, window.revision))
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=use, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (failures, backward) == ([], [])
    now = client.resume(windows[0].id)
    for window in windows:
        window.follow()
        assert window.revision == now.revision
        np.testing.assert_array_equal(window.mask, now.mask)
        told = [(stroke["number"], stroke["label"]) for stroke in window.state["strokes"]]
        assert told == [(stroke["number"], stroke["label"]) for stroke in now.state["strokes"]]
