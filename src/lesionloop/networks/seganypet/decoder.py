"""The mask decoder: from embedding and prompts to logits."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lesionloop.networks.seganypet.config import SegAnyPETConfig
from lesionloop.networks.seganypet.layers import ChannelNorm, Perceptron
from lesionloop.networks.seganypet.two_way import TwoWayTransformer

__all__ = ["MaskDecoder"]


class MaskDecoder(nn.Module):
    """Logits of one mask at four cells per token, or eight with ``finer``.

    Published checkpoints hold a quality head and layers of further masks that were never trained;
    they are kept so that a checkpoint comes back whole, do not learn, and are not computed.

    ``finer`` adds the product of a last vector with a map at twice the resolution, which sees the
    crop through a short cut past the encoder. It begins as zero: then the logits are those of the
    published decoder, interpolated.
    """

    def __init__(self, config: SegAnyPETConfig) -> None:
        super().__init__()
        embed = config.embed
        self.transformer = TwoWayTransformer(config)
        self.quality_token = nn.Parameter(torch.randn(1, embed))
        self.mask_tokens = nn.Parameter(torch.randn(config.masks, embed))
        self.upscaling = nn.Sequential(
            nn.ConvTranspose3d(embed, embed // 4, 2, 2),
            ChannelNorm(embed // 4),
            nn.GELU(),
            nn.ConvTranspose3d(embed // 4, embed // 8, 2, 2),
            nn.GELU(),
        )
        self.mask_vectors = nn.ModuleList(
            Perceptron(embed, embed, embed, embed // 8) for _ in range(config.masks)
        )
        width = config.quality_width
        self.quality = Perceptron(embed, width, width, config.masks)
        for unused in (*self.mask_vectors[1:], self.quality):
            unused.requires_grad_(requires_grad=False)
        self.finer = _Finer(config) if config.finer else None

    def forward(
        self,
        embedding: Tensor,
        detail: Tensor | None,
        position: Tensor,
        points: Tensor,
        maps: Tensor,
    ) -> Tensor:
        """Logits (batch, 1, low_side, low_side, low_side).

        Args:
            embedding: of the crop, (batch, embed, grid, grid, grid).
            detail: what the finer part saw in the crop, see `describe`; None without it.
            position: code of the token grid, (1, embed, grid, grid, grid).
            points: tokens of the points, (batch, n, embed).
            maps: of mask and scribbles, shape of ``embedding``.
        """
        own = torch.cat([self.quality_token, self.mask_tokens])
        prompts = torch.cat([own.expand(len(points), -1, -1), points], dim=1)
        image = embedding + maps
        tokens, mixed = self.transformer(
            image.flatten(2).transpose(1, 2), position.flatten(2).transpose(1, 2), prompts
        )
        token = tokens[:, 1]
        upscaled = self.upscaling(mixed.transpose(1, 2).reshape(image.shape))
        logits = _product(self.mask_vectors[0](token), upscaled)
        if self.finer is None or detail is None:
            return logits
        doubled = functional.interpolate(logits, scale_factor=2, mode="trilinear")
        result: Tensor = doubled + self.finer(token, upscaled, detail)
        return result

    def describe(self, image: Tensor) -> Tensor | None:
        """What the finer part sees in a crop (batch, channels_in, image_size, ...); else None."""
        return None if self.finer is None else self.finer.look(image)


class _Finer(nn.Module):
    """Logits to add at twice the resolution of the decoder."""

    def __init__(self, config: SegAnyPETConfig) -> None:
        super().__init__()
        embed, channels = config.embed, config.embed // 16
        step = config.patch // 8
        self.look = nn.Sequential(
            nn.Conv3d(config.channels_in, channels, step, step),
            ChannelNorm(channels),
            nn.GELU(),
            nn.Conv3d(channels, channels, 3, padding=1),
        )
        self.up = nn.ConvTranspose3d(embed // 8, channels, 2, 2)
        self.mix = nn.Conv3d(channels, channels, 3, padding=1)
        self.vector = Perceptron(embed, embed, channels)
        nn.init.zeros_(self.vector.layers[-1].weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.vector.layers[-1].bias)  # type: ignore[arg-type]

    def forward(self, token: Tensor, upscaled: Tensor, detail: Tensor) -> Tensor:
        mixed = functional.gelu(self.mix(functional.gelu(self.up(upscaled) + detail)))
        return _product(self.vector(token), mixed)


def _product(vector: Tensor, features: Tensor) -> Tensor:
    """Scalar product (batch, 1, x, y, z) of (batch, c) with every voxel of (batch, c, x, y, z)."""
    return torch.einsum("bc,bcxyz->bxyz", vector, features)[:, None]
