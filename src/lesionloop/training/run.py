"""A training run in a folder, whatever it trains: step after step, with a checkpoint."""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Progress", "Run"]


@dataclass(frozen=True)
class Progress:
    """One step, as it is logged.

    Args:
        step: number of optimiser steps taken.
        loss: of the batch.
        dice_by_stroke: (number of strokes given, Dice) of each patch of the batch with a lesion.
        seconds: since the run began, over all its parts.
    """

    step: int
    loss: float
    dice_by_stroke: tuple[tuple[int, float], ...]
    seconds: float


class Run(ABC):
    """A run in a folder: ``checkpoint.pt`` is its state, from which it goes on.

    Args:
        out: folder of the run.
        steps: after so many it is finished.
    """

    def __init__(self, out: Path, steps: int) -> None:
        self.out = out
        self._steps = steps
        self.step = 0
        self.seconds = 0.0

    @property
    def _checkpoint(self) -> Path:
        return self.out / "checkpoint.pt"

    def last(self, until: int | None) -> int:
        """The step at which a part of the run ends that is to end at ``until``."""
        return min(self._steps, until or self._steps)

    def run(
        self,
        report: Callable[[Progress], None],
        *,
        save_every: int = 500,
        until: int | None = None,
    ) -> None:
        """Train to the last step, or to ``until``; saves on the way and at the end.

        Args:
            report: called after every step.
            save_every: steps between checkpoints.
            until: last step of this part of the run.
        """
        last = self.last(until)
        while self.step < last:
            began = time.perf_counter()
            loss, dice = self._one_step()
            self.step += 1
            self.seconds += time.perf_counter() - began
            report(Progress(self.step, loss, dice, self.seconds))
            if self.step % save_every == 0 or self.step == last:
                self.save()

    @abstractmethod
    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""

    @abstractmethod
    def _one_step(self) -> tuple[float, tuple[tuple[int, float], ...]]:
        """Take a step; loss and (number of strokes given, Dice) of each patch, as in `Progress`."""
