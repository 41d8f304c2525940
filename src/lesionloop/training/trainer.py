"""The training run: loops of simulated readers side by side, one optimiser step at a time."""

import math
from bisect import bisect_right
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from lesionloop.errors import InputError
from lesionloop.networks.baselines import build
from lesionloop.output import atomic_path
from lesionloop.training.chance import choose_weighted
from lesionloop.training.episode import Episode, start_episode
from lesionloop.training.loss import lesion_weights, loop_loss
from lesionloop.training.recipe import Recipe
from lesionloop.training.run import Run
from lesionloop.training.sample import Sample, Source

__all__ = ["Trainer"]

_WARM_UP_STEPS = 200
_LARGEST_GRADIENT = 5.0
#: The first value of the moving average would rule it for long; it starts to count slowly.
_AVERAGE_WARM_UP = 10
#: Voxels per side of the coarsest level where bfloat16 does not do on the CPU: gradients of kernels
#: of 3 x 3 x 3 on channels last are wrong there, or not even numbers (seen in PyTorch 2.13).
_TOO_FEW_VOXELS = 2


class Trainer(Run):
    """A run in a folder: ``checkpoint.pt`` is its state, from which it goes on.

    On the CPU a run that was interrupted and resumed gives the same weights, to the bit, as one
    that was not, with the same number of threads.

    Args:
        recipe: what to train.
        sources: of samples, with their weights.
        out: folder of the run.
        device: "cpu" or "cuda".
    """

    def __init__(
        self,
        recipe: Recipe,
        sources: list[tuple[float, Source]],
        out: Path,
        *,
        device: str = "cpu",
    ) -> None:
        super().__init__(out, recipe.steps)
        self.recipe = recipe
        self._device = torch.device(device)
        torch.manual_seed(recipe.seed)
        self._generator = torch.Generator().manual_seed(recipe.seed)
        self._sources = sources
        shape = (recipe.architecture, recipe.widths, recipe.guidance)
        self.network = build(*shape).to(self._device)
        # Channels last is what bfloat16 convolutions are fast in. (The stubs of torch lack it.)
        self.network.to(memory_format=torch.channels_last_3d)  # type: ignore[call-overload]
        self.average = build(*shape).to(self._device)
        self.average.load_state_dict(self.network.state_dict())
        coarsest = recipe.patch // self.network.multiple
        self._is_lowered = self._device.type != "cpu" or coarsest > _TOO_FEW_VOXELS
        self._optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self._pool: list[Episode] = []
        if self._checkpoint.exists():
            self._resume()

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "recipe": self.recipe.as_dict(),
            "network": self.network.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self._optimiser.state_dict(),
            "generator": self._generator.get_state(),
            "pool": self._pool,
            "step": self.step,
            "seconds": self.seconds,
        }
        with atomic_path(self._checkpoint) as path:
            torch.save(state, path)

    def _resume(self) -> None:
        # The checkpoint holds the loops under way, so it is not weights only: it is the run's own
        # file, never one from elsewhere.
        state: dict[str, Any] = torch.load(self._checkpoint, weights_only=False)
        mine = self.recipe.as_dict()
        # Recipes from before there was a choice were all of one architecture.
        stored = {"architecture": "compact", **state["recipe"]}
        if any(mine.get(name) != value for name, value in stored.items()):
            raise InputError(
                f"{self._checkpoint} is of another recipe",
                remedy="Choose another folder with --out, or restore the recipe.",
            )
        self.network.load_state_dict(state["network"])
        self.average.load_state_dict(state["average"])
        self._optimiser.load_state_dict(state["optimiser"])
        self._generator.set_state(state["generator"])
        self._pool, self.step, self.seconds = state["pool"], state["step"], state["seconds"]

    def _one_step(self) -> tuple[float, tuple[tuple[int, float], ...]]:
        recipe = self.recipe
        while len(self._pool) < recipe.pool:
            self._pool.append(self._new_episode())
        batch, self._pool = self._pool[: recipe.batch], self._pool[recipe.batch :]
        logits, loss = self._learn(batch)
        probabilities = torch.sigmoid(logits)
        dice = tuple(
            (episode.step, _dice(probability, episode.sample))
            for episode, probability in zip(batch, probabilities, strict=True)
            if bool(episode.sample.reference.any())
        )
        for episode, probability in zip(batch, probabilities, strict=True):
            if episode.advance(probability, self._generator):
                self._pool.append(episode)
        return loss, dice

    def _learn(self, batch: list[Episode]) -> tuple[Tensor, float]:
        """One optimiser step; the logits (batch, x, y, z) on the CPU and the loss."""
        self._set_rate()
        self.network.train()
        inputs = torch.stack([episode.inputs() for episode in batch]).to(self._device)
        inputs = inputs.to(memory_format=torch.channels_last_3d)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._is_lowered):
            logits = self.network(inputs)
        logits = logits[:, 0].float()
        voxel_ml = self.recipe.spacing_mm**3 / 1000
        stacked = (
            torch.stack([episode.sample.reference for episode in batch]),
            torch.stack([lesion_weights(e.sample.reference, voxel_ml) for e in batch]),
            torch.stack([episode.sample.field for episode in batch]),
            torch.stack([episode.scribbled() for episode in batch]),
        )
        loss = loop_loss(logits, *(tensor.to(self._device) for tensor in stacked))
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), _LARGEST_GRADIENT)
        self._optimiser.step()
        self._average()
        return logits.detach().cpu(), float(loss.detach())

    def _set_rate(self) -> None:
        recipe = self.recipe
        edges = [0, *recipe.cycles, recipe.steps]
        cycle = bisect_right(edges, self.step) - 1
        done = (self.step - edges[cycle]) / (edges[cycle + 1] - edges[cycle])
        warm = min(1.0, (self.step + 1) / _WARM_UP_STEPS)
        highest = recipe.learning_rate * warm * (recipe.again if cycle else 1)
        rate = highest * (0.01 + 0.99 * (1 + math.cos(math.pi * done)) / 2)
        for group in self._optimiser.param_groups:
            group["lr"] = rate

    @torch.no_grad()
    def _average(self) -> None:
        decay = min(self.recipe.average, (1 + self.step) / (_AVERAGE_WARM_UP + self.step))
        mine, theirs = self.average.state_dict(), self.network.state_dict()
        for name, value in mine.items():
            if value.is_floating_point():
                value.lerp_(theirs[name], 1 - decay)
            else:
                value.copy_(theirs[name])

    def _new_episode(self) -> Episode:
        sample = choose_weighted(self._sources, self._generator).draw(self._generator)
        return start_episode(
            sample,
            self.recipe.plan,
            self.recipe.spacing_mm,
            self._generator,
            geodesic=self.recipe.guidance == "geodesic",
        )


def _dice(probability: Tensor, sample: Sample) -> float:
    mask = probability > 0.5
    both = int((mask & sample.reference).sum())
    return 2 * both / max(1, int(mask.sum()) + int(sample.reference.sum()))
