"""Time ``score_liver_case`` against a plain reading of the definitions, on a full-size pair.

The plain version labels both volumes with scipy, repeats the matching for each threshold with masks
of the whole volume, and takes surface distances from distance maps. Both run in this process, on
the same arrays; counts, numbers of lesions and scores must be equal.

Usage: python benchmarks/bench_liver.py
"""

import os
import sys
import time
import tracemalloc
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lesionloop.metrics.liver import LiverCase, Mode, score_liver_case

SHAPE = (512, 512, 200)
SPACING = (0.75, 0.75, 1.5)
TARGET = 0.1  # ours may take this part of the plain version's time

#: Centre and radius of reference lesions, in voxels; all in the region of a liver.
REFERENCE = [
    ((150, 200, 90), 18), ((170, 260, 110), 9), ((200, 180, 70), 6), ((200, 180, 84), 5),
    ((230, 240, 120), 12), ((140, 300, 60), 4), ((250, 210, 100), 25), ((180, 220, 140), 7),
    ((215, 290, 95), 3), ((160, 240, 50), 10), ((240, 280, 130), 8),
]  # fmt: skip
#: And of predictions: shifted, smaller, split, one over two references, and false ones.
PREDICTION = [
    ((152, 201, 90), 17), ((171, 258, 110), 8), ((200, 180, 77), 13), ((229, 243, 121), 11),
    ((252, 209, 101), 24), ((176, 220, 140), 3), ((185, 220, 140), 3), ((161, 240, 51), 10),
    ((243, 280, 130), 6), ((120, 150, 40), 5), ((130, 180, 100), 2), ((260, 300, 60), 4),
    ((190, 320, 90), 3), ((145, 270, 130), 2), ((220, 160, 150), 3),
]  # fmt: skip

_EDGES = ndimage.generate_binary_structure(3, 2)


def make_mask(balls: list[tuple[tuple[int, int, int], int]]) -> NDArray[np.uint8]:
    """Balls in a volume, x fastest in memory as readers of files give it."""
    mask = np.zeros(SHAPE, np.uint8, order="F")
    for centre, radius in balls:
        side = slice(-radius, radius + 1)
        x, y, z = np.ogrid[side, side, side]
        box = tuple(slice(c - radius, c + radius + 1) for c in centre)
        mask[box] |= x * x + y * y + z * z <= radius * radius
    return mask


def plain_case(prediction: NDArray[Any], reference: NDArray[Any], *, by_row: bool) -> list[float]:
    """Counts at both thresholds, volumes, Dice, then number and scores of each detected lesion."""
    labels, n = ndimage.label(prediction == 1)
    expected, m = ndimage.label(reference == 1)
    found: list[float] = []
    for threshold in (0, 0.5):
        painted, merged, accepted = plain_detection(labels, expected, threshold, by_row=by_row)
        found += [len(accepted), n - len(accepted), m - len(accepted)]
    shared = int(np.logical_and(prediction == 1, reference == 1).sum())
    volumes = int((prediction == 1).sum() + (reference == 1).sum())
    found += [shared, volumes, 2 * shared / volumes]
    for number in sorted(accepted):
        found += [number, *plain_scores(painted == number, merged == number)]
    return found


def plain_detection(
    labels: NDArray[Any], expected: NDArray[Any], threshold: float, *, by_row: bool
) -> tuple[NDArray[Any], NDArray[Any], list[int]]:
    """The map of detected references, the merged references, and the accepted numbers."""
    rows = [int(p) for p in np.unique(labels[expected > 0]) if p]
    columns = [int(g) for g in np.unique(expected) if g]
    merged = expected.copy()
    table = np.array([[np.sum((labels == p) & (expected == g)) for g in columns] for p in rows])
    for row in range(len(rows)):
        own = [int(c) for c in np.flatnonzero(table[row]) if table[:, c].argmax() == row]
        for other in own[1:]:
            table[:, own[0]] += table[:, other]
            merged[merged == columns[other]] = columns[own[0]]
        table = np.delete(table, own[1:], axis=1)
        columns = [g for c, g in enumerate(columns) if c not in own[1:]]
    best = np.zeros_like(table)
    for row in range(len(rows)):
        largest = table[row].argmax()
        best[row, largest] = table[row, largest]
    painted = np.zeros_like(expected)
    kept = set(range(len(rows)))
    for column, g in enumerate(columns):
        here = [int(row) for row in np.flatnonzero(best[:, column])]
        for row in here:
            painted[labels == rows[row]] = g
        for row in here[1:]:
            best[here[0], column] += best[row, column]
            kept.discard(row)
    accepted = []
    for row in sorted(kept):
        kept_column = int(np.flatnonzero(best[row])[0])
        g = columns[kept_column]
        union = ((painted == (rows[row] if by_row else g)) | (merged == g)).sum()
        if best[row, kept_column] / union > threshold:
            accepted.append(g)
        else:
            painted[painted == g] = 0
    return painted, merged, accepted


def plain_scores(drawn: NDArray[Any], expected: NDArray[Any]) -> list[float]:
    """Dice, Jaccard, VOE, RVD, ASSD, RMSD and MSD of one lesion."""
    volumes, shared = drawn.sum() + expected.sum(), (drawn & expected).sum()
    dice = 2 * shared / volumes
    jaccard = dice / (2 - dice)
    rvd = abs(int(expected.sum()) - int(drawn.sum())) / drawn.sum()
    (box,) = ndimage.find_objects((drawn | expected).view(np.uint8))
    edges = [part & ~ndimage.binary_erosion(part, _EDGES) for part in (drawn[box], expected[box])]
    far = [ndimage.distance_transform_edt(~edge, sampling=SPACING) for edge in edges]
    both = np.concatenate([far[1][edges[0]], far[0][edges[1]]])
    distances = [both.mean(), np.sqrt((both**2).mean()), both.max()]
    return [float(v) for v in (dice, jaccard, 1 - jaccard, rvd, *distances)]


def our_case(case: LiverCase) -> list[float]:
    """The same numbers from a record."""
    found: list[float] = []
    for counts in (case.any_overlap, case.half):
        found += [counts.tp, counts.fp, counts.fn]
    found += [case.intersection, case.size_sum, case.dice]
    for number, lesion in zip(case.half.references, case.lesions, strict=True):
        found += [number, *lesion.as_tuple()]
    return found


def _seconds(act: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    best, result = float("inf"), None
    for _ in range(repeats):
        start = time.perf_counter()
        result = act()
        best = min(best, time.perf_counter() - start)
    return best, result


def _peak_mib(act: Callable[[], Any]) -> float:
    """Memory that a call takes beside its arguments, as numpy and Python report it."""
    tracemalloc.start()
    act()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def main() -> int:
    prediction, reference = make_mask(PREDICTION), make_mask(REFERENCE)
    voxels = int(prediction.sum()), int(reference.sum())
    lesions = [ndimage.label(mask)[1] for mask in (prediction, reference)]
    print(f"shape {SHAPE}, spacing {SPACING} mm, {voxels[0]} and {voxels[1]} voxels of lesion,")
    print(f"{lesions[0]} predicted and {lesions[1]} reference lesions, "
          f"{os.cpu_count()} cores")  # fmt: skip
    head = ("mode", "tp/fp/fn", "plain s", "ours s", "ratio", "plain MiB", "ours MiB")
    print("{:>9} {:>9} {:>9} {:>9} {:>8} {:>10} {:>10}".format(*head))
    worst = 0.0
    modes: tuple[Mode, ...] = ("strict", "official")
    for mode in modes:
        ours = partial(score_liver_case, prediction, reference, SPACING, mode=mode)
        plain = partial(plain_case, prediction, reference, by_row=mode == "official")
        ours_s, case = _seconds(ours, 5)
        plain_s, values = _seconds(plain, 1)
        np.testing.assert_allclose(our_case(case), values, rtol=1e-9, atol=1e-9)
        counts = f"{case.half.tp}/{case.half.fp}/{case.half.fn}"
        worst = max(worst, ours_s / plain_s)
        print(f"{mode:>9} {counts:>9} {plain_s:9.3f} {ours_s:9.3f} {ours_s / plain_s:8.5f}"
              f" {_peak_mib(plain):10.1f} {_peak_mib(ours):10.1f}")  # fmt: skip
    verdict = "met" if worst <= TARGET else "missed"
    print(f"results equal; target ratio {TARGET}: {verdict}")
    return 0 if worst <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
