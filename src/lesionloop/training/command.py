"""What ``lesionloop train`` does with a recipe of an interactive network."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from lesionloop.training.calibration import calibrate
from lesionloop.training.log import RunLog
from lesionloop.training.package import finished_network, run_facts, write_package
from lesionloop.training.recipe import Recipe
from lesionloop.training.run import Progress
from lesionloop.training.sources import open_sources, open_validation
from lesionloop.training.studies import StudySource
from lesionloop.training.trainer import Trainer

__all__ = ["CALIBRATION_PATCHES", "Finished", "train_recipe"]

#: First masks that the threshold and the calibration are found on.
CALIBRATION_PATCHES = 96


@dataclass(frozen=True)
class Finished:
    """A run that came to its last step.

    Args:
        steps: of the optimiser.
        seconds: of training, over all its parts.
        parameters: of the network, numbers that are learned.
        folder: with ``network.onnx``, ``network.pt`` and ``network.json``.
        loss, dice_first, dice_corrected: means over the last steps, NaN without any.
    """

    steps: int
    seconds: float
    parameters: int
    folder: Path
    loss: float
    dice_first: float
    dice_corrected: float


def train_recipe(
    recipe: Recipe,
    out: Path,
    *,
    device: str,
    report: Callable[[int, str, int], None],
    resumed: Callable[[int], None] = lambda _step: None,
    save_every: int = 500,
    until: int | None = None,
    others: Sequence[Path] = (),
    untrained: bool = False,
    patches: int = CALIBRATION_PATCHES,
) -> Finished:
    """Train, calibrate and write the weights; a run that was interrupted goes on.

    Args:
        recipe: what to train.
        out: folder of the run, which exists.
        device: "cpu" or "cuda".
        report: called with how much is done, a label, and of how much.
        resumed: called with the step from which a run goes on.
        save_every: steps between checkpoints.
        until: last step of this part of the run.
        others: finished runs whose networks are to speak along.
        untrained: take no step: the weights as they were drawn, calibrated like any other.
        patches: to calibrate on.

    Raises:
        InputError: the data, the other runs or the folder do not fit the recipe.
        OutputError: the folder cannot be written.
    """
    for other in others:
        run_facts(other)
    sources = open_sources(recipe, out, lambda label, done, total: report(done, label, total))
    trainer = Trainer(recipe, sources, out, device=device)
    last = trainer.last(until)
    report(trainer.step, "training", last)
    if trainer.step:
        resumed(trainer.step)
    log = RunLog(out, steps=recipe.steps, start=trainer.step)

    def step(done: Progress) -> None:
        log.add(done)
        loss, first, later = log.recent()
        label = f"loss {loss:.3f}, Dice {first:.2f} first, {later:.2f} corrected"
        report(done.step, label, last)

    if not untrained:
        trainer.run(step, save_every=save_every, until=until)
        log.write()
    report(trainer.step, "calibrating", last)
    network = finished_network(trainer, others)
    found = calibrate(
        network,
        [*open_validation(recipe, out), *(s for _, s in sources if isinstance(s, StudySource))],
        patches=patches,
        seed=recipe.seed,
        spacing_mm=recipe.spacing_mm,
    )
    write_package(trainer, network, found, out, others)
    parameters = sum(value.numel() for value in trainer.network.parameters())
    return Finished(trainer.step, trainer.seconds, parameters, out, *log.recent())
