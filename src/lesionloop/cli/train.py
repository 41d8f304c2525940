"""``lesionloop train``: weights from a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from lesionloop.cli.console import JsonOption, note, print_json, progress

NAME = "train"
EXAMPLES = (
    "Examples: lesionloop train recipes/default.toml --data data/ --out runs/default   ·   "
    "lesionloop train my.toml --out runs/mine --device cuda"
)

_LOG_EVERY = 50
_CALIBRATION_PATCHES = 96


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
    from lesionloop.errors import InputError
    from lesionloop.output import output_folder

    try:
        import torch
    except ModuleNotFoundError as error:
        raise InputError(
            "training needs PyTorch", remedy="Install it: pip install 'lesionloop[train]'."
        ) from error
    from lesionloop.training.calibration import calibrate
    from lesionloop.training.log import RunLog
    from lesionloop.training.package import finished_network, run_facts, write_package
    from lesionloop.training.recipe import Recipe
    from lesionloop.training.seganypet.recipe import is_point_recipe
    from lesionloop.training.sources import open_sources, open_validation
    from lesionloop.training.studies import StudySource
    from lesionloop.training.trainer import Progress, Trainer

    device = _device(device)
    if threads:
        torch.set_num_threads(threads)
    others = average_with or []
    if is_point_recipe(recipe):
        _train_points(recipe, out, data, device, save_every, steps, others, json=json)
        return
    for other in others:
        run_facts(other)
    plan = Recipe.read(recipe, data=data)
    with output_folder(out), progress("training", plan.steps) as bar:
        sources = open_sources(plan, out, lambda label, done, total: bar.update(done, label, total))
        bar.update(0, "training", plan.steps)
        trainer = Trainer(plan, sources, out, device=device)
        if trainer.step:
            note(f"going on from step {trainer.step} of {plan.steps}")
        log = RunLog(out, steps=plan.steps, start=trainer.step)

        def report(done: Progress) -> None:
            log.add(done)
            if done.step % _LOG_EVERY == 0:
                log.write()
            loss, first, later = log.recent()
            bar.update(done.step, f"loss {loss:.3f}, Dice {first:.2f} first, {later:.2f} corrected")

        trainer.run(report, save_every=save_every, until=steps)
        log.write()
        bar.update(trainer.step, "calibrating")
        network = finished_network(trainer, others)
        found = calibrate(
            network,
            [*open_validation(plan, out), *(s for _, s in sources if isinstance(s, StudySource))],
            patches=_CALIBRATION_PATCHES,
            seed=plan.seed,
            spacing_mm=plan.spacing_mm,
        )
        write_package(trainer, network, found, out, others)
    loss, first, later = log.recent()
    if json:
        print_json(
            {"steps": trainer.step, "seconds": trainer.seconds, "loss": loss,
             "dice_first": first, "dice_corrected": later, "weights": str(out / "network.onnx")}
        )  # fmt: skip
    else:
        typer.echo(f"{trainer.step} steps in {trainer.seconds / 60:.1f} minutes")
        typer.echo(f"weights: {out / 'network.onnx'}")


def _device(name: str) -> str:
    """The device that is meant: cpu or cuda."""
    import torch

    from lesionloop.errors import InputError

    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise InputError(f"--device must be cpu, cuda or auto, not {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("this machine has no GPU that PyTorch can use", remedy="Use --device cpu.")
    return name


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
