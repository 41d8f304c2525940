"""Ten readers on three studies at once: nothing is lost, mixed up or late for one of them."""

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from lesionloop.datasets.nnunet import find_cases
from lesionloop.imaging import read_study
from lesionloop.segmenters import load_segmenter
from lesionloop.viewer.document import fold
from lesionloop.viewer.store import Store

SECONDS = 8.0
READERS = 10


class Reader:
    """Draws, takes back and brings back at random, as fast as it is answered."""

    def __init__(self, server: Any, study: str, number: int) -> None:
        self.session = server.client().open(study, f"reader {number}")
        self.rng = np.random.default_rng(number)
        self.sent: list[tuple[int, str, dict[str, Any]]] = []
        self.waits: list[float] = []
        self.failure: Exception | None = None

    def read(self, end: float) -> None:
        try:
            while time.monotonic() < end:
                began = time.monotonic()
                self.step()
                self.waits.append(time.monotonic() - began)
        except Exception as error:
            self.failure = error

    def step(self) -> None:
        kind, chance = "scribble", self.rng.random()
        if chance < 0.2 and self.session.state["undo"]:
            kind = "undo"
        elif chance < 0.3 and self.session.state["redo"]:
            kind = "redo"
        body: dict[str, Any] = {}
        if kind == "scribble":
            at = self.rng.integers((4, 4, 3), (34, 32, 27)).tolist()
            body["label"] = "foreground" if self.rng.random() < 0.5 else "background"
            body["points"] = [at, [at[0] + 1, *at[1:]], [at[0] + 2, *at[1:]]]
        answer = self.session.event(kind=kind, **body)
        self.sent.append((answer["event"], kind, body))
        assert answer["state"]["reader"] == self.session.state["reader"]


def test_many_readers_at_once(start: Any, data: Path, tmp_path: Path) -> None:
    server = start(data, tmp_path / "state", "--segmenter", "propagate")
    studies = [study["id"] for study in server.client().studies()]
    readers = [Reader(server, studies[number % 3], number) for number in range(READERS)]
    end = time.monotonic() + SECONDS
    threads = [threading.Thread(target=reader.read, args=(end,)) for reader in readers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reader.failure for reader in readers] == [None] * READERS
    masks = [server.client().resume(reader.session.id).mask for reader in readers]
    server.stop()

    store = Store(tmp_path / "state")
    cases = {case.name: case for case in find_cases(data, labelled=False)}
    for reader, mask in zip(readers, masks, strict=True):
        events = store.events(reader.session.id)
        # Once, in order, and nothing of anybody else.
        kept = [(e.number, e.kind, dict(e.data)) for e in events if e.kind != "open"]
        assert kept == reader.sent
        np.testing.assert_array_equal(reader.session.mask, mask)
        case = cases[reader.session.state["study"]["name"]]
        study = read_study(case.ct, case.pet, tracer="fdg")
        cold = load_segmenter("propagate").open(study).segment(fold(events).scribbles())
        np.testing.assert_array_equal(mask > 0, cold)
    store.close()
    counts = [len(reader.sent) for reader in readers]
    assert min(counts) > 0.5 * max(counts), "turns are fair"
    medians = [float(np.median(reader.waits)) for reader in readers]
    assert max(medians) < 2 * min(medians)
