"""``lesionloop train``: weights from a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from lesionloop.cli.console import JsonOption, note, print_json, progress
from lesionloop.cli.devices import training_device

NAME = "train"
EXAMPLES = (
    "Examples: lesionloop train recipes/default.toml --data data/ --out runs/default   ·   "
    "lesionloop train my.toml --out runs/mine --device cuda"
)


def run(
    recipe: Annotated[Path, typer.Argument(help="TOML file: data, loops, network, optimiser.")],
    out: Annotated[Path, typer.Option(help="Gets checkpoint, log, progress page and weights.")],
    data: Annotated[
        Path | None, typer.Option(help="Where the recipe's folders are; else beside the recipe.")
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda, or auto.")] = "auto",
    threads: Annotated[int | None, typer.Option(help="CPU threads of torch.")] = None,
    save_every: Annotated[int, typer.Option(help="Steps between checkpoints.")] = 250,
    steps: Annotated[
        int | None, typer.Option(help="Stop after so many steps in all; go on by running again.")
    ] = None,
    average_with: Annotated[
        list[Path] | None,
        typer.Option(
            help="Finished run whose network is to speak along with this one. Repeatable."
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Train a promptable network. Interrupted, it goes on from its last checkpoint."""
    from lesionloop.output import output_folder

    device = training_device(device, threads)
    from lesionloop.training.command import train_recipe
    from lesionloop.training.recipe import Recipe
    from lesionloop.training.seganypet.recipe import is_point_recipe

    others = average_with or []
    if is_point_recipe(recipe):
        _train_points(recipe, out, data, device, save_every, steps, others, json=json)
        return
    plan = Recipe.read(recipe, data=data)
    with output_folder(out), progress("training", plan.steps) as bar:
        found = train_recipe(
            plan,
            out,
            device=device,
            report=bar.update,
            resumed=lambda step: note(f"going on from step {step} of {plan.steps}"),
            save_every=save_every,
            until=steps,
            others=others,
        )
    weights = out / "network.onnx"
    if json:
        print_json(
            {"steps": found.steps, "seconds": found.seconds, "loss": found.loss,
             "dice_first": found.dice_first, "dice_corrected": found.dice_corrected,
             "weights": str(weights)}
        )  # fmt: skip
    else:
        typer.echo(f"{found.steps} steps in {found.seconds / 60:.1f} minutes")
        typer.echo(f"weights: {weights}")


def _train_points(
    recipe: Path,
    out: Path,
    data: Path | None,
    device: str,
    save_every: int,
    steps: int | None,
    others: list[Path],
    *,
    json: bool,
) -> None:
    """Train the network of points, in all processes that ``torchrun`` started."""
    from lesionloop.errors import InputError
    from lesionloop.output import output_folder
    from lesionloop.training.seganypet.command import train_points
    from lesionloop.training.seganypet.places import taking_place
    from lesionloop.training.seganypet.recipe import PointRecipe

    if others:
        raise InputError("--average-with is not for recipes of this method")
    plan = PointRecipe.read(recipe, data=data)
    with output_folder(out), taking_place(device) as place, progress("training", plan.steps) as bar:
        found = train_points(
            plan,
            out,
            place=place,
            report=bar.update,
            save_every=save_every,
            until=steps,
        )
    if place.rank:
        return
    if json:
        print_json(
            {"steps": found.steps, "seconds": found.seconds, "weights": str(found.weights),
             "dice_by_click": list(found.dice_by_click)}
        )  # fmt: skip
        return
    typer.echo(f"{found.steps} steps in {found.seconds / 60:.1f} minutes")
    if found.dice_by_click:
        typer.echo("Dice by click: " + " ".join(f"{dice:.3f}" for dice in found.dice_by_click))
    typer.echo(f"weights: {found.weights}")
