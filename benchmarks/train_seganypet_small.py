"""Train the small point-promptable network and measure Dice by the number of prompts.

What the recipe holds out is segmented before and after training, with the same objects and seeds:
phantoms and studies apart, objects below 1.5 ml apart, with clicks and with strokes. A network that
takes no scribbles gets points along a stroke. A folder in the nnU-Net layout can be trained on
beside the phantoms; every fifth of its cases is held out. A finished run is only measured again.

Usage: python benchmarks/train_seganypet_small.py --out runs/seganypet-small [--steps N]
       [--threads 2] [--studies FOLDER] [--option ct|scribbles|finer|none ...] [--picture FILE]

Without ``--option`` the recipe's own options are used; with it exactly those that are named.
"""

import argparse
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from lesionloop.networks.seganypet import SegAnyPET
from lesionloop.output import make_folder, write_json, write_text
from lesionloop.reporting.point_curves import PointCurve, point_chart
from lesionloop.reporting.standalone import svg_text
from lesionloop.segmenters.seganypet.weights import load_network
from lesionloop.training.seganypet.command import draw_held_out, held_out_dice, train_points
from lesionloop.training.seganypet.objects import PointObject
from lesionloop.training.seganypet.package import build_network
from lesionloop.training.seganypet.places import Place
from lesionloop.training.seganypet.recipe import Options, PointData, PointRecipe

RECIPE = Path(__file__).parents[1] / "recipes" / "seganypet-small.toml"
#: Objects that are measured; small ones are sought among more, as they are few.
OBJECTS, SOUGHT, CLICKS = 40, 240, 8
SMALL_ML = 1.5
#: Prompts that are measured, and their share of strokes.
PROMPTS = {"untrained": [("clicks", 0.0)], "trained": [("clicks", 0.0), ("strokes", 1.0)]}


def main() -> None:
    """Train, measure and draw."""
    options = argparse.ArgumentParser()
    options.add_argument("--out", type=Path, required=True)
    options.add_argument("--steps", type=int, default=None)
    options.add_argument("--threads", type=int, default=2)
    options.add_argument("--studies", type=Path, default=None)
    options.add_argument("--picture", type=Path, default=None)
    options.add_argument(
        "--option", action="append", choices=["ct", "scribbles", "finer", "none"], default=None
    )
    asked = options.parse_args()
    torch.set_num_threads(asked.threads)
    recipe = changed(PointRecipe.read(RECIPE), asked.steps, asked.studies, asked.option)
    out = make_folder(asked.out)
    began = spoken = time.perf_counter()

    def report(done: int, label: str, total: int) -> None:
        nonlocal spoken
        if time.perf_counter() - spoken > 20:
            spoken = time.perf_counter()
            print(f"{spoken - began:5.0f} s  {done}/{total}  {label}", flush=True)

    place = Place(torch.device("cpu"))
    found = train_points(recipe, out, place=place, report=report, held_out=0)
    untrained, trained = build_network(recipe), load_network(found.weights).network
    print(f"{found.steps} steps in {found.seconds:.0f} s, {recipe.options}")
    rows = []
    for kind, drawn in held_out_kinds(recipe, out, untrained.config.image_size):
        limit = SMALL_ML * 1000 / recipe.spacing_mm**3
        small = [one for one in drawn if float(one.reference.sum()) < limit][:OBJECTS]
        for which, objects in (("all", drawn[:OBJECTS]), (f"below {SMALL_ML:g} ml", small)):
            for when, network in (("untrained", untrained), ("trained", trained)):
                facts = {"kind": kind, "network": when, "which": which, "objects": len(objects)}
                rows += measured(recipe, network, objects, facts)
    table(rows)
    write_json(
        out / "dice-by-click.json",
        {"steps": found.steps, "seconds": round(found.seconds), "threads": asked.threads,
         "options": [name for name, on in vars(recipe.options).items() if on], "dice": rows},
    )  # fmt: skip
    for target in filter(None, (out / "dice-by-click.svg", asked.picture)):
        write_text(target, svg_text(picture(rows)))


def changed(
    recipe: PointRecipe, steps: int | None, studies: Path | None, names: list[str] | None
) -> PointRecipe:
    """The recipe with what was asked for on the command line."""
    if steps:
        parts = tuple(steps * step // recipe.steps for step in recipe.milestones)
        recipe = replace(recipe, steps=steps, milestones=parts)
    if studies:
        entry = PointData("studies", str(studies), weight=0.5, hold_out_every=5)
        recipe = replace(recipe, data=(*recipe.data, entry))
    if names:
        chosen = {name: True for name in names if name != "none"}
        recipe = replace(recipe, options=Options(**chosen))
    return recipe


def held_out_kinds(
    recipe: PointRecipe, out: Path, size: int
) -> Iterator[tuple[str, list[PointObject]]]:
    """Held-out objects of each place of the recipe."""
    for number, entry in enumerate(recipe.data):
        # Places are known by their number: the others are switched off, not left out.
        alone = tuple(
            replace(other, weight=entry.weight if place == number else 0.0)
            for place, other in enumerate(recipe.data)
        )
        drawn = draw_held_out(replace(recipe, data=alone), out, size, SOUGHT)
        if drawn:
            yield "studies" if entry.kind == "studies" else "phantoms", drawn


def measured(
    recipe: PointRecipe, network: SegAnyPET, objects: list[PointObject], facts: dict[str, Any]
) -> list[dict[str, Any]]:
    """Mean Dice after each prompt, with clicks and with strokes; nothing without objects."""
    rows = []
    for prompt, share in PROMPTS[facts["network"]] if objects else []:
        dice = held_out_dice(recipe, network, objects, CLICKS, strokes=share)
        rows.append({**facts, "prompt": prompt, "dice": dice.mean(dim=1).tolist()})
    return rows


def table(rows: list[dict[str, Any]]) -> None:
    """Print what was measured, as Markdown."""
    names = ("kind", "network", "prompt", "which", "objects")
    print(f"\n| {' | '.join(names)} | Dice after 1 to {CLICKS} prompts |\n|{' --- |' * 6}")
    for row in rows:
        cells = [str(row[name]) for name in names]
        print(f"| {' | '.join(cells)} | {' '.join(f'{dice:.3f}' for dice in row['dice'])} |")


def picture(rows: list[dict[str, Any]]) -> Any:
    """Dice by the number of clicks, before and after training."""
    shown = [row for row in rows if row["prompt"] == "clicks"]
    names = [
        row["kind"] if row["which"] == "all" else f"{row['kind']} < {SMALL_ML:g} ml"
        for row in shown
    ]
    colours = {name: number for number, name in enumerate(dict.fromkeys(names))}
    curves = [
        PointCurve(
            f"{name}, {row['network']}", row["dice"],
            colour=colours[name], faint=row["network"] == "untrained",
        )
        for name, row in zip(names, shown, strict=True)
    ]  # fmt: skip
    return point_chart(
        curves, range(1, CLICKS + 1), title="Dice by the number of clicks", y_label="Dice"
    )


if __name__ == "__main__":
    main()
