"""The published naming scheme and shapes, written down once more from the layout of SAM-Med3D."""

from collections.abc import Iterator

from lesionloop.networks.seganypet import SegAnyPETConfig

Shape = tuple[int, ...]


def layout(c: SegAnyPETConfig) -> dict[str, Shape]:
    """Name to shape of every tensor of a published checkpoint of these sizes."""
    return dict([*_encoder(c), *_prompts(c), *_decoder(c)])


def _linear(name: str, inputs: int, outputs: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (outputs, inputs)
    yield f"{name}.bias", (outputs,)


def _norm(name: str, channels: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (channels,)
    yield f"{name}.bias", (channels,)


def _conv(name: str, outputs: int, inputs: int, side: int) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", (outputs, inputs, side, side, side)
    yield f"{name}.bias", (outputs,)


def _encoder(c: SegAnyPETConfig) -> Iterator[tuple[str, Shape]]:
    at = "image_encoder"
    yield f"{at}.pos_embed", (1, c.grid, c.grid, c.grid, c.width)
    yield from _conv(f"{at}.patch_embed.proj", c.width, 1, c.patch)
    for number in range(c.depth):
        block = f"{at}.blocks.{number}"
        yield from _norm(f"{block}.norm1", c.width)
        rows = 2 * (c.grid if number in c.global_blocks else c.window) - 1
        for axis in "dhw":
            yield f"{block}.attn.rel_pos_{axis}", (rows, c.width // c.heads)
        yield from _linear(f"{block}.attn.qkv", c.width, 3 * c.width)
        yield from _linear(f"{block}.attn.proj", c.width, c.width)
        yield from _norm(f"{block}.norm2", c.width)
        yield from _linear(f"{block}.mlp.lin1", c.width, 4 * c.width)
        yield from _linear(f"{block}.mlp.lin2", 4 * c.width, c.width)
    yield f"{at}.neck.0.weight", (c.embed, c.width, 1, 1, 1)
    yield from _norm(f"{at}.neck.1", c.embed)
    yield f"{at}.neck.2.weight", (c.embed, c.embed, 3, 3, 3)
    yield from _norm(f"{at}.neck.3", c.embed)


def _prompts(c: SegAnyPETConfig) -> Iterator[tuple[str, Shape]]:
    at = "prompt_encoder"
    yield f"{at}.pe_layer.positional_encoding_gaussian_matrix", (3, c.embed // 3)
    for name in ("point_embeddings.0", "point_embeddings.1", "not_a_point_embed", "no_mask_embed"):
        yield f"{at}.{name}.weight", (1, c.embed)
    yield from _conv(f"{at}.mask_downscaling.0", 4, 1, 2)
    yield from _norm(f"{at}.mask_downscaling.1", 4)
    yield from _conv(f"{at}.mask_downscaling.3", 16, 4, 2)
    yield from _norm(f"{at}.mask_downscaling.4", 16)
    yield from _conv(f"{at}.mask_downscaling.6", c.embed, 16, 1)


def _decoder(c: SegAnyPETConfig) -> Iterator[tuple[str, Shape]]:
    at = "mask_decoder"
    yield f"{at}.iou_token.weight", (1, c.embed)
    yield f"{at}.mask_tokens.weight", (4, c.embed)
    for number in range(2):
        layer = f"{at}.transformer.layers.{number}"
        yield from _attention(f"{layer}.self_attn", c.embed, c.embed)
        yield from _attention(f"{layer}.cross_attn_token_to_image", c.embed, c.embed // 2)
        yield from _attention(f"{layer}.cross_attn_image_to_token", c.embed, c.embed // 2)
        yield from _linear(f"{layer}.mlp.lin1", c.embed, c.decoder_mlp)
        yield from _linear(f"{layer}.mlp.lin2", c.decoder_mlp, c.embed)
        for norm in range(1, 5):
            yield from _norm(f"{layer}.norm{norm}", c.embed)
    yield from _attention(f"{at}.transformer.final_attn_token_to_image", c.embed, c.embed // 2)
    yield from _norm(f"{at}.transformer.norm_final_attn", c.embed)
    for name, inputs, outputs in (("0", c.embed, c.embed // 4), ("3", c.embed // 4, c.embed // 8)):
        yield f"{at}.output_upscaling.{name}.weight", (inputs, outputs, 2, 2, 2)
        yield f"{at}.output_upscaling.{name}.bias", (outputs,)
    yield from _norm(f"{at}.output_upscaling.1", c.embed // 4)
    for mask in range(4):
        widths = (c.embed, c.embed, c.embed, c.embed // 8)
        yield from _perceptron(f"{at}.output_hypernetworks_mlps.{mask}", widths)
    widths = (c.embed, c.quality_width, c.quality_width, 4)
    yield from _perceptron(f"{at}.iou_prediction_head", widths)


def _attention(name: str, embed: int, inner: int) -> Iterator[tuple[str, Shape]]:
    for part in ("q_proj", "k_proj", "v_proj"):
        yield from _linear(f"{name}.{part}", embed, inner)
    yield from _linear(f"{name}.out_proj", inner, embed)


def _perceptron(name: str, widths: tuple[int, ...]) -> Iterator[tuple[str, Shape]]:
    for number in range(len(widths) - 1):
        yield from _linear(f"{name}.layers.{number}", widths[number], widths[number + 1])
