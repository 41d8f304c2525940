"""Liver masks in files against their references, as the liver benchmark scores them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.cohort.file_pairs import files_by_name
from lesionloop.cohort.workers import in_processes
from lesionloop.errors import InputError
from lesionloop.imaging import Volume, read_label, read_volume
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.volume import Quantity, require_same_grid
from lesionloop.metrics.liver import (
    DEFAULT_MODE,
    MASK_VALUES,
    LiverCase,
    MaskValues,
    Mode,
    lesion_mask,
    missing_case,
    score_liver_case,
)
from lesionloop.metrics.liver.modes import rules_of

__all__ = ["MISSING_RULES", "LiverOptions", "LiverScores", "score_liver_files"]

#: "worst": a reference without a prediction counts with all lesions missed and Dice 0. "skip": it
#: does not count, as in the released code.
MISSING_RULES = ("worst", "skip")


@dataclass(frozen=True)
class LiverOptions:
    """How files are read and scored.

    Args:
        mode: "official", "paper" or "strict".
        missing: one of ``MISSING_RULES``.
        prediction_values: how to read predictions, one of ``MASK_VALUES``.
        reference_values: how to read references.

    Raises:
        InputError: one of them is unknown.
    """

    mode: Mode = DEFAULT_MODE
    missing: str = "worst"
    prediction_values: MaskValues = "binary"
    reference_values: MaskValues = "binary"

    def __post_init__(self) -> None:
        rules_of(self.mode)
        for name, value, known in (
            ("--missing", self.missing, MISSING_RULES),
            ("--prediction-values", self.prediction_values, MASK_VALUES),
            ("--reference-values", self.reference_values, MASK_VALUES),
        ):
            if value not in known:
                raise InputError(f"unknown {name} {value!r}", remedy=f"Use {', '.join(known)}.")


@dataclass(frozen=True)
class LiverScores:
    """What was scored.

    Args:
        options: how.
        cases: name -> record, by name.
        missing: names of references without a prediction.
        unused: names of predictions without a reference, which are left out.
    """

    options: LiverOptions
    cases: Mapping[str, LiverCase]
    missing: tuple[str, ...] = ()
    unused: tuple[str, ...] = ()


def score_liver_files(
    prediction: Path,
    reference: Path,
    options: LiverOptions | None = None,
    *,
    workers: int = 1,
    on_case: Callable[[int, int, str], object] | None = None,
) -> LiverScores:
    """Score one mask or a folder of masks; names pair the files of two folders.

    In the mode "official" the shapes of a pair must agree, in others their grids. Spacing comes
    from the reference and is rounded to 32 bits, as NIfTI stores it.

    Args:
        prediction: NIfTI or MHA, or a folder of them.
        reference: of the same kind.
        options: how.
        workers: processes at most.
        on_case: called with the number done, the number of all and the name of the last.

    Raises:
        InputError: there is nothing to score, a file is refused, or a pair does not agree.
    """
    options = options or LiverOptions()
    masks, labels = files_by_name(prediction, reference)
    if not masks:
        raise InputError(f"no prediction in {prediction}", remedy="Give a folder of NIfTI or MHA.")
    missing = tuple(name for name in labels if name not in masks)
    if missing and options.missing == "skip":
        labels = {name: path for name, path in labels.items() if name in masks}
        if not labels:
            raise InputError(
                f"no prediction in {prediction} has the name of a reference in {reference}",
                remedy="Name each prediction as its reference.",
            )
    jobs = [_Job(name, masks.get(name), path) for name, path in labels.items()]
    found: dict[str, LiverCase] = {}
    for name, case in in_processes(partial(_score, options=options), jobs, workers):
        found[name] = case
        if on_case:
            on_case(len(found), len(jobs), name)
    return LiverScores(
        options=options,
        cases={name: found[name] for name in labels},
        missing=missing,
        unused=tuple(sorted(set(masks) - set(labels) - set(missing))),
    )


@dataclass(frozen=True)
class _Job:
    name: str
    prediction: Path | None
    reference: Path


def _score(job: _Job, options: LiverOptions) -> tuple[str, LiverCase]:
    label = _read(job.reference, options.reference_values)
    expected = _lesions(label, options.reference_values)
    spacing = [float(np.float32(side)) for side in label.grid.spacing]
    mask = None
    if job.prediction is not None:
        mask = _read(job.prediction, options.prediction_values, label.grid)
        if options.mode != "official":
            require_same_grid(mask, label)
    try:
        if mask is None:
            return job.name, missing_case(expected, spacing, mode=options.mode)
        drawn = _lesions(mask, options.prediction_values)
        return job.name, score_liver_case(drawn, expected, spacing, mode=options.mode)
    except InputError as error:
        where = job.reference if job.prediction is None else job.prediction
        raise InputError(
            f"cannot score {where}: {error.what}", cause=error.cause, remedy=error.remedy
        ) from error


def _read(path: Path, values: MaskValues, grid: Grid | None = None) -> Volume:
    return read_volume(path, Quantity.LABEL) if values == "truncate" else read_label(path, grid)


def _lesions(volume: Volume, values: MaskValues) -> NDArray[Any]:
    try:
        return lesion_mask(volume.values, values)
    except InputError as error:
        raise InputError(
            f"{volume.source}: {error.what}", cause=error.cause, remedy=error.remedy
        ) from error
