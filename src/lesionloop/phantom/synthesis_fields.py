"""Smooth random fields and Gaussian blur as tensor code."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

__all__ = ["blur", "smooth_noise"]

_FWHM_TO_SIGMA = 1 / (2 * math.sqrt(2 * math.log(2)))


def smooth_noise(shape: Sequence[int], coarse: float, generator: torch.Generator) -> Tensor:
    """Noise of about variance 1 that varies over ``coarse`` voxels, float32 of ``shape``."""
    nodes = [max(2, math.ceil(n / coarse) + 1) for n in shape]
    noise = torch.randn((1, 1, *nodes), generator=generator, device=generator.device)
    wide = functional.interpolate(noise, size=tuple(shape), mode="trilinear", align_corners=True)
    # Interpolation between nodes averages: 0.65 is the root of the mean variance left in 3-D.
    return wide[0, 0] / 0.65


def blur(values: Tensor, fwhm_mm: float, spacing_mm: float) -> Tensor:
    """Convolve a volume [x, y, z] with a Gaussian; the border repeats outwards."""
    sigma = fwhm_mm * _FWHM_TO_SIGMA / spacing_mm
    radius = max(1, math.ceil(3 * sigma))
    place = torch.arange(-radius, radius + 1, device=values.device, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (place / sigma) ** 2)
    kernel = kernel / kernel.sum()
    result = values[None, None]
    for axis in range(3):
        pad = [0] * 6
        pad[2 * (2 - axis)] = pad[2 * (2 - axis) + 1] = radius
        shape = [1] * 5
        shape[axis + 2] = -1
        result = functional.conv3d(
            functional.pad(result, pad, mode="replicate"), kernel.reshape(shape)
        )
    return result[0, 0]
