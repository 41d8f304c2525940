"""Registration error of the label fusion on phantoms: before, after the rigid stage, after both.

    python benchmarks/bench_fusion.py [--seeds 3]

A phantom knows where each point of the liver went, so the error is the distance to that, mm.
"""

import argparse
import time

import numpy as np

from lesionloop.fusion import fuse_phases
from lesionloop.fusion.fuse import LESION, Phase
from lesionloop.phantom.liver import PHASES, make_liver


def main() -> None:
    """Print a row for each phase of each phantom."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, default=3)
    given = parser.parse_args()
    print("| phantom | phase | before mm | rigid mm | both mm | 95 % mm | folded |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    seconds, overlaps = [], []
    for seed in range(1, given.seeds + 1):
        phantom = make_liver(seed, lesions=4)
        phases = {name: Phase(phantom.images[name], phantom.labels[name]) for name in PHASES}
        start = time.perf_counter()
        fused = fuse_phases(phases, PHASES[0])
        seconds.append(time.perf_counter() - start)
        liver = phantom.labels[PHASES[0]]
        points = liver.grid.to_world(np.argwhere(liver.values > 0)[::97])
        for name, found in fused.alignments.items():
            true = phantom.movements[name].shown_at(points)
            guesses = (points, found.rigid.points(points), found.full.points(points))
            off = [np.linalg.norm(guess - true, axis=1) for guess in guesses]
            means = " | ".join(f"{values.mean():.2f}" for values in off)
            print(
                f"| {seed} | {name} | {means} | {np.percentile(off[2], 95):.2f} |"
                f" {found.full.folded():.4f} |",
                flush=True,
            )
        ours, theirs = fused.label.values == LESION, phantom.combined.values == LESION
        overlaps.append(2 * (ours & theirs).sum() / (ours.sum() + theirs.sum()))
    print(f"Dice of the fused lesions: {', '.join(f'{value:.3f}' for value in overlaps)}")
    print(f"{np.mean(seconds):.0f} s a case of {phantom.combined.grid.shape} voxels")


if __name__ == "__main__":
    main()
