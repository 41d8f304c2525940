"""A league with a known true order: does the bootstrap find it, and what does the ranking cost?

Two parts. ``order`` simulates 20 algorithms on 200 cases many times and counts how often the
intervals of means and places hold the truth, with SciPy's bootstrap as a second opinion on the
means. ``growth`` writes results of 20 algorithms x 200 to 20,000 cases x 6 steps as ``evaluate``
does, and times ``lesionloop rank`` on them as a user starts it, report included.

Usage: python benchmarks/bench_league.py [order] [growth] [--cases 200,2000,20000] [--leagues 200]
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap as scipy_bootstrap

from lesionloop.ranking import CHALLENGE, ScoreTable, bootstrap, kendall_tau, rank

ALGORITHMS, CASES, STEPS, CENTRES = 20, 200, 6, 4
#: Distance of neighbours in the truth, spread of a case for all, and of an algorithm on a case:
#: areas under the curve of 0 to 5, as the challenge's are.
GAP, DIFFICULTY, NOISE = 0.05, 0.6, 0.25
LEVEL = 0.95

Floats = NDArray[np.float64]


def main() -> int:
    """Measure what was asked for, all by default."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["order", "growth"])
    parser.add_argument("--cases", default="200,2000,20000")
    parser.add_argument("--leagues", type=int, default=200)
    options = parser.parse_args()
    if "order" in options.parts:
        _order(options.leagues)
    if "growth" in options.parts:
        _growth([int(text) for text in options.cases.split(",")])
    return 0


def _curves(rng: np.random.Generator, cases: int) -> Floats:
    """Dice per algorithm, case and step, 0 to 1; the lower its number the better an algorithm."""
    level = 0.85 - GAP / 5 * np.arange(ALGORITHMS)[:, None]
    area = level + rng.normal(0, DIFFICULTY / 5, cases)
    area = area + rng.normal(0, NOISE / 5, (ALGORITHMS, cases))
    rise = np.linspace(-0.08, 0.08, STEPS)
    return np.asarray(np.clip(area[..., None] + rise, 0, 1))


def _order(leagues: int) -> None:
    """Coverage over many leagues of the same truth."""
    rng = np.random.default_rng(7)
    truth = _true_means(rng)
    order = np.arange(1.0, ALGORITHMS + 1)
    means, places, taus, agreeing = [], [], [], []
    ours_s = theirs_s = 0.0
    for league in range(leagues):
        table = _table(_curves(rng, CASES))
        start = time.perf_counter()
        result = bootstrap(table, CHALLENGE, resamples=1000, seed=league, level=LEVEL)
        ours_s += time.perf_counter() - start
        interval = result.mean_interval("auc_dice")
        means.append(_inside(truth, interval))
        places.append(_inside(order, result.place_interval()))
        taus.append(float(kendall_tau(rank(table).place.astype(float), order[None])[0]))
        if league < 10:
            start = time.perf_counter()
            theirs = _scipy_interval(table.values["auc_dice"], league)
            theirs_s += time.perf_counter() - start
            widths = np.diff(interval, axis=1) / np.diff(theirs, axis=1)
            agreeing.append(float(widths.mean()))
    print(f"{leagues} leagues of {ALGORITHMS} algorithms x {CASES} cases, {LEVEL:.0%} intervals:")
    print(f"  mean AUC-Dice inside its interval: {np.mean(means):.1%}")
    print(f"  true place inside its interval:    {np.mean(places):.1%}")
    print(f"  Kendall's tau, found and true order: {np.mean(taus):.3f} (lowest {min(taus):.3f})")
    print(f"  our interval's width / SciPy's: {np.mean(agreeing):.3f} (ours within centres)")
    ratio = (ours_s / leagues) / (theirs_s / 10)
    print(f"  time of one bootstrap: {ours_s / leagues:.2f} s; ratio to SciPy's: {ratio:.2f}")


def _true_means(rng: np.random.Generator) -> Floats:
    """Mean areas of the truth, by so many cases that their own error does not count."""
    curves = _curves(rng, 400_000 // ALGORITHMS)
    more = [curves.mean(axis=1)]
    for _ in range(19):
        more.append(_curves(rng, 400_000 // ALGORITHMS).mean(axis=1))
    return np.asarray(np.trapezoid(np.mean(more, axis=0), axis=-1))


def _table(curves: Floats) -> ScoreTable:
    area: Floats = np.asarray(np.trapezoid(curves, axis=-1))
    cases = area.shape[1]
    return ScoreTable.of(
        [f"algorithm-{n:02d}" for n in range(ALGORITHMS)],
        [f"case-{n:05d}" for n in range(cases)],
        {"auc_dice": area, "auc_dmm": np.clip(area - 0.3, 0, None)},
        centres=[str(n % CENTRES) for n in range(cases)],
    )


def _scipy_interval(values: Floats, seed: int) -> Floats:
    found = [
        scipy_bootstrap(
            (row,), np.mean, n_resamples=1000, confidence_level=LEVEL, method="percentile",
            rng=np.random.default_rng(seed),
        ).confidence_interval
        for row in values
    ]  # fmt: skip
    return np.array([(one.low, one.high) for one in found])


def _inside(truth: NDArray[Any], interval: NDArray[Any]) -> float:
    return float(((interval[:, 0] <= truth) & (truth <= interval[:, 1])).mean())


def _growth(sizes: list[int]) -> None:
    print("| cases | rows | write, s | rank, s | peak, GiB | report, MB | top is right |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for cases in sizes:
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            _write(Path(folder) / "results", cases)
            wrote = time.perf_counter() - start
            seconds, gib, out = _rank(Path(folder))
            report = (out / "ranking.html").stat().st_size / 1e6
            best = json.loads((out / "ranking.json").read_text())["algorithms"][0]["algorithm"]
            right = "yes" if best == "algorithm-00" else "no"
            print(f"| {cases} | {ALGORITHMS * cases * STEPS} | {wrote:.1f} | {seconds:.1f} "
                  f"| {gib:.2f} | {report:.1f} | {right} |", flush=True)  # fmt: skip


def _write(folder: Path, cases: int) -> None:
    folder.mkdir()
    curves = _curves(np.random.default_rng(3), cases)
    with (folder / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["case", "segmenter", "strategy", "step", "dice", "dmm", "tp", "fp", "fn",
                         "fpv_ml", "fnv_ml", "seconds"])  # fmt: skip
        for algorithm in range(ALGORITHMS):
            name = f"algorithm-{algorithm:02d}"
            for case in range(cases):
                label = f"fdg_{case % CENTRES}_{case:05d}"
                for step, dice in enumerate(curves[algorithm, case].tolist()):
                    loss = 1 - dice
                    writer.writerow([label, name, "random", step, dice, dice * 0.9, 3, 1, 1,
                                     10 * loss, 8 * loss, 0.2])  # fmt: skip


def _rank(folder: Path) -> tuple[float, float, Path]:
    """Seconds and peak memory of the command, and its output."""
    out = folder / "out"
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "lesionloop", "rank", folder / "results", "--centres", "name",
         "--out", out],
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"lesionloop rank failed with status {status}")
    return time.perf_counter() - start, used.ru_maxrss / (1 << 20), out


if __name__ == "__main__":
    raise SystemExit(main())
