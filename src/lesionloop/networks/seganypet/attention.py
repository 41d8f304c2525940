"""Attention over a 3D grid of tokens with decomposed relative positions.

The logit of query i and key j is ``q.k / sqrt(c)`` plus ``q.T_a[i_a - j_a]`` for each axis a, with
one learned table ``T_a`` per axis (Li et al., MViTv2, CVPR 2022; used by SAM).

The published network pads a grid of 8 tokens to its window of 14 with zeros and does not mask them:
2,232 keys that are all alike. Their key and value are the biases of the projection, and only their
relative positions differ. Since these add up over the axes, the exponentials over all padding
factorise, so one key with their common value and the logarithm of the sum as bias stands for all
of them, exactly. 512 x 513 logits replace 2,744 x 2,744.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from lesionloop.networks.seganypet.layers import full_precision

__all__ = ["GridAttention"]


class GridAttention(nn.Module):
    """Multi-head self attention over a cube of tokens, whole or in windows.

    Args:
        width: channels of a token.
        heads: attention heads.
        grid: side of the cube, tokens.
        window: side of a window: it divides ``grid`` and tokens attend within their window, or it
            is at least ``grid`` and all attend to all.
        padded: a window larger than the grid also attends to the zeros around it.
    """

    def __init__(self, width: int, heads: int, grid: int, window: int, *, padded: bool) -> None:
        super().__init__()
        self.heads = heads
        self.side = min(window, grid)
        self.reach = window if padded else self.side
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)
        shape = (2 * self.reach - 1, width // heads)
        self.tables = nn.ParameterList(nn.Parameter(torch.zeros(shape)) for _ in range(3))

    def forward(self, tokens: Tensor) -> Tensor:
        """Attend; (batch, x, y, z, width) in and out."""
        batch, grid, width = tokens.shape[0], tokens.shape[1], tokens.shape[-1]
        parts, side = grid // self.side, self.side
        # (batch, parts, side, parts, side, parts, side, width) -> one window per row
        windows = tokens.reshape(batch, *(parts, side) * 3, width)
        windows = windows.permute(0, 1, 3, 5, 2, 4, 6, 7).reshape(-1, side**3, width)
        attended = self._attend(windows)
        attended = attended.reshape(batch, *(parts,) * 3, *(side,) * 3, width)
        return attended.permute(0, 1, 4, 2, 5, 3, 6, 7).reshape(tokens.shape)

    def _attend(self, windows: Tensor) -> Tensor:
        rows, count, width = windows.shape
        split = (self.heads, width // self.heads)
        query, key, value = self.qkv(windows).reshape(rows, count, 3, *split).permute(2, 0, 3, 1, 4)
        bias, padding = self._positions(query)
        if padding is not None:
            _, key_of_zero, value_of_zero = self.qkv.bias.to(key.dtype).reshape(3, 1, *split, 1)
            bias = torch.cat([bias, padding], dim=-1)
            key, value = (
                torch.cat([all_, one.movedim(-1, -2).expand(rows, -1, -1, -1)], dim=-2)
                for all_, one in ((key, key_of_zero), (value, value_of_zero))
            )
        mixed = functional.scaled_dot_product_attention(
            query, key, value, attn_mask=bias.to(query.dtype)
        )
        result: Tensor = self.proj(mixed.transpose(1, 2).reshape(windows.shape))
        return result

    def _positions(self, query: Tensor) -> tuple[Tensor, Tensor | None]:
        """Bias of every key (rows, heads, n, n) and that of all padding (rows, heads, n, 1)."""
        side = self.side
        # In full precision: the sums of exponentials must not lose the small ones.
        with full_precision(query.device):
            cube = query.float().reshape(*query.shape[:2], *(side,) * 3, -1)
            here = torch.arange(side, device=query.device)[:, None]
            there = torch.arange(self.reach, device=query.device)[None]
            looked_up = [table.float()[here - there + self.reach - 1] for table in self.tables]
            x, y, z = (
                torch.einsum(f"bhxyzc,{axis}jc->bhxyzj", cube, table)
                for axis, table in zip("xyz", looked_up, strict=True)
            )
            bias = (
                x[..., :side, None, None] + y[..., None, :side, None] + z[..., None, None, :side]
            ).reshape(*query.shape[:3], side**3)
            if self.reach == side:
                return bias, None
            return bias, _log_sum_outside(x, y, z, side).reshape(*query.shape[:3], 1)


def _log_sum_outside(x: Tensor, y: Tensor, z: Tensor, side: int) -> Tensor:
    """Log of the sum of ``exp(x_i + y_j + z_k)`` over all (i, j, k) that are not all below side.

    As sum of three parts without a difference, so that nothing cancels: i outside; i inside and j
    outside; i and j inside and k outside.
    """
    inside_x, inside_y = (part[..., :side].logsumexp(-1) for part in (x, y))
    outside_x, outside_y, outside_z = (part[..., side:].logsumexp(-1) for part in (x, y, z))
    all_y, all_z = (part.logsumexp(-1) for part in (y, z))
    parts = (
        outside_x + all_y + all_z,
        inside_x + outside_y + all_z,
        inside_x + inside_y + outside_z,
    )
    return torch.stack(parts).logsumexp(0)
