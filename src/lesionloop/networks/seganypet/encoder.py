"""The image encoder: a vision transformer over cubes of voxels."""

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from lesionloop.networks.seganypet.attention import GridAttention
from lesionloop.networks.seganypet.config import SegAnyPETConfig
from lesionloop.networks.seganypet.layers import ChannelNorm, Perceptron

__all__ = ["Block", "ImageEncoder"]


class Block(nn.Module):
    """Attention and perceptron, each normalised before and added after.

    Args:
        config: shapes.
        is_global: attends over the whole crop.
    """

    def __init__(self, config: SegAnyPETConfig, *, is_global: bool) -> None:
        super().__init__()
        width = config.width
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.attention = GridAttention(
            width,
            config.heads,
            config.grid,
            config.grid if is_global else config.window,
            padded=config.compatible and not is_global,
        )
        self.norm2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = Perceptron(width, config.mlp_ratio * width, width, gelu=True)

    def forward(self, tokens: Tensor) -> Tensor:
        """(batch, x, y, z, width) in and out."""
        tokens = tokens + self.attention(self.norm1(tokens))
        mixed: Tensor = tokens + self.mlp(self.norm2(tokens))
        return mixed


class ImageEncoder(nn.Module):
    """From a crop to its embedding, (batch, embed, grid, grid, grid)."""

    def __init__(self, config: SegAnyPETConfig) -> None:
        super().__init__()
        self.checkpointing = config.checkpointing
        self.patches = nn.Conv3d(config.channels_in, config.width, config.patch, config.patch)
        self.position = nn.Parameter(torch.zeros(1, *(config.grid,) * 3, config.width))
        self.blocks = nn.ModuleList(
            Block(config, is_global=number in config.global_blocks)
            for number in range(config.depth)
        )
        self.neck = nn.Sequential(
            nn.Conv3d(config.width, config.embed, 1, bias=False),
            ChannelNorm(config.embed),
            nn.Conv3d(config.embed, config.embed, 3, padding=1, bias=False),
            ChannelNorm(config.embed),
        )

    def forward(self, image: Tensor) -> Tensor:
        """Embedding of (batch, channels_in, image_size, image_size, image_size)."""
        tokens = self.patches(image).movedim(1, -1) + self.position
        for block in self.blocks:
            if self.checkpointing and torch.is_grad_enabled():
                tokens = checkpoint(block, tokens, use_reentrant=False)
            else:
                tokens = block(tokens)
        embedding: Tensor = self.neck(tokens.movedim(-1, 1))
        return embedding
