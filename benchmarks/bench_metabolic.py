"""Networks between organs with a known truth: what is found, what is invented, and what it costs.

``recovery`` simulates cohorts of 20 organs with 19 true edges (three blocks of organs with a common
source, correlation 0.5 within) and counts, for cohorts of growing size, how many true edges are
found and how many of the found ones are false, by estimator and rule. ``errors`` simulates cohorts
without any edge, and pairs of groups without a difference, and counts false alarms. ``cost`` times
``lesionloop metabolic-network`` as a user starts it, with 1,000 resamples.

Usage: python benchmarks/bench_metabolic.py [recovery] [errors] [cost] [--subjects 20,50,100,...]
       [--cohorts 50]
"""

import argparse
import csv
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.metabolic import Cohort, Options, analyse
from lesionloop.metabolic.covariates import Design
from lesionloop.metabolic.estimators import Estimator, Kind, pairs
from lesionloop.metabolic.inference import Rule

ORGANS = 20
#: Organs of the blocks; the others are alone.
BLOCKS = ((0, 1, 2, 3, 4), (5, 6, 7, 8), (9, 10, 11))
WITHIN = 0.5
RESAMPLES = 1000

Floats = NDArray[np.float64]

#: Name -> estimator, kind and rule.
METHODS: dict[str, tuple[Estimator, Kind, Rule]] = {
    "pearson, fdr 0.05": ("pearson", "correlation", Rule("fdr", 0.05)),
    "pearson, |r| 0.6": ("pearson", "correlation", Rule("least-r", 0.6)),
    "pearson, density 10 %": ("pearson", "correlation", Rule("density", 0.1)),
    "ledoit-wolf, fdr 0.05": ("ledoit-wolf", "correlation", Rule("fdr", 0.05)),
    "partial, fdr 0.05": ("pearson", "partial", Rule("fdr", 0.05)),
    "glasso": ("glasso", "partial", Rule("nonzero")),
}


def main() -> int:
    """Measure what was asked for, all by default."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("parts", nargs="*", default=["recovery", "errors", "cost"])
    parser.add_argument("--subjects", default="20,50,100,200,500,2000")
    parser.add_argument("--cohorts", type=int, default=50)
    options = parser.parse_args()
    sizes = [int(text) for text in options.subjects.split(",")]
    if "recovery" in options.parts:
        _recovery(sizes, options.cohorts)
    if "errors" in options.parts:
        _errors(sizes, options.cohorts)
    if "cost" in options.parts:
        _cost(sizes)
    return 0


def _true_edges() -> NDArray[np.bool_]:
    rows, columns = pairs(ORGANS)
    return np.array(
        [any(i in b and j in b for b in BLOCKS) for i, j in zip(rows, columns, strict=True)]
    )


def _values(rng: np.random.Generator, subjects: int, *, edges: bool = True) -> Floats:
    values = rng.normal(size=(subjects, ORGANS))
    if edges:
        for block in BLOCKS:
            source = rng.normal(size=(subjects, 1))
            values[:, block] = np.sqrt(WITHIN) * source + np.sqrt(1 - WITHIN) * values[:, block]
    return values


def _cohort(values: Floats, groups: tuple[str, ...] = ()) -> Cohort:
    count = len(values)
    names = tuple(f"s{n:05d}" for n in range(count))
    organs = tuple(f"organ_{n:02d}" for n in range(values.shape[1]))
    return Cohort(names, organs, values, Design((), np.empty((count, 0))), groups)


def _recovery(sizes: list[int], cohorts: int) -> None:
    true = _true_edges()
    print(f"{cohorts} cohorts each; {true.sum()} true edges of {len(true)} pairs. True edges found "
          "/ share of the found ones that are false:")  # fmt: skip
    print(f"| subjects | {' | '.join(METHODS)} |")
    print("| --- |" + " --- |" * len(METHODS))
    for size in sizes:
        cells = []
        for estimator, kind, rule in METHODS.values():
            rng = np.random.default_rng(size)
            options = Options(estimator, kind, rule, bootstrap=0, permutations=0)
            found, false = [], []
            # The lasso's path is solved one by one; a few cohorts show as much.
            for _ in range(cohorts if estimator != "glasso" else max(1, cohorts // 10)):
                try:
                    chosen = analyse(_cohort(_values(rng, size)), options).networks["all"].chosen
                except InputError:
                    break
                found.append(chosen[true].mean())
                false.append((chosen & ~true).sum() / max(chosen.sum(), 1))
            cells.append(f"{np.mean(found):.0%} / {np.mean(false):.1%}" if found else "refused")
        print(f"| {size} | {' | '.join(cells)} |", flush=True)


def _errors(sizes: list[int], cohorts: int) -> None:
    print(f"False alarms where there is nothing, {cohorts} cohorts each, nominal 5 %:")
    print("| subjects | pairs with p < 0.05 | networks with an edge (fdr) | groups: family-wise "
          "| groups: matrix distance |")  # fmt: skip
    print("| --- | --- | --- | --- | --- |")
    for size in sizes:
        if size < 4 * ORGANS:
            continue
        rng = np.random.default_rng(size)
        single = Options(bootstrap=0, permutations=0)
        double = Options(bootstrap=0, permutations=199)
        alone, some, family, distance = [], [], [], []
        for _ in range(cohorts):
            network = analyse(_cohort(_values(rng, size, edges=False)), single).networks["all"]
            alone.append((network.p < 0.05).mean())
            some.append(network.chosen.any())
            groups = ("a", "b") * (size // 2) + ("a",) * (size % 2)
            found = analyse(_cohort(_values(rng, size), groups), double).comparison
            assert found is not None  # noqa: S101
            family.append(found.p_family.min() <= 0.05)
            distance.append(found.p_global["matrix_distance"] <= 0.05)
        shares = " | ".join(f"{np.mean(part):.1%}" for part in (alone, some, family, distance))
        print(f"| {size} | {shares} |", flush=True)


def _cost(sizes: list[int]) -> None:
    print(f"The command with {RESAMPLES} resamples and, with two groups, as many permutations:")
    print("| subjects | estimator | groups | seconds | peak, MiB |")
    print("| --- | --- | --- | --- | --- |")
    for size in sizes:
        if size < 4 * ORGANS:
            continue
        for estimator, groups in (("pearson", 1), ("pearson", 2), ("ledoit-wolf", 2)):
            with tempfile.TemporaryDirectory() as folder:
                _write(Path(folder), size)
                seconds, peak = _run(Path(folder), estimator, groups)
            print(f"| {size} | {estimator} | {groups} | {seconds:.1f} | {peak:.0f} |", flush=True)


def _write(folder: Path, subjects: int) -> None:
    values = _values(np.random.default_rng(3), subjects)
    with (folder / "organs.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["study", "organ", "suv_mean"])
        for n, row in enumerate(values.tolist()):
            writer.writerows([f"s{n:05d}", f"organ_{k:02d}", 5 + v] for k, v in enumerate(row))
    with (folder / "people.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["subject", "group", "age"])
        writer.writerows([f"s{n:05d}", "ab"[n % 2], 40 + n % 41] for n in range(subjects))


def _run(folder: Path, estimator: str, groups: int) -> tuple[float, float]:
    """Seconds and peak memory, MiB."""
    words: list[str | Path] = ["--covariates", folder / "people.csv", "--estimator", estimator]
    words += ["--groups", "group"] if groups == 2 else ["--covariate", "age"]
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "lesionloop", "metabolic-network", folder / "organs.csv", "--out",
         folder / "out", "--bootstrap", str(RESAMPLES), "--permutations", str(RESAMPLES), *words],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    _, status, used = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"lesionloop metabolic-network failed with status {status}")
    return time.perf_counter() - start, used.ru_maxrss / 1024


if __name__ == "__main__":
    raise SystemExit(main())
