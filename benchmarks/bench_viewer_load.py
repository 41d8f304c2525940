"""Many readers on one viewer: waiting times, fairness, memory, and whether anything was lost.

A server in a process of its own on three generated studies; ten readers, a thread each, draw random
strokes of eight voxels (foreground and background, with undo and redo now and then), each as soon
as the last one was answered. Afterwards every acknowledged event must stand in the store once and
in order, with nothing of another reader between, and every mask must be that of a cold segmenter
for the stored strokes.

With ``--corrections N`` one reader makes N corrections, and the server's memory is read every 50.

Usage: python benchmarks/bench_viewer_load.py [--seconds 120] [--readers 10] [--full]
       python benchmarks/bench_viewer_load.py --corrections 500 [--full]
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop import Study, load_segmenter, make_phantom
from lesionloop.datasets import find_cases, write_case
from lesionloop.imaging import read_study
from lesionloop.viewer.client import Client, RemoteSession
from lesionloop.viewer.document import Event, fold
from lesionloop.viewer.store import Store

FULL = ((400, 400, 326), (2.04, 2.04, 3.0))
MODERATE = ((200, 200, 160), (4.08, 4.08, 6.1))
STUDIES = 3
LENGTH = 8
UNDO, REDO = 0.1, 0.05
SAMPLE_EVERY = 50


def main() -> int:
    """Run one of the two and print its figures; 1 when something was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "bench-load")
    parser.add_argument("--segmenter", default="default")
    parser.add_argument("--readers", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=120.0)
    parser.add_argument("--corrections", type=int, default=0)
    parser.add_argument("--full", action="store_true", help="400 x 400 x 326 voxels")
    parser.add_argument("--workers", type=int, default=1, help="computed at a time")
    options = parser.parse_args()
    shape, spacing = FULL if options.full else MODERATE
    data = options.cache / "x".join(map(str, shape))
    for number in range(STUDIES):
        if not (data / "imagesTr" / f"fdg_{number}_0001.nii.gz").exists():
            made = make_phantom(seed=number, shape=shape, spacing=spacing, lesions=10)
            write_case(Study(made.pet, made.ct, f"fdg_{number}", "fdg"), data)
    print(f"{'x'.join(map(str, shape))} voxels, segmenter {options.segmenter}", flush=True)
    with tempfile.TemporaryDirectory() as state:
        arguments = ["--segmenter", options.segmenter, "--workers", str(options.workers)]
        if options.corrections:
            return _grow(data, Path(state), arguments, options.corrections)
        readers = _load(data, Path(state), arguments, options.readers, options.seconds)
        return _check(data, Path(state), options.segmenter, readers)


@dataclass(eq=False)
class Reader:
    """A reader that never pauses, and what was acknowledged to it.

    Args:
        number: seed, too.
        session: as its client has it.
        body: voxels (n, 3) to draw at.
    """

    number: int
    session: RemoteSession
    body: NDArray[np.int64]
    acknowledged: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)
    computes: list[float] = field(default_factory=list)
    failure: BaseException | None = None

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.number)

    def step(self) -> None:
        """Draw, or take back, and wait for the mask."""
        kind, chance = "scribble", self.rng.random()
        if chance < UNDO and self.session.state["undo"]:
            kind = "undo"
        elif chance < UNDO + REDO and self.session.state["redo"]:
            kind = "redo"
        body: dict[str, Any] = {}
        if kind == "scribble":
            start = self.body[self.rng.integers(len(self.body))]
            points = start + np.arange(LENGTH)[:, None] * np.array([1, 0, 0])
            body["label"] = ("foreground", "background")[int(self.rng.integers(2))]
            body["points"] = np.minimum(points, np.array(self.session.mask.shape) - 1).tolist()
        began = time.perf_counter()
        answer = self.session.event(kind=kind, **body)
        self.waits.append(time.perf_counter() - began)
        self.computes.append(answer["seconds"]["compute"])
        self.acknowledged.append((answer["event"], kind, body))

    def read_until(self, end: float) -> None:
        """Go on until a moment of `time.monotonic`."""
        try:
            while time.monotonic() < end:
                self.step()
        except BaseException as error:
            self.failure = error
            raise


@contextmanager
def _server(data: Path, state: Path, arguments: list[str]) -> Iterator[tuple[Client, int]]:
    """A client of a running server, and the server's process."""
    server = subprocess.Popen(
        [sys.executable, "-m", "lesionloop", "serve", data, "--port", "0", "--state", state,
         *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        assert server.stdout is not None  # noqa: S101  (a pipe was asked for)
        found = next((m for m in map(re.compile(r"http://\S+").search, server.stdout) if m), None)
        if found is None:
            raise SystemExit("the server did not start")
        # Whatever else it says is read, so that it never waits for us.
        threading.Thread(target=server.stdout.read, daemon=True).start()
        yield Client(found[0], timeout_s=600.0), server.pid
    finally:
        server.terminate()
        server.wait()


def _rss_mb(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text(encoding="ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _readers(client: Client, data: Path, count: int) -> list[Reader]:
    """Readers whose sessions are open, in turn on the studies."""
    bodies = []
    for case in find_cases(data, labelled=False):
        ct = read_study(case.ct, case.pet).ct
        assert ct is not None  # noqa: S101  (generated with one)
        bodies.append((case.name, np.argwhere(ct.values[::3, ::3, ::3] > -200) * 3))
    places = dict(bodies)
    studies = client.studies()
    return [
        Reader(n, client.open(study["id"], f"reader {n}"), places[study["name"]])
        for n, study in ((n, studies[n % len(studies)]) for n in range(count))
    ]


def _load(
    data: Path, state: Path, arguments: list[str], count: int, seconds: float
) -> list[Reader]:
    with _server(data, state, arguments) as (client, process):
        began = time.perf_counter()
        readers = _readers(client, data, count)
        print(f"{count} sessions opened in {time.perf_counter() - began:.0f} s", flush=True)
        memory = [_rss_mb(process)]
        end = time.monotonic() + seconds
        threads = [threading.Thread(target=reader.read_until, args=(end,)) for reader in readers]
        for thread in threads:
            thread.start()
        time.sleep(seconds / 2)
        memory.append(_rss_mb(process))
        for thread in threads:
            thread.join()
        memory.append(_rss_mb(process))
    print("| reader | events | median s | p95 s | worst s |\n| --- | --- | --- | --- | --- |")
    for reader in readers:
        waits = reader.waits
        print(
            f"| {reader.number} | {len(waits)} | {statistics.median(waits):.2f}"
            f" | {np.quantile(waits, 0.95):.2f} | {max(waits):.2f} |"
        )
    medians = [statistics.median(reader.waits) for reader in readers]
    computes = [seconds for reader in readers for seconds in reader.computes]
    events = sum(len(reader.waits) for reader in readers)
    print(f"fairness, longest by shortest median: {max(medians) / min(medians):.2f}")
    print(
        f"{events / seconds:.2f} corrections/s, {statistics.median(computes):.2f} s computing one"
    )
    print("server's memory at the start, in the middle, at the end, MB: "
          + ", ".join(f"{value:.0f}" for value in memory), flush=True)  # fmt: skip
    return readers


def _check(data: Path, state: Path, segmenter: str, readers: list[Reader]) -> int:
    """Whether the store holds what was acknowledged, and every mask is the cold one."""
    wrong = [f"reader {r.number}: {r.failure!r}" for r in readers if r.failure is not None]
    cases = {case.name: case for case in find_cases(data, labelled=False)}
    chosen = load_segmenter(segmenter)
    store = Store(state)
    for reader in readers:
        events = store.events(reader.session.id)
        said = [(e.number, e.kind, _drawn(e)) for e in events if e.kind != "open"]
        if said != reader.acknowledged:
            wrong.append(f"reader {reader.number}: the store holds other events")
        name = reader.session.state["study"]["name"]
        study = read_study(cases[name].ct, cases[name].pet, tracer="fdg")
        cold = chosen.open(study).segment(fold(events).scribbles())
        if not np.array_equal(cold, reader.session.mask > 0):
            wrong.append(f"reader {reader.number}: the mask is not the cold one")
    store.close()
    print("\n".join(wrong) or "every event is in the store once, every mask is the cold one")
    return 1 if wrong else 0


def _drawn(event: Event) -> dict[str, Any]:
    return dict(event.data) if event.kind == "scribble" else {}


def _grow(data: Path, state: Path, arguments: list[str], corrections: int) -> int:
    with _server(data, state, arguments) as (client, process):
        (reader,) = _readers(client, data, 1)
        print("| corrections | memory MB | s, median |\n| --- | --- | --- |")
        samples = [(0, _rss_mb(process))]
        print(f"| 0 | {samples[0][1]:.0f} | |", flush=True)
        for number in range(1, corrections + 1):
            reader.step()
            if number % SAMPLE_EVERY == 0 or number == corrections:
                samples.append((number, _rss_mb(process)))
                middle = statistics.median(reader.waits[-SAMPLE_EVERY:])
                print(f"| {number} | {samples[-1][1]:.0f} | {middle:.2f} |", flush=True)
    for name, part in (("all", samples), ("second half", samples[len(samples) // 2 :])):
        if len(part) > 1:
            slope = statistics.linear_regression(*zip(*part, strict=True)).slope * 100
            print(f"slope over {name}: {slope:.1f} MB per 100 corrections")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
