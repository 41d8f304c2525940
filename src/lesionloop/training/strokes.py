"""Scribbles for training: what readers draw on a network's errors, and what they draw wrongly."""

from dataclasses import dataclass

import cc3d
import numpy as np
import torch
from numpy.typing import NDArray

from lesionloop.scribbles import simulate_scribble
from lesionloop.scribbles.simulate import error_scribbles
from lesionloop.training.chance import between, choose, happens, integer

__all__ = ["Habits", "next_stroke"]

STRATEGIES = ("centerline", "random", "boundary")

Mask = NDArray[np.bool_]
Points = NDArray[np.int64]


@dataclass(frozen=True)
class Habits:
    """How often readers do what.

    Args:
        satisfied: they scribble where the mask is right already.
        one_lesion: they turn to one error of their choice, not to the largest.
        both: they correct the smaller kind of error first.
        short: they draw only a part of the stroke.
        shaky: the stroke is up to a voxel beside where it should be.
        wrong: it is of the wrong class.
    """

    satisfied: float = 0.10
    one_lesion: float = 0.30
    both: float = 0.15
    short: float = 0.15
    shaky: float = 0.10
    wrong: float = 0.01


def next_stroke(
    mask: Mask,
    reference: Mask,
    uptake: NDArray[np.float32],
    habits: Habits,
    generator: torch.Generator,
) -> tuple[Points, bool] | None:
    """Points (n, 3) of the next stroke and whether it is foreground; None when nothing is wrong.

    Args:
        mask: the prediction, [x, y, z].
        reference: of the same shape.
        uptake: SUV; readers strike out what is hot.
    """  # fmt: skip
    strategy = choose(STRATEGIES, generator)
    if happens(habits.satisfied, generator):
        stroke = _needless(mask, reference, uptake, strategy, generator)
        if stroke is not None:
            return stroke
    if happens(habits.one_lesion, generator):
        mask = _one_error(mask, reference, generator)
    # The published rule draws in axial slices; readers draw in all three planes.
    plane = 2 if happens(0.7, generator) else integer(0, 1, generator)
    errors = error_scribbles(
        np.swapaxes(mask, plane, 2), np.swapaxes(reference, plane, 2), strategy,
        seed=integer(0, 10**6, generator),
    )  # fmt: skip
    foreground = errors.label == "foreground"
    if happens(habits.both, generator) and len(errors.over) and len(errors.under):
        foreground = not foreground
    points = np.array(errors.under if foreground else errors.over)
    if not len(points):
        return None
    points[:, [plane, 2]] = points[:, [2, plane]]
    points = _as_drawn(points, mask.shape, habits, generator)
    return points, foreground != happens(habits.wrong, generator)


def _one_error(mask: Mask, reference: Mask, generator: torch.Generator) -> Mask:
    """The mask, wrong only in one connected error picked at random, each equally likely."""
    labels, count = cc3d.connected_components(
        (mask ^ reference).astype(np.uint8), connectivity=18, return_N=True
    )
    if not count:
        return mask
    one = labels == integer(1, count, generator)
    return np.asarray(reference ^ one)


def _needless(
    mask: Mask, reference: Mask, uptake: NDArray[np.float32], strategy: str,
    generator: torch.Generator,
) -> tuple[Points, bool] | None:  # fmt: skip
    """A stroke that asks for what is so already."""
    foreground = happens(0.5, generator)
    if foreground:
        region = mask & reference
    else:
        outside = ~mask & ~reference
        if not outside.any():
            return None
        values = uptake[outside]
        region = outside & (uptake >= np.quantile(values, between(0.9, 0.995, generator)))
        region &= uptake > 0
    points = simulate_scribble(region, strategy, seed=integer(0, 10**6, generator))
    return (points, foreground) if len(points) else None


def _as_drawn(
    points: Points, shape: tuple[int, ...], habits: Habits, generator: torch.Generator
) -> Points:
    """The stroke as a hand draws it: now and then too short, or a little beside."""
    if happens(habits.short, generator) and len(points) > 3:
        length = integer(1, len(points) - 1, generator)
        start = integer(0, len(points) - length, generator)
        points = points[start : start + length]
    if happens(habits.shaky, generator):
        moved = points + np.array([integer(-1, 1, generator) for _ in range(3)])
        points = np.clip(moved, 0, np.array(shape) - 1)
    return points
