"""Scribble files from label files: the loop's next scribble, and training scribbles of a folder."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lesionloop.cohort.workers import in_processes
from lesionloop.errors import InputError
from lesionloop.imaging import Quantity, Volume, read_label, read_label_pair, write_volume
from lesionloop.imaging.names import images_by_name, strip_ending
from lesionloop.output import all_or_none, output_file, output_folder
from lesionloop.scribbles import (
    ScribbleSet,
    error_scribbles,
    heat_maps,
    training_scribbles,
)
from lesionloop.scribbles.strategies import require_strategy

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
    require_strategy(strategy)
    _check_json(out)
    with output_file(out):
        mask, label = read_label_pair(prediction, reference)
        errors = error_scribbles(mask.mask(), label.mask(), strategy, seed=seed)
        scribbles = ScribbleSet()
        if len(errors.points):
            scribbles = scribbles.add(errors.points, errors.label)
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

    Writes ``<case>_lesion-clicks.json`` into the folder ``out`` (with ``heat_maps`` also
    ``<case>_0002.nii.gz`` and ``_0003.nii.gz``). For one label ``out`` may be the JSON file
    itself; the maps go beside it. Yields a report per label and the number of labels.

    Raises:
        InputError: no label, two of one name, a label is refused, or an option makes no sense.
        OutputError: ``out`` cannot be written.
    """
    require_strategy(strategy)
    if not reference.is_dir():
        if not out.is_dir():
            _check_json(out)
        target = out / _clicks_name(reference) if out.is_dir() else out
        with output_file(target):
            yield _draw(_Job(reference, target, strategy, seed, components, heat_maps)), 1
        return
    labels = images_by_name(reference)
    if not labels:
        raise InputError(f"no label in {reference}", remedy="Give a folder of NIfTI or MHA.")
    with output_folder(out):
        jobs = [
            _Job(label, out / _clicks_name(label), strategy, seed, components, heat_maps)
            for label in labels.values()
        ]
        for report in in_processes(_draw, jobs, workers):
            yield report, len(jobs)


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
    case = strip_ending(job.label)
    channels = ("0002", "0003") if job.heat_maps else ()
    maps = [job.out.parent / f"{case}_{channel}.nii.gz" for channel in channels]
    with all_or_none([job.out, *maps]):
        scribbles.write(job.out)
        drawn = heat_maps(scribbles, label.grid.shape) if maps else ()
        for path, values in zip(maps, drawn, strict=True):
            write_volume(Volume(values, label.grid, Quantity.LABEL, case), path)
    return _report(job.out, scribbles)


def _clicks_name(label: Path) -> str:
    return f"{strip_ending(label)}_lesion-clicks.json"


def _check_json(out: Path) -> None:
    """Refuse an output that is no scribble file, before any work is done."""
    if out.suffix.lower() != ".json":
        raise InputError(
            f"cannot write {out}",
            cause="Scribbles are written as JSON.",
            remedy="Give a name that ends with .json.",
        )


def _report(out: Path, scribbles: ScribbleSet) -> dict[str, Any]:
    return {
        "out": str(out),
        "foreground": len(scribbles.foreground),
        "background": len(scribbles.background),
    }
