"""A recipe of the point-promptable network: all that decides its weights, in one TOML file."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from lesionloop.scribbles.error_points import RULES
from lesionloop.training.recipe import (
    Data,
    data_entry,
    made_from,
    read_table,
    require_choices,
    require_ranges,
)
from lesionloop.training.seganypet.confident import CHANGES, Confident

__all__ = ["METHOD", "Options", "PointData", "PointRecipe", "is_point_recipe"]

#: Value of ``method`` that tells these recipes from others.
METHOD = "seganypet"

HISTORIES = ("all", "newest")
CENTRES = ("object", "voxel")
TARGETS = ("lesion", "all")
PRECISIONS = ("full", "bfloat16", "float16")
NETWORKS = ("small", "full")


@dataclass(frozen=True)
class PointData(Data):
    """A place that objects come from.

    Args:
        noisy: its references are not to be trusted; see the recipe's ``confident``.
    """

    noisy: bool = False


@dataclass(frozen=True)
class Options:
    """What the network has beyond the published one; see `SegAnyPETConfig`.

    Weights to start with keep the options that they have; parts that they lack begin without
    effect.

    Args:
        ct: PET and CT; every place must have a CT.
        scribbles: drawn voxels are a prompt beside the points, and some prompts are strokes.
        finer: logits twice as fine.
        checkpointing: less memory in training, more time.
    """

    ct: bool = False
    scribbles: bool = False
    finer: bool = False
    checkpointing: bool = False


@dataclass(frozen=True)
class PointRecipe:
    """What to train on and how.

    Args:
        data: where objects come from.
        method: always "seganypet".
        seed: of everything random.
        steps: of the optimiser.
        batch: objects per step, over all processes.
        micro_batch: objects at a time per process; the gradients of a step are summed up.
        network: "small" or "full", a configuration of ``networks.seganypet``.
        options: of the network.
        start: weights to begin with, a file beside the data; empty: from scratch.
        spacing_mm: of the working grid.
        centre: where a patch lies: "object" (middle of the object's box) or "voxel" (one of the
            object's voxels at random, as a reader's first click would have it).
        target: "lesion" (one connected lesion) or "all" (every lesion in the patch).
        smallest_ml: smaller lesions are not drawn.
        flips: mirror at random along each axis.
        synthetic: patches of synthetic bodies that are made once per place and kept in memory; 0
            makes a new one for every object.
        clicks: fewest and most steps of a loop.
        click_rule: one of ``scribbles.error_points.RULES``.
        strokes: share of prompts that are strokes, not points; only with ``options.scribbles``.
        history: "all" shows every point so far, "newest" the last one.
        encoder_rate: learning rate of the image encoder.
        prompt_rate: of the prompt encoder.
        decoder_rate: of the mask decoder.
        weight_decay: of AdamW.
        milestones: steps from which on the rates are a tenth of what they were.
        warm_up: steps in which the rates rise from 0.
        largest_gradient: norm to which gradients are clipped; 0: they are not.
        precision: "full", "bfloat16" or "float16" (with scaled gradients); on the CPU always full.
        confident: of noisy references; without it they are learned from as they are.
        source: text of the file, kept with the weights.
    """

    data: tuple[PointData, ...]
    method: str = METHOD
    seed: int = 1
    steps: int = 1000
    batch: int = 4
    micro_batch: int = 4
    network: str = "small"
    options: Options = field(default_factory=Options)
    start: str = ""
    spacing_mm: float = 1.5
    centre: str = "voxel"
    target: str = "lesion"
    smallest_ml: float = 0.2
    flips: bool = True
    synthetic: int = 0
    clicks: tuple[int, ...] = (1, 20)
    click_rule: str = "uniform"
    strokes: float = 0.5
    history: str = "all"
    encoder_rate: float = 8e-5
    prompt_rate: float = 8e-6
    decoder_rate: float = 8e-6
    weight_decay: float = 0.1
    milestones: tuple[int, ...] = ()
    warm_up: int = 0
    largest_gradient: float = 0.0
    precision: str = "bfloat16"
    confident: Confident | None = None
    source: str = ""

    @classmethod
    def read(cls, path: Path | str, *, data: Path | str | None = None) -> "PointRecipe":
        """Read a recipe.

        Args:
            path: the TOML file.
            data: where its folders are; the recipe's own folder when not given.

        Raises:
            InputError: the file cannot be read, or an entry is unknown, of the wrong kind or out of
                range.
        """
        path = Path(path)
        text, table, entries = read_table(path)
        base = path.parent if data is None else Path(data)
        for name, kind in (("confident", Confident), ("options", Options)):
            if name in table:
                table[name] = made_from(kind, table[name], path, name)
        if table.get("start"):
            table["start"] = str(base / str(table["start"]))
        made = tuple(data_entry(entry, path, base, PointData) for entry in entries)
        recipe: PointRecipe = made_from(
            cls, {**table, "data": made, "source": text}, path, "the recipe"
        )
        recipe._check(path)
        return recipe

    def as_dict(self) -> dict[str, Any]:
        """For the record, without the text."""
        entries = asdict(self)
        del entries["source"]
        return entries

    def _check(self, path: Path) -> None:
        require_choices(
            path,
            self,
            {
                "method": (METHOD,),
                "network": NETWORKS,
                "centre": CENTRES,
                "target": TARGETS,
                "click_rule": RULES,
                "history": HISTORIES,
                "precision": PRECISIONS,
            },
        )
        steps = list(self.milestones)
        require_ranges(
            path,
            {
                "steps": self.steps >= 1,
                "micro_batch": 1 <= self.micro_batch <= self.batch,
                "batch": self.batch % max(1, self.micro_batch) == 0,
                "spacing_mm": self.spacing_mm > 0,
                "smallest_ml": self.smallest_ml >= 0,
                "synthetic": self.synthetic >= 0,
                "clicks": len(self.clicks) == 2 and 1 <= self.clicks[0] <= self.clicks[-1],
                "strokes": 0 <= self.strokes <= 1,
                "encoder_rate": self.encoder_rate >= 0,
                "prompt_rate": self.prompt_rate >= 0,
                "decoder_rate": self.decoder_rate > 0,
                "milestones": steps == sorted({n for n in steps if 0 < n < self.steps}),
                "warm_up": self.warm_up >= 0,
                "largest_gradient": self.largest_gradient >= 0,
                "data": any(entry.weight > 0 for entry in self.data),
                "confident": self._confident_fits(),
            },
        )

    def _confident_fits(self) -> bool:
        if self.confident is None:
            return True
        clean = any(entry.weight > 0 and not entry.noisy for entry in self.data)
        return (
            self.confident.change in CHANGES
            and self.confident.prompts >= 0
            and self.confident.prompts != 1
            and self.confident.warm_up >= 0
            and (clean or not self.confident.warm_up)
        )


def is_point_recipe(path: Path) -> bool:
    """Whether a recipe is of this method, by its entry ``method``."""
    return bool(read_table(path)[1].get("method") == METHOD)
