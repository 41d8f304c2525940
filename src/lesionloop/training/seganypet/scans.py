"""Where scans come from: prepared studies on the disk, and synthetic bodies."""

import json
from collections.abc import Callable, Collection
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from lesionloop.datasets.nnunet import CaseFiles, find_cases
from lesionloop.errors import InputError
from lesionloop.output import atomic_path, write_json
from lesionloop.training.chance import choose, integer
from lesionloop.training.recipe import Recipe
from lesionloop.training.sample import Sample, Source
from lesionloop.training.seganypet.objects import Scan, ScanSource, scan_of
from lesionloop.training.seganypet.recipe import PointData, PointRecipe
from lesionloop.training.seganypet.seeds import seeded
from lesionloop.training.sources import held_out, open_sources, open_validation
from lesionloop.training.studies import whole_sample

__all__ = ["BodyScans", "StudyScans", "WeightedScans", "open_held_out", "open_scans"]

#: A synthetic patch is so much larger than an object's cube, so that lesions aside of its middle
#: have surroundings too.
_ROOM = 1.25
#: Working grid of the tissue maps, mm.
_BODY_SPACING_MM = 4.0

WeightedScans = tuple[float, bool, ScanSource]


class StudyScans:
    """Labelled studies of a folder, resampled once and then mapped from files.

    Args:
        folder: data set with ``imagesTr`` and ``labelsTr``.
        names: of the cases to use.
        prepared: gets the resampled volumes; those that are there are taken as they are.
        spacing_mm: of the working grid.
        ct: prepare and draw the CT as well.
        report: called with the name of each case that is prepared.

    Raises:
        InputError: the folder is no data set, or a case is damaged or lacks the CT.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        names: Collection[str],
        prepared: Path,
        spacing_mm: float,
        ct: bool = False,
        report: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.names = tuple(sorted(names))
        self._ct = ct
        self._folders = []
        for case in find_cases(folder):
            if case.name in set(names):
                report(case.name)
                self._folders.append(_prepare(case, prepared / case.name, spacing_mm, ct=ct))

    def draw(self, generator: torch.Generator) -> Scan:
        """A study; each is as likely as any other."""
        folder = choose(self._folders, generator)
        facts = json.loads((folder / "lesions.json").read_text(encoding="utf-8"))
        return Scan(
            np.load(folder / "pet.npy", mmap_mode="r"),
            np.load(folder / "lesions.npy", mmap_mode="r"),
            np.array(facts["boxes"], dtype=np.int64).reshape(-1, 3, 2),
            np.array(facts["sizes"], dtype=np.int64),
            np.load(folder / "ct.npy", mmap_mode="r") if self._ct else None,
        )


class BodyScans:
    """Synthetic patches as scans.

    Args:
        source: draws the patches.
        kept: so many are made, each when it is first drawn, and kept; 0: a new one every time.
        seed: of those kept.
        ct: with their CT.
    """

    def __init__(self, source: Source, *, kept: int = 0, seed: int = 0, ct: bool = False) -> None:
        self._source, self._seed, self._ct = source, seed, ct
        self._kept: list[Scan | None] = [None] * kept

    def draw(self, generator: torch.Generator) -> Scan:
        """A patch."""
        if not self._kept:
            return _scan(self._source.draw(generator), ct=self._ct)
        number = integer(0, len(self._kept) - 1, generator)
        # What a patch looks like must not depend on when it is drawn first: a resumed run draws
        # in another order.
        scan = self._kept[number] or _scan(
            self._source.draw(seeded(self._seed, number)), ct=self._ct
        )
        self._kept[number] = scan
        return scan


def open_scans(
    recipe: PointRecipe,
    out: Path,
    size: int,
    report: Callable[[str, int, int], None] | None = None,
) -> list[WeightedScans]:
    """The recipe's places with their weights, and whether they are noisy.

    Args:
        recipe: names them; those of weight 0 are left out.
        out: folder of the run; gets tissue maps and resampled studies.
        size: voxels per side of an object's cube.
        report: called with a label, how many bodies are prepared, and of how many.

    Raises:
        InputError: a folder is not what the recipe says.
    """
    found: list[WeightedScans] = []
    for number, entry in enumerate(recipe.data):
        if entry.weight <= 0:
            continue
        place = _place(out, number)
        scans: ScanSource
        if entry.kind == "studies":
            names = [case.name for case in find_cases(entry.folder)]
            used = set(names) - held_out(entry, names)
            if not used:
                raise InputError(f"the recipe excludes all cases of {entry.folder}")
            scans = _studies(recipe, entry, used, place, report)
        else:
            ((_, source),) = open_sources(_bodies(recipe, entry, size), place, report)
            seed = 1000 * recipe.seed + number
            scans = BodyScans(source, kept=recipe.synthetic, seed=seed, ct=recipe.options.ct)
        found.append((entry.weight, entry.noisy, scans))
    return found


def open_held_out(recipe: PointRecipe, out: Path, size: int) -> list[ScanSource]:
    """What the recipe keeps from training: studies that it excludes, and bodies of their own.

    After `open_scans`, which makes the bodies. Noisy places are left out.
    """
    found: list[ScanSource] = []
    for number, entry in enumerate(recipe.data):
        if entry.weight <= 0 or entry.noisy:
            continue
        place = _place(out, number)
        if entry.kind == "studies":
            kept = held_out(entry, [case.name for case in find_cases(entry.folder)])
            if kept:
                found.append(_studies(recipe, entry, kept, place, None))
        else:
            found += [
                BodyScans(source, ct=recipe.options.ct)
                for source in open_validation(_bodies(recipe, entry, size), place)
            ]
    return found


def _studies(
    recipe: PointRecipe,
    entry: PointData,
    names: Collection[str],
    place: Path,
    report: Callable[[str, int, int], None] | None,
) -> StudyScans:
    done = 0

    def count(name: str) -> None:
        nonlocal done
        done += 1
        if report is not None:
            report(f"study {name}", done, len(names))

    return StudyScans(
        entry.folder,
        names=names,
        prepared=place / "studies",
        spacing_mm=recipe.spacing_mm,
        ct=recipe.options.ct,
        report=count,
    )


def _bodies(recipe: PointRecipe, entry: PointData, size: int) -> Recipe:
    """The recipe of tissue maps alone, for the code that prepares them."""
    if recipe.spacing_mm != _BODY_SPACING_MM:
        raise InputError(
            f"synthetic bodies have voxels of {_BODY_SPACING_MM:g} mm,"
            f" the recipe asks for {recipe.spacing_mm:g} mm",
            remedy="Set spacing_mm to 4, or leave out data of this kind.",
        )
    patch = 8 * round(size * _ROOM / 8)
    return Recipe(data=(entry,), seed=recipe.seed, patch=patch, spacing_mm=_BODY_SPACING_MM)


def _place(out: Path, number: int) -> Path:
    return out / "prepared" / str(number)


def _prepare(case: CaseFiles, folder: Path, spacing_mm: float, *, ct: bool) -> Path:
    """Resample a case into its folder, if that has not been done; the facts come last."""
    facts = folder / "lesions.json"
    if facts.exists():
        stored = json.loads(facts.read_text(encoding="utf-8"))
        if stored["spacing_mm"] == spacing_mm and (not ct or (folder / "ct.npy").exists()):
            return folder
    sample = whole_sample(*case.read(), spacing_mm=spacing_mm)
    if ct and sample.ct is None:
        raise InputError(
            f"{case.name} has no CT",
            cause="The recipe trains on PET and CT.",
            remedy="Leave out the option ct, or exclude the case.",
        )
    scan = _scan(sample, ct=ct)
    volumes = {"pet.npy": scan.pet, "lesions.npy": scan.lesions, "ct.npy": scan.ct}
    for name, values in volumes.items():
        if values is not None:
            with atomic_path(folder / name) as path:
                np.save(path, values)
    write_json(
        facts,
        {"spacing_mm": spacing_mm, "boxes": scan.boxes.tolist(), "sizes": scan.sizes.tolist()},
    )
    return folder


def _scan(sample: Sample, *, ct: bool) -> Scan:
    """A sample, whose axes are LPS, in RAS order; half precision is enough for SUV and HU."""

    def turned(values: Tensor) -> Tensor:
        return values.flip(0, 1).contiguous()

    pet = turned(sample.pet).clamp(max=6e4).numpy().astype(np.float16)
    hu = None
    if ct and sample.ct is not None:
        hu = turned(sample.ct).clamp(-1024, 3e4).numpy().astype(np.float16)
    return scan_of(pet, turned(sample.reference).numpy(), hu)
