"""What the simulated reader of a loop gives: clicks, or strokes, on what is wrong."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lesionloop.segmenters.seganypet.clicks import EVERY_MM, MOST_POINTS, sample_points
from lesionloop.training.chance import happens
from lesionloop.training.seganypet.clicks import NO_POINT, next_click
from lesionloop.training.strokes import Habits, next_stroke

__all__ = ["Prompt", "Strokes", "draw_into", "next_prompts"]

#: Readers who draw where the mask is wrong, and only there.
_HABITS = Habits(satisfied=0.0, shaky=0.0, wrong=0.0)


@dataclass(frozen=True)
class Strokes:
    """How a reader draws.

    Args:
        share: of prompts that are strokes; the others are clicks.
        spacing_mm: of the voxels.
        maps: the network is shown all that was drawn, clicks as well, beside the points.
    """

    share: float
    spacing_mm: float
    maps: bool = True


@dataclass(frozen=True, eq=False)
class Prompt:
    """What one object of a batch is given at one step.

    Args:
        drawn: (n, 3) voxels; of a click just one, none when nothing is wrong.
        points: (m, 3), those of ``drawn`` that become points.
        positive: lesion or not.
    """

    drawn: NDArray[np.int64]
    points: NDArray[np.int64]
    positive: bool


def next_prompts(
    mask: Tensor,
    reference: Tensor,
    generators: Sequence[torch.Generator],
    rule: str,
    strokes: Strokes | None = None,
) -> tuple[list[Prompt], Tensor, Tensor]:
    """One click or stroke per object of a batch, where its mask is wrong.

    Args:
        mask: bool [batch, 1, x, y, z].
        reference: of the same shape.
        generators: one per object, on the CPU: what an object gets does not depend on its batch.
        rule: of clicks, one of ``scribbles.error_points.RULES``.
        strokes: None clicks only.

    Returns:
        What each object gets; and of all together points [batch, m, 3] float32, voxel indices, and
        labels [batch, m]: 1 where the mask lacks the voxel, 0 where it has it and should not,
        ``NO_POINT`` to fill up, also where nothing is wrong.
    """
    prompts = [
        _next_prompt(found, wanted, generator, rule, strokes)
        for found, wanted, generator in zip(
            mask[:, 0].cpu().numpy(), reference[:, 0].cpu().numpy(), generators, strict=True
        )
    ]
    most = max(1, *(len(prompt.points) for prompt in prompts))
    points = torch.zeros((len(prompts), most, 3))
    labels = torch.full((len(prompts), most), NO_POINT)
    for number, prompt in enumerate(prompts):
        count = len(prompt.points)
        points[number, :count] = torch.from_numpy(prompt.points).float()
        labels[number, :count] = int(prompt.positive)
    return prompts, points.to(mask.device), labels.to(mask.device)


def draw_into(maps: Tensor, prompts: Sequence[Prompt]) -> Tensor:
    """Maps with what was drawn; where classes meet, the last one counts.

    Args:
        maps: [batch, 2, x, y, z], 1 where foreground (0) and background (1) were drawn.
        prompts: one per object.
    """
    maps = maps.clone()
    for number, prompt in enumerate(prompts):
        x, y, z = torch.from_numpy(prompt.drawn).to(maps.device).T
        maps[number, :, x, y, z] = 0
        maps[number, 0 if prompt.positive else 1, x, y, z] = 1
    return maps


def _next_prompt(
    mask: NDArray[np.bool_],
    reference: NDArray[np.bool_],
    generator: torch.Generator,
    rule: str,
    strokes: Strokes | None,
) -> Prompt:
    if strokes is not None and strokes.share and happens(strokes.share, generator):
        unseen = np.zeros(mask.shape, dtype=np.float32)  # uptake is for strokes without need
        stroke = next_stroke(mask, reference, unseen, _HABITS, generator)
        if stroke is not None:
            drawn, positive = stroke
            spacing = (strokes.spacing_mm,) * 3
            points = sample_points(drawn, spacing, every_mm=EVERY_MM, most=MOST_POINTS)
            return Prompt(drawn, points, positive)
    click = next_click(mask, reference, generator, rule)
    place = np.array([] if click is None else [click[0]], dtype=np.int64).reshape(-1, 3)
    return Prompt(place, place, click is not None and click[1])
