"""What the scanner makes of a synthetic body: blur, noise, beds, motion, the field of view."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from lesionloop.phantom.synthesis_fields import blur
from lesionloop.phantom.tissues import HU, Tissue

__all__ = ["ScanOptions", "acquire_ct", "acquire_pet", "cut_sides"]


@dataclass(frozen=True)
class ScanOptions:
    """Ranges of the scanner's properties.

    Args:
        noise: lowest and highest standard deviation of PET noise at SUV 1.
        bed_gain: relative standard deviation between bed positions.
        shift_mm: standard deviation of the displacement of the CT against the PET.
        cut: probability that a side of the field is cut.
    """

    noise: tuple[float, float] = (0.03, 0.2)
    bed_gain: float = 0.02
    shift_mm: float = 2.5
    cut: float = 0.12


def acquire_pet(
    pet: Tensor, psf_mm: float, generator: torch.Generator, spacing_mm: float, options: ScanOptions
) -> Tensor:
    """SUV as scanned: point spread, bed gain along z, correlated noise that grows as the root."""
    device = pet.device
    lots = torch.rand(4, generator=generator, device=device).tolist()
    blurred = blur(pet, psf_mm, spacing_mm)
    bed = max(2, round((110 + 60 * lots[0]) / spacing_mm))
    number = (torch.arange(pet.shape[2], device=device) + int(lots[1] * bed)) // bed
    gain = 1 + options.bed_gain * torch.randn(
        int(number.max()) + 1, generator=generator, device=device
    )
    blurred = blurred * gain[number]
    low, high = options.noise
    level = low * (high / low) ** lots[2]
    noise = torch.randn(pet.shape, generator=generator, device=device)
    width = 4 + 4 * lots[3]
    noise = blur(noise, width, spacing_mm)
    noise = noise / noise.std().clamp(min=1e-6)
    scanned: Tensor = blurred + level * noise * blurred.clamp(min=0.05).sqrt()
    return scanned.clamp(min=0)


def acquire_ct(
    ct: Tensor, tissues: Tensor, generator: torch.Generator, spacing_mm: float, options: ScanOptions
) -> Tensor:
    """CT numbers as scanned in another breath: displaced, blurred a little, noisy."""
    device = ct.device
    lots = torch.rand(4, generator=generator, device=device).tolist()
    soft = torch.where(tissues == Tissue.TABLE, torch.full_like(ct, HU[Tissue.TABLE]), ct)
    nodes = torch.randn((1, 3, 3, 3, 4), generator=generator, device=device)
    shift = nodes * options.shift_mm * lots[0] / spacing_mm
    # Breathing moves along the body most.
    shift[:, 2] *= 2
    grown = functional.interpolate(
        shift, size=tuple(ct.shape), mode="trilinear", align_corners=True
    )
    soft = _displaced(soft, grown[0])
    if lots[1] < 0.7:
        soft = blur(soft, 3.0 + 3.0 * lots[2], spacing_mm)
    noise = torch.randn(ct.shape, generator=generator, device=device)
    scanned: Tensor = soft + (5 + 45 * lots[3]) * noise
    return scanned.clamp(-1024, 3071)


def _displaced(values: Tensor, shift: Tensor) -> Tensor:
    """``values`` [x, y, z] looked up at every voxel plus ``shift`` (3, x, y, z) voxels."""
    axes = [torch.arange(n, device=values.device, dtype=torch.float32) for n in values.shape]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij")) + shift
    sizes = torch.tensor(values.shape, device=values.device).reshape(3, 1, 1, 1)
    unit = 2 * places / (sizes - 1).clamp(min=1) - 1
    return functional.grid_sample(
        values[None, None],
        unit.permute(1, 2, 3, 0).flip(-1)[None],
        mode="bilinear",
        padding_mode="border",
        align_corners=True,
    )[0, 0]


def cut_sides(
    shape: Sequence[int], generator: torch.Generator, options: ScanOptions, device: torch.device
) -> Tensor:
    """The scanned field, bool [x, y, z]: all, less slabs at random sides."""
    inside = torch.ones(tuple(shape), dtype=torch.bool, device=device)
    lots = torch.rand(3, 2, 2, generator=generator, device=generator.device).tolist()
    for axis in range(3):
        for end in (0, 1):
            if lots[axis][end][0] < options.cut:
                depth = int(0.4 * lots[axis][end][1] * shape[axis])
                start = 0 if end == 0 else shape[axis] - depth
                inside.narrow(axis, start, depth).fill_(False)
    return inside
