"""From a run to the files that the segmenter loads."""

import json
from pathlib import Path
from typing import Any

import torch

from lesionloop.networks.export import export_onnx
from lesionloop.output import atomic_path, write_json
from lesionloop.training.calibration import Calibration
from lesionloop.training.trainer import Trainer

__all__ = ["write_package"]


def write_package(trainer: Trainer, calibration: Calibration, folder: Path) -> None:
    """Write ``network.onnx``, ``network.pt`` and ``network.json`` of the averaged weights."""
    with atomic_path(folder / "network.pt") as path:
        torch.save(
            {
                "widths": list(trainer.recipe.widths),
                "guidance": trainer.recipe.guidance,
                "weights": {k: v.cpu() for k, v in trainer.average.state_dict().items()},
            },
            path,
        )
    with atomic_path(folder / "network.onnx") as path:
        export_onnx(trainer.average.cpu(), path)
    facts = {
        "spacing_mm": trainer.recipe.spacing_mm,
        "multiple": trainer.average.multiple,
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
            "recipe": _without_places(trainer.recipe.as_dict()),
        },
    }
    write_json(folder / "network.json", facts)


def _without_places(recipe: dict[str, Any]) -> dict[str, Any]:
    """The recipe as JSON, folders by their last name: where data lie on a machine is not told."""
    told: dict[str, Any] = json.loads(json.dumps(recipe))
    for entry in told["data"]:
        entry["folder"] = "" if entry["kind"] == "procedural" else Path(entry["folder"]).name
    return told
