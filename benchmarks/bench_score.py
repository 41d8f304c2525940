"""Time ``score_case`` against a plain reading of the definitions, on a full-size pair of masks.

The plain version labels both volumes and compares every reference lesion with every predicted one
by boolean operations on whole volumes; to stay finite it skips pairs whose boxes do not meet. Both
run in this process, on the same arrays; the scores must be equal.

Usage: python benchmarks/bench_score.py [lesions ...]
"""

import sys
import time
from collections.abc import Callable
from functools import partial
from itertools import product
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from lesionloop.metrics import CaseScore, score_case

SHAPE = (400, 400, 326)
SPACING = (2.04, 2.04, 3.0)
TARGET = 0.1  # ours may take this part of the plain version's time


def make_pair(lesions: int, seed: int = 1) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Balls of 2 to 9 voxels radius in a body-sized region: found, shifted, missed and false."""
    rng = np.random.default_rng(seed)
    prediction, reference = (np.zeros(SHAPE, np.uint8, order="F") for _ in range(2))
    for number in range(lesions):
        centre = rng.integers((100, 120, 15), (300, 280, 311))
        radius = int(rng.integers(2, 10))
        if number % 8 != 0:
            _add_ball(reference, centre, radius)
        if number % 8 != 1:
            _add_ball(prediction, centre + rng.integers(-2, 3, 3), max(radius - 1, 1))
    return prediction, reference


def _add_ball(mask: NDArray[np.uint8], centre: NDArray[np.int64], radius: int) -> None:
    side = slice(-radius, radius + 1)
    x, y, z = np.ogrid[side, side, side]
    ball = x * x + y * y + z * z <= radius * radius
    box = tuple(slice(int(c) - radius, int(c) + radius + 1) for c in centre)
    mask[box] |= ball


def plain_score(prediction: NDArray[Any], reference: NDArray[Any]) -> tuple[float, ...]:
    """dsc, tp, fp, fn, f1, fpv, fnv as the definitions read."""
    labels, n = cc3d.connected_components(prediction, connectivity=18, return_N=True)
    instances, m = cc3d.connected_components(reference, connectivity=18, return_N=True)
    boxes = cc3d.statistics(labels)["bounding_boxes"]
    reference_boxes = cc3d.statistics(instances)["bounding_boxes"]
    found: set[int] = set()
    matched: set[int] = set()
    for i, j in product(range(1, m + 1), range(1, n + 1)):
        if not _meet(reference_boxes[i], boxes[j]):
            continue
        lesion, candidate = instances == i, labels == j
        shared = np.logical_and(lesion, candidate).sum()
        if shared and 10 * shared >= np.logical_or(lesion, candidate).sum():
            found.add(i)
            matched.add(j)
    voxel_ml = float(np.prod(SPACING)) / 1000
    fpv = sum(
        (labels == j).sum() * voxel_ml
        for j in range(1, n + 1)
        if not np.logical_and(labels == j, reference).any()
    )
    fnv = sum(
        (instances == i).sum() * voxel_ml
        for i in range(1, m + 1)
        if not np.logical_and(instances == i, prediction).any()
    )
    tp, fp, fn = len(found), n - len(matched), m - len(found)
    dsc = 2 * (prediction * reference).sum() / (prediction.sum() + reference.sum())
    return float(dsc), tp, fp, fn, 2 * tp / (2 * tp + fp + fn), float(fpv), float(fnv)


def _meet(one: tuple[slice, ...], two: tuple[slice, ...]) -> bool:
    return all(a.start < b.stop and b.start < a.stop for a, b in zip(one, two, strict=True))


def _seconds(act: Callable[[], Any], repeats: int) -> tuple[float, Any]:
    best, result = float("inf"), None
    for _ in range(repeats):
        start = time.perf_counter()
        result = act()
        best = min(best, time.perf_counter() - start)
    return best, result


def _values(score: CaseScore) -> tuple[float, ...]:
    return score.dsc, score.tp, score.fp, score.fn, score.f1, score.fpv_ml, score.fnv_ml


def main() -> int:
    print(f"{'lesions':>8} {'tp/fp/fn':>12} {'plain s':>9} {'ours s':>9} {'ratio':>8}")
    worst = 0.0
    for lesions in [int(text) for text in sys.argv[1:]] or [30, 150]:
        prediction, reference = make_pair(lesions)
        ours_s, score = _seconds(partial(score_case, prediction, reference, SPACING), 5)
        plain_s, plain = _seconds(partial(plain_score, prediction, reference), 1)
        np.testing.assert_allclose(_values(score), plain, rtol=0, atol=1e-9)
        worst = max(worst, ours_s / plain_s)
        counts = f"{score.tp}/{score.fp}/{score.fn}"
        ratio = ours_s / plain_s
        print(f"{lesions:8d} {counts:>12} {plain_s:9.3f} {ours_s:9.3f} {ratio:8.5f}")
    verdict = "met" if worst <= TARGET else "missed"
    print(f"results equal; target ratio {TARGET}: {verdict}")
    return 0 if worst <= TARGET else 1


if __name__ == "__main__":
    sys.exit(main())
