"""Training for a comparison: a recipe of any method becomes a contestant."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from lesionloop.cohort.comparing import Contestant, folder_of
from lesionloop.errors import InputError
from lesionloop.output import output_folder, write_json
from lesionloop.training.command import CALIBRATION_PATCHES, train_recipe
from lesionloop.training.recipe import Recipe
from lesionloop.training.seganypet.command import train_points
from lesionloop.training.seganypet.package import build_network, write_network
from lesionloop.training.seganypet.places import taking_place
from lesionloop.training.seganypet.recipe import PointRecipe, is_point_recipe

__all__ = ["Candidate", "read_candidate", "train_candidate"]

#: Says in the folder of a run that it came to its end.
_RECORD = "trained.json"

_Report = Callable[[int, str, int], None]


@dataclass(frozen=True)
class Candidate:
    """A recipe that was read and may be trained.

    Args:
        name: that of the recipe's file, without its ending.
        recipe: of either method.
    """

    name: str
    recipe: Recipe | PointRecipe


def read_candidate(path: Path, data: Path | None) -> Candidate:
    """A recipe of any method; see `Recipe.read`.

    Raises:
        InputError: it is refused.
    """
    kind = PointRecipe if is_point_recipe(path) else Recipe
    recipe: Recipe | PointRecipe = kind.read(path, data=data)
    return Candidate(path.stem, recipe)


def train_candidate(
    candidate: Candidate,
    out: Path,
    *,
    device: str,
    threads: int | None,
    report: _Report,
    until: int | None = None,
    save_every: int = 250,
    untrained: bool = False,
    patches: int = CALIBRATION_PATCHES,
) -> Contestant:
    """Train in a folder of its own in ``out``, unless that was done before.

    Args:
        candidate: to train.
        out: folder of the comparison, which exists.
        device: "cpu" or "cuda", of training and of what comes after.
        threads: of the CPU, for the segmenter; None takes its default.
        report: called with how much is done, a label, and of how much.
        until: last step of each run, where the recipe's own is not earlier.
        save_every: steps between checkpoints.
        untrained: take no step; the folder's name says so.
        patches: to calibrate on.

    Raises:
        InputError: the data, or what the folder holds, does not fit the recipe; or this is one of
            several processes.
        OutputError: the folder cannot be written.
    """
    name = f"{candidate.name}-untrained" if untrained else candidate.name
    folder = out / folder_of(name)
    recipe = candidate.recipe
    last = 0 if untrained else min(recipe.steps, until or recipe.steps)
    weights = folder / "network.pt"
    facts = _finished(folder / _RECORD, recipe, last) if weights.is_file() else None
    if facts is None:
        with output_folder(folder):
            if isinstance(recipe, PointRecipe):
                facts = _train_points(
                    recipe, folder, device=device, report=report, save_every=save_every,
                    until=until, untrained=untrained,
                )  # fmt: skip
            else:
                found = train_recipe(
                    recipe,
                    folder,
                    device=device,
                    report=lambda done, label, total: report(done, f"{name}: {label}", total),
                    save_every=save_every,
                    until=until,
                    untrained=untrained,
                    patches=patches,
                )
                facts = {
                    "steps": found.steps,
                    "seconds": found.seconds,
                    "parameters": found.parameters,
                }
            write_json(folder / _RECORD, {"recipe": _digest(recipe), **facts})
    options: dict[str, Any]
    if isinstance(recipe, PointRecipe):
        segmenter, options = f"seganypet:{weights}", {"device": device}
    else:
        backend = "torch" if device == "cuda" else "onnx"
        segmenter = "default"
        options = {"weights": str(folder), "backend": backend, "threads": threads}
    return Contestant(name, segmenter, options, is_untrained=untrained, **facts)


def _train_points(
    recipe: PointRecipe,
    folder: Path,
    *,
    device: str,
    report: _Report,
    save_every: int,
    until: int | None,
    untrained: bool,
) -> dict[str, Any]:
    with taking_place(device) as place:
        if place.world > 1:
            raise InputError(
                "a comparison is made by one process",
                remedy="Train the large network with torchrun and `lesionloop train` in its "
                "folder of the comparison first.",
            )
        network = build_network(recipe)
        parameters = sum(value.numel() for value in network.parameters())
        if untrained:
            write_network(recipe, network, folder, steps=0, seconds=0.0)
            return {"steps": 0, "seconds": 0.0, "parameters": parameters}
        found = train_points(
            recipe,
            folder,
            place=place,
            report=report,
            save_every=save_every,
            until=until,
            held_out=0,
        )
    return {"steps": found.steps, "seconds": found.seconds, "parameters": parameters}


def _finished(path: Path, recipe: Recipe | PointRecipe, last: int) -> dict[str, Any] | None:
    """What is known of a run of this recipe that came so far; None where there is none."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        facts = {
            "steps": int(stored["steps"]),
            "seconds": float(stored["seconds"]),
            "parameters": int(stored["parameters"]),
        }
        is_same = stored["recipe"] == _digest(recipe)
    except (OSError, KeyError, TypeError, ValueError):
        return None
    return facts if is_same and facts["steps"] >= last else None


def _digest(recipe: Recipe | PointRecipe) -> str:
    """SHA-256 of a recipe: it holds places of this machine, which are not told."""
    return sha256(json.dumps(recipe.as_dict(), sort_keys=True).encode()).hexdigest()
