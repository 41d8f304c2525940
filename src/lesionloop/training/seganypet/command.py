"""What ``lesionloop train`` does with a recipe of the point-promptable network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from lesionloop.networks.seganypet import SegAnyPET
from lesionloop.training.log import RunLog
from lesionloop.training.run import Progress
from lesionloop.training.seganypet.curve import dice_by_click, held_out_objects
from lesionloop.training.seganypet.objects import PointObject
from lesionloop.training.seganypet.package import build_network, write_network
from lesionloop.training.seganypet.places import Place
from lesionloop.training.seganypet.recipe import PointRecipe
from lesionloop.training.seganypet.scans import open_held_out, open_scans
from lesionloop.training.seganypet.trainer import PointTrainer, cut_of, strokes_of

__all__ = ["Finished", "draw_held_out", "held_out_curve", "held_out_dice", "train_points"]


@dataclass(frozen=True)
class Finished:
    """A run that came to its last step.

    Args:
        steps: of the optimiser.
        seconds: of training, over all its parts.
        weights: ``network.pt``.
        dice_by_click: mean Dice after each click on held-out objects; empty when none are held out
            or none were asked for.
    """

    steps: int
    seconds: float
    weights: Path
    dice_by_click: tuple[float, ...]


def train_points(
    recipe: PointRecipe,
    out: Path,
    *,
    place: Place,
    report: Callable[[int, str, int], None],
    save_every: int = 500,
    until: int | None = None,
    held_out: int = 24,
    clicks: int = 5,
) -> Finished:
    """Train, then measure Dice by click on what the recipe holds out.

    Args:
        recipe: what to train.
        out: folder of the run, which exists.
        place: of this process.
        report: called with how much is done, a label, and of how much.
        save_every: steps between checkpoints.
        until: last step of this part of the run.
        held_out: objects to measure on; 0 for none.
        clicks: how many on each.

    Raises:
        InputError: the data, the weights to start with or the folder do not fit the recipe.
        OutputError: the folder cannot be written.
    """
    network = build_network(recipe)
    size = network.config.image_size
    if place.rank:  # the first process prepares the data, the others find them prepared
        place.wait()
    scans = open_scans(recipe, out, size, lambda label, n, total: report(n, label, total))
    if not place.rank:
        place.wait()
    trainer = PointTrainer(recipe, network, size, scans, out, place=place)
    last = trainer.last(until)
    log = RunLog(out, steps=recipe.steps, start=trainer.step)

    def step(done: Progress) -> None:
        if place.rank:
            return
        log.add(done)
        loss, first, later = log.recent()
        label = f"loss {loss:.3f}, Dice {first:.2f} first click, {later:.2f} later"
        report(done.step, label, last)

    trainer.run(step, save_every=save_every, until=until)
    curve: tuple[float, ...] = ()
    if not place.rank:
        log.write()
        write_network(recipe, network, out, steps=trainer.step, seconds=trainer.seconds)
        if held_out:
            report(trainer.step, "measuring", last)
            curve = held_out_curve(recipe, network, out, objects=held_out, clicks=clicks)
    place.wait()
    return Finished(trainer.step, trainer.seconds, out / "network.pt", curve)


def held_out_curve(
    recipe: PointRecipe, network: SegAnyPET, out: Path, *, objects: int, clicks: int
) -> tuple[float, ...]:
    """Mean Dice after 1 to ``clicks`` clicks on objects that the recipe holds out.

    Objects and first clicks are the same for every network of the same recipe.

    Args:
        recipe: that holds out.
        network: to measure.
        out: folder of the run, with the data that it has prepared.
        objects: how many.
        clicks: how many on each.

    Returns:
        Empty when the recipe holds nothing out.
    """
    drawn = draw_held_out(recipe, out, network.config.image_size, objects)
    if not drawn:
        return ()
    return tuple(held_out_dice(recipe, network, drawn, clicks).mean(dim=1).tolist())


def draw_held_out(recipe: PointRecipe, out: Path, size: int, count: int) -> list[PointObject]:
    """Objects that the recipe holds out, from its places in turn; always the same ones.

    Args:
        recipe: that holds out.
        out: folder of the run, with the data that it has prepared.
        size: voxels per side of a cube.
        count: how many.

    Returns:
        Empty when the recipe holds nothing out.
    """
    sources = open_held_out(recipe, out, size)
    if not sources:
        return []
    return held_out_objects(sources, cut_of(recipe, size, flips=False), count, seed=0)


def held_out_dice(
    recipe: PointRecipe,
    network: SegAnyPET,
    drawn: Sequence[PointObject],
    clicks: int,
    *,
    strokes: float = 0.0,
) -> Tensor:
    """Dice [prompt, object] after 1 to ``clicks`` prompts.

    Args:
        recipe: how clicks are drawn.
        network: to measure.
        drawn: objects, see `draw_held_out`.
        clicks: prompts on each.
        strokes: share of them that are strokes.
    """
    return dice_by_click(
        network,
        drawn,
        clicks,
        seed=0,
        rule=recipe.click_rule,
        history=recipe.history,
        strokes=strokes_of(recipe, strokes),
    )
