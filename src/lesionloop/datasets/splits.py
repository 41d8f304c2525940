"""Folds of a cross-validation: ``splits_final.json``, a list of {"train": [...], "val": [...]}.

Source: nnU-Net, which writes and reads this file.
"""

from dataclasses import dataclass
from pathlib import Path

from lesionloop.datasets.source_files import read_json
from lesionloop.errors import InputError

__all__ = ["SPLITS", "Fold", "read_splits"]

SPLITS = "splits_final.json"


@dataclass(frozen=True)
class Fold:
    """Names of the cases of one fold, in the order of the file."""

    train: tuple[str, ...]
    val: tuple[str, ...]


def read_splits(path: Path) -> list[Fold]:
    """Read the folds.

    Raises:
        InputError: it cannot be read, or is not a list of such objects.
    """
    content = read_json(path)
    if not isinstance(content, list) or not content:
        raise _refusal(path, "It is not a list of folds.")
    folds = []
    for number, fold in enumerate(content):
        if not isinstance(fold, dict):
            raise _refusal(path, f"Fold {number} is not an object.")
        names = []
        for part in ("train", "val"):
            listed = fold.get(part)
            if not isinstance(listed, list) or not all(isinstance(name, str) for name in listed):
                raise _refusal(path, f'"{part}" of fold {number} is not a list of case names.')
            names.append(tuple(listed))
        folds.append(Fold(*names))
    return folds


def _refusal(path: Path, cause: str) -> InputError:
    return InputError(
        f"{path} does not hold folds",
        cause=cause,
        remedy='It is a list of {"train": [names], "val": [names]}, one for each fold.',
    )
