"""Attention against its definition: explicit logits, explicit softmax, explicit padding."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lesionloop.networks.seganypet.attention import GridAttention

WIDTH, HEADS = 12, 3


def made(grid: int, window: int, *, padded: bool, scale: float = 1.0) -> GridAttention:
    """An attention with weights that are not near zero."""
    torch.manual_seed(3)
    attention = GridAttention(WIDTH, HEADS, grid, window, padded=padded)
    for parameter in attention.parameters():
        torch.nn.init.normal_(parameter, std=scale)
    return attention.requires_grad_(requires_grad=False)


def plain(attention: GridAttention, tokens: Tensor, window: int) -> Tensor:
    """The same in the words of the published network: pad to the window, all keys, softmax."""
    grid = tokens.shape[1]
    if window > grid:
        missing = window - grid
        padded = functional.pad(tokens, (0, 0, 0, missing, 0, missing, 0, missing))
        return plain(attention, padded, window)[:, :grid, :grid, :grid]
    result = torch.zeros_like(tokens)
    for x in range(0, grid, window):
        for y in range(0, grid, window):
            for z in range(0, grid, window):
                box = (
                    slice(None),
                    slice(x, x + window),
                    slice(y, y + window),
                    slice(z, z + window),
                )
                result[box] = one_window(attention, tokens[box])
    return result


def one_window(attention: GridAttention, tokens: Tensor) -> Tensor:
    """Softmax over all keys of a window, one query and one head at a time."""
    batch, side = tokens.shape[:2]
    count, channels = side**3, WIDTH // HEADS
    query, key, value = attention.qkv(tokens.reshape(batch, count, WIDTH)).split(WIDTH, dim=-1)
    places = torch.cartesian_prod(*(torch.arange(side),) * 3)
    mixed = torch.zeros_like(query)
    for head in range(HEADS):
        part = slice(head * channels, (head + 1) * channels)
        for item in range(batch):
            for number, place in enumerate(places):
                own = query[item, number, part]
                logits = key[item, :, part] @ own / channels**0.5
                for axis, table in enumerate(attention.tables):
                    logits = logits + table[place[axis] - places[:, axis] + side - 1] @ own
                mixed[item, number, part] = logits.softmax(0) @ value[item, :, part]
    result: Tensor = attention.proj(mixed).reshape(tokens.shape)
    return result


@pytest.mark.parametrize(
    ("grid", "window", "padded"),
    [
        (3, 3, False),  # global
        (4, 2, False),  # windows that divide the grid
        (3, 5, True),  # the published quirk: padding takes part
        (2, 7, True),
        (4, 2, True),  # the quirk has nothing to pad
    ],
)
@pytest.mark.parametrize("scale", [0.3, 1.0])
def test_it_is_the_plain_attention(grid: int, window: int, padded: bool, scale: float) -> None:
    attention = made(grid, window, padded=padded, scale=scale)
    tokens = torch.randn(2, grid, grid, grid, WIDTH, generator=torch.Generator().manual_seed(1))
    expected = plain(attention, tokens, window)
    found = attention(tokens)
    assert torch.allclose(found, expected, atol=1e-5 * float(expected.abs().max()), rtol=0)


def test_without_the_quirk_a_large_window_is_global_attention() -> None:
    attention = made(3, 14, padded=False)
    tokens = torch.randn(1, 3, 3, 3, WIDTH)
    assert attention.tables[0].shape == (5, WIDTH // HEADS)
    assert torch.allclose(attention(tokens), plain(attention, tokens, 3), atol=1e-4)


def test_padding_changes_the_result() -> None:
    attention = made(3, 5, padded=True)
    tokens = torch.randn(1, 3, 3, 3, WIDTH)
    inner = made(3, 3, padded=False)
    inner.load_state_dict(
        {
            name: value[2:-2] if name.startswith("tables") else value
            for name, value in attention.state_dict().items()
        }
    )
    assert (attention(tokens) - inner(tokens)).abs().max() > 1e-2


def test_relative_positions_far_apart_do_not_overflow() -> None:
    attention = made(3, 14, padded=True, scale=1.0)
    for table in attention.tables:
        table.mul_(200.0)
    found = attention(torch.randn(1, 3, 3, 3, WIDTH) * 10)
    assert found.isfinite().all()


def test_tables_learn_from_padding() -> None:
    attention = made(3, 14, padded=True).requires_grad_()
    attention(torch.randn(1, 3, 3, 3, WIDTH)).square().sum().backward()
    for table in attention.tables:
        assert table.grad is not None
        # query 0 to 2, key 0 to 13: differences -13 to 2; others do not occur
        used = table.grad.abs().sum(dim=1) > 0
        assert used[:16].all()
        assert not used[16:].any()


def test_bfloat16_stays_near() -> None:
    attention = made(4, 14, padded=True, scale=0.3)
    tokens = torch.randn(1, 4, 4, 4, WIDTH, generator=torch.Generator().manual_seed(1))
    exact = attention(tokens)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        rough = attention(tokens)
    assert rough.dtype == torch.bfloat16
    assert (rough.float() - exact).abs().max() < 0.05 * exact.abs().max()
