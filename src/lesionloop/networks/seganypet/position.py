"""Position as random Fourier features (Tancik et al., NeurIPS 2020; used by SAM)."""

import math

import torch
from torch import Tensor, nn

from lesionloop.networks.seganypet.layers import full_precision

__all__ = ["FourierPosition"]


class FourierPosition(nn.Module):
    """Sine, cosine and sine again of ``2 pi x G``, x in -1 to 1 and G drawn once from N(0, 1).

    Args:
        embed: channels of the code, a multiple of 3.
        swapped: the dense code takes its coordinates in the order of axes 1, 0, 2, while points
            come as 0, 1, 2; the published weights have learned it so.
    """

    frequencies: Tensor

    def __init__(self, embed: int, *, swapped: bool) -> None:
        super().__init__()
        self.swapped = swapped
        self.register_buffer("frequencies", torch.randn(3, embed // 3))

    def forward(self, places: Tensor) -> Tensor:
        """Code (..., embed) of places (..., 3) as parts of the crop, 0 to 1; float32."""
        with full_precision(places.device):
            phase = 2 * math.pi * ((2 * places.float() - 1) @ self.frequencies.float())
        sine = phase.sin()
        return torch.cat([sine, phase.cos(), sine], dim=-1)

    def dense(self, grid: int) -> Tensor:
        """Code of the middle of every token, (1, embed, grid, grid, grid)."""
        middles = (torch.arange(grid, device=self.frequencies.device) + 0.5) / grid
        x, y, z = torch.meshgrid(middles, middles, middles, indexing="ij")
        places = torch.stack([y, x, z] if self.swapped else [x, y, z], dim=-1)
        code: Tensor = self(places)
        return code.movedim(-1, 0)[None]
