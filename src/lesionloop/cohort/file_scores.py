"""Scores of mask files against label files."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lesionloop.cohort.file_pairs import files_by_name
from lesionloop.errors import InputError
from lesionloop.imaging import Volume, read_label_pair
from lesionloop.metrics import CaseScore, aggregate, score_case, voxel_dice

__all__ = ["score_files"]


def score_files(prediction: Path, reference: Path) -> dict[str, Any]:
    """Score one mask or a folder of masks; names pair the files of two folders.

    Returns:
        ``cases``: per case the scores of ``score_case`` and ``dice``, the loop's Dice.
        ``aggregate``: ``unweighted`` and, when there are two subsets or more (by the first two
        parts of the names), ``weighted``.
        ``unused``: names of predictions without a reference, which are left out.

    Raises:
        InputError: a reference has no prediction, a file is refused, or grids differ.
    """
    masks, labels = files_by_name(prediction, reference)
    missing = [name for name in labels if name not in masks]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(labels)} references have no prediction in {prediction}",
            cause=f"The first is {missing[0]}.",
            remedy="Name each prediction as its reference.",
        )
    scores: dict[str, CaseScore] = {}
    cases = []
    for name, path in labels.items():
        mask, label = read_label_pair(masks[name], path)
        scores[name] = score_case(mask.values, label.values, label.grid.spacing)
        cases.append({"case": name, **asdict(scores[name]), "dice": _dice(mask, label)})
    return {
        "cases": cases,
        "aggregate": _aggregates(scores),
        "unused": sorted(set(masks) - set(labels)),
    }


def _dice(mask: Volume, label: Volume) -> float:
    return voxel_dice(mask.mask(), label.mask())


def _aggregates(scores: dict[str, CaseScore]) -> dict[str, Any]:
    result = {"unweighted": asdict(aggregate(scores))}
    with suppress(InputError):  # one subset only: there is no weighted mean
        result["weighted"] = asdict(aggregate(scores, weighted=True))
    return result
