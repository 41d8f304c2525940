"""Train the small point-promptable network on phantoms and draw Dice by the number of clicks.

The recipe's held-out bodies are segmented before and after training, with the same objects and
seeds. A folder in the nnU-Net layout can be trained on beside the phantoms.

Usage: python benchmarks/train_seganypet_small.py --out runs/seganypet-small [--steps 1200]
       [--threads 2] [--studies FOLDER]
"""

import argparse
import time
from dataclasses import replace
from pathlib import Path

import torch

from lesionloop.output import make_folder, write_json, write_text
from lesionloop.reporting.curves import Curve, step_chart
from lesionloop.reporting.standalone import svg_text
from lesionloop.training.seganypet.command import held_out_curve, train_points
from lesionloop.training.seganypet.package import build_network
from lesionloop.training.seganypet.places import Place
from lesionloop.training.seganypet.recipe import PointData, PointRecipe

RECIPE = Path(__file__).parents[1] / "recipes" / "seganypet-small.toml"
OBJECTS, CLICKS = 40, 8


def main() -> None:
    """Train, measure and draw."""
    options = argparse.ArgumentParser()
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--steps", type=int, default=None)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--studies", type=Path, default=None)
    asked = options.parse_args()
    torch.set_num_threads(asked.threads)
    recipe = PointRecipe.read(RECIPE)
    if asked.steps:
        parts = tuple(asked.steps * step // recipe.steps for step in recipe.milestones)
        recipe = replace(recipe, steps=asked.steps, milestones=parts)
    if asked.studies:
        entry = PointData("studies", str(asked.studies), weight=0.5, hold_out_every=5)
        recipe = replace(recipe, data=(*recipe.data, entry))
    out = make_folder(asked.out)
    began = spoken = time.perf_counter()

    def report(done: int, label: str, total: int) -> None:
        nonlocal spoken
        if time.perf_counter() - spoken > 20:
            spoken = time.perf_counter()
            print(f"{spoken - began:5.0f} s  {done}/{total}  {label}", flush=True)

    found = train_points(
        recipe, out, place=Place(torch.device("cpu")), report=report, held_out=OBJECTS,
        clicks=CLICKS,
    )  # fmt: skip
    before = held_out_curve(recipe, build_network(recipe), out, objects=OBJECTS, clicks=CLICKS)
    print(f"{found.steps} steps in {found.seconds:.0f} s")
    for name, curve in (("untrained", before), ("trained", found.dice_by_click)):
        print(f"{name:9} Dice by click: " + " ".join(f"{dice:.3f}" for dice in curve))
    nothing = float("nan")  # before any click there is no mask
    chart = step_chart(
        [
            Curve("untrained", [nothing, *before], colour=1, strong=True, write_last=True),
            Curve("trained", [nothing, *found.dice_by_click], strong=True, write_last=True),
        ],
        title="Dice by the number of clicks",
        y_label="Dice",
        y_max=1.0,
    )
    write_text(out / "dice-by-click.svg", svg_text(chart))
    write_json(
        out / "dice-by-click.json",
        {"steps": found.steps, "seconds": found.seconds, "objects": OBJECTS,
         "untrained": list(before), "trained": list(found.dice_by_click)},
    )  # fmt: skip


if __name__ == "__main__":
    main()
