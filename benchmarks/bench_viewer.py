"""From stroke to mask over the viewer's interface, on a full-size study: time and bytes.

The server runs in a process of its own on loopback. A simulated reader sends 30 centre lines, each
on the errors of the mask before, and waits a second between them, as a quick reader does. Drawing
on the screen is not in it.

Usage: python benchmarks/bench_viewer.py [--cache DIR] [--segmenter NAME] [--strokes 30]
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from lesionloop import Study, make_phantom, read_label
from lesionloop.datasets import write_case
from lesionloop.scribbles import error_scribbles
from lesionloop.viewer.client import Client

SHAPE = (400, 400, 326)
SPACING = (2.04, 2.04, 3.0)
LESIONS = 20
PAUSE_S = 1.0


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "bench-viewer")
    parser.add_argument("--segmenter", default="default")
    parser.add_argument("--strokes", type=int, default=30)
    options = parser.parse_args()
    if not options.cache.exists():
        made = make_phantom(shape=SHAPE, spacing=SPACING, lesions=LESIONS, seed=1)
        write_case(Study(made.pet, made.ct, "case", "fdg"), options.cache, label=made.reference)
    reference = read_label(options.cache / "labelsTr" / "case.nii.gz").mask()
    with tempfile.TemporaryDirectory() as state:
        server = subprocess.Popen(
            [sys.executable, "-m", "lesionloop", "serve", options.cache, "--port", "0",
             "--segmenter", options.segmenter, "--state", state],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        try:
            client = Client(_address(server))
            began = time.perf_counter()
            session = client.open(client.studies()[0]["id"], "benchmark")
            opened = time.perf_counter() - began
            totals, computes, sizes = [], [], []
            for _ in range(options.strokes):
                drawn = error_scribbles(session.mask > 0, reference, "centerline")
                if drawn.label is None or not len(drawn.points):
                    break
                began = time.perf_counter()
                answer = session.scribble(drawn.label, drawn.points)
                totals.append(time.perf_counter() - began)
                computes.append(answer["seconds"]["compute"])
                sizes.append(len(json.dumps(answer)))
                time.sleep(PAUSE_S)
        finally:
            server.terminate()
            server.wait()
    print(f"opened with its first mask in {opened:.1f} s; {len(totals)} strokes")
    print("| | median | worst |\n| --- | --- | --- |")
    rest = [total - compute for total, compute in zip(totals, computes, strict=True)]
    for name, values, unit in (
        ("stroke to mask", totals, "s"), ("of it computing", computes, "s"),
        ("of it the rest", rest, "s"), ("answer", [size / 1000 for size in sizes], "kB"),
    ):  # fmt: skip
        print(f"| {name} | {statistics.median(values):.2f} {unit} | {max(values):.2f} {unit} |")
    return 0


def _address(server: "subprocess.Popen[str]") -> str:
    """The address that the server prints when it is ready."""
    if server.stdout is not None:
        for line in server.stdout:
            found = re.search(r"http://\S+", line)
            if found:
                return found[0]
    raise SystemExit("the server did not start")


if __name__ == "__main__":
    raise SystemExit(main())
