"""Small draws from a torch generator."""

import math
from collections.abc import Sequence
from itertools import accumulate
from typing import TypeVar

import torch

__all__ = ["between", "choose", "choose_weighted", "happens", "integer", "normal"]

T = TypeVar("T")


def between(low: float, high: float, generator: torch.Generator) -> float:
    """Uniform in [low, high)."""
    return low + (high - low) * float(torch.rand((), generator=generator))


def happens(probability: float, generator: torch.Generator) -> bool:
    """True with this probability."""
    return between(0, 1, generator) < probability


def integer(low: int, high: int, generator: torch.Generator) -> int:
    """Uniform in low..high, both included."""
    return low + math.floor(between(0, 1, generator) * (high - low + 1))


def normal(sd: float, generator: torch.Generator) -> float:
    """Gaussian of mean 0."""
    return sd * float(torch.randn((), generator=generator))


def choose(options: Sequence[T], generator: torch.Generator) -> T:
    """One of the options, all equally likely."""
    return options[integer(0, len(options) - 1, generator)]


def choose_weighted(options: Sequence[tuple[float, T]], generator: torch.Generator) -> T:
    """One of the options, each as likely as its weight is large."""
    lot = between(0, sum(weight for weight, _ in options), generator)
    ends = accumulate(weight for weight, _ in options)
    return next(option for end, (_, option) in zip(ends, options, strict=True) if lot < end)
