"""Checkpoints in the published layout: every key is accounted for."""

from dataclasses import replace

import pytest
import torch
from tests.networks.seganypet.published_layout import layout
from torch import Tensor

from lesionloop.networks.seganypet import (
    SegAnyPET,
    SegAnyPETConfig,
    load_published,
    published_names,
)

SMALL = replace(SegAnyPETConfig.small(), image_size=32, window=7)


def checkpoint(config: SegAnyPETConfig = SMALL) -> dict[str, Tensor]:
    """Random weights in the published layout."""
    generator = torch.Generator().manual_seed(4)
    return {
        name: torch.randn(shape, generator=generator) * 0.05
        for name, shape in layout(config).items()
    }


def test_names_and_shapes_of_the_full_network_are_those_of_the_layout() -> None:
    with torch.device("meta"):
        network = SegAnyPET()
    state = network.state_dict()
    found = {theirs: tuple(state[ours].shape) for ours, theirs in published_names(network).items()}
    assert found == layout(SegAnyPETConfig.full())
    assert len(found) == len(state)


def test_every_tensor_arrives_at_its_place() -> None:
    state = checkpoint()
    network = load_published(state, SMALL)
    own = network.state_dict()
    for ours, theirs in published_names(network).items():
        assert torch.equal(own[ours], state[theirs])
    # Places that a slip of the table would mix up.
    assert torch.equal(
        own["encoder.blocks.0.attention.tables.1"], state["image_encoder.blocks.0.attn.rel_pos_h"]
    )
    assert torch.equal(network.prompts.negative, state["prompt_encoder.point_embeddings.0.weight"])
    assert torch.equal(
        own["decoder.transformer.layers.1.to_tokens.value.weight"],
        state["mask_decoder.transformer.layers.1.cross_attn_image_to_token.v_proj.weight"],
    )


@pytest.mark.parametrize("options", [{"channels_in": 2}, {"finer": True, "prompt_scribbles": True}])
def test_options_begin_from_published_weights_without_effect(options: dict[str, object]) -> None:
    state = checkpoint()
    plain = load_published(state, SMALL).eval()
    other = load_published(state, replace(SMALL, **options)).eval()  # type: ignore[arg-type]
    pet = torch.randn(1, 1, 32, 32, 32, generator=torch.Generator().manual_seed(1))
    points, labels = torch.tensor([[[10.0, 30.0, 20.0]]]), torch.tensor([[1]])
    with torch.inference_mode():
        expected = plain.upsample(plain.decode(plain.encode(pet), points, labels))
        image = torch.cat([pet, pet.square()], dim=1) if "channels_in" in options else pet
        found = other.upsample(other.decode(other.encode(image), points, labels))
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_keys_that_are_missing_or_not_known_are_named() -> None:
    state = checkpoint()
    state["prompt_encoder.boxes"] = state.pop("mask_decoder.iou_token.weight")
    with pytest.raises(ValueError, match=r"missing mask_decoder\.iou_token.*prompt_encoder\.boxes"):
        load_published(state, SMALL)


def test_another_shape_and_bad_numbers_are_named() -> None:
    state = checkpoint()
    state["image_encoder.neck.0.weight"] = torch.zeros(3, 3)
    state["mask_decoder.mask_tokens.weight"][0, 0] = float("nan")
    with pytest.raises(ValueError, match=r"neck\.0\.weight is \(3, 3\), not \(96, 96, 1, 1, 1\)"):
        load_published(state, SMALL)
    with pytest.raises(ValueError, match=r"mask_tokens\.weight holds numbers that are not finite"):
        load_published(state, SMALL)


def test_published_weights_need_the_quirks() -> None:
    with pytest.raises(ValueError, match="compatible"):
        load_published(checkpoint(), replace(SMALL, compatible=False))
