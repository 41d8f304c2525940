"""Time of the simulated scribbles against a plain version, on a full-size study.

Run with ``python benchmarks/bench_simulate.py``; it needs the extra ``test``. The plain version is
what one would write down first from the rules of the autoPET V evaluation: label slice after slice
with cc3d, thin with scikit-image, find the path with networkx. Both must give the same points.
"""

import argparse
import random
import time
from collections.abc import Callable
from functools import partial

import cc3d
import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import cdist
from skimage.morphology import skeletonize
from skimage.segmentation import find_boundaries

from lesionloop.scribbles import STRATEGIES, error_scribbles, simulate_scribble

Mask = NDArray[np.bool_]
Points = NDArray[np.int64]

FULL_SIZE = (400, 400, 326)
SPACING_MM = (2.04, 2.04, 3.0)


def main() -> None:
    """Print a table of seconds and ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7, help="the best of so many runs counts")
    repeats = parser.parse_args().repeats
    prediction, reference = phantom(FULL_SIZE, seed=3)
    over, under = prediction & ~reference, reference & ~prediction
    print(f"{FULL_SIZE} voxels, {int(reference.sum())} of lesion in the reference,")
    print(f"{int(over.sum())} falsely found, {int(under.sum())} missed; best of {repeats}")
    print(f"{'':40}{'plain s':>9}{'ours s':>9}{'ratio':>7}")
    for strategy in STRATEGIES:
        print_row(
            f"{strategy}, both error masks given",
            partial(plain_pair, over, under, strategy),
            partial(our_pair, over, under, strategy),
            repeats,
        )
    for strategy in STRATEGIES:
        print_row(
            f"{strategy}, from prediction, reference",
            partial(plain_errors, prediction, reference, strategy),
            partial(our_errors, prediction, reference, strategy),
            repeats,
        )


def print_row(
    name: str,
    plain: Callable[[], tuple[Points, Points]],
    ours: Callable[[], tuple[Points, Points]],
    repeats: int,
) -> None:
    """Time both, check that they agree, and print one line."""
    plain_s, expected = best_time(plain, repeats)
    ours_s, got = best_time(ours, repeats)
    for one, other in zip(expected, got, strict=True):
        if not np.array_equal(one, other):
            raise SystemExit(f"{name}: the points differ")
    print(f"{name:40}{plain_s:9.4f}{ours_s:9.4f}{plain_s / ours_s:7.1f}")


def best_time(
    run: Callable[[], tuple[Points, Points]], repeats: int
) -> tuple[float, tuple[Points, Points]]:
    """Return seconds of the fastest run, and what the last one gave."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - start)
    return best, result


def our_pair(over: Mask, under: Mask, strategy: str) -> tuple[Points, Points]:
    """Draw on each of two masks."""
    return simulate_scribble(over, strategy), simulate_scribble(under, strategy)


def our_errors(prediction: Mask, reference: Mask, strategy: str) -> tuple[Points, Points]:
    """Return the scribbles on both kinds of error."""
    scribbles = error_scribbles(prediction, reference, strategy)
    return scribbles.over, scribbles.under


def phantom(shape: tuple[int, int, int], seed: int) -> tuple[Mask, Mask]:
    """Make a reference with some forty lesions, and a prediction with the usual mistakes.

    Most lesions are segmented with an uneven border, some are missed, some uptake is taken for one.
    """
    rng = np.random.default_rng(seed)
    prediction, reference = (np.zeros(shape, dtype=bool, order="F") for _ in range(2))
    for number in range(40):
        radius = float(rng.choice([4.0, 7.0, 12.0, 20.0, 35.0], p=[0.3, 0.3, 0.2, 0.15, 0.05]))
        middle = np.array([rng.uniform(0.25, 0.75) * n for n in shape])
        axes = radius * rng.uniform(0.7, 1.3, size=3)
        box = tuple(
            slice(max(0, int(c - 2 * radius / mm) - 2), min(n, int(c + 2 * radius / mm) + 3))
            for c, mm, n in zip(middle, SPACING_MM, shape, strict=True)
        )
        place = np.meshgrid(*(np.arange(part.start, part.stop) for part in box), indexing="ij")
        scaled = [
            (p - c) * mm / a for p, c, mm, a in zip(place, middle, SPACING_MM, axes, strict=True)
        ]
        x, y, z = scaled
        # Lobes, so that sections are no ellipses, and a border that the prediction gets wrong.
        lobes = 1 + 0.3 * np.sin(3 * np.arctan2(y, x) + rng.uniform(0, 6)) * np.cos(2 * z)
        depth = np.sqrt(x * x + y * y + z * z) / lobes
        if number % 8 != 7:
            reference[box] |= depth < 1
        if number % 8 != 6:
            wobble = 0.2 * np.sin(5 * x + rng.uniform(0, 6)) * np.cos(4 * y)
            prediction[box] |= depth + wobble < 1
    return prediction, reference


def plain_pair(over: Mask, under: Mask, strategy: str) -> tuple[Points, Points]:
    """Draw on each of two masks."""
    return plain_scribble(over, strategy), plain_scribble(under, strategy)


def plain_errors(prediction: Mask, reference: Mask, strategy: str) -> tuple[Points, Points]:
    """Make the two error masks and draw on each."""
    over = (prediction == 1) & (reference == 0)
    under = (prediction == 0) & (reference == 1)
    return plain_pair(over, under, strategy)


def plain_scribble(mask: Mask, strategy: str) -> Points:
    """Draw a scribble, step by step as the rules say."""
    best, best_size, best_z = None, 0, -1
    for z in range(mask.shape[2]):
        labels = cc3d.connected_components(mask[:, :, z], connectivity=8)
        sizes = np.bincount(labels.ravel())
        sizes[0] = 0
        largest = int(np.argmax(sizes))
        if sizes[largest] > best_size:
            best, best_size, best_z = labels == largest, int(sizes[largest]), z
    if best is None:
        return np.empty((0, 3), dtype=np.int64)
    draw = {"centerline": plain_centerline, "random": plain_random, "boundary": plain_boundary}
    pixels = sorted({(int(x), int(y)) for x, y in draw[strategy](best)})
    return np.array([(x, y, best_z) for x, y in pixels], dtype=np.int64)


def plain_random(image: Mask) -> Points | list[tuple[int, int]]:
    """Draw a line between two random pixels."""
    pixels = np.argwhere(image)
    if len(pixels) < 2:
        return pixels
    generator = random.Random(42)  # noqa: S311
    (x, y), (x2, y2) = (pixels[generator.randrange(len(pixels))].tolist() for _ in range(2))
    dx, dy = abs(x2 - x), abs(y2 - y)
    step_x, step_y = (1 if x2 > x else -1), (1 if y2 > y else -1)
    steep = dx <= dy
    long, short = (dy, dx) if steep else (dx, dy)
    error, line = 2 * short - long, []
    for _ in range(long):
        line.append((x, y))
        while error >= 0:
            x, y = (x + step_x, y) if steep else (x, y + step_y)
            error -= 2 * long
        x, y = (x, y + step_y) if steep else (x + step_x, y)
        error += 2 * short
    return [point for point in [*line, (x2, y2)] if image[point]]


def plain_boundary(image: Mask) -> Points | list[tuple[int, int]]:
    """Walk along the inner boundary."""
    border = {
        (int(x), int(y))
        for x, y in np.argwhere(find_boundaries(image, connectivity=1, mode="inner"))
    }
    if len(border) < 2:
        return np.argwhere(image)
    generator = random.Random(42)  # noqa: S311
    walk = [sorted(border)[generator.randrange(len(border))]]
    around = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]
    for _ in range(max(2, len(border) // 5)):
        x, y = walk[-1]
        near = [(x + dx, y + dy) for dx, dy in around]
        free = [point for point in near if point in border and point not in walk]
        if not free:
            break
        walk.append(free[0])
    return walk


def plain_centerline(image: Mask) -> Points | list[tuple[int, int]]:
    """Walk along the skeleton between its farthest pixels."""
    labels = cc3d.connected_components(skeletonize(image).astype(np.uint8), connectivity=8)
    sizes = np.bincount(labels.ravel())
    sizes[0] = 0
    pixels = np.argwhere(labels == np.argmax(sizes)) if sizes.any() else np.empty((0, 2), int)
    if len(pixels) < 2:
        return np.argwhere(image)
    graph = nx.Graph()
    known = {(int(x), int(y)) for x, y in pixels}
    around = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1) if dx or dy]
    graph.add_nodes_from(sorted(known))
    for x, y in sorted(known):
        near = [(x + dx, y + dy) for dx, dy in around]
        graph.add_edges_from(((x, y), point) for point in near if point in known)
    distance = cdist(pixels, pixels)
    ends = np.unravel_index(int(np.argmax(distance)), distance.shape)
    source, target = (tuple(pixels[end].tolist()) for end in ends)
    path: list[tuple[int, int]] = nx.shortest_path(graph, source, target)
    n = len(path)
    return path[n // 10 : 9 * n // 10] if n > 10 else path


if __name__ == "__main__":
    main()
