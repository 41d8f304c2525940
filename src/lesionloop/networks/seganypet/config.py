"""What decides the shapes of a SegAnyPET network."""

from dataclasses import dataclass

__all__ = ["SegAnyPETConfig"]


@dataclass(frozen=True)
class SegAnyPETConfig:
    """Shapes and options; the defaults are the published network.

    Args:
        image_size: side of the cubic crop, voxels.
        patch: side of the cube of voxels that is one token.
        channels_in: 1 for PET; 2 for PET and CT.
        width: channels of the encoder.
        depth: blocks of the encoder.
        heads: attention heads of the encoder.
        mlp_ratio: width of the hidden layer of a block, in widths.
        global_blocks: blocks that attend over the whole crop; the others attend within windows.
        window: side of a window, tokens; it divides the side of the token grid, or covers it.
        embed: channels of embedding, prompts and decoder; a multiple of 3, of 8 and of twice the
            decoder's heads.
        mask_channels: channels between the two steps of the mask prompt; a multiple of 4.
        decoder_depth: layers of the two-way transformer.
        decoder_heads: its attention heads.
        decoder_mlp: width of its hidden layers.
        quality_width: width of the hidden layers of the quality head.
        masks: mask tokens; the first is used.
        prompt_scribbles: drawn maps of foreground and background are a prompt beside the points.
        finer: logits twice as fine as a quarter of a token (3 instead of 6 mm), for small lesions.
        compatible: two quirks that the published weights have learned: windows larger than the
            token grid attend to padding, and the image's position code has its first two axes
            swapped. A network trained from scratch does without.
        checkpointing: recompute the encoder's blocks in the backward pass, to save memory.

    Raises:
        ValueError: sizes do not fit each other.
    """

    image_size: int = 128
    patch: int = 16
    channels_in: int = 1
    width: int = 768
    depth: int = 12
    heads: int = 12
    mlp_ratio: int = 4
    global_blocks: tuple[int, ...] = (2, 5, 8, 11)
    window: int = 14
    embed: int = 384
    mask_channels: int = 16
    decoder_depth: int = 2
    decoder_heads: int = 8
    decoder_mlp: int = 2048
    quality_width: int = 256
    masks: int = 4
    prompt_scribbles: bool = False
    finer: bool = False
    compatible: bool = True
    checkpointing: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "global_blocks", tuple(self.global_blocks))
        fits = {
            "patch must divide image_size": self.image_size % self.patch == 0,
            "patch must be a multiple of 4, and of 8 with finer": (
                self.patch % (8 if self.finer else 4) == 0
            ),
            "heads must divide width": self.width % self.heads == 0,
            "embed must be a multiple of 3, of 8 and of twice decoder_heads": (
                all(self.embed % part == 0 for part in (3, 8, 2 * self.decoder_heads))
            ),
            "mask_channels must be a multiple of 4": self.mask_channels % 4 == 0,
            "channels_in must be 1 or 2": self.channels_in in (1, 2),
            "global_blocks must name blocks": all(0 <= b < self.depth for b in self.global_blocks),
            "window must divide the token grid or cover it": (
                self.window >= self.grid or (self.window > 0 and self.grid % self.window == 0)
            ),
        }
        for rule, held in fits.items():
            if not held:
                raise ValueError(f"{rule}: {self}")

    @classmethod
    def full(cls) -> "SegAnyPETConfig":
        """The published network: 100.5 million parameters."""
        return cls()

    @classmethod
    def small(cls) -> "SegAnyPETConfig":
        """Below one and a half million parameters and quick on a CPU: crops of 64 tokens."""
        return cls(
            image_size=32,
            patch=8,
            width=96,
            depth=4,
            heads=4,
            global_blocks=(1, 3),
            embed=96,
            decoder_heads=4,
            decoder_mlp=192,
            quality_width=48,
        )

    @property
    def grid(self) -> int:
        """Side of the token grid."""
        return self.image_size // self.patch

    @property
    def mask_side(self) -> int:
        """Side of the grid on which the prompt encoder sees masks: four cells per token."""
        return 4 * self.grid

    @property
    def low_side(self) -> int:
        """Side of the logits that the decoder gives and takes back."""
        return self.mask_side * (2 if self.finer else 1)
