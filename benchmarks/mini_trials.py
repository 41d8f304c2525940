"""The liver benchmark from raw phases to ranking, on phantoms: nothing but the public commands.

    python benchmarks/mini_trials.py --out out/mini-trials

Makes a data set in the TriALS layout with three centres, checks it, fuses the combined labels,
lets three simple methods segment it, scores them in both paradigms and ranks them. The methods are
thresholds on the CT inside of the given liver: they stand for submissions, no more.

The fused labels are compared with the true ones of the phantoms, and points of the liver with where
the phantom moved them.
"""

import argparse
import csv
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_opening, gaussian_filter

from lesionloop.imaging import Quantity, read_volume, write_mask, write_volume
from lesionloop.phantom.liver import PHASES, LiverPhantom, make_liver

CENTRES = ("north", "south", "west")
#: Block to the phase that is segmented and the label that it is scored with.
BLOCKS = {
    "task1": ("venous", "venous"),
    "visible": ("nocontrast", "nocontrast"),
    "combined": ("nocontrast", "combined"),
}
Mask = NDArray[np.bool_]


def unlike(ct: NDArray[Any], liver: Mask, smooth: float, share: float) -> Mask:
    """Voxels of the liver whose HU differ from its median by a number of its own deviations."""
    smoothed = gaussian_filter(ct.astype(np.float32), smooth)
    middle = np.median(smoothed[liver])
    spread = 1.4826 * np.median(np.abs(smoothed[liver] - middle))
    return np.asarray(liver & (np.abs(smoothed - middle) > share * spread))


METHODS: dict[str, Callable[[NDArray[Any], Mask], Mask]] = {
    "raw": lambda ct, liver: unlike(ct, liver, 0.0, 3.0),
    "smooth": lambda ct, liver: unlike(ct, liver, 1.0, 3.0),
    "smooth-opened": lambda ct, liver: np.asarray(binary_opening(unlike(ct, liver, 1.0, 2.5))),
}


def make_data(folder: Path, cases: int) -> dict[str, LiverPhantom]:
    """Write the data set; the truth comes back."""
    made, rows = {}, []
    for number in range(cases * len(CENTRES)):
        centre = CENTRES[number % len(CENTRES)]
        name = f"{centre}_{number // len(CENTRES):02d}"
        spacing = (2.4, 2.4, 3.0 if centre == "north" else 4.0)
        phantom = make_liver(number + 1, shape=(96, 80, 60), spacing=spacing, lesions=4)
        for phase in PHASES:
            for kind, volume in (("images", phantom.images), ("labels", phantom.labels)):
                path = folder / f"{kind}Tr" / name / f"{name}_{phase}.nii.gz"
                path.parent.mkdir(parents=True, exist_ok=True)
                write_volume(volume[phase], path)
        rows.append((name, centre, "train"))
        made[name] = phantom
    with (folder / "cases.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([("case", "centre", "split"), *rows])
    return made


def run(*arguments: object) -> None:
    """A command as a user gives it."""
    command = [sys.executable, "-c", "from lesionloop.cli import main; main()"]
    subprocess.run([*command, *map(str, arguments)], check=True)


def compare_labels(made: dict[str, LiverPhantom], fused: Path) -> None:
    """Dice of the fused lesions with the true ones."""
    values = []
    for name, phantom in made.items():
        path = fused / "labelsTr" / name / f"{name}_combined.nii.gz"
        ours = read_volume(path, Quantity.LABEL).values == 2
        true = phantom.combined.values == 2
        values.append(2 * (ours & true).sum() / (ours.sum() + true.sum()))
    print(f"Dice of the fused lesions: median {np.median(values):.3f}, least {min(values):.3f}")


def segment(data: Path, fused: Path, out: Path, made: dict[str, LiverPhantom]) -> None:
    """Predictions and references of each block, by centre."""
    for name in made:
        centre = name.split("_")[0]
        for phase in ("venous", "nocontrast"):
            ct = read_volume(data / "imagesTr" / name / f"{name}_{phase}.nii.gz", Quantity.HU)
            label = read_volume(data / "labelsTr" / name / f"{name}_{phase}.nii.gz", Quantity.LABEL)
            for method, find in METHODS.items():
                folder = out / "predictions" / method / phase / centre
                folder.mkdir(parents=True, exist_ok=True)
                mask = find(ct.values, label.values > 0)
                write_mask(mask, ct.grid, folder / f"{name}.nii.gz")
        for block, (_, reference) in BLOCKS.items():
            top = fused if reference == "combined" else data
            path = top / "labelsTr" / name / f"{name}_{reference}.nii.gz"
            label = read_volume(path, Quantity.LABEL)
            folder = out / "references" / block / centre
            folder.mkdir(parents=True, exist_ok=True)
            write_mask(label.values == 2, label.grid, folder / f"{name}.nii.gz")


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("out/mini-trials"))
    parser.add_argument("--cases", type=int, default=2, help="of each centre")
    parser.add_argument("--workers", type=int, default=1)
    given = parser.parse_args()
    data, fused = given.out / "data", given.out / "fused"
    made = make_data(data, given.cases)
    run("dataset", "check", data)
    start = time.perf_counter()
    run("fuse", data, "--out", fused, "--workers", given.workers)
    print(f"fused {len(made)} cases in {time.perf_counter() - start:.0f} s")
    compare_labels(made, fused)
    segment(data, fused, given.out, made)
    records = []
    for method in METHODS:
        for block, (phase, _) in BLOCKS.items():
            for centre in CENTRES:
                scores = given.out / "scores" / method / block / centre
                run(
                    "liver-score",
                    "--prediction", given.out / "predictions" / method / phase / centre,
                    "--reference", given.out / "references" / block / centre,
                    "--block", block, "--centre", centre, "--competitor", method, "--out", scores,
                )  # fmt: skip
                records.append(scores / "case_records.csv")
    run("rank", "--scheme", "trials", *records, "--out", given.out / "ranking")
    print(given.out / "ranking" / "ranking.html")


if __name__ == "__main__":
    main()
