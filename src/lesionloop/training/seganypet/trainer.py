"""The training run of the point-promptable network, in one process or in several."""

from bisect import bisect_right
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from lesionloop.errors import InputError
from lesionloop.output import atomic_path
from lesionloop.training.chance import choose_weighted
from lesionloop.training.run import Run
from lesionloop.training.seganypet.interaction import InteractionLoop, LoopPlan, draw_plan
from lesionloop.training.seganypet.objects import Cut, PointObject, draw_object
from lesionloop.training.seganypet.places import Place
from lesionloop.training.seganypet.prompts import Strokes
from lesionloop.training.seganypet.recipe import PointRecipe
from lesionloop.training.seganypet.scans import WeightedScans
from lesionloop.training.seganypet.seeds import seed_of, seeded

__all__ = ["PointTrainer", "cut_of", "parts", "strokes_of"]

_TYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}
#: Of the numbers that seeds are made from: what a seed is for.
_PLAN, _OBJECT, _CLICKS = range(3)


class PointTrainer(Run):
    """A run in a folder: ``checkpoint.pt`` is its state, from which it goes on.

    All that is random in a step follows from the recipe's seed and the number of the step. On the
    CPU a run that was interrupted and resumed gives the same weights, to the bit, as one that was
    not, with the same number of threads; several processes give what one does, up to rounding.

    Args:
        recipe: what to train.
        network: a module that is a `PromptableNetwork`; it is trained in place.
        size: voxels per side of its images.
        scans: where objects come from.
        out: folder of the run.
        place: of this process.

    Raises:
        InputError: the folder holds a run of another recipe, or the batch cannot be shared out.
    """

    def __init__(
        self,
        recipe: PointRecipe,
        network: nn.Module,
        size: int,
        scans: list[WeightedScans],
        out: Path,
        *,
        place: Place,
    ) -> None:
        if recipe.batch % (place.world * recipe.micro_batch):
            raise InputError(
                f"a batch of {recipe.batch} cannot be shared out",
                cause=f"There are {place.world} processes with {recipe.micro_batch} at a time.",
                remedy="Make batch a multiple of micro_batch times the number of processes.",
            )
        super().__init__(out, recipe.steps)
        self.recipe, self.network = recipe, network.to(place.device)
        self._scans, self._place = scans, place
        self._cut = cut_of(recipe, size)
        loop = InteractionLoop(
            self.network,
            rule=recipe.click_rule,
            history=recipe.history,
            strokes=strokes_of(recipe),
            confident=recipe.confident,
        )
        # Outputs beside the first and their quality score get no gradient, in any step.
        self._loop: nn.Module = (
            DistributedDataParallel(loop, find_unused_parameters=True) if place.world > 1 else loop
        )
        rates = {
            "encoder": recipe.encoder_rate,
            "prompt": recipe.prompt_rate,
            "decoder": recipe.decoder_rate,
        }
        self._rates = [rates[part] for part in parts(self.network)]
        self._optimiser = torch.optim.AdamW(
            [{"params": each} for each in parts(self.network).values()],
            lr=recipe.decoder_rate,
            weight_decay=recipe.weight_decay,
        )
        self._type = _TYPES.get(recipe.precision) if place.device.type == "cuda" else None
        self._scaler = torch.amp.GradScaler(place.device.type, enabled=self._type is torch.float16)
        if self._checkpoint.exists():
            self._resume()

    def save(self) -> None:
        """Write the checkpoint, whole or not at all; the first process does."""
        if self._place.rank == 0:
            state = {
                "recipe": self.recipe.as_dict(),
                "network": self.network.state_dict(),
                "optimiser": self._optimiser.state_dict(),
                "scaler": self._scaler.state_dict(),
                "step": self.step,
                "seconds": self.seconds,
            }
            with atomic_path(self._checkpoint) as path:
                torch.save(state, path)
        self._place.wait()

    def _resume(self) -> None:
        state: dict[str, Any] = torch.load(
            self._checkpoint, map_location=self._place.device, weights_only=True
        )
        # What older recipes had no entry for was as it still is by default.
        default = PointRecipe(data=self.recipe.data).as_dict()
        stored = {**default, **state["recipe"]}
        if stored != self.recipe.as_dict():
            raise InputError(
                f"{self._checkpoint} is of another recipe",
                remedy="Choose another folder with --out, or restore the recipe.",
            )
        self.network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._scaler.load_state_dict(state["scaler"])
        self.step, self.seconds = state["step"], state["seconds"]

    def _one_step(self) -> tuple[float, tuple[tuple[int, float], ...]]:
        recipe = self.recipe
        self._set_rates()
        self._loop.train()
        self._optimiser.zero_grad(set_to_none=True)
        low, high = recipe.clicks
        plan = draw_plan(seeded(recipe.seed, self.step, _PLAN), (low, high))
        own = recipe.batch // self._place.world
        first = self._place.rank * own
        loss, dice = 0.0, []
        for start in range(first, first + own, recipe.micro_batch):
            indices = range(start, start + recipe.micro_batch)
            is_last = indices.stop == first + own
            with self._communicating(is_last):
                found, scores = self._learn(indices, plan, recipe.micro_batch / own)
            loss += found
            dice += scores
        if recipe.largest_gradient:
            self._scaler.unscale_(self._optimiser)
            nn.utils.clip_grad_norm_(self.network.parameters(), recipe.largest_gradient)
        self._scaler.step(self._optimiser)
        self._scaler.update()
        return loss, tuple(dice)

    def _communicating(self, is_last: bool) -> AbstractContextManager[None]:
        """Gradients are averaged between processes once per step, with the last micro-batch."""
        if isinstance(self._loop, DistributedDataParallel) and not is_last:
            silent: AbstractContextManager[None] = self._loop.no_sync()
            return silent
        return nullcontext()

    def _learn(
        self, indices: range, plan: LoopPlan, share: float
    ) -> tuple[float, list[tuple[int, float]]]:
        """Gradients of one micro-batch; its part of the loss, and (step, Dice) of each object."""
        device = self._place.device
        drawn = [self._draw(index) for index in indices]
        image = torch.stack([one.image for one, _ in drawn]).to(device)
        reference = torch.stack([one.reference for one, _ in drawn]).to(device)
        seeds = [seed_of(self.recipe.seed, self.step, _CLICKS, index) for index in indices]
        with torch.autocast(device.type, self._type, enabled=self._type is not None):
            loss, dice = self._loop(image, reference, plan, seeds, [noisy for _, noisy in drawn])
        loss = loss * share
        self._scaler.scale(loss).backward()
        scores = [(step, float(value)) for step, row in enumerate(dice) for value in row]
        return float(loss.detach()), scores

    def _draw(self, index: int) -> tuple[PointObject, bool]:
        """Object ``index`` of this step's batch, and whether its reference is noisy."""
        generator = seeded(self.recipe.seed, self.step, _OBJECT, index)
        scans = self._scans
        confident = self.recipe.confident
        if confident is not None and self.step < confident.warm_up:
            scans = [entry for entry in scans if not entry[1]]
        drawn = [(weight, (noisy, source)) for weight, noisy, source in scans]
        noisy, source = choose_weighted(drawn, generator)
        return draw_object(source, self._cut, generator), noisy

    def _set_rates(self) -> None:
        falls = bisect_right(self.recipe.milestones, self.step)
        factor = 0.1**falls
        if self.step < self.recipe.warm_up:
            factor *= (self.step + 1) / self.recipe.warm_up
        for group, rate in zip(self._optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * factor


def cut_of(recipe: PointRecipe, size: int, *, flips: bool | None = None) -> Cut:
    """How a recipe cuts objects into cubes of ``size`` voxels, with its flips or as told."""
    return Cut(
        size,
        recipe.spacing_mm**3 / 1000,
        recipe.centre,
        recipe.target,
        recipe.smallest_ml,
        recipe.flips if flips is None else flips,
        recipe.options.ct,
    )


def strokes_of(recipe: PointRecipe, share: float | None = None) -> Strokes | None:
    """How the reader draws: the recipe's share of strokes or as told; None clicks only."""
    maps = recipe.options.scribbles
    if share is None:
        share = recipe.strokes if maps else 0.0
    return Strokes(share, recipe.spacing_mm, maps) if maps or share else None


def parts(network: nn.Module) -> dict[str, list[Tensor]]:
    """Parameters by part, "encoder", "prompt" and "decoder", after the names of the modules."""
    found: dict[str, list[Tensor]] = {"encoder": [], "prompt": [], "decoder": []}
    for name, value in network.named_parameters():
        top = name.split(".", 1)[0]
        part = next((part for part in ("prompt", "decoder") if part in top), "encoder")
        found[part].append(value)
    return {part: values for part, values in found.items() if values}
