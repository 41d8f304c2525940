"""One reader at work on one patch: predictions and strokes in turn.

Every prediction of the training step is also the state that the next stroke corrects, so that
simulating the loop costs no network call of its own.
"""

from dataclasses import dataclass, field

import edt
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lesionloop.networks.channels import CHANNELS, NO_CT_HU, Channel, scribble_channel
from lesionloop.training.chance import between, choose, happens, integer
from lesionloop.training.sample import Sample
from lesionloop.training.strokes import Habits, next_stroke

__all__ = ["Episode", "Plan", "start_episode"]


@dataclass(frozen=True)
class Plan:
    """What an episode may be like.

    Args:
        steps: most strokes per episode; the number is drawn evenly from 0 up to it.
        unscribbled: share of episodes that end with the first mask, whatever ``steps`` says: what
            is physiologic must be learned there, and every stroke is time not spent on it.
        ct_missing: share of episodes without CT.
        tracer_told: share of episodes that tell the tracer.
        previous: "own" (the network's first pass, the usual case), "none" (never a previous mask).
        own_errors: strokes correct the network's own errors; otherwise those of a damaged
            reference, drawn once (static training, for comparison).
        habits: of the reader.
    """

    steps: int = 6
    unscribbled: float = 0.0
    ct_missing: float = 0.15
    tracer_told: float = 0.5
    previous: str = "own"
    own_errors: bool = True
    habits: Habits = field(default_factory=Habits)


@dataclass(eq=False)
class Episode:
    """State of a loop on a patch."""

    sample: Sample
    plan: Plan
    steps_left: int
    tracer: float
    spacing_mm: float
    geodesic: bool = False
    step: int = 0
    previous: Tensor | None = None
    foreground: list[NDArray[np.int64]] = field(default_factory=list)
    background: list[NDArray[np.int64]] = field(default_factory=list)

    def inputs(self) -> Tensor:
        """Channels (CHANNELS, x, y, z) for the next prediction."""
        sample = self.sample
        result = torch.zeros((CHANNELS, *sample.pet.shape))
        result[Channel.PET] = sample.pet
        result[Channel.CT] = NO_CT_HU if sample.ct is None else sample.ct
        for channel, strokes in (
            (Channel.FOREGROUND, self.foreground), (Channel.BACKGROUND, self.background),
        ):  # fmt: skip
            result[channel] = self._distance(strokes)
        if self.previous is not None:
            result[Channel.PREVIOUS] = self.previous
        result[Channel.TRACER] = self.tracer
        result[Channel.FIELD] = sample.visible
        return result

    def advance(self, probability: Tensor, generator: torch.Generator) -> bool:
        """Take in a prediction and draw the next stroke; False when the episode is over.

        Args:
            probability: of lesion, [x, y, z], for the inputs asked for last.
        """
        if self.step == 0 and self.plan.previous == "own":
            self.previous = _remembered(probability, self.sample.reference, generator)
        if self.steps_left == 0:
            return False
        mask = (probability > 0.5).numpy()
        if not self.plan.own_errors:
            mask = _damaged(self.sample.reference.numpy(), generator)
        if self.sample.shown is not None:
            mask &= self.sample.field.numpy()  # a reader of a region corrects nothing outside of it
        for points in self.background:
            mask[tuple(points.T)] = False
        for points in self.foreground:
            mask[tuple(points.T)] = True
        stroke = next_stroke(
            mask, self.sample.reference.numpy(), self.sample.pet.numpy(), self.plan.habits,
            generator,
        )  # fmt: skip
        if stroke is None:
            return False
        points, is_foreground = stroke
        (self.foreground if is_foreground else self.background).append(points)
        self.step += 1
        self.steps_left -= 1
        return True

    def scribbled(self) -> Tensor:
        """-1 on background strokes, +1 on foreground strokes, 0 elsewhere, [x, y, z]."""
        result = np.zeros(self.sample.pet.shape, dtype=np.float32)
        for points in self.background:
            result[tuple(points.T)] = -1
        for points in self.foreground:
            result[tuple(points.T)] = 1
        return torch.from_numpy(result)

    def _distance(self, strokes: list[NDArray[np.int64]]) -> Tensor:
        points = np.concatenate([np.empty((0, 3), dtype=np.int64), *strokes])
        pet = self.sample.pet.numpy()
        return torch.from_numpy(
            scribble_channel(points, pet, self.spacing_mm, geodesic=self.geodesic)
        )


def start_episode(
    sample: Sample,
    plan: Plan,
    spacing_mm: float,
    generator: torch.Generator,
    *,
    geodesic: bool = False,
) -> Episode:
    """A new loop on a sample, with geodesic or Euclidean guidance."""
    if sample.ct is not None and happens(plan.ct_missing, generator):
        sample = sample.without_ct()
    told = happens(plan.tracer_told, generator)
    strokes = integer(0, plan.steps, generator)
    if plan.unscribbled and happens(plan.unscribbled, generator):
        strokes = 0
    return Episode(
        sample,
        plan,
        steps_left=strokes,
        tracer=(1.0 if sample.tracer == "fdg" else -1.0) if told else 0.0,
        spacing_mm=spacing_mm,
        geodesic=geodesic,
    )


def _remembered(
    probability: Tensor, reference: Tensor, generator: torch.Generator
) -> Tensor | None:
    """What a correction is told of the first pass; sometimes nothing, sometimes another's mask."""
    lot = between(0, 1, generator)
    if lot < 0.1:
        return None
    if lot < 0.2:
        return (probability > 0.5).float()
    if lot < 0.3:
        return torch.from_numpy(_damaged(reference.numpy(), generator).astype(np.float32))
    return probability


def _damaged(reference: NDArray[np.bool_], generator: torch.Generator) -> NDArray[np.bool_]:
    """The reference shifted, grown or shrunk, with parts cut away: another model's mask."""
    shift = [integer(-2, 2, generator) for _ in range(3)]
    mask = np.roll(reference, shift, axis=(0, 1, 2))
    if mask.any() and not mask.all():
        change = choose((-4.0, 0.0, 4.0, 8.0), generator)
        inside = edt.edt(mask.astype(np.uint8), anisotropy=(4.0,) * 3)
        outside = edt.edt((~mask).astype(np.uint8), anisotropy=(4.0,) * 3)
        mask = outside - inside <= change
        axis = integer(0, 2, generator)
        cut = int(between(0, 1, generator) * mask.shape[axis])
        part = [slice(None)] * 3
        part[axis] = slice(cut, cut + integer(0, 12, generator))
        mask[tuple(part)] = False
    return np.ascontiguousarray(mask)
