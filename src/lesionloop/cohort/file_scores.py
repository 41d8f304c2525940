"""Scores of mask files against label files."""

from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lesionloop.errors import InputError
from lesionloop.imaging import Volume, read_label_pair
from lesionloop.imaging.names import images_by_name, strip_ending
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
    scores: dict[str, CaseScore] = {}
    cases = []
    pairs, unused = _pairs(prediction, reference)
    for name, mask_path, label_path in pairs:
        mask, label = read_label_pair(mask_path, label_path)
        scores[name] = score_case(mask.values, label.values, label.grid.spacing)
        cases.append({"case": name, **asdict(scores[name]), "dice": _dice(mask, label)})
    return {"cases": cases, "aggregate": _aggregates(scores), "unused": unused}


def _dice(mask: Volume, label: Volume) -> float:
    return voxel_dice(mask.mask(), label.mask())


def _aggregates(scores: dict[str, CaseScore]) -> dict[str, Any]:
    result = {"unweighted": asdict(aggregate(scores))}
    with suppress(InputError):  # one subset only: there is no weighted mean
        result["weighted"] = asdict(aggregate(scores, weighted=True))
    return result


def _pairs(prediction: Path, reference: Path) -> tuple[list[tuple[str, Path, Path]], list[str]]:
    """Name, prediction and reference of each case, and the names of predictions left over."""
    for path in (prediction, reference):
        if not path.exists():
            raise InputError(
                f"cannot read {path}", cause="There is no such file.", remedy="Check the path."
            )
    if prediction.is_dir() != reference.is_dir():
        folder, file = (prediction, reference) if prediction.is_dir() else (reference, prediction)
        raise InputError(
            f"cannot score {prediction} against {reference}",
            cause=f"{folder} is a folder and {file} is a file.",
            remedy="Give two files or two folders.",
        )
    if not reference.is_dir():
        return [(strip_ending(reference), prediction, reference)], []
    masks, labels = images_by_name(prediction), images_by_name(reference)
    if not labels:
        raise InputError(f"no reference in {reference}", remedy="Give a folder of NIfTI or MHA.")
    missing = sorted(set(labels) - set(masks))
    if missing:
        raise InputError(
            f"{len(missing)} of {len(labels)} references have no prediction in {prediction}",
            cause=f"The first is {missing[0]}.",
            remedy="Name each prediction as its reference.",
        )
    pairs = [(name, masks[name], labels[name]) for name in sorted(labels)]
    return pairs, sorted(set(masks) - set(labels))
