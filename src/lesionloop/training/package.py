"""From a run to the files that the segmenter loads."""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from lesionloop.errors import InputError
from lesionloop.networks.ensemble import Ensemble, read_network, storable
from lesionloop.networks.export import export_onnx
from lesionloop.networks.interactive import InteractiveNetwork
from lesionloop.output import atomic_path, write_json
from lesionloop.training.calibration import Calibration
from lesionloop.training.recipe import without_places
from lesionloop.training.trainer import Trainer

__all__ = ["finished_network", "run_facts", "write_package"]


def finished_network(trainer: Trainer, others: Sequence[Path] = ()) -> Ensemble:
    """The averaged weights of a run, alone or as an ensemble with those of finished runs.

    Raises:
        InputError: a folder holds no finished run, or one of another working grid, window or
            guidance.
    """
    members = [copy.deepcopy(trainer.average).cpu()]
    for folder in others:
        facts = run_facts(folder)
        if facts["spacing_mm"] != trainer.recipe.spacing_mm:
            raise InputError(f"{folder} works on cubes of {facts['spacing_mm']} mm")
        if facts.get("window", 0) not in (0, trainer.recipe.patch):
            raise InputError(f"{folder} sees windows of {facts['window']} voxels per side")
        stored = read_network(folder / "network.pt")
        members += [member for member in stored.members if isinstance(member, InteractiveNetwork)]
    try:
        return Ensemble(members).eval()
    except ValueError as error:
        raise InputError("the runs cannot be averaged", cause=f"{error}.") from error


def run_facts(folder: Path) -> dict[str, Any]:
    """``network.json`` of a finished run.

    Raises:
        InputError: it is missing or damaged.
    """
    path = folder / "network.json"
    try:
        facts: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        float(facts["spacing_mm"])
        dict(facts["training"])
    except OSError as error:
        raise InputError(
            f"cannot read {path}", cause=f"{error.strerror or error}.",
            remedy="Give the folder of a run that `lesionloop train` has finished.",
        ) from error  # fmt: skip
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is not a description of weights", cause=f"{error}") from error
    return facts


def write_package(
    trainer: Trainer,
    network: Ensemble,
    calibration: Calibration,
    folder: Path,
    others: Sequence[Path] = (),
) -> None:
    """Write ``network.onnx``, ``network.pt`` and ``network.json``.

    Args:
        trainer: the finished run.
        network: of ``finished_network``.
        calibration: of that network.
        folder: gets the files.
        others: the runs whose networks are in the ensemble as well.
    """
    with atomic_path(folder / "network.pt") as path:
        torch.save(storable(network), path)
    window = 0 if network.any_size else trainer.recipe.patch
    with atomic_path(folder / "network.onnx") as path:
        export_onnx(network, path, window)
    facts = {
        "spacing_mm": trainer.recipe.spacing_mm,
        "multiple": network.multiple,
        "window": window,
        "architecture": trainer.recipe.architecture,
        "widths": list(trainer.recipe.widths),
        "guidance": trainer.recipe.guidance,
        "threshold": round(trainer.recipe.threshold or calibration.threshold, 4),
        "temperature": round(calibration.temperature, 4),
        "bias": round(calibration.bias, 4),
        "calibration": {
            "patches": calibration.patches,
            "expected_error": round(calibration.error, 4),
        },
        "training": {
            "steps": trainer.step,
            "seconds": round(trainer.seconds),
            "torch": torch.__version__,
            "threads": torch.get_num_threads(),
            "recipe": without_places(trainer.recipe.as_dict()),
        },
        "averaged_with": [run_facts(other)["training"] for other in others],
    }
    write_json(folder / "network.json", facts)
