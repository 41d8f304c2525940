"""The network of a recipe, and the file that the segmenter loads."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from lesionloop.errors import InputError
from lesionloop.networks.seganypet import SegAnyPET, SegAnyPETConfig, extended
from lesionloop.output import atomic_path
from lesionloop.segmenters.seganypet.weights import load_network
from lesionloop.training.seganypet.recipe import Options, PointRecipe
from lesionloop.training.seganypet.trainer import PointTrainer

__all__ = ["build_network", "write_network"]

_CONFIGS = {"small": SegAnyPETConfig.small, "full": SegAnyPETConfig.full}


def build_network(recipe: PointRecipe) -> SegAnyPET:
    """The recipe's network, new or from the weights to start with, with the recipe's options.

    Raises:
        InputError: the weights cannot be read, or are of another network; or the network's sizes
            do not allow an option.
    """
    torch.manual_seed(recipe.seed)  # also of parts that an option adds to given weights
    if recipe.start:
        network = load_network(Path(recipe.start)).network
    else:
        # What published weights have learned around, a network from scratch does without.
        network = SegAnyPET(replace(_CONFIGS[recipe.network](), compatible=False))
    if recipe.options == Options():
        kept: SegAnyPET = network
        return kept
    try:
        return extended(network, **asdict(recipe.options))
    except ValueError as error:
        raise InputError("the network cannot have these options", cause=f"{error}") from error


def write_network(trainer: PointTrainer, network: SegAnyPET, folder: Path) -> Path:
    """Write ``network.pt``: tensors, the configuration and how they came about.

    Args:
        trainer: the finished run.
        network: that it trained.
        folder: gets the file.

    Returns:
        The file.
    """
    target = folder / "network.pt"
    state = {name: value.cpu() for name, value in network.state_dict().items()}
    with atomic_path(target) as path:
        torch.save(
            {
                "model_state_dict": state,
                "config": asdict(network.config),
                "spacing_mm": trainer.recipe.spacing_mm,
                "training": {
                    "steps": trainer.step,
                    "seconds": round(trainer.seconds),
                    "torch": str(torch.__version__),
                    "recipe": _without_places(trainer.recipe),
                },
            },
            path,
        )
    return target


def _without_places(recipe: PointRecipe) -> dict[str, Any]:
    """The recipe as JSON has it, folders by their last name: where data lie is not told."""
    told: dict[str, Any] = json.loads(json.dumps(recipe.as_dict()))
    told["start"] = Path(recipe.start).name
    for entry in told["data"]:
        entry["folder"] = "" if entry["kind"] == "procedural" else Path(entry["folder"]).name
    return told
