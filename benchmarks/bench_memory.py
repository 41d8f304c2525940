"""Peak memory of a run of ``evaluate`` by the size of its study, beside the estimate for admission.

Usage: python benchmarks/bench_memory.py [--cache DIR] [--segmenters default,propagate,threshold]
"""

import argparse
import os
import subprocess
import sys
import tempfile
from math import prod
from pathlib import Path

from lesionloop import Study, make_phantom
from lesionloop.cohort.admission import case_memory
from lesionloop.datasets import find_cases, write_case

#: Shape and spacing, mm: a coarse study, a usual one, a large one.
STUDIES = {
    "coarse": ((128, 128, 160), (5.0, 5.0, 6.0)),
    "usual": ((200, 200, 326), (4.07, 4.07, 3.0)),
    "large": ((400, 400, 326), (2.04, 2.04, 3.0)),
}
STEPS = "2"


def main() -> int:
    """Measure, print the table; 1 when a run needs more than its estimate."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "bench-memory")
    parser.add_argument("--segmenters", default="default,propagate,threshold")
    options = parser.parse_args()
    print("| study | voxels, million | segmenter | peak, GiB | estimate, GiB | ratio |")
    print("| --- | --- | --- | --- | --- | --- |")
    worst = 0.0
    for name, (shape, spacing) in STUDIES.items():
        dataset = options.cache / name
        if not dataset.exists():
            made = make_phantom(shape=shape, spacing=spacing, lesions=8, seed=1)
            write_case(Study(made.pet, made.ct, "case", "fdg"), dataset, label=made.reference)
        (case,) = find_cases(dataset)
        estimate = case_memory(case) / 2**30
        for segmenter in options.segmenters.split(","):
            peak = _peak(dataset, segmenter)
            worst = max(worst, peak / estimate)
            print(f"| {name} | {prod(shape) / 1e6:.1f} | {segmenter} | {peak:.2f} "
                  f"| {estimate:.2f} | {peak / estimate:.2f} |", flush=True)  # fmt: skip
    return int(worst > 1)


def _peak(dataset: Path, segmenter: str) -> float:
    """Peak memory of one evaluation in a process of its own, GiB."""
    with tempfile.TemporaryDirectory() as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "lesionloop", "evaluate", dataset, "--segmenter", segmenter,
             "--steps", STEPS, "--out", out],
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
        _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"lesionloop evaluate failed with status {status}")
    return used.ru_maxrss / (1 << 20)


if __name__ == "__main__":
    raise SystemExit(main())
