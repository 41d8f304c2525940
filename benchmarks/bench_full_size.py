"""Time and memory of the everyday acts on a full-size study, against the budgets.

A synthetic study of 400 x 400 x 326 voxels (2.04 x 2.04 x 3 mm) is made once and kept. Measured are
whole commands as a user starts them (``segment`` from NIfTI, one cold ``grand-challenge`` step
without points and with all points of five corrections) and the corrections of a warm session.

Usage: python benchmarks/bench_full_size.py [--cache DIR] [--segmenter NAME]
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from lesionloop import (
    ScribbleSet,
    SimulatedReader,
    Study,
    load_segmenter,
    make_phantom,
    read_label,
    read_study,
    write_volume,
)

SHAPE = (400, 400, 326)
SPACING = (2.04, 2.04, 3.0)
LESIONS = 20
CORRECTIONS = 5

FIRST_S, CORRECTION_S, STEP_S, MEMORY_GIB = 10.0, 1.0, 30.0, 6.0


@dataclass(frozen=True)
class Row:
    """One line of the table: seconds and GiB with what each may be; None where it has no limit."""

    act: str
    seconds: float
    limit_s: float | None
    gib: float | None = None

    @property
    def met(self) -> bool:
        """Whether both are within their limits."""
        in_time = self.limit_s is None or self.seconds <= self.limit_s
        return in_time and (self.gib is None or self.gib <= MEMORY_GIB)


def main() -> int:
    """Measure, print the table; 1 when a budget is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    default = Path(tempfile.gettempdir()) / "lesionloop-bench-full-size"
    parser.add_argument("--cache", type=Path, default=default, help="keeps the synthetic study")
    parser.add_argument("--segmenter", default="default")
    arguments = parser.parse_args()
    study = _prepare(arguments.cache)
    with tempfile.TemporaryDirectory() as scratch:
        rows = list(_measure(study, Path(scratch), arguments.segmenter))
    print(f"{'act':52} {'seconds':>8} {'limit':>6} {'GiB':>6} {'limit':>6}  budget")
    for row in rows:
        limit = "-" if row.limit_s is None else f"{row.limit_s:.0f}"
        memory = ("-", "-") if row.gib is None else (f"{row.gib:.2f}", f"{MEMORY_GIB:.0f}")
        verdict = "met" if row.met else "missed"
        print(
            f"{row.act:52} {row.seconds:8.2f} {limit:>6} {memory[0]:>6} {memory[1]:>6}  {verdict}"
        )
    return 0 if all(row.met for row in rows) else 1


def _prepare(cache: Path) -> Path:
    """The folder with the study's files, made when it is not there yet."""
    study = cache / f"{'x'.join(map(str, SHAPE))}-{LESIONS}"
    if (study / "label.nii.gz").is_file():
        return study
    print(f"making the study in {study} ...", file=sys.stderr)
    phantom = make_phantom(shape=SHAPE, spacing=SPACING, lesions=LESIONS)
    for name, volume in (("ct", phantom.ct), ("pet", phantom.pet)):
        write_volume(volume, study / f"images/{name}/case_full_0000.mha")
        write_volume(volume, study / f"{name}.nii.gz")
    write_volume(phantom.reference, study / "label.nii.gz")  # last: says that all are there
    return study


def _measure(study: Path, scratch: Path, segmenter: str) -> list[Row]:
    chosen = ["--segmenter", segmenter]
    images = ["--ct", str(study / "ct.nii.gz"), "--pet", str(study / "pet.nii.gz")]
    out = ["--out", str(scratch / "mask.nii.gz")]
    rows = [_command("lesionloop segment, from NIfTI", None, "segment", *images, *out, *chosen)]
    warm, scribbles = _warm(_read(study), study, segmenter)
    rows += warm
    for drawn in (ScribbleSet(), scribbles):
        points = len(drawn.foreground) + len(drawn.background)
        name = f"cold grand-challenge step, {points} points"
        box = scratch / f"box-{points}"
        shutil.copytree(study / "images", box / "images")
        drawn.write(box / "lesion-clicks.json")
        folders = ["--input", str(box), "--output", str(scratch / f"out-{points}")]
        rows.append(_command(name, STEP_S, "grand-challenge", *folders, *chosen))
    return rows


def _read(study: Path) -> Study:
    images = study / "images"
    return read_study(images / "ct/case_full_0000.mha", images / "pet/case_full_0000.mha")


def _warm(study: Study, files: Path, segmenter: str) -> tuple[list[Row], ScribbleSet]:
    """First mask and corrections in one process, and the scribbles drawn."""
    reader = SimulatedReader(read_label(files / "label.nii.gz").values)
    start = time.perf_counter()
    session = load_segmenter(segmenter).open(study)
    scribbles = ScribbleSet()
    mask = session.segment(scribbles)
    first = time.perf_counter() - start
    seconds = []
    for _ in range(CORRECTIONS):
        scribble = reader.next(study, mask, scribbles)
        if scribble is None:
            break
        scribbles = ScribbleSet((*scribbles.scribbles, scribble))
        start = time.perf_counter()
        mask = session.segment(scribbles)
        seconds.append(time.perf_counter() - start)
    times = f"{len(seconds)} corrections, warm session"
    return [
        Row("first mask, warm process", first, FIRST_S),
        Row(f"{times}: median", statistics.median(seconds), CORRECTION_S),
        Row(f"{times}: worst", max(seconds), CORRECTION_S),
    ], scribbles


def _command(act: str, limit_s: float | None, *arguments: str) -> Row:
    """Run ``lesionloop`` in a process of its own; its time and its peak resident memory."""
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "lesionloop", *arguments], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"lesionloop {arguments[0]} ended with {process.returncode}")
    return Row(act, seconds, limit_s, usage.ru_maxrss / 2**20)


if __name__ == "__main__":
    sys.exit(main())
