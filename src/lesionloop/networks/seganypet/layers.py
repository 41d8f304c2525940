"""Small layers that several parts share."""

from contextlib import AbstractContextManager, nullcontext
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

__all__ = ["ChannelNorm", "Perceptron", "full_precision"]


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of (batch, channels, x, y, z)."""

    def __init__(self, channels: int) -> None:
        super().__init__(channels, eps=1e-6)

    def forward(self, input: Tensor) -> Tensor:
        """The same shape, each voxel normalised."""
        return super().forward(input.movedim(1, -1)).movedim(-1, 1)


class Perceptron(nn.Module):
    """Linear layers with a function between them.

    Args:
        widths: channels in, of every hidden layer, and out.
        gelu: GELU between the layers, else ReLU.
    """

    def __init__(self, *widths: int, gelu: bool = False) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(a, b) for a, b in pairwise(widths))
        self.between = functional.gelu if gelu else torch.relu

    def forward(self, values: Tensor) -> Tensor:
        """(..., widths[0]) to (..., widths[-1])."""
        for layer in self.layers[:-1]:
            values = self.between(layer(values))
        last: Tensor = self.layers[-1](values)
        return last


def full_precision(device: torch.device) -> AbstractContextManager[object]:
    """Within, mixed precision rests; for sums that must not lose digits."""
    if not torch.amp.is_autocast_available(device.type):  # shapes alone, on "meta"
        return nullcontext()
    return torch.autocast(device.type, enabled=False)
