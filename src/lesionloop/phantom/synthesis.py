"""Synthetic PET/CT from tissue maps as tensor code, another patient and scanner at every call.

In the manner of domain randomisation: the ranges are wide on purpose, so that real scanners and
patients lie inside them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from lesionloop.phantom.synthesis_fields import smooth_noise
from lesionloop.phantom.synthesis_lesions import LesionOptions, add_lesions
from lesionloop.phantom.synthesis_scan import ScanOptions, acquire_ct, acquire_pet, cut_sides
from lesionloop.phantom.tissues import HU, Tissue
from lesionloop.phantom.uptake import FDG, PSMA

__all__ = ["SynthesisOptions", "SyntheticBatch", "synthesise"]

OUTSIDE_HU = -1000.0


@dataclass(frozen=True)
class SynthesisOptions:
    """What a synthetic study may be like.

    Args:
        widen: factor by which the uptake ranges reach below and above the tables.
        focal: most spots of physiologic or degenerative uptake per patch.
        lesions: number, kinds and contours.
        scan: blur, noise, misregistration, field of view.
    """

    widen: float = 1.4
    focal: int = 4
    lesions: LesionOptions = field(default_factory=LesionOptions)
    scan: ScanOptions = field(default_factory=ScanOptions)


@dataclass(frozen=True, eq=False)
class SyntheticBatch:
    """A batch of patches, all (batch, x, y, z).

    Args:
        pet: SUV, float32.
        ct: HU, float32.
        reference: lesions as a reader contours them, bool.
        field: inside the scanned field, bool; outside PET is 0 and CT air.
    """

    pet: Tensor
    ct: Tensor
    reference: Tensor
    field: Tensor


def synthesise(
    tissues: Tensor,
    tracers: Sequence[str],
    generator: torch.Generator,
    *,
    spacing_mm: float = 4.0,
    options: SynthesisOptions | None = None,
) -> SyntheticBatch:
    """PET/CT with lesions of a batch of tissue maps.

    Args:
        tissues: uint8 (batch, x, y, z) of `Tissue`.
        tracers: "fdg" or "psma" for each.
        generator: on the device of ``tissues``; decides all that is random.
        spacing_mm: of the isotropic voxels.
        options: ranges.
    """
    options = options or SynthesisOptions()
    items = [
        _one(map_, tracer, generator, spacing_mm, options)
        for map_, tracer in zip(tissues, tracers, strict=True)
    ]
    return SyntheticBatch(*(torch.stack(parts) for parts in zip(*items, strict=True)))


def _one(
    tissues: Tensor,
    tracer: str,
    generator: torch.Generator,
    spacing_mm: float,
    options: SynthesisOptions,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    index = tissues.long()
    suv, patchiness = _uptake(tracer, generator, tissues.device, options.widen)
    hu = _ct_numbers(generator, tissues.device)
    texture = smooth_noise(tissues.shape, 12.0 / spacing_mm, generator)
    pet = suv[index] * torch.exp(patchiness[index] * texture)
    ct = hu[index]
    pet = _focal_uptake(pet, tissues, tracer, generator, spacing_mm=spacing_mm, most=options.focal)
    made = add_lesions(
        pet, ct, tissues, tracer, generator, spacing_mm=spacing_mm, options=options.lesions
    )
    pet = acquire_pet(made.pet, made.psf_mm, generator, spacing_mm, options.scan)
    ct = acquire_ct(made.ct, tissues, generator, spacing_mm, options.scan)
    inside = cut_sides(tissues.shape, generator, options.scan, tissues.device)
    return (
        pet * inside,
        torch.where(inside, ct, OUTSIDE_HU),
        made.reference & inside,
        inside,
    )


def _rand(generator: torch.Generator, *shape: int) -> Tensor:
    return torch.rand(shape, generator=generator, device=generator.device)


def _uptake(
    tracer: str, generator: torch.Generator, device: torch.device, widen: float
) -> tuple[Tensor, Tensor]:
    """Mean SUV and patchiness per tissue; log-uniform in the widened ranges of the tables."""
    table = FDG if tracer == "fdg" else PSMA
    low = torch.full((len(Tissue),), 1e-3)
    high = torch.full((len(Tissue),), 2e-3)
    patchiness = torch.zeros(len(Tissue))
    for tissue, entry in table.items():
        low[tissue], high[tissue] = entry.low / widen, entry.high * widen
        patchiness[tissue] = entry.patchiness
    low, high, patchiness = (v.to(device) for v in (low, high, patchiness))
    lot = _rand(generator, len(Tissue))
    suv = low * (high / low) ** lot
    suv = suv * torch.exp(0.2 * torch.randn((), generator=generator, device=device))
    suv[Tissue.HEART_BLOOD] = suv[Tissue.BLOOD]
    events = _rand(generator, 8).tolist()
    if events[0] < 0.15:  # after growth factors or anaemia the marrow lights up
        suv[Tissue.MARROW] *= 1 + 3 * events[1]
    if events[2] < 0.1:  # exercise or insulin
        suv[Tissue.MUSCLE] *= 1 + 2 * events[3]
    if events[4] < 0.3:  # a fasting heart
        suv[Tissue.MYOCARDIUM] = suv[Tissue.HEART_BLOOD] * (0.9 + 0.4 * events[5])
    if events[6] < 0.1 and tracer == "fdg":  # metformin
        suv[Tissue.COLON] *= 1 + 4 * events[7]
    return suv, patchiness * (0.6 + 1.2 * _rand(generator, len(Tissue)))


def _ct_numbers(generator: torch.Generator, device: torch.device) -> Tensor:
    hu = torch.zeros(len(Tissue))
    for tissue, value in HU.items():
        hu[tissue] = value
    hu = hu.to(device)
    hu = hu + 8 * torch.randn(len(Tissue), generator=generator, device=device)
    lots = _rand(generator, 3).tolist()
    if lots[0] < 0.5:  # contrast agent
        gain = 30 + 120 * lots[1]
        for tissue, share in (
            (Tissue.BLOOD, 1.0), (Tissue.HEART_BLOOD, 1.0), (Tissue.RIGHT_VENTRICLE, 1.0),
            (Tissue.LIVER, 0.45), (Tissue.SPLEEN, 0.6), (Tissue.RENAL_CORTEX, 1.1),
            (Tissue.MYOCARDIUM, 0.5), (Tissue.PANCREAS, 0.4),
        ):  # fmt: skip
            hu[tissue] += gain * share
    if lots[2] < 0.3:
        for tissue in (Tissue.SMALL_BOWEL, Tissue.PROXIMAL_BOWEL, Tissue.STOMACH, Tissue.COLON):
            hu[tissue] += 250 * lots[2] / 0.3
    return hu


#: Where spots of uptake that are no lesions sit: bowel, ureters, joints, muscles, nodes.
_FOCAL_SITES = (
    Tissue.COLON, Tissue.SMALL_BOWEL, Tissue.PROXIMAL_BOWEL, Tissue.STOMACH, Tissue.URETER,
    Tissue.BONE, Tissue.MUSCLE, Tissue.RENAL_PELVIS, Tissue.TONSIL, Tissue.MYOCARDIUM,
)  # fmt: skip


def _focal_uptake(
    pet: Tensor,
    tissues: Tensor,
    tracer: str,
    generator: torch.Generator,
    *,
    spacing_mm: float,
    most: int,
) -> Tensor:
    """Spots that readers call physiologic or degenerative: soft, of modest uptake but in bowel."""
    count = int(_rand(generator, 1) * (most + 1))
    sites = torch.isin(
        tissues, torch.tensor(_FOCAL_SITES, device=tissues.device, dtype=torch.uint8)
    )
    places = sites.nonzero()
    if not len(places) or not count:
        return pet
    axes = [torch.arange(n, device=pet.device, dtype=torch.float32) for n in pet.shape]
    for _ in range(count):
        lots = _rand(generator, 4).tolist()
        centre = places[int(lots[0] * len(places))]
        tissue = int(tissues[tuple(centre)])
        strong = tissue not in (Tissue.BONE, Tissue.MUSCLE)
        peak = float(pet[tuple(centre)]) * (1.3 + (3.0 if strong else 1.5) * lots[1])
        if tracer == "psma" and strong:
            peak *= 1 + lots[3]
        sigma = (3 + 9 * lots[2]) / spacing_mm
        x, y, z = (
            torch.exp(-0.5 * ((axis - float(c)) / sigma) ** 2).reshape(
                [-1 if a == d else 1 for a in range(3)]
            )
            for d, (axis, c) in enumerate(zip(axes, centre, strict=True))
        )
        pet = torch.maximum(pet, peak * x * y * z * (tissues == tissue))
    return pet
