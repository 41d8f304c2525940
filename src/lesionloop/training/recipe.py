"""A recipe: all that decides the weights, in one TOML file."""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from math import inf
from pathlib import Path
from typing import Any

from lesionloop.errors import InputError
from lesionloop.imaging.crop import MARGIN
from lesionloop.networks.baselines import (
    ARCHITECTURES,
    require_installed,
    side_multiple,
    widths_fit,
)
from lesionloop.networks.unet import GUIDANCE
from lesionloop.training.episode import Plan
from lesionloop.training.strokes import Habits

__all__ = [
    "KINDS", "Data", "PatchData", "Recipe", "data_entry", "made_from", "read_table",
    "require_choices", "require_ranges", "without_places",
]  # fmt: skip

KINDS = ("studies", "anatomies", "procedural")


@dataclass(frozen=True)
class Data:
    """One place that samples come from.

    Args:
        kind: "studies" (labelled PET/CT in the nnU-Net layout), "anatomies" (organ maps, from which
            synthetic bodies are made) or "procedural" (synthetic bodies that need no data).
        folder: where it is; relative to the folder of the data. Not for procedural bodies.
        weight: share of samples, relative to the other places.
        exclude: names kept for validation.
        hold_out_every: so that every n-th by name, from the first on, is kept for validation as
            well; 0 for none.
        count: procedural bodies, half of them for each tracer.
    """

    kind: str
    folder: str = ""
    weight: float = 1.0
    exclude: tuple[str, ...] = ()
    hold_out_every: int = 0
    count: int = 40


@dataclass(frozen=True)
class PatchData(Data):
    """A place that patches come from.

    Args:
        regions: of studies: folder of masks named like the cases, such as the liver of each;
            relative to the folder of the data. Patches come from the box around a mask alone, and
            what is outside of the mask does not count. Not given: whole studies.
        region_margin: share of each side of that box that is added at both ends.
    """

    regions: str = ""
    region_margin: float = MARGIN


@dataclass(frozen=True)
class Recipe:
    """What to train on and how.

    Args:
        data: where samples come from.
        seed: of everything random.
        steps: of the optimiser.
        batch: patches per step.
        pool: loops that go on side by side; a batch takes them in turn.
        patch: voxels per side, twice or more what the network's sides are multiples of: 8 with
            four levels, 32 for "swinunetr".
        spacing_mm: of the working grid.
        architecture: "compact", or a network to measure it against: "dynunet", "segresnet" or
            "swinunetr", see `networks.baselines`.
        widths: channels per level of the network; of "segresnet" and "swinunetr" the first alone
            counts, as they double it level by level (multiples of 8 and of 12).
        guidance: distance maps that the network sees, one of `networks.unet.GUIDANCE`.
        learning_rate: highest; it warms up and then falls along a cosine.
        cycles: steps at which the learning rate has fallen and rises once more, to ``again`` times
            the highest; none for one fall over the whole run.
        again: see ``cycles``.
        weight_decay: of AdamW.
        average: decay per step of the exponential moving average of the weights.
        threshold: probability from which a voxel is to be lesion; 0 lets calibration choose by the
            first masks of patches.
        plan: of the simulated loops.
        source: text of the file, kept with the weights.
    """

    data: tuple[Data, ...]
    seed: int = 1
    steps: int = 6000
    batch: int = 2
    pool: int = 8
    patch: int = 64
    spacing_mm: float = 4.0
    architecture: str = "compact"
    widths: tuple[int, ...] = (16, 32, 64, 128)
    guidance: str = "both"
    learning_rate: float = 2e-3
    cycles: tuple[int, ...] = ()
    again: float = 0.4
    weight_decay: float = 1e-4
    average: float = 0.998
    threshold: float = 0.0
    plan: Plan = field(default_factory=Plan)
    source: str = ""

    @classmethod
    def read(cls, path: Path | str, *, data: Path | str | None = None) -> "Recipe":
        """Read a recipe.

        Args:
            path: the TOML file.
            data: where its folders are; the recipe's own folder when not given.

        Raises:
            InputError: the file cannot be read, an entry is unknown, of the wrong kind or out of
                range, or the architecture needs a package that is not installed.
        """
        path = Path(path)
        text, table, entries = read_table(path)
        base = path.parent if data is None else Path(data)
        made = tuple(_with_regions(entry, path, base) for entry in entries)
        plan = table.pop("plan", {})
        habits = made_from(Habits, plan.pop("habits", {}), path, "plan.habits")
        recipe: Recipe = made_from(
            cls,
            {
                **table,
                "data": made,
                "plan": made_from(Plan, {**plan, "habits": habits}, path, "plan"),
                "source": text,
            },
            path,
            "the recipe",
        )
        recipe._check(path)
        return recipe

    def as_dict(self) -> dict[str, Any]:
        """For the record, without the text."""
        entries = asdict(self)
        del entries["source"]
        for entry in entries["data"]:
            if not entry.get("regions", True):
                # As it was before there were regions: runs of then go on.
                del entry["regions"], entry["region_margin"]
        return entries

    def _check(self, path: Path) -> None:
        require_choices(path, self, {"architecture": ARCHITECTURES})
        multiple = side_multiple(self.architecture, self.widths)
        cycles = list(self.cycles)
        require_ranges(
            path,
            {
                "steps": self.steps >= 1,
                "batch": self.batch >= 1,
                "pool": self.pool >= self.batch,
                "widths": widths_fit(self.architecture, self.widths),
                "patch": self.patch >= 2 * multiple and self.patch % multiple == 0,
                "spacing_mm": self.spacing_mm > 0,
                "guidance": self.guidance in GUIDANCE,
                "learning_rate": self.learning_rate > 0,
                "cycles": cycles == sorted({n for n in cycles if 0 < n < self.steps}),
                "again": self.again > 0,
                "threshold": 0 <= self.threshold < 1,
                "average": 0 <= self.average < 1,
                "data": any(entry.weight > 0 for entry in self.data),
            },
        )
        require_installed(self.architecture)


def require_choices(path: Path, recipe: object, choices: Mapping[str, Sequence[str]]) -> None:
    """See that entries of a recipe are among their choices.

    Raises:
        InputError: one is not.
    """
    for name, known in choices.items():
        if getattr(recipe, name) not in known:
            raise InputError(
                f"{path}: {name} is {getattr(recipe, name)!r}",
                remedy=f"Use {' or '.join(known)}.",
            )


def require_ranges(path: Path, fits: Mapping[str, bool]) -> None:
    """See that entries of a recipe, by name, are in their ranges.

    Raises:
        InputError: one is not.
    """
    for name, fine in fits.items():
        if not fine:
            raise InputError(f"{path}: {name} is out of range")


def without_places(recipe: dict[str, Any]) -> dict[str, Any]:
    """A recipe's entries as JSON, files and folders by their last name.

    Where data lie on a machine is not told.
    """
    told: dict[str, Any] = json.loads(json.dumps(recipe))
    for entry in told["data"]:
        if entry["kind"] == "procedural":
            entry["folder"] = ""
    for table in (told, *told["data"]):
        for name in ("folder", "regions", "start"):
            if name in table:
                table[name] = Path(table[name]).name
    return told


def read_table(path: Path) -> tuple[str, dict[str, Any], list[Any]]:
    """A recipe's text, its entries, and apart from these the ``[[data]]`` tables.

    Raises:
        InputError: the file cannot be read, is not TOML, or names no data.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = tomllib.loads(text)
    except OSError as error:
        raise InputError(
            f"cannot read {path}", cause=f"{error.strerror or error}.", remedy="Check the path."
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"{path} is not a TOML file", cause=f"{error}.") from error
    entries = table.pop("data", None)
    if not isinstance(entries, list) or not entries:
        raise InputError(
            f"{path} names no data", remedy="Add a [[data]] table with kind and folder."
        )
    return text, table, entries


def data_entry(entry: Any, path: Path, base: Path, kind: type[Data] = Data) -> Any:
    """One ``[[data]]`` table of a recipe, as ``kind``; its folder is looked for in ``base``.

    Raises:
        InputError: an entry is unknown, missing, of the wrong kind or out of range.
    """
    made: Data = made_from(kind, entry, path, "data")
    if made.kind not in KINDS:
        raise InputError(f"{path}: data.kind must be one of {', '.join(KINDS)}, not {made.kind!r}")
    if made.kind != "procedural" and not made.folder:
        raise InputError(f"{path}: data of kind {made.kind} needs a folder")
    if made.weight < 0 or made.hold_out_every < 0 or made.count < 1:
        raise InputError(f"{path}: a number of data is out of range")
    return replace(made, folder=str(base / made.folder))


def _with_regions(entry: Any, path: Path, base: Path) -> Any:
    """One ``[[data]]`` table; the folder of its regions is looked for in ``base``."""
    made: PatchData = data_entry(entry, path, base, PatchData)
    if not made.regions:
        return made
    if made.kind != "studies":
        raise InputError(
            f"{path}: data of kind {made.kind} has no regions",
            remedy='Only labelled studies have: kind = "studies".',
        )
    if not 0 <= made.region_margin < inf:
        raise InputError(f"{path}: data.region_margin is a number from 0")
    return replace(made, regions=str(base / made.regions))


def made_from(kind: type[Any], table: Any, path: Path, where: str) -> Any:
    """A dataclass from a table of a recipe.

    Args:
        kind: the dataclass.
        table: its entries, as TOML gives them; lists become tuples.
        path: of the recipe, for messages.
        where: in the recipe, for messages.

    Raises:
        InputError: an entry is unknown, missing or of the wrong kind.
    """
    if not isinstance(table, dict):
        raise InputError(f"{path}: {where} must be a table")
    known = {entry.name for entry in fields(kind)}
    unknown = sorted(set(table) - known)
    if unknown:
        raise InputError(
            f"{path}: {where} has no entry {unknown[0]!r}",
            remedy=f"It may have: {', '.join(sorted(known - {'source'}))}.",
        )
    table = {name: tuple(v) if isinstance(v, list) else v for name, v in table.items()}
    made = None
    try:
        made = kind(**table)
    except TypeError as error:
        raise InputError(f"{path}: {where} lacks an entry", cause=f"{error}.") from error
    for entry in fields(kind):
        _require_kind(getattr(made, entry.name), entry, path, where)
    return made


def _require_kind(value: Any, entry: Any, path: Path, where: str) -> None:
    wanted = {"int": int, "float": (int, float), "str": str, "bool": bool}.get(str(entry.type))
    if entry.type in (int, float, str, bool):
        wanted = (int, float) if entry.type is float else entry.type
    wrong_bool = isinstance(value, bool) and wanted is not bool
    if wanted is not None and (not isinstance(value, wanted) or wrong_bool):  # type: ignore[arg-type]
        raise InputError(f"{path}: {where}.{entry.name} has the wrong kind of value: {value!r}")
