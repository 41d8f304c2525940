"""A compact interactive 3D U-Net with residual blocks."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from lesionloop.networks.channels import CHANNELS, GUIDANCE_REACH_MM, Channel
from lesionloop.networks.interactive import InteractiveNetwork

__all__ = ["ENCODED", "GUIDANCE", "RARE", "InteractiveUNet", "encode"]

#: Which of the two distance maps per class the network sees; "geodesic" is both, of distances
#: that count changes of the uptake as way.
GUIDANCE = ("both", "wide", "narrow", "geodesic")

#: Uptake and CT numbers span decades; their logarithm-like functions span a few units.
_HU_SCALE = 100.0
#: The uptake around the usual levels of lesions, seen once more on a linear scale.
_SUV_SCALE = 5.0
#: A second, narrow map says exactly where the scribble is.
GUIDANCE_CORE_MM = 8.0

#: Channels that `encode` gives.
ENCODED = 10
#: Lesions are rare: networks start from this logit, the belief that a voxel is none.
RARE = -3.0


def encode(inputs: Tensor, guidance: str = "both") -> Tensor:
    """Compress the physical channels to what convolutions work well on.

    Args:
        inputs: (batch, CHANNELS, x, y, z), see `Channel`.
        guidance: one of `GUIDANCE`; a map that is not seen is 0.

    Returns:
        (batch, 10, x, y, z), of order one: log uptake, linear uptake up to SUV 10, arsinh of the
        CT number, wide and narrow clipped distance maps of both classes, which are not normalised
        so that a scribble means the same in every study, previous mask, tracer, field.
    """
    suv = inputs[:, Channel.PET].clamp(min=0)
    hu = inputs[:, Channel.CT] / _HU_SCALE
    maps = [
        torch.log1p(suv) - 1.0,
        (suv / _SUV_SCALE).clamp(max=2.0) - 0.5,
        torch.log(hu + torch.sqrt(hu * hu + 1.0)) / 2,  # arsinh; not every runtime has it
    ]
    for channel in (Channel.FOREGROUND, Channel.BACKGROUND):
        distance = inputs[:, channel]
        for width, reach in (("wide", GUIDANCE_REACH_MM), ("narrow", GUIDANCE_CORE_MM)):
            near = (1 - distance / reach).clamp(min=0)
            maps.append(near if guidance in ("both", "geodesic", width) else torch.zeros_like(near))
    maps += [inputs[:, channel] for channel in (Channel.PREVIOUS, Channel.TRACER, Channel.FIELD)]
    return torch.stack(maps, dim=1)


class InteractiveUNet(InteractiveNetwork):
    """Logits of lesion from PET, CT, scribbles and the previous mask.

    One convolution per side at full resolution, where the time goes, residual blocks below. Batch
    normalisation rather than instance normalisation: it folds into the convolutions, and a voxel's
    logit does not depend on how much of the body the tile holds.

    Args:
        widths: channels per level; each level halves the resolution.
        guidance: one of `GUIDANCE`.
    """

    architecture = "compact"
    any_size = True

    def __init__(self, widths: Sequence[int] = (16, 32, 64, 128), guidance: str = "both") -> None:
        super().__init__()
        if guidance not in GUIDANCE:
            raise ValueError(f"guidance must be one of {GUIDANCE}, not {guidance!r}")
        self.guidance = guidance
        self.widths = tuple(widths)
        self.multiple = int(2 ** (len(self.widths) - 1))
        self.stem = _convolution(ENCODED, widths[0])
        self.down = nn.ModuleList(
            _Residual(fine, coarse, stride=2) for fine, coarse in pairwise(widths)
        )
        self.up = nn.ModuleList(
            nn.ConvTranspose3d(coarse, fine, 2, 2) for fine, coarse in pairwise(widths)
        )
        self.merge = nn.ModuleList(
            _convolution(2 * width, width) if level == 0 else _Residual(2 * width, width)
            for level, width in enumerate(widths[:-1])
        )
        self.head = nn.Conv3d(widths[0], 1, 1)
        nn.init.constant_(self.head.bias, RARE)  # type: ignore[arg-type]

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (batch, 1, x, y, z) of the physical channels (batch, CHANNELS, x, y, z)."""
        if inputs.shape[1] != CHANNELS:
            raise ValueError(f"expected {CHANNELS} channels, got {inputs.shape[1]}")
        features = [self.stem(encode(inputs, self.guidance))]
        for block in self.down:
            features.append(block(features[-1]))
        result = features.pop()
        for level in reversed(range(len(self.up))):
            result = torch.cat([self.up[level](result), features[level]], dim=1)
            result = self.merge[level](result)
        logits: Tensor = self.head(result)
        return logits


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv3d(inputs, outputs, 3, 1, 1, bias=False),
        nn.BatchNorm3d(outputs, momentum=0.03),
        nn.ReLU(inplace=True),
    )


class _Residual(nn.Module):
    """Two convolutions with a short cut; a stride halves the resolution."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1) -> None:
        super().__init__()
        self.first = nn.Sequential(
            nn.Conv3d(inputs, outputs, 3, stride, 1, bias=False),
            nn.BatchNorm3d(outputs, momentum=0.03),
            nn.ReLU(inplace=True),
        )
        self.second = nn.Sequential(
            nn.Conv3d(outputs, outputs, 3, 1, 1, bias=False),
            nn.BatchNorm3d(outputs, momentum=0.03),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Conv3d(inputs, outputs, stride, stride)

    def forward(self, inputs: Tensor) -> Tensor:
        return torch.relu(self.second(self.first(inputs)) + self.shortcut(inputs))
