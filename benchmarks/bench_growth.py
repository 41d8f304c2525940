"""How a warm correction's time grows with strokes (0 to 50) and with lesions (1 to 200).

A synthetic study of 300 x 300 x 300 voxels at 2.04 x 2.04 x 3 mm; strokes of eight voxels at random
places of the body, alternating foreground and background; lesions are hot balls of 5 mm radius.

Usage: python benchmarks/bench_growth.py [--segmenter NAME]
"""

import argparse
import time

import numpy as np
from numpy.typing import NDArray

from lesionloop import ScribbleSet, Study, load_segmenter, make_phantom
from lesionloop.imaging import Volume

SHAPE = (300, 300, 300)
SPACING = (2.04, 2.04, 3.0)


def main() -> int:
    """Measure and print two tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--segmenter", default="default")
    segmenter = load_segmenter(parser.parse_args().segmenter)
    phantom = make_phantom(seed=1, tracer="fdg", spacing=SPACING, shape=SHAPE, lesions=0)
    rng = np.random.default_rng(2)
    body = np.argwhere(phantom.ct.values[::7, ::7, ::7] > -200) * 7
    body = body[(body < np.array(SHAPE) - 12).all(axis=1) & (body > 12).all(axis=1)]
    study = Study(phantom.pet, phantom.ct, "growth", "fdg")
    session = segmenter.open(study)
    print("| strokes so far | s, the next one |\n| --- | --- |")
    scribbles = ScribbleSet()
    for number in range(51):
        start = body[rng.integers(len(body))]
        points = start + np.arange(8)[:, None] * np.array([1, 0, 0])
        scribbles = scribbles.add(points, ("foreground", "background")[number % 2])
        began = time.perf_counter()
        session.segment(scribbles)
        if number in (0, 1, 5, 10, 20, 30, 40, 50):
            print(f"| {number} | {time.perf_counter() - began:.2f} |", flush=True)
    print("\n| lesions | s, first mask | s, a correction |\n| --- | --- | --- |")
    for count in (1, 50, 200):
        pet = Volume(
            _with_balls(phantom.pet.values, body, count, rng), phantom.pet.grid,
            phantom.pet.quantity,
        )  # fmt: skip
        began = time.perf_counter()
        session = segmenter.open(Study(pet, phantom.ct, "growth", "fdg"))
        opened = time.perf_counter() - began
        began = time.perf_counter()
        session.segment(ScribbleSet().add(body[len(body) // 2][None], "background"))
        print(f"| {count} | {opened:.1f} | {time.perf_counter() - began:.2f} |", flush=True)
    return 0


def _with_balls(
    pet: NDArray[np.generic], body: NDArray[np.int64], count: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    result = np.array(pet, dtype=np.float32, order="F")
    reach = np.ceil(5.0 / np.array(SPACING)).astype(int)
    offsets = np.indices(tuple((2 * reach + 1).tolist())).reshape(3, -1).T - reach
    offsets = offsets[np.linalg.norm(offsets * np.array(SPACING), axis=1) <= 5.0]
    for centre in body[rng.choice(len(body), count, replace=False)]:
        result[tuple((centre + offsets).T)] = 12.0
    return result


if __name__ == "__main__":
    raise SystemExit(main())
