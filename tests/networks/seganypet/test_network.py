"""The whole network: sizes, options, and the small one against plain attention."""

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lesionloop.networks.seganypet import (
    SegAnyPET,
    SegAnyPETConfig,
    normalise_crop,
)
from lesionloop.networks.seganypet.attention import GridAttention

#: The small network on a smaller crop: a grid of 4 tokens, windows of 7.
SMALL = replace(SegAnyPETConfig.small(), image_size=32, window=7)


def made(config: SegAnyPETConfig = SMALL, seed: int = 1) -> SegAnyPET:
    """A network whose zero-initialised parts are not zero."""
    torch.manual_seed(seed)
    network = SegAnyPET(config)
    for name, parameter in network.named_parameters():
        if "tables" in name or name == "encoder.position":
            nn.init.normal_(parameter, std=0.2)
    return network


def crop(channels: int = 1, batch: int = 1, seed: int = 0) -> Tensor:
    return torch.randn(batch, channels, 32, 32, 32, generator=torch.Generator().manual_seed(seed))


def clicks(*labels: int) -> tuple[Tensor, Tensor]:
    points = torch.rand(1, len(labels), 3, generator=torch.Generator().manual_seed(5)) * 32
    return points, torch.tensor([labels])


def count(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def test_the_published_network_has_the_published_sizes() -> None:
    with torch.device("meta"):
        network = SegAnyPET()
    assert count(network.encoder) == 92_924_928
    assert count(network.prompts) == 8_668
    assert count(network.decoder) == 7_575_636
    assert network.prompts.position.frequencies.numel() == 384


def test_every_stage_of_the_published_network_has_its_shape() -> None:
    shapes: dict[str, tuple[int, ...]] = {}
    with torch.device("meta"):
        network = SegAnyPET()
        for name, module in network.named_modules():

            def note(_: Any, __: Any, output: Any, name: str = name) -> None:
                shapes[name] = tuple(output.shape) if isinstance(output, Tensor) else ()

            module.register_forward_hook(note)
        embedding = network.encode(torch.zeros(2, 1, 128, 128, 128))
        low = network.decode(embedding, torch.zeros(2, 3, 3), torch.ones(2, 3, dtype=torch.long))
    assert shapes["encoder.patches"] == (2, 768, 8, 8, 8)
    assert all(shapes[f"encoder.blocks.{n}"] == (2, 8, 8, 8, 768) for n in range(12))
    assert shapes["encoder"] == embedding.image.shape == (2, 384, 8, 8, 8)
    assert [shapes[f"prompts.mask.{n}"][1:3] for n in (0, 3, 6)] == [(4, 16), (16, 8), (384, 8)]
    assert shapes["decoder.transformer.layers.0.among_tokens"] == (2, 5 + 3 + 1, 384)
    assert shapes["decoder.transformer.layers.1.to_tokens"] == (2, 512, 384)
    assert shapes["decoder.upscaling.0"] == (2, 96, 16, 16, 16)
    assert shapes["decoder.upscaling"] == (2, 48, 32, 32, 32)
    assert shapes["decoder.mask_vectors.0"] == (2, 48)
    assert low.shape == (2, 1, 32, 32, 32)
    assert network.upsample(low).shape == (2, 1, 128, 128, 128)
    for number, block in enumerate(network.encoder.blocks):
        rows = 15 if number in (2, 5, 8, 11) else 27
        assert block.attention.tables[0].shape == (rows, 64)


def plain_attention(query: Tensor, key: Tensor, value: Tensor, attn_mask: Any = None) -> Tensor:
    """Softmax in words."""
    logits = query @ key.transpose(-1, -2) / query.shape[-1] ** 0.5
    weights = (logits if attn_mask is None else logits + attn_mask).softmax(-1)
    mixed: Tensor = weights @ value
    return mixed


def padded_attention(self: GridAttention, tokens: Tensor) -> Tensor:
    """`GridAttention` as published: all tokens of the padded window are keys and queries."""
    side, grid = self.reach, tokens.shape[1]
    tokens = functional.pad(tokens, (0, 0, *(0, side - grid) * 3))
    split = (len(tokens), side**3, 3, self.heads, -1)
    query, key, value = self.qkv(tokens).reshape(split).permute(2, 0, 3, 1, 4)
    steps = torch.arange(side)[:, None] - torch.arange(side)[None] + side - 1
    cube = query.unflatten(2, (side,) * 3)
    x, y, z = (
        torch.einsum(f"bhxyzc,{a}jc->bhxyzj", cube, table[steps])
        for a, table in zip("xyz", self.tables, strict=True)
    )
    bias = x[..., None, None] + y[..., None, :, None] + z[..., None, None, :]
    mixed = plain_attention(query, key, value, bias.reshape(*query.shape[:3], side**3))
    result: Tensor = self.proj(mixed.transpose(1, 2).flatten(2)).reshape(tokens.shape)
    return result[:, :grid, :grid, :grid]


@pytest.mark.parametrize("compatible", [True, False])
def test_the_whole_is_that_of_plain_attention(
    compatible: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = made(replace(SMALL, compatible=compatible)).eval()
    mask = torch.randn(1, 1, 16, 16, 16, generator=torch.Generator().manual_seed(2))
    with torch.inference_mode():
        embedding = network.encode(crop())
        logits = network.decode(embedding, *clicks(1, 0), mask)
        monkeypatch.setattr(GridAttention, "forward", padded_attention)
        monkeypatch.setattr(functional, "scaled_dot_product_attention", plain_attention)
        plainly = network.encode(crop())
        expected = network.decode(plainly, *clicks(1, 0), mask)
    torch.testing.assert_close(embedding.image, plainly.image, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(logits, expected, atol=1e-5, rtol=1e-4)


def test_each_quirk_changes_the_logits() -> None:
    strange = made(replace(SMALL, window=4))  # a window as large as the grid pads nothing
    strict = SegAnyPET(replace(SMALL, window=4, compatible=False))
    strict.load_state_dict(strange.state_dict())
    with torch.inference_mode():
        assert torch.equal(strange.encode(crop()).image, strict.encode(crop()).image)
        one, other = (n.decode(n.encode(crop()), *clicks(1)) for n in (strange, strict))
    assert (one - other).abs().max() > 1e-4 * one.abs().max()


def test_it_is_deterministic_and_prompts_matter() -> None:
    network = made().eval()
    with torch.inference_mode():
        embedding = network.encode(crop())
        assert torch.equal(embedding.image, network.encode(crop()).image)
        first = network.decode(embedding, *clicks(1))
        assert torch.equal(first, network.decode(embedding, *clicks(1)))
        assert torch.equal(first, network.decode(embedding, *clicks(1), torch.zeros_like(first)))
        none = (torch.zeros(1, 0, 3), torch.zeros(1, 0, dtype=torch.long))
        others = [
            network.decode(embedding, *clicks(0)),
            network.decode(embedding, *clicks(1), first + 5),
            network.decode(embedding, *none, first),
        ]
    for one, other in pairwise([first, *others]):
        assert (one - other).abs().max() > 1e-5


def test_a_batch_is_its_items() -> None:
    network = made().eval()
    points, labels = torch.rand(2, 2, 3) * 32, torch.tensor([[1, 0], [0, 1]])
    image = crop(batch=2)
    with torch.inference_mode():
        both = network.decode(network.encode(image), points, labels)
        for item in range(2):
            part = slice(item, item + 1)
            one = network.decode(network.encode(image[part]), points[part], labels[part])
            torch.testing.assert_close(both[part], one, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(
    "options", [{}, {"checkpointing": True}, {"prompt_scribbles": True, "finer": True}]
)
def test_every_part_that_learns_gets_a_gradient(options: dict[str, Any]) -> None:
    network = made(replace(SMALL, **options)).train()
    with torch.no_grad():  # what begins without effect lets nothing through at first
        for name, parameter in network.named_parameters():
            if name.startswith(("decoder.finer.vector", "prompts.scribbles.6")):
                parameter.normal_(std=0.1)
    scribbles = None
    if network.config.prompt_scribbles:
        scribbles = torch.zeros(1, 2, 32, 32, 32)
        scribbles[0, :, 20:30, 31, 12] = 1

    embedding = network.encode(crop())
    low = network.decode(embedding, *clicks(1), None, scribbles)
    result = network.upsample(network.decode(embedding, *clicks(1, 0), low, scribbles))
    torch.autograd.backward(result.square().mean())
    idle = [
        name
        for name, parameter in network.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    assert idle == []
    frozen = {n.split(".")[1] for n, p in network.named_parameters() if not p.requires_grad}
    assert frozen == {"no_mask", "mask_vectors", "quality"}


def test_checkpointing_changes_memory_only() -> None:
    kept, again = made(), made(replace(SMALL, checkpointing=True))
    grads = []
    for network in (kept, again):
        low = network.decode(network.encode(crop()), *clicks(1))
        torch.autograd.backward(low.square().mean())
        grads.append(network.encoder.patches.weight.grad)
    torch.testing.assert_close(*grads)


def test_two_channels_take_a_ct() -> None:
    network = made(replace(SMALL, channels_in=2))
    assert network.encode(crop(2)).image.shape == (1, 96, 4, 4, 4)
    with pytest.raises(ValueError, match=r"expected crops of \(2, 32, 32, 32\)"):
        network.encode(crop(1))


def test_finer_gives_logits_twice_as_fine_and_begins_as_interpolation() -> None:
    torch.manual_seed(1)
    fine = SegAnyPET(replace(SMALL, finer=True)).eval()
    coarse = SegAnyPET(SMALL).eval()
    coarse.load_state_dict(
        {k: v for k, v in fine.state_dict().items() if not k.startswith("decoder.finer")}
    )
    assert (fine.config.low_side, coarse.config.low_side) == (32, 16)
    with torch.inference_mode():
        embedding = fine.encode(crop())
        assert embedding.detail is not None
        assert embedding.detail.shape == (1, 6, 32, 32, 32)
        low = fine.decode(embedding, *clicks(1))
        assert low.shape == (1, 1, 32, 32, 32)
        doubled = coarse.upsample(coarse.decode(coarse.encode(crop()), *clicks(1)))
    torch.testing.assert_close(low, doubled, atol=1e-5, rtol=1e-4)
    # Its own part sees single voxels of the crop, which the tokens do not resolve.
    with torch.no_grad():
        fine.decoder.finer.vector.layers[-1].weight.normal_()  # type: ignore[union-attr,operator]
        assert (fine.decode(embedding, *clicks(1)) - low).abs().max() > 1e-3


def test_scribbles_are_a_prompt_beside_points() -> None:
    network = made(replace(SMALL, prompt_scribbles=True)).eval()
    drawn = torch.zeros(1, 2, 32, 32, 32)
    drawn[0, 0, 10, 20, 25] = 1  # one voxel is enough to be seen
    with torch.inference_mode():
        embedding = network.encode(crop())
        without = network.decode(embedding, *clicks(1))
        assert torch.equal(without, network.decode(embedding, *clicks(1), None, drawn))
        network.prompts.scribbles[-1].weight.normal_()  # type: ignore[index,operator]
        with_it = network.decode(embedding, *clicks(1), None, drawn)
        other = network.decode(embedding, *clicks(1), None, drawn.flip(1))
    assert (with_it - other).abs().max() > 1e-4
    with pytest.raises(ValueError, match="takes no scribbles"):
        made().decode(embedding, *clicks(1), None, drawn)


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
def test_half_precision_stays_near(kind: torch.dtype) -> None:
    network = made().eval()
    with torch.inference_mode():
        exact = network.decode(network.encode(crop()), *clicks(1))
        with torch.autocast("cpu", dtype=kind):
            rough = network.decode(network.encode(crop()), *clicks(1)).float()
    assert (rough - exact).abs().max() < 0.1 * exact.abs().max()


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"patch": 7}, "patch must divide"),
        ({"heads": 5}, "heads must divide"),
        ({"embed": 100}, "embed must be a multiple"),
        ({"window": 3}, "window must divide"),
        ({"channels_in": 3}, "channels_in"),
        ({"global_blocks": (4,)}, "global_blocks"),
        ({"patch": 4, "image_size": 32, "finer": True}, "multiple of 4, and of 8"),
    ],
)
def test_sizes_that_do_not_fit_are_refused(options: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        replace(SMALL, **options)


def test_a_crop_is_scored_over_its_voxels_above_zero() -> None:
    pet = np.zeros((4, 5, 6), dtype=np.float32)
    pet[1, 2, 3], pet[2, 2, 2], pet[0, 0, 0] = 2.0, 4.0, -7.0
    found = normalise_crop(pet)
    assert found.shape == (1, 4, 5, 6)
    assert found.dtype == np.float32
    deviation = 2**0.5  # of 2 and 4, n - 1
    assert found[0, 2, 2, 2] == pytest.approx(1 / deviation)
    assert found[0, 3, 3, 3] == pytest.approx(-3 / deviation)
    assert found[0, 0, 0, 0] == pytest.approx(-10 / deviation)


@pytest.mark.parametrize("pet", [np.zeros((3, 3, 3)), np.full((3, 3, 3), 2.0), -np.ones((3, 3, 3))])
def test_a_crop_without_contrast_is_zero(pet: np.ndarray[Any, Any]) -> None:
    assert not normalise_crop(pet).any()


def test_a_ct_is_clamped_and_the_same_in_every_crop() -> None:
    ct = np.array([-3000.0, 0.0, 250.0, 4000.0]).reshape(1, 2, 2)
    found = normalise_crop(np.zeros((1, 2, 2)), ct)[1].ravel()
    assert found.tolist() == [-4.0, 0.0, 1.0, 4.0]
