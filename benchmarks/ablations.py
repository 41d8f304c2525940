"""What each part of the training is worth: short runs that differ in one thing, in one table.

Usage: python benchmarks/ablations.py RECIPE --data DIR --out DIR [--steps 400] [--variants a,b]

Every variant is trained from scratch for the same few steps and plays the challenge's loop on the
real cases that the recipe excludes. Short runs say which way a part pulls, not how far a long run
would get. Interrupted, it goes on.
"""

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from compare_segmenters import Loop, play_default, print_table
from lesionloop.datasets.nnunet import find_cases
from lesionloop.training.calibration import calibrate
from lesionloop.training.package import finished_network, write_package
from lesionloop.training.recipe import Recipe
from lesionloop.training.sources import open_sources, open_validation
from lesionloop.training.studies import StudySource
from lesionloop.training.trainer import Trainer


def _weights(recipe: Recipe, *, real: bool) -> Recipe:
    """The recipe with either its real studies or its synthetic bodies only."""
    data = tuple(
        entry if (entry.kind == "studies") == real else replace(entry, weight=0.0)
        for entry in recipe.data
    )
    return replace(recipe, data=data)


VARIANTS: dict[str, Callable[[Recipe], Recipe]] = {
    "as it is": lambda recipe: recipe,
    "static scribbles": lambda r: replace(r, plan=replace(r.plan, own_errors=False)),
    "no previous mask": lambda r: replace(r, plan=replace(r.plan, previous="none")),
    "wide map only": lambda recipe: replace(recipe, guidance="wide"),
    "narrow map only": lambda recipe: replace(recipe, guidance="narrow"),
    "geodesic maps": lambda recipe: replace(recipe, guidance="geodesic"),
    "without real crops": lambda recipe: _weights(recipe, real=False),
    "without bodies": lambda recipe: _weights(recipe, real=True),
}


def main() -> int:
    """Train and compare."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--variants", default=",".join(VARIANTS))
    options = parser.parse_args()
    base = replace(Recipe.read(options.recipe, data=options.data), steps=options.steps, cycles=())
    loops: list[Loop] = []
    for name in options.variants.split(","):
        folder = options.out / name.replace(" ", "-")
        folder.mkdir(parents=True, exist_ok=True)
        _train(VARIANTS[name](base), folder, options.out)
        for entry in base.data:
            if entry.kind == "studies":
                for case in find_cases(entry.folder):
                    if case.name in entry.exclude:
                        loops += play_default(case, folder, name)
        print(f"{name}: done", flush=True)
    print_table(loops)
    return 0


def _train(recipe: Recipe, folder: Path, bodies: Path) -> None:
    if (folder / "network.json").exists():
        return
    sources = open_sources(recipe, bodies)
    trainer = Trainer(recipe, sources, folder)
    trainer.run(lambda _: None)
    real = [source for _, source in sources if isinstance(source, StudySource)]
    # All variants are calibrated on the same kinds of patches.
    network = finished_network(trainer)
    found = calibrate(
        network, [*open_validation(recipe, bodies), *real], patches=24,
        seed=recipe.seed, spacing_mm=recipe.spacing_mm,
    )  # fmt: skip
    write_package(trainer, network, found, folder)


if __name__ == "__main__":
    raise SystemExit(main())
