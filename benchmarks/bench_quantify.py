"""What quantification makes of balls and ellipsoids of known volume and uptake, and its cost.

The uptake is painted without blur or noise: a voxel holds the shape's SUV by the part of it inside
the shape (from 10 x 10 x 10 points) and the background's by the rest; the mask is what is inside
by half or more. So the errors are those of the grid alone. With --full a study of 400 x 400 x 326
voxels with 20 organs is timed too.

Usage: python benchmarks/bench_quantify.py [--full]
"""

import argparse
import math
import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.phantom.study import make_phantom
from lesionloop.quantification import measure_lesions
from lesionloop.quantification.burden import quantify_study
from lesionloop.quantification.organ_map import OrganMap
from lesionloop.quantification.organ_names import organ_name

INSIDE, BACKGROUND = 8.0, 1.0  # SUV
SPACINGS = (1.0, 2.0, 4.0)  # mm
#: Semi-axes, mm.
SHAPES = {
    "ball of 10 mm": (5.0, 5.0, 5.0),
    "ball of 20 mm": (10.0, 10.0, 10.0),
    "ball of 30 mm": (15.0, 15.0, 15.0),
    "ball of 50 mm": (25.0, 25.0, 25.0),
    "ellipsoid of 30 x 40 x 60 mm": (15.0, 20.0, 30.0),
}
_POINTS = 10
FULL = (400, 400, 326)
FULL_SPACING = (2.03642, 2.03642, 3.0)


@dataclass(frozen=True)
class Row:
    """One shape on one grid: relative errors; SUVs as they came out."""

    shape: str
    spacing_mm: float
    volume_ml: float
    volume_error: float
    suv_mean: float
    suv_max: float
    suv_peak: float
    true_peak: float


def painted(semi: tuple[float, float, float], spacing: float) -> tuple[Study, NDArray[np.bool_]]:
    """A study with one ellipsoid off the middle of a voxel, and its mask."""
    half = [math.ceil((s + 12.0) / spacing) for s in semi]
    grid = Grid((2 * half[0] + 1, 2 * half[1] + 1, 2 * half[2] + 1), (spacing,) * 3)
    middle = [n * spacing + 0.3 * spacing for n in half]
    parts = (np.arange(_POINTS) + 0.5) / _POINTS - 0.5
    squares = [
        (((np.arange(n)[:, None] + parts) * spacing - m) / s) ** 2
        for n, m, s in zip(grid.shape, middle, semi, strict=True)
    ]
    share = np.zeros(grid.shape)
    for x, layer in enumerate(squares[0]):
        for one in layer:
            inside = one + squares[1].ravel()[:, None] + squares[2].ravel() <= 1.0
            share[x] += inside.reshape(*squares[1].shape, *squares[2].shape).sum(axis=(1, 3))
    share /= _POINTS**3
    pet = (BACKGROUND + (INSIDE - BACKGROUND) * share).astype(np.float32)
    return Study(Volume(pet, grid, Quantity.SUV_BW), None, "shape"), share >= 0.5


def measure(shape: str, spacing: float) -> Row:
    """Measure a shape of :data:`SHAPES` on a grid of cubes."""
    semi = SHAPES[shape]
    study, mask = painted(semi, spacing)
    (found,) = measure_lesions(mask.astype(np.uint8), study)
    volume = 4 / 3 * math.pi * math.prod(semi) / 1000
    return Row(
        shape=shape,
        spacing_mm=spacing,
        volume_ml=volume,
        volume_error=found.volume_ml / volume - 1,
        suv_mean=found.suv_mean,
        suv_max=found.suv_max,
        suv_peak=found.suv_peak,
        # The sphere of 1 ml holds the small ball, and lies in the others.
        true_peak=BACKGROUND + (INSIDE - BACKGROUND) * min(1.0, volume),
    )


def full_study() -> tuple[Study, NDArray[np.uint8], OrganMap]:
    """A full-size synthetic study; its organs but the liver are cut in two at half height, and the
    lungs in left and right as well: 20 organs."""
    phantom = make_phantom(seed=1, tracer="psma", shape=FULL, spacing=FULL_SPACING, lesions=12)
    labels = phantom.organs.values.copy(order="F")
    for label in phantom.organ_names:
        slices = np.flatnonzero((labels == label).any(axis=(0, 1)))
        upper = labels[:, :, (slices[0] + slices[-1]) // 2 :]
        upper[upper == label] += 10
    right = labels[: FULL[0] // 2]
    right[np.isin(right, (5, 15))] += 20
    names = {label: organ_name(name) for label, name in phantom.organ_names.items()}
    names |= {label + 10: f"{name}_upper" for label, name in names.items()}
    names |= {label + 20: f"{names[label]}_right" for label in (5, 15)}
    names[13] = "liver"
    study = Study(phantom.pet, phantom.ct, "full", phantom.tracer)
    return study, phantom.reference.values.astype(np.uint8), OrganMap(labels, names)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="time a full-size study too")
    print(f"SUV {INSIDE:g} in the shape, {BACKGROUND:g} around it; no blur, no noise\n")
    print("| shape | voxels | volume ml | error of it | SUVmean | SUVmax | SUVpeak | true peak |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for shape in SHAPES:
        for spacing in SPACINGS:
            row = measure(shape, spacing)
            print(
                f"| {shape} | {spacing:g} mm | {row.volume_ml:.2f} | {row.volume_error:+.1%} |"
                f" {row.suv_mean:.2f} | {row.suv_max:.2f} | {row.suv_peak:.2f} |"
                f" {row.true_peak:.2f} |"
            )
    if parser.parse_args().full:
        study, mask, organs = full_study()
        began, began_cpu = time.perf_counter(), time.process_time()
        found = quantify_study(study, mask, organs)
        took, cpu = time.perf_counter() - began, time.process_time() - began_cpu
        print(
            f"\n{FULL[0]} x {FULL[1]} x {FULL[2]} voxels, {len(found.organs)} organs,"
            f" {len(found.lesions)} lesions: {took:.1f} s ({cpu:.1f} s of one core)"
        )


if __name__ == "__main__":
    main()
