"""The prompt encoder: signed points as tokens, masks and scribbles as maps on the token grid."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lesionloop.networks.seganypet.config import SegAnyPETConfig
from lesionloop.networks.seganypet.layers import ChannelNorm
from lesionloop.networks.seganypet.position import FourierPosition

__all__ = ["PromptEncoder"]


class PromptEncoder(nn.Module):
    """Tokens of points, and a map from a mask and scribbles to add to the embedding.

    ``no_mask`` is a part of published checkpoints that their training never used: it gave a mask of
    zeros at the first click. It is kept so that a checkpoint comes back whole.
    """

    def __init__(self, config: SegAnyPETConfig) -> None:
        super().__init__()
        self.config = config
        embed, channels = config.embed, config.mask_channels
        self.position = FourierPosition(embed, swapped=config.compatible)
        self.negative = nn.Parameter(torch.randn(1, embed))
        self.positive = nn.Parameter(torch.randn(1, embed))
        self.no_point = nn.Parameter(torch.randn(1, embed))
        self.no_mask = nn.Parameter(torch.randn(1, embed), requires_grad=False)
        self.mask = _downscaling(1, channels, embed)
        self.scribbles: nn.Sequential | None = None
        if config.prompt_scribbles:
            self.scribbles = _downscaling(2, channels, embed)
            # Published weights know no scribbles: begin as if there were none.
            nn.init.zeros_(self.scribbles[-1].weight)  # type: ignore[arg-type]
            nn.init.zeros_(self.scribbles[-1].bias)  # type: ignore[arg-type]

    def points(self, points: Tensor, labels: Tensor) -> Tensor:
        """Tokens (batch, n + 1, embed); the last is a point that is none, always there.

        Args:
            points: (batch, n, 3) voxels of the crop in array order; whole numbers are centres.
            labels: (batch, n): 1 positive, 0 negative, -1 none, to fill up a batch.
        """
        points = functional.pad(points.float(), (0, 0, 0, 1))
        labels = functional.pad(labels, (0, 1), value=-1)[..., None]
        code = self.position((points + 0.5) / self.config.image_size)
        code = torch.where(labels < 0, torch.zeros_like(code), code)
        kind = torch.where(labels == 1, self.positive, self.negative)
        return code + torch.where(labels < 0, self.no_point, kind)

    def maps(self, mask: Tensor, scribbles: Tensor | None) -> Tensor:
        """Map (batch, embed, grid, grid, grid).

        Args:
            mask: logits (batch, 1, low_side, low_side, low_side).
            scribbles: (batch, 2, image_size, ...): 1 where foreground (0) and background (1) were
                drawn; None when nothing was.

        Raises:
            ValueError: scribbles are given to a network that does not take them.
        """
        side = (self.config.mask_side,) * 3
        result: Tensor = self.mask(functional.adaptive_avg_pool3d(mask, side))
        if self.scribbles is None:
            if scribbles is not None:
                raise ValueError("this network takes no scribbles: set prompt_scribbles")
            return result
        if scribbles is None:
            scribbles = mask.new_zeros(len(mask), 2, *side)
        # The maximum, for the mean would wash out a line that is one voxel thin.
        drawn: Tensor = self.scribbles(functional.adaptive_max_pool3d(scribbles, side))
        return result + drawn


def _downscaling(inputs: int, channels: int, embed: int) -> nn.Sequential:
    """From four cells per token to one."""
    return nn.Sequential(
        nn.Conv3d(inputs, channels // 4, 2, 2),
        ChannelNorm(channels // 4),
        nn.GELU(),
        nn.Conv3d(channels // 4, channels, 2, 2),
        ChannelNorm(channels),
        nn.GELU(),
        nn.Conv3d(channels, embed, 1),
    )
