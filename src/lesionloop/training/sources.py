"""The sources of a recipe."""

from collections.abc import Callable
from pathlib import Path

from lesionloop.datasets.nnunet import find_cases
from lesionloop.errors import InputError
from lesionloop.imaging.crop import MARGIN
from lesionloop.training.bodies import BodySource, prepare_bodies
from lesionloop.training.recipe import Data, PatchData, Recipe
from lesionloop.training.sample import Source
from lesionloop.training.studies import StudySource

__all__ = ["held_out", "open_sources", "open_validation"]

#: Procedural bodies that calibration uses when a recipe holds no body out.
_SPARE_BODIES = 6


def open_sources(
    recipe: Recipe, out: Path, report: Callable[[str, int, int], None] | None = None
) -> list[tuple[float, Source]]:
    """The recipe's sources with their weights; those of weight 0 are left out.

    Args:
        recipe: names them.
        out: folder of the run; tissue maps are kept there in ``tissues``.
        report: called with a label, how many bodies are prepared, and of how many.

    Raises:
        InputError: a folder is not what the recipe says.
    """
    sources: list[tuple[float, Source]] = []
    for number, entry in enumerate(recipe.data):
        if entry.weight <= 0:
            continue
        if entry.kind == "studies":
            kept = held_out(entry, [case.name for case in find_cases(entry.folder)])
            place = entry.regions if isinstance(entry, PatchData) and entry.regions else None
            margin = entry.region_margin if isinstance(entry, PatchData) else MARGIN
            sources.append((entry.weight, StudySource(
                entry.folder, exclude=kept, size=recipe.patch, spacing_mm=recipe.spacing_mm,
                regions=place, region_margin=margin,
            )))  # fmt: skip
            continue
        folder = _tissue_folder(out, number, entry)
        names = []
        for name, total in prepare_bodies(
            entry.kind, entry.folder, folder, seed=recipe.seed, count=entry.count
        ):
            names.append(name)
            if report is not None:
                report(f"body {name}", len(names), total)
        used = set(names) - held_out(entry, names)
        sources.append((entry.weight, BodySource(folder, names=used, size=recipe.patch)))
    return sources


def open_validation(recipe: Recipe, out: Path) -> list[Source]:
    """Synthetic bodies that the recipe keeps from training, after `open_sources` has made them.

    Held-out real studies are left for measuring alone. Without a held-out body, fresh procedural
    ones are made.
    """
    sources: list[Source] = []
    for number, entry in enumerate(recipe.data):
        if entry.kind == "studies" or entry.weight <= 0:
            continue
        folder = _tissue_folder(out, number, entry)
        kept = held_out(entry, sorted(path.stem for path in folder.glob("*.npz")))
        if kept:
            sources.append(BodySource(folder, names=kept, size=recipe.patch))
    if sources:
        return sources
    folder = out / "tissues" / "spare"
    names = [
        name
        for name, _ in prepare_bodies(
            "procedural", "", folder, seed=recipe.seed + 1, count=_SPARE_BODIES
        )
    ]
    return [BodySource(folder, names=names, size=recipe.patch)]


def _tissue_folder(out: Path, number: int, entry: Data) -> Path:
    return out / "tissues" / f"{number}-{entry.kind}"


def held_out(entry: Data, names: list[str]) -> set[str]:
    """Names of a source that are kept for validation.

    Raises:
        InputError: an excluded name is not there: a misspelt one would be trained on.
    """
    unknown = sorted(set(entry.exclude) - set(names))
    if unknown:
        raise InputError(
            f"{entry.folder or entry.kind} has no {unknown[0]}, which the recipe excludes",
            remedy="Correct the name: a misspelt one would be trained on.",
        )
    every = sorted(names)[:: entry.hold_out_every] if entry.hold_out_every else []
    return set(entry.exclude) | set(every)
