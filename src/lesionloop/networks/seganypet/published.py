"""Published checkpoints: their names for our parameters.

Layout: SAM-Med3D's ``image_encoder``, ``prompt_encoder``, ``mask_decoder``, which SegAnyPET kept.
"""

import re
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor

from lesionloop.networks.seganypet.config import SegAnyPETConfig
from lesionloop.networks.seganypet.model import SegAnyPET

__all__ = ["load_published", "published_names"]

#: Our name (a whole match) to the published one.
_RULES: Final[tuple[tuple[str, str], ...]] = (
    (r"encoder\.position", "image_encoder.pos_embed"),
    (r"encoder\.patches\.(.+)", r"image_encoder.patch_embed.proj.\1"),
    (r"encoder\.neck\.(.+)", r"image_encoder.neck.\1"),
    (r"(encoder\.blocks\.\d+)\.attention\.tables\.0", r"image_\1.attn.rel_pos_d"),
    (r"(encoder\.blocks\.\d+)\.attention\.tables\.1", r"image_\1.attn.rel_pos_h"),
    (r"(encoder\.blocks\.\d+)\.attention\.tables\.2", r"image_\1.attn.rel_pos_w"),
    (r"(encoder\.blocks\.\d+)\.attention\.(.+)", r"image_\1.attn.\2"),
    (r"(encoder\.blocks\.\d+)\.mlp\.layers\.0\.(.+)", r"image_\1.mlp.lin1.\2"),
    (r"(encoder\.blocks\.\d+)\.mlp\.layers\.1\.(.+)", r"image_\1.mlp.lin2.\2"),
    (r"(encoder\.blocks\.\d+\.norm[12]\..+)", r"image_\1"),
    (
        r"prompts\.position\.frequencies",
        "prompt_encoder.pe_layer.positional_encoding_gaussian_matrix",
    ),
    (r"prompts\.negative", "prompt_encoder.point_embeddings.0.weight"),
    (r"prompts\.positive", "prompt_encoder.point_embeddings.1.weight"),
    (r"prompts\.no_point", "prompt_encoder.not_a_point_embed.weight"),
    (r"prompts\.no_mask", "prompt_encoder.no_mask_embed.weight"),
    (r"prompts\.mask\.(.+)", r"prompt_encoder.mask_downscaling.\1"),
    (r"decoder\.quality_token", "mask_decoder.iou_token.weight"),
    (r"decoder\.mask_tokens", "mask_decoder.mask_tokens.weight"),
    (r"decoder\.upscaling\.(.+)", r"mask_decoder.output_upscaling.\1"),
    (r"decoder\.mask_vectors\.(.+)", r"mask_decoder.output_hypernetworks_mlps.\1"),
    (r"decoder\.quality\.(.+)", r"mask_decoder.iou_prediction_head.\1"),
    (r"decoder\.transformer\.norm\.(.+)", r"mask_decoder.transformer.norm_final_attn.\1"),
    (
        r"decoder\.transformer\.last\.(\w+)\.(.+)",
        r"mask_decoder.transformer.final_attn_token_to_image.\1_proj.\2",
    ),
    (r"decoder\.(transformer\.layers\.\d\.norm\d\..+)", r"mask_decoder.\1"),
    (r"decoder\.(transformer\.layers\.\d)\.mlp\.layers\.0\.(.+)", r"mask_decoder.\1.mlp.lin1.\2"),
    (r"decoder\.(transformer\.layers\.\d)\.mlp\.layers\.1\.(.+)", r"mask_decoder.\1.mlp.lin2.\2"),
    *(
        (
            rf"decoder\.(transformer\.layers\.\d)\.{ours}\.(\w+)\.(.+)",
            rf"mask_decoder.\1.{theirs}.\2_proj.\3",
        )
        for ours, theirs in (
            ("among_tokens", "self_attn"),
            ("to_image", "cross_attn_token_to_image"),
            ("to_tokens", "cross_attn_image_to_token"),
        )
    ),
)

#: Parts of our options, which no published checkpoint has; they begin without effect.
_OWN = ("decoder.finer.", "prompts.scribbles.")

_ATTENTION_WORDS: Final = {"query_proj": "q_proj", "key_proj": "k_proj", "value_proj": "v_proj"}

_PATCHES = "encoder.patches.weight"


def published_names(network: SegAnyPET) -> dict[str, str]:
    """Published name of every entry of the state of ``network``; parts of our own are left out.

    Raises:
        ValueError: an entry has no published name (a fault of the table).
    """
    names = {}
    for ours in network.state_dict():
        if not ours.startswith(_OWN):
            names[ours] = _published(ours)
    return names


def load_published(state: Mapping[str, Tensor], config: SegAnyPETConfig | None = None) -> SegAnyPET:
    """A network with the weights of a published checkpoint.

    With ``channels_in=2`` the weights of the CT begin at zero, and the parts that
    ``prompt_scribbles`` and ``finer`` add begin without effect: the first masks are those of the
    published network, and training goes on from there.

    Args:
        state: published name to tensor, as in the entry ``model_state_dict`` of the file.
        config: shapes; the published ones when left out.

    Raises:
        ValueError: names are missing or not known, a shape is another one, or a tensor holds
            numbers that are not finite; the message lists them. Or the config is not
            ``compatible``.
    """
    config = config or SegAnyPETConfig.full()
    if not config.compatible:
        raise ValueError("published weights need a config that is compatible")
    network = SegAnyPET(config)
    names = published_names(network)
    missing = sorted(set(names.values()) - set(state))
    unexpected = sorted(set(state) - set(names.values()))
    if missing or unexpected:
        raise ValueError(
            f"this is not the published layout: missing {_few(missing)};"
            f" not known {_few(unexpected)}"
        )
    own = network.state_dict()
    wrong = []
    for ours, theirs in names.items():
        given = state[theirs]
        if ours == _PATCHES and given.shape[1] == 1 and config.channels_in == 2:
            given = torch.cat([given, torch.zeros_like(given)], dim=1)
        if given.shape != own[ours].shape:
            wrong.append(f"{theirs} is {tuple(given.shape)}, not {tuple(own[ours].shape)}")
        elif not given.isfinite().all():
            wrong.append(f"{theirs} holds numbers that are not finite")
        else:
            own[ours] = given
    if wrong:
        raise ValueError(f"this is not the published network: {_few(wrong)}")
    network.load_state_dict(own)
    return network


def _published(ours: str) -> str:
    for pattern, theirs in _RULES:
        match = re.fullmatch(pattern, ours)
        if match is not None:
            name = match.expand(theirs)
            for word, short in _ATTENTION_WORDS.items():
                name = name.replace(f".{word}.", f".{short}.")
            return name
    raise ValueError(f"{ours} has no published name")


def _few(entries: list[str]) -> str:
    """At most six entries and how many more there are."""
    shown = ", ".join(entries[:6]) or "none"
    return shown if len(entries) <= 6 else f"{shown} and {len(entries) - 6} more"
