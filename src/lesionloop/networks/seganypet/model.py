"""The whole network: encode once, decode at every click."""

from typing import NamedTuple

from torch import Tensor, nn
from torch.nn import functional

from lesionloop.networks.seganypet.config import SegAnyPETConfig
from lesionloop.networks.seganypet.decoder import MaskDecoder
from lesionloop.networks.seganypet.encoder import ImageEncoder
from lesionloop.networks.seganypet.prompts import PromptEncoder

__all__ = ["Embedding", "SegAnyPET"]


class Embedding(NamedTuple):
    """What is computed once per crop.

    Args:
        image: (batch, embed, grid, grid, grid).
        detail: (batch, embed // 16, low_side, low_side, low_side) with ``finer``, else None.
    """

    image: Tensor
    detail: Tensor | None


class SegAnyPET(nn.Module):
    """Promptable segmentation of one object in a cubic crop.

    Crops are of PET in the orientation right, anterior, superior, 1.5 mm, normalised by
    `normalise_crop`.

    Args:
        config: shapes and options; the published network when left out.
    """

    def __init__(self, config: SegAnyPETConfig | None = None) -> None:
        super().__init__()
        self.config = config or SegAnyPETConfig.full()
        self.encoder = ImageEncoder(self.config)
        self.prompts = PromptEncoder(self.config)
        self.decoder = MaskDecoder(self.config)

    def encode(self, image: Tensor) -> Embedding:
        """Look at crops (batch, channels_in, image_size, image_size, image_size).

        Raises:
            ValueError: they have another shape.
        """
        wanted = (self.config.channels_in, *(self.config.image_size,) * 3)
        if image.shape[1:] != wanted:
            raise ValueError(f"expected crops of {wanted}, got {tuple(image.shape[1:])}")
        return Embedding(self.encoder(image), self.decoder.describe(image))

    def decode(
        self,
        embedding: Embedding,
        points: Tensor,
        labels: Tensor,
        mask: Tensor | None = None,
        scribbles: Tensor | None = None,
    ) -> Tensor:
        """Logits (batch, 1, low_side, low_side, low_side), low_side as in the config.

        Args:
            embedding: of `encode`.
            points: (batch, n, 3) voxels of the crop in array order, n may be 0.
            labels: (batch, n): 1 positive, 0 negative, -1 no point.
            mask: logits of the previous decoding, shape of the result; None is all zeros, with
                which training begins, too.
            scribbles: (batch, 2, image_size, image_size, image_size), drawn foreground and
                background; only with ``prompt_scribbles``.

        Raises:
            ValueError: scribbles are given to a network that does not take them.
        """
        image = embedding.image
        if mask is None:
            mask = image.new_zeros(len(image), 1, *(self.config.low_side,) * 3)
        tokens = self.prompts.points(points, labels).to(image.dtype)
        position = self.prompts.position.dense(self.config.grid).to(image.dtype)
        logits: Tensor = self.decoder(
            *embedding, position, tokens, self.prompts.maps(mask, scribbles)
        )
        return logits

    def upsample(self, low: Tensor) -> Tensor:
        """Logits (batch, 1, image_size, image_size, image_size) of logits of `decode`."""
        size = (self.config.image_size,) * 3
        if low.shape[2:] == size:  # one cell per voxel: nothing to interpolate
            return low
        return functional.interpolate(low, size=size, mode="trilinear", align_corners=False)
