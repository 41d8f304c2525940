"""A whole loop of clicks on a batch of objects, as the forward pass of one module.

It is one module so that training in several processes works: gradients are averaged between
processes only when the outermost forward pass is called through PyTorch's wrapper. A trainer that
calls encoder and decoder by themselves passes the wrapper by, and its copies drift apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from lesionloop.training.chance import integer
from lesionloop.training.seganypet.confident import Confident, confident_loss, rectify
from lesionloop.training.seganypet.loss import click_loss, mask_dice
from lesionloop.training.seganypet.prompts import Strokes, draw_into, next_prompts

__all__ = ["InteractionLoop", "LoopPlan", "PromptableNetwork", "draw_plan"]

#: A step from here to there (counted from 0) goes without its point, as the last one does.
_WITHHELD = (2, 8)


class PromptableNetwork(Protocol):
    """What the loop asks of a network (`networks.seganypet.SegAnyPET` and stand-ins of tests)."""

    def encode(self, image: Tensor) -> Any:
        """What is computed once of images [batch, c, D, D, D]; for `decode` alone to understand."""
        ...

    def decode(
        self, embedding: Any, points: Tensor, labels: Tensor, mask: Tensor | None = None
    ) -> Tensor:
        """Logits [batch, 1, d, d, d] from points [batch, n, 3], labels [batch, n] and logits.

        A network that sees what is drawn takes maps [batch, 2, D, D, D] as a fifth argument.
        """
        ...

    def upsample(self, low: Tensor) -> Tensor:
        """Logits [batch, 1, D, D, D]."""
        ...


@dataclass(frozen=True)
class LoopPlan:
    """A loop of clicks.

    Args:
        steps: predictions, 1 or more.
        withheld: steps, counted from 0, without a point: the decoder has the last mask alone. The
            first step always has its point, as without one nothing says which object is meant.
    """

    steps: int
    withheld: frozenset[int] = frozenset()


def draw_plan(generator: torch.Generator, clicks: tuple[int, int]) -> LoopPlan:
    """A loop of so many steps at random; one early step and the last go without a point."""
    steps = integer(*clicks, generator)
    without = {integer(*_WITHHELD, generator), steps - 1} - {0}
    return LoopPlan(steps, frozenset(step for step in without if step < steps))


class InteractionLoop(nn.Module):
    """A network at work with a simulated reader.

    Args:
        network: a module that is also a `PromptableNetwork`.
        rule: of clicks, one of ``scribbles.error_points.RULES``.
        history: "all": every decoding sees all points so far, as in use. "newest": the last alone,
            the mask stands for the rest.
        strokes: how the reader draws; None clicks only.
        confident: how noisy references are learned from; None takes them as they are.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        rule: str = "uniform",
        history: str = "all",
        strokes: Strokes | None = None,
        confident: Confident | None = None,
    ) -> None:
        super().__init__()
        self._strokes = strokes
        self.network = network
        self._rule, self._history, self._confident = rule, history, confident

    def forward(
        self,
        image: Tensor,
        reference: Tensor,
        plan: LoopPlan,
        seeds: Sequence[int],
        noisy: Sequence[bool] = (),
    ) -> tuple[Tensor, Tensor]:
        """Play the loop.

        The image is encoded once. A step's mask prompt is the logits of the step before, through
        which gradients flow back.

        Args:
            image: float [batch, 1 or 2, D, D, D].
            reference: bool [batch, 1, D, D, D].
            plan: steps of the loop.
            seeds: of each object's clicks.
            noisy: whose reference is not to be trusted; empty: none.

        Returns:
            Loss, the sum over steps of the batch's mean, and Dice [step, batch].
        """
        network: PromptableNetwork = self.network  # type: ignore[assignment]
        embedding = network.encode(image)
        generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        target = self._rectified(embedding, reference, generators, noisy)
        low: Tensor | None = None  # to the network as good as logits of 0
        mask = torch.zeros_like(reference)
        points = torch.zeros((len(image), 0, 3), device=image.device)
        labels = torch.zeros((len(image), 0), dtype=torch.int64, device=image.device)
        maps: Tensor | None = None
        if self._strokes is not None and self._strokes.maps:
            maps = image.new_zeros(len(image), 2, *image.shape[2:])
        outputs, dice = [], []
        for step in range(plan.steps):
            shown, drawn = (points[:, :0], labels[:, :0]), None
            if step not in plan.withheld:
                prompts, *given = next_prompts(
                    mask, reference, generators, self._rule, self._strokes
                )
                if self._history == "all":
                    points, labels = (
                        torch.cat(pair, dim=1) for pair in zip((points, labels), given, strict=True)
                    )
                    shown = (points, labels)
                else:
                    shown = (given[0], given[1])
                if maps is not None:
                    maps = drawn = draw_into(maps, prompts)
            low = network.decode(embedding, *shown, low, *(() if drawn is None else (drawn,)))
            outputs.append(network.upsample(low).float())
            mask = outputs[-1].detach() > 0
            dice.append(mask_dice(mask, reference))
        if target is None and any(noisy) and self._confident is not None:
            target = self._mended(reference, _probabilities(outputs), noisy)
        losses = [
            click_loss(logits, reference)
            if target is None or self._confident is None
            else confident_loss(logits, reference, target)
            for logits in outputs
        ]
        return torch.stack(losses).mean(dim=1).sum(), torch.stack(dice)

    @torch.no_grad()
    def _rectified(
        self,
        embedding: Any,
        reference: Tensor,
        generators: Sequence[torch.Generator],
        noisy: Sequence[bool],
    ) -> Tensor | None:
        """References changed by predictions from several first clicks; None: not by these."""
        if self._confident is None or not self._confident.prompts or not any(noisy):
            return None
        network: PromptableNetwork = self.network  # type: ignore[assignment]
        nothing = torch.zeros_like(reference)
        outputs = []
        for _ in range(self._confident.prompts):
            _, point, label = next_prompts(nothing, reference, generators, "uniform")
            outputs.append(network.upsample(network.decode(embedding, point, label, None)))
        return self._mended(reference, _probabilities(outputs), noisy)

    def _mended(self, reference: Tensor, predictions: Tensor, noisy: Sequence[bool]) -> Tensor:
        assert self._confident is not None  # noqa: S101  callers have checked it
        changed = rectify(reference, predictions, self._confident.change)
        chosen = torch.tensor(list(noisy), device=reference.device).reshape(-1, 1, 1, 1, 1)
        return torch.where(chosen, changed, reference)


def _probabilities(outputs: Sequence[Tensor]) -> Tensor:
    return torch.sigmoid(torch.stack([logits.detach().float() for logits in outputs]))
