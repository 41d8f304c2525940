"""Dice after each click on objects that training has not seen."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from lesionloop.training.seganypet.interaction import InteractionLoop, LoopPlan
from lesionloop.training.seganypet.objects import Cut, PointObject, ScanSource, draw_object
from lesionloop.training.seganypet.prompts import Strokes
from lesionloop.training.seganypet.seeds import seed_of, seeded

__all__ = ["dice_by_click", "held_out_objects"]


def held_out_objects(
    sources: Sequence[ScanSource], cut: Cut, count: int, *, seed: int
) -> list[PointObject]:
    """Objects drawn from the sources in turn, always the same for the same seed."""
    return [
        draw_object(sources[number % len(sources)], cut, seeded(seed, number))
        for number in range(count)
    ]


@torch.no_grad()
def dice_by_click(
    network: nn.Module,
    objects: Sequence[PointObject],
    clicks: int,
    *,
    seed: int,
    rule: str = "uniform",
    history: str = "all",
    strokes: Strokes | None = None,
) -> Tensor:
    """Dice [click, object] after 1 to ``clicks`` prompts, each where the last mask is wrong.

    Args:
        network: a module that is a `PromptableNetwork`; it is left in evaluation mode.
        objects: to segment, one at a time.
        clicks: how many.
        seed: of the clicks.
        rule: of clicks, one of ``scribbles.error_points.RULES``.
        history: "all" or "newest", see `PointRecipe`.
        strokes: how the reader draws; None clicks only.
    """
    device = next(network.parameters()).device
    loop = InteractionLoop(network, rule=rule, history=history, strokes=strokes).eval()
    found = []
    for number, one in enumerate(objects):
        _, dice = loop(
            one.image[None].to(device),
            one.reference[None].to(device),
            LoopPlan(clicks),
            [seed_of(seed, number)],
        )
        found.append(dice[:, 0].cpu())
    return torch.stack(found, dim=1)
