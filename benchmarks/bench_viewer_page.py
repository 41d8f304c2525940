"""From pen-up to the mask on the screen, in a real browser on a full-size study.

A headless Chromium opens a synthetic study and draws strokes by mouse, in turn foreground and
background, each across the edge of a lesion, with a pause between them. The clock starts with the
time that the browser gives to the release of the button and stops after the frame that shows the
changed mask. Without a graphics card Chromium draws by software: what it takes for a picture is
then far more than on a reader's machine, and is told apart in the table.

Usage: python benchmarks/bench_viewer_page.py [--shape X Y Z] [--strokes 30] [--segmenter NAME]
"""

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from lesionloop import Study, make_phantom
from lesionloop.datasets import write_case

SHAPE = (400, 400, 326)
FIELD_MM = (816.0, 816.0, 978.0)
LESIONS = 20
PAUSE_MS = 1000
SOFTWARE = ["--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
WATCH = """
performance.setResourceTimingBufferSize(5000);
addEventListener("pointerup", (event) => { window.penUp = event.timeStamp; }, true);
"""
#: Resolves when the last stroke is shown; null when it changed nothing.
SHOWN = """async () => {
  const last = (name) => performance.getEntriesByName(name).at(-1);
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  let answer, drawing;
  while (!((answer = last("lesionloop-answer"))?.startTime >= window.penUp)) await pause(20);
  for (let i = 0; i < 150; i++) {
    drawing = last("lesionloop-drawing");
    if (drawing?.startTime >= answer.startTime) break;
    drawing = null;
    await pause(20);
  }
  if (!drawing) return null;
  const sent = performance.getEntriesByType("resource")
    .filter((e) => e.name.endsWith("/events") && e.startTime >= window.penUp).at(-1);
  const { compute, queued } = answer.detail;
  const ends = drawing.startTime + drawing.duration;
  return {
    "pen-up to mask": (ends - window.penUp) / 1000,
    "of it computing": compute,
    "of it queued": queued,
    "of it transfer": answer.duration / 1000 - compute - queued,
    "of it unpacking": (drawing.startTime - answer.startTime - answer.duration) / 1000,
    "of it drawing": drawing.duration / 1000,
    answer: (sent?.transferSize ?? NaN) / 1000,
  };
}"""


def main() -> int:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--shape", type=int, nargs=3, default=SHAPE, metavar=("X", "Y", "Z"))
    parser.add_argument("--strokes", type=int, default=30)
    parser.add_argument("--segmenter", default="default")
    parser.add_argument("--cache", type=Path, help="folder that keeps the study")
    options = parser.parse_args()
    shape = tuple(options.shape)
    name = "x".join(map(str, shape))
    cache = options.cache or Path(tempfile.gettempdir()) / f"bench-viewer-page-{name}"
    if not cache.exists():
        spacing = tuple(mm / n for mm, n in zip(FIELD_MM, shape, strict=True))
        made = make_phantom(shape=shape, spacing=spacing, lesions=LESIONS, seed=1)
        write_case(Study(made.pet, made.ct, "case", "fdg"), cache, label=made.reference)
    with tempfile.TemporaryDirectory() as state:
        server = subprocess.Popen(
            [sys.executable, "-m", "lesionloop", "serve", cache, "--port", "0",
             "--segmenter", options.segmenter, "--state", state],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        try:
            opened, shown = _read(_address(server), options.strokes)
        finally:
            server.terminate()
            server.wait()
    rows = [row for row in shown if row is not None]
    print(f"{name} voxels; on the screen {opened:.1f} s after the click on Open")
    print(f"{len(shown)} strokes, of which {len(rows)} changed the mask")
    if not rows:
        return 1
    print("| | median | worst |\n| --- | --- | --- |")
    for what in rows[0]:
        values = [row[what] for row in rows]
        unit = "kB" if what == "answer" else "s"
        print(f"| {what} | {statistics.median(values):.3f} {unit} | {max(values):.3f} {unit} |")
    return 0


def _read(address: str, strokes: int) -> tuple[float, list[dict[str, float] | None]]:
    """Open the study, draw, and return how long the opening took, s, and what each stroke did."""
    found = os.environ.get("LESIONLOOP_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=found, args=[*SOFTWARE, "--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(600_000)
        page.add_init_script(WATCH)
        page.goto(address)
        page.get_by_label("Reader", exact=True).fill("benchmark")
        began = time.perf_counter()
        page.get_by_label("Open case").click()
        page.wait_for_selector("[data-testid=picture][data-crosshair*=coronal]")
        opened = time.perf_counter() - began
        shown = [_stroke(page, number) for number in range(strokes)]
        browser.close()
    return opened, shown


def _stroke(page: Any, number: int) -> dict[str, float] | None:
    """Draw across the edge of the next lesion and wait for the mask."""
    page.wait_for_timeout(PAUSE_MS)
    page.keyboard.press("j")
    page.wait_for_timeout(PAUSE_MS)
    page.keyboard.press("b" if number % 2 else "f")
    told = page.evaluate(
        """() => { const over = document.querySelector("[data-testid=picture]");
        const box = over.getBoundingClientRect();
        const [x, y] = JSON.parse(over.dataset.crosshair).coronal;
        return [box.x + x, box.y + y]; }"""
    )
    x, y = told[0] + 4, told[1]
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 9, y + 3, steps=6)
    page.mouse.up()
    found: dict[str, float] | None = page.evaluate(SHOWN)
    return found


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
