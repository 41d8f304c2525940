"""The sources of a recipe."""

from collections.abc import Callable
from pathlib import Path

from lesionloop.datasets.nnunet import find_cases
from lesionloop.errors import InputError
from lesionloop.training.bodies import BodySource, prepare_bodies
from lesionloop.training.recipe import Data, Recipe
from lesionloop.training.sample import Source
from lesionloop.training.studies import StudySource

__all__ = ["held_out", "open_sources"]


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
            sources.append((entry.weight, StudySource(
                entry.folder, exclude=kept, size=recipe.patch, spacing_mm=recipe.spacing_mm
            )))  # fmt: skip
            continue
        folder = out / "tissues" / f"{number}-{entry.kind}"
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
