"""The network of a recipe, and the file that the segmenter loads."""

from dataclasses import asdict, replace
from pathlib import Path

import torch

from lesionloop.errors import InputError
from lesionloop.networks.seganypet import SegAnyPET, SegAnyPETConfig, extended
from lesionloop.output import atomic_path
from lesionloop.segmenters.seganypet.weights import load_network
from lesionloop.training.recipe import without_places
from lesionloop.training.seganypet.recipe import Options, PointRecipe

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


def write_network(
    recipe: PointRecipe, network: SegAnyPET, folder: Path, *, steps: int, seconds: float
) -> Path:
    """Write ``network.pt``: tensors, the configuration and how they came about.

    Args:
        recipe: of the network.
        network: that was trained.
        folder: gets the file.
        steps: of the optimiser.
        seconds: that they took.

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
                "spacing_mm": recipe.spacing_mm,
                "training": {
                    "steps": steps,
                    "seconds": round(seconds),
                    "torch": str(torch.__version__),
                    "recipe": without_places(recipe.as_dict()),
                },
            },
            path,
        )
    return target
