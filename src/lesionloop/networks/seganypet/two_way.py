"""The two-way transformer: prompts look at the image, the image looks at prompts."""

from torch import Tensor, nn
from torch.nn import functional

from lesionloop.networks.seganypet.config import SegAnyPETConfig
from lesionloop.networks.seganypet.layers import Perceptron

__all__ = ["TwoWayTransformer"]


class _Attention(nn.Module):
    """Multi-head attention that works at ``inner`` channels."""

    def __init__(self, embed: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(embed, inner)
        self.key = nn.Linear(embed, inner)
        self.value = nn.Linear(embed, inner)
        self.out = nn.Linear(inner, embed)

    def forward(self, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        """(batch, n, embed) of queries, (batch, m, embed) of keys and values."""
        parts = (
            part.unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for part in (self.query(query), self.key(key), self.value(value))
        )
        mixed = functional.scaled_dot_product_attention(*parts)
        result: Tensor = self.out(mixed.transpose(1, 2).flatten(-2))
        return result


class _Layer(nn.Module):
    """Tokens among themselves, tokens to image, perceptron, image to tokens."""

    def __init__(self, config: SegAnyPETConfig, *, first: bool) -> None:
        super().__init__()
        embed, heads = config.embed, config.decoder_heads
        self.first = first
        self.among_tokens = _Attention(embed, embed, heads)
        self.norm1 = nn.LayerNorm(embed)
        self.to_image = _Attention(embed, embed // 2, heads)
        self.norm2 = nn.LayerNorm(embed)
        self.mlp = Perceptron(embed, config.decoder_mlp, embed)
        self.norm3 = nn.LayerNorm(embed)
        self.norm4 = nn.LayerNorm(embed)
        self.to_tokens = _Attention(embed, embed // 2, heads)

    def forward(
        self, tokens: Tensor, image: Tensor, prompts: Tensor, position: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Tokens and image after the layer; ``prompts`` and ``position`` say where they are."""
        if self.first:  # the tokens are their own position still
            tokens = self.among_tokens(tokens, tokens, tokens)
        else:
            placed = tokens + prompts
            tokens = tokens + self.among_tokens(placed, placed, tokens)
        tokens = self.norm1(tokens)
        tokens = self.norm2(tokens + self.to_image(tokens + prompts, image + position, image))
        tokens = self.norm3(tokens + self.mlp(tokens))
        image = self.norm4(image + self.to_tokens(image + position, tokens + prompts, tokens))
        return tokens, image


class TwoWayTransformer(nn.Module):
    """Layers, then a last look of the tokens at the image."""

    def __init__(self, config: SegAnyPETConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            _Layer(config, first=number == 0) for number in range(config.decoder_depth)
        )
        self.last = _Attention(config.embed, config.embed // 2, config.decoder_heads)
        self.norm = nn.LayerNorm(config.embed)

    def forward(self, image: Tensor, position: Tensor, prompts: Tensor) -> tuple[Tensor, Tensor]:
        """Mix image and prompts.

        Args:
            image: (batch, cells, embed).
            position: (1, cells, embed), code of the cells.
            prompts: (batch, n, embed).

        Returns:
            Tokens (batch, n, embed) and image (batch, cells, embed).
        """
        tokens = prompts
        for layer in self.layers:
            tokens, image = layer(tokens, image, prompts, position)
        tokens = self.norm(tokens + self.last(tokens + prompts, image + position, image))
        return tokens, image
