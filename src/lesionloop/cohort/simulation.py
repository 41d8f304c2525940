"""Scribble files from label files: the loop's next scribble, and training scribbles of a folder."""

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionloop.errors import InputError
from lesionloop.imaging import Quantity, Volume, read_label, require_same_grid, write_volume
from lesionloop.imaging.names import image_ending, strip_ending
from lesionloop.output import make_folder
from lesionloop.scribbles import (
    ScribbleSet,
    error_scribbles,
    heat_maps,
    training_scribbles,
)

__all__ = ["next_scribble_file", "training_scribble_files"]


def next_scribble_file(
    reference: Path, prediction: Path, out: Path, *, strategy: str, seed: int = 42
) -> dict[str, Any]:
    """Write the scribble that the loop would add to ``prediction``; none when both are equal.

    Of the two kinds of error the longer scribble wins, a tie goes to foreground; an error kind
    without voxels is never chosen.

    Raises:
        InputError: a file is refused, the grids differ, or the strategy is unknown.
        OutputError: ``out`` cannot be written.
    """
    label, mask = read_label(reference), read_label(prediction)
    require_same_grid(mask, label)
    errors = error_scribbles(mask.mask(), label.mask(), strategy, seed=seed)
    over, under = len(errors.over), len(errors.under)
    scribbles = ScribbleSet()
    if under and (over <= under or not over):
        scribbles = scribbles.add(errors.under, "foreground")
    elif over:
        scribbles = scribbles.add(errors.over, "background")
    scribbles.write(out)
    return _report(out, scribbles)


def training_scribble_files(
    reference: Path,
    out: Path,
    *,
    strategy: str,
    seed: int = 42,
    components: int = 5,
    heat_maps: bool = False,
    workers: int = 1,
) -> Iterator[tuple[dict[str, Any], int]]:
    """Draw training scribbles from one label or from every label of a folder.

    For a folder, writes ``<out>/<case>_lesion-clicks.json`` (and ``<case>_0002.nii.gz``,
    ``_0003.nii.gz`` with ``heat_maps``); for a file, ``out`` is the JSON, or a folder when it has
    no .json ending. Yields a report per label and the number of labels.

    Raises:
        InputError: no label, a label is refused, or an option makes no sense.
        OutputError: ``out`` cannot be written.
    """
    if workers < 1:
        raise InputError("workers must be at least 1")
    if reference.is_dir():
        labels = sorted(path for path in reference.iterdir() if image_ending(path))
        if not labels:
            raise InputError(f"no label in {reference}", remedy="Give a folder of NIfTI or MHA.")
    else:
        labels = [reference]
    single = not reference.is_dir() and out.suffix == ".json"
    if not single:
        make_folder(out)
    jobs = [
        _Job(
            label,
            out if single else out / f"{strip_ending(label)}_lesion-clicks.json",
            strategy, seed, components, heat_maps,
        )
        for label in labels
    ]  # fmt: skip
    if workers == 1 or len(jobs) == 1:
        for job in jobs:
            yield _draw(job), len(jobs)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(workers, len(jobs)), mp_context=context) as pool:
        for done in as_completed([pool.submit(_draw, job) for job in jobs]):
            yield done.result(), len(jobs)


@dataclass(frozen=True)
class _Job:
    label: Path
    out: Path
    strategy: str
    seed: int
    components: int
    heat_maps: bool


def _draw(job: _Job) -> dict[str, Any]:
    label = read_label(job.label)
    scribbles = training_scribbles(
        label.values, job.strategy, components=job.components, seed=job.seed
    )
    scribbles.write(job.out)
    if job.heat_maps:
        case = strip_ending(job.label)
        maps = heat_maps(scribbles, label.grid.shape)
        for channel, values in zip(("0002", "0003"), maps, strict=True):
            volume = Volume(values, label.grid, Quantity.LABEL, case)
            write_volume(volume, job.out.parent / f"{case}_{channel}.nii.gz")
    return _report(job.out, scribbles)


def _report(out: Path, scribbles: ScribbleSet) -> dict[str, Any]:
    return {
        "out": str(out),
        "foreground": len(scribbles.foreground),
        "background": len(scribbles.background),
    }
