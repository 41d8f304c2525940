"""The built-in segmenters and an outside yardstick in one run: real crops, or synthetic bodies.

Usage:
  python benchmarks/compare_segmenters.py real DATASET [--cases a,b] [--segmenters default,...]
  python benchmarks/compare_segmenters.py synthetic [--bodies FOLDER] [--count 12]

``real`` takes an nnU-Net folder and plays the challenge's loop (six predictions) with all three
strategies. ``synthetic`` does the same on whole bodies, from the tissue maps of a folder
(``--every N`` takes every N-th, those that a recipe held out) or from procedural bodies; every
third has no lesion. It needs torch.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import fmean, median
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from lesionloop import SimulatedReader, Study, load_segmenter, run_loop, score_case
from lesionloop.datasets.nnunet import CaseFiles, find_cases
from lesionloop.imaging import Grid, Quantity, Volume
from lesionloop.metrics.curves import normalised_auc
from lesionloop.segmenters import Segmenter
from random_walker import RandomWalker

STRATEGIES = ("centerline", "random", "boundary")
STEPS = 5
#: Volumes that part small lesions from large ones, ml.
SIZES = (1.0, 5.0, 50.0)


@dataclass(frozen=True)
class Loop:
    """One case, segmenter and strategy; lists over the six predictions."""

    case: str
    segmenter: str
    strategy: str
    dice: list[float]
    dmm: list[float]
    fpv_ml: list[float]
    fnv_ml: list[float]
    seconds: list[float]
    #: (volume in ml, recall of its voxels in the first and the last mask) per reference lesion.
    lesions: list[tuple[float, float, float]]


def main() -> int:
    """Measure and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    kinds = parser.add_subparsers(dest="kind", required=True)
    real = kinds.add_parser("real", help="a labelled data set")
    real.add_argument("dataset", type=Path)
    real.add_argument("--cases", help="names, separated by commas; all when not given")
    synthetic = kinds.add_parser("synthetic", help="whole synthetic bodies")
    synthetic.add_argument("--bodies", type=Path, help="folder of tissue maps")
    synthetic.add_argument("--every", type=int, default=1, help="take every N-th map by name")
    synthetic.add_argument("--count", type=int, default=12)
    for one in (real, synthetic):
        one.add_argument("--segmenters", default="default,propagate,threshold,random-walker")
        one.add_argument("--strategies", default=",".join(STRATEGIES))
        one.add_argument("--weights", help="folder of other weights for the default")
        one.add_argument("--json", type=Path, help="write every loop here as well")
    options = parser.parse_args()
    cases = (
        list(_real(options.dataset, options.cases))
        if options.kind == "real"
        else list(_synthetic(options.bodies, options.every, options.count))
    )
    loops = []
    for study, reference in cases:
        for name in options.segmenters.split(","):
            segmenter = _segmenter(name, options.weights)
            for strategy in options.strategies.split(","):
                loops.append(_play(segmenter, name, study, reference, strategy))
                print(".", end="", flush=True)
    print()
    print_table(loops)
    _print_cases(loops)
    if options.kind == "synthetic":
        _print_sizes(loops)
    if options.json:
        options.json.write_text(json.dumps([asdict(loop) for loop in loops]))
    return 0


def _segmenter(name: str, weights: str | None) -> Segmenter:
    if name == "random-walker":
        return RandomWalker()
    return load_segmenter(name, **({"weights": weights} if name == "default" and weights else {}))


def _real(dataset: Path, names: str | None) -> Iterator[tuple[Study, NDArray[np.bool_]]]:
    for case in find_cases(dataset):
        if names is None or case.name in names.split(","):
            study, label = case.read()
            yield study, label.mask()


def _synthetic(
    folder: Path | None, every: int, count: int
) -> Iterator[tuple[Study, NDArray[np.bool_]]]:
    # An extra: only this comparison needs it.
    import torch

    from lesionloop.phantom.synthesis import SynthesisOptions, synthesise
    from lesionloop.phantom.synthesis_lesions import LesionOptions
    from lesionloop.phantom.synthesis_scan import ScanOptions
    from lesionloop.phantom.tissue_maps import StoredTissues, procedural_tissue_map

    if folder is None:
        maps = [procedural_tissue_map(n, ("fdg", "psma")[n % 2]) for n in range(count)]
    else:
        paths = sorted(folder.glob("*.npz"))[::every]
        # Both tracers: names begin with the tracer, so take from all along the list.
        chosen = np.linspace(0, len(paths) - 1, min(count, len(paths))).round().astype(int)
        maps = [StoredTissues.read(paths[n]) for n in chosen]
    for number, stored in enumerate(maps):
        lesions = LesionOptions(none=float(number % 3 == 2), most=16)
        made = synthesise(
            torch.from_numpy(np.ascontiguousarray(stored.tissues))[None],
            [stored.tracer],
            torch.Generator().manual_seed(number),
            options=SynthesisOptions(lesions=lesions, scan=ScanOptions(cut=0.0)),
        )
        x, y, z = stored.tissues.shape
        grid = Grid((x, y, z), (4.0, 4.0, 4.0), (0.0, 0.0, 0.0), (1, 0, 0, 0, 1, 0, 0, 0, 1))
        pet = Volume(np.asfortranarray(made.pet[0].numpy()), grid, Quantity.SUV_BW)
        ct = Volume(np.asfortranarray(made.ct[0].numpy()), grid, Quantity.HU)
        yield (
            Study(pet, ct, f"{number:02d}-{stored.tracer}", stored.tracer),
            made.reference[0].numpy(),
        )


def _play(
    segmenter: Segmenter, name: str, study: Study, reference: NDArray[np.bool_], strategy: str
) -> Loop:
    trace = run_loop(segmenter, study, SimulatedReader(reference, strategy), STEPS)
    masks = [step.mask for step in trace.steps if step.mask is not None]
    scores = [score_case(mask, reference, study.grid.spacing) for mask in masks]
    return Loop(
        study.name,
        name,
        strategy,
        # A study without lesions: 1 for an empty mask, 0 for any other; no DMM.
        [
            s.dsc if reference.any() else float(not m.any())
            for s, m in zip(scores, masks, strict=True)
        ],
        [_number(s.f1) if reference.any() else math.nan for s in scores],
        [_number(s.fpv_ml) for s in scores],
        [_number(s.fnv_ml) for s in scores],
        [step.seconds for step in trace.steps],
        _recalls(reference, masks[0], masks[-1], study.grid.voxel_ml),
    )


def play_default(case: CaseFiles, weights: Path, name: str) -> list[Loop]:
    """The default with other weights on one case, all strategies, called ``name`` in tables."""
    study, label = case.read()
    segmenter = _segmenter("default", str(weights))
    return [_play(segmenter, name, study, label.mask(), strategy) for strategy in STRATEGIES]


def _number(value: float) -> float:
    return 0.0 if math.isnan(value) else value


def _recalls(
    reference: NDArray[np.bool_], first: NDArray[np.bool_], last: NDArray[np.bool_], ml: float
) -> list[tuple[float, float, float]]:
    labels, count = cc3d.connected_components(
        reference.astype(np.uint8), connectivity=18, return_N=True
    )
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    found = [np.bincount(labels[mask], minlength=count + 1) / sizes for mask in (first, last)]
    return [
        (float(sizes[n] * ml), float(found[0][n]), float(found[1][n])) for n in range(1, count + 1)
    ]


def _groups(loops: Sequence[Loop]) -> Iterator[tuple[str, str, list[Loop]]]:
    for segmenter in dict.fromkeys(loop.segmenter for loop in loops):
        for strategy in dict.fromkeys(loop.strategy for loop in loops):
            yield (
                segmenter,
                strategy,
                [
                    loop
                    for loop in loops
                    if (loop.segmenter, loop.strategy) == (segmenter, strategy)
                ],
            )


def print_table(loops: Sequence[Loop]) -> None:
    """One row per segmenter and strategy, in Markdown."""
    print("| segmenter | strategy | AUC-Dice/5 | AUC-DMM/5 | Dice at steps 0 to 5 "
          "| steps losing > 0.02 | FPV ml 0, 5 | FNV ml 0, 5 | s/correction |")  # fmt: skip
    print("| --- | --- | --- | --- | --- | --- | --- | --- | --- |")
    for segmenter, strategy, group in _groups(loops):
        dice = np.array([loop.dice for loop in group])
        with_lesions = [loop for loop in group if not math.isnan(loop.dmm[0])]
        dmm = fmean(normalised_auc(loop.dmm) for loop in with_lesions) if with_lesions else math.nan
        losses = (np.diff(dice, axis=1) < -0.02).mean()
        ends = [
            " ".join(f"{fmean(getattr(loop, what)[k] for loop in group):.1f}" for k in (0, -1))
            for what in ("fpv_ml", "fnv_ml")
        ]
        seconds = median(s for loop in group for s in loop.seconds[1:])
        curve = " ".join(f"{value:.3f}" for value in dice.mean(axis=0))
        auc = fmean(normalised_auc(loop.dice) for loop in group)
        print(f"| {segmenter} | {strategy} | {auc:.3f} | {dmm:.3f} | {curve} | {losses:.1%} "
              f"| {ends[0]} | {ends[1]} | {seconds:.2f} |")  # fmt: skip


def _print_cases(loops: Sequence[Loop]) -> None:
    print("\nAUC-Dice/5 (Dice of the first and the last mask) per case, mean over the strategies:")
    names = list(dict.fromkeys(loop.segmenter for loop in loops))
    print("| case | " + " | ".join(names) + " |")
    print("| --- |" + " --- |" * len(names))
    for case in dict.fromkeys(loop.case for loop in loops):
        cells = []
        for name in names:
            mine = [loop for loop in loops if (loop.case, loop.segmenter) == (case, name)]
            cells.append(
                f"{fmean(normalised_auc(loop.dice) for loop in mine):.3f} "
                f"({fmean(loop.dice[0] for loop in mine):.2f}, "
                f"{fmean(loop.dice[-1] for loop in mine):.2f})"
            )
        print(f"| {case} | " + " | ".join(cells) + " |")


def _print_sizes(loops: Sequence[Loop]) -> None:
    print("\nLesions by volume: share found (10 % of the voxels or more) in the first, last mask:")
    edges: list[Any] = [0.0, *SIZES, math.inf]
    heads = [f"{low:g} to {high:g} ml" for low, high in pairwise(edges)]
    print("| segmenter | " + " | ".join(heads) + " |")
    print("| --- |" + " --- |" * len(heads))
    strategies = len({loop.strategy for loop in loops})
    for name in dict.fromkeys(loop.segmenter for loop in loops):
        cells = []
        for low, high in pairwise(edges):
            mine = [
                lesion
                for loop in loops
                if loop.segmenter == name
                for lesion in loop.lesions
                if low <= lesion[0] < high
            ]
            shares = [f"{fmean(lesion[k] >= 0.1 for lesion in mine):.2f}" for k in (1, 2) if mine]
            cells.append(f"{', '.join(shares)} (n {len(mine) // strategies})" if mine else "none")
        print(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    raise SystemExit(main())
