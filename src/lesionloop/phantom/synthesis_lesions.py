"""Lesions of many kinds, put into a synthetic body on the fly."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from lesionloop.phantom.synthesis_fields import blur, smooth_noise
from lesionloop.phantom.tissues import Tissue

__all__ = ["LesionOptions", "WithLesions", "add_lesions"]

_T = Tissue

#: How likely a lesion starts in a voxel of each tissue, relative; tissues are very unequal in
#: volume, so the weight is shared by the tissue's voxels.
_SITE_WEIGHT: dict[Tissue, float] = {
    _T.LUNG: 3.0, _T.CONNECTIVE: 4.0, _T.AIRWAY: 1.0, _T.BLOOD: 1.0, _T.VISCERAL_FAT: 3.0,
    _T.LIVER: 2.0, _T.SPLEEN: 0.5, _T.MARROW: 3.0, _T.BONE: 2.0, _T.MUSCLE: 3.5, _T.FAT: 2.5,
    _T.PROSTATE: 1.0, _T.PANCREAS: 0.5, _T.TONSIL: 0.4, _T.SMALL_BOWEL: 0.3, _T.COLON: 0.4,
    _T.RENAL_CORTEX: 0.2, _T.BLADDER: 0.3, _T.GREY_MATTER: 0.1, _T.GLANDULAR: 0.5,
    _T.STOMACH: 0.2,
}  # fmt: skip

#: Lesions that begin there stay there.
_CONFINED = (_T.LIVER, _T.SPLEEN, _T.MARROW, _T.PROSTATE)

#: What a lesion never grows into: air is not body, and readers know these organs' uptake.
_SPARED = (
    _T.AIR, _T.TABLE, _T.BLADDER, _T.RENAL_CORTEX, _T.RENAL_PELVIS, _T.GREY_MATTER,
    _T.WHITE_MATTER, _T.HEART_BLOOD, _T.MYOCARDIUM, _T.RIGHT_VENTRICLE,
)  # fmt: skip


@dataclass(frozen=True)
class LesionOptions:
    """How many lesions, how large, how hot.

    Args:
        none: share of patches without a lesion.
        most: lesions per patch; the number is drawn from 1 up to it, few more often.
        volume_ml: smallest and largest; even on a log scale, few of the largest.
        suv: lowest and highest mean uptake.
    """

    none: float = 0.2
    most: int = 6
    volume_ml: tuple[float, float] = (0.2, 400.0)
    suv: tuple[float, float] = (1.3, 40.0)


@dataclass(frozen=True, eq=False)
class WithLesions:
    """A body with its lesions, before the scanner.

    Args:
        pet: SUV [x, y, z].
        ct: HU.
        reference: the lesions as a reader contours them, bool.
        psf_mm: point spread that the contours were drawn for; the scan must use it.
    """

    pet: Tensor
    ct: Tensor
    reference: Tensor
    psf_mm: float


def add_lesions(
    pet: Tensor,
    ct: Tensor,
    tissues: Tensor,
    tracer: str,
    generator: torch.Generator,
    *,
    spacing_mm: float,
    options: LesionOptions,
) -> WithLesions:
    """Grow lesions at random places.

    Args:
        pet: SUV before blur, [x, y, z]; changed in place.
        ct: HU; changed in place.
        tissues: uint8.
        tracer: "fdg" or "psma".
        generator: on the tensors' device.
        spacing_mm: of the voxels.
        options: ranges.
    """
    lots = _lots(generator, 4)
    psf_mm = 4 + 4 * lots[0]
    body = _Body(pet, ct, tissues, torch.zeros_like(tissues, dtype=torch.bool), generator)
    count = 0 if lots[1] < options.none else 1 + int(options.most * lots[2] ** 2)
    # A quarter of the patients has disease all over: lesions alike in uptake.
    common = math.exp(_log_between(*options.suv, lots[3]))
    alike = _lots(generator, 1)[0] < 0.25
    weights = _site_weights(tissues)
    if count and float(weights.sum()) > 0:
        flat = weights.flatten()
        places = _draw_places(flat, count, generator)
        for place in places.tolist():
            x, rest = divmod(place, tissues.shape[1] * tissues.shape[2])
            y, z = divmod(rest, tissues.shape[2])
            one = _Site((x, y, z), Tissue(int(tissues[x, y, z])), psf_mm, spacing_mm, tracer)
            _grow(body, one, options, common if alike else None)
    return WithLesions(pet, ct, body.reference, psf_mm)


@dataclass(frozen=True, eq=False)
class _Body:
    """What lesions grow in; the first, second and fourth change."""

    pet: Tensor
    ct: Tensor
    tissues: Tensor
    reference: Tensor
    generator: torch.Generator


@dataclass(frozen=True)
class _Site:
    centre: tuple[int, int, int]
    tissue: Tissue
    psf_mm: float
    spacing_mm: float
    tracer: str


def _lots(generator: torch.Generator, count: int) -> list[float]:
    values: list[float] = torch.rand(count, generator=generator, device=generator.device).tolist()
    return values


def _log_between(low: float, high: float, lot: float) -> float:
    return math.log(low) + lot * math.log(high / low)


def _site_weights(tissues: Tensor) -> Tensor:
    counts = torch.bincount(tissues.flatten().long(), minlength=len(Tissue)).float()
    table = torch.zeros(len(Tissue), device=tissues.device)
    for tissue, weight in _SITE_WEIGHT.items():
        # A speck of a tissue at the border of the patch must not draw all lesions to itself.
        table[tissue] = weight / float(counts[tissue].clamp(min=200))
    return table[tissues.long()]


def _draw_places(weights: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Flat indices drawn by weight; torch.multinomial refuses more than 2^24 voxels."""
    total = weights.double().cumsum(0)
    lots = torch.rand(count, generator=generator, device=generator.device).double() * total[-1]
    return torch.searchsorted(total, lots).clamp(max=len(weights) - 1)


def _grow(body: _Body, site: _Site, options: LesionOptions, common: float | None) -> None:
    """One lesion at a site, of uptake near ``common`` when the patient's lesions are alike."""
    pet, tissues, generator = body.pet, body.tissues, body.generator
    lots = _lots(generator, 12)
    low, high = options.volume_ml
    volume = math.exp(_log_between(low, high, lots[0]))
    if site.tissue in (_T.MUSCLE, _T.FAT) and lots[1] < 0.5:  # sarcomas are large
        volume = math.exp(_log_between(15.0, 2.5 * high, lots[0]))
    radius = (volume * 1000 * 3 / (4 * math.pi)) ** (1 / 3) / site.spacing_mm
    box, offsets = _box(site.centre, 2.2 * radius + 4, tissues.shape, tissues.device)
    shape = [s.stop - s.start for s in box]
    distance = _distance(offsets, radius, generator, lots[2])
    distance = distance + 0.3 * lots[3] * smooth_noise(shape, max(1.5, 0.6 * radius), generator)
    solid = torch.sigmoid((1 - distance) * max(2.0, 2.5 * radius))
    solid = solid * _allowed(tissues[box], site.tissue)
    if float(solid.max()) < 0.3:
        return
    around = float(pet[site.centre])
    suv = common or math.exp(_log_between(*options.suv, lots[4]))
    if volume > 100 and lots[5] < 0.5:  # many bulky masses are only moderately avid
        suv = math.exp(_log_between(1.3, 8.0, lots[4]))
    # Nobody could see a small lesion of less contrast; training on such teaches doubt alone.
    least = around * (1.8 + lots[6] if volume < 50 else 1.4 + 0.8 * lots[6])
    suv = max(suv * (0.7 + 0.6 * lots[6]) if common else suv, least, 1.2)
    uptake = torch.full(shape, suv, device=pet.device)
    patchy = lots[7] ** 2 * (0.8 if volume > 20 else 0.3)
    uptake = uptake * torch.exp(patchy * smooth_noise(shape, max(1.5, 0.4 * radius), generator))
    cold = volume > 4 and lots[8] < 0.3
    if cold:
        core = torch.sigmoid((0.45 + 0.4 * lots[9] - distance) * max(2.0, 2.5 * radius))
        uptake = uptake * (1 - 0.85 * core)
    before = pet[box].clone()
    mixed = before + solid * (uptake - before)
    pet[box] = torch.maximum(mixed, before) if not cold and patchy < 0.3 else mixed
    _ct_of_lesion(body.ct[box], solid, site, lots[10:])
    drawn = _contour(
        solid, pet[box] - before, site, generator, suv=suv, shape_decides=cold or patchy > 0.35
    )
    body.reference[box] |= drawn & (tissues[box] != _T.AIR)


def _box(
    centre: tuple[int, int, int], reach: float, shape: torch.Size, device: torch.device
) -> tuple[tuple[slice, slice, slice], list[Tensor]]:
    """The part of the grid within ``reach`` voxels, and offsets from the centre along each axis."""
    slices, offsets = [], []
    for axis, (c, n) in enumerate(zip(centre, shape, strict=True)):
        start, stop = max(0, math.floor(c - reach)), min(n, math.ceil(c + reach) + 1)
        slices.append(slice(start, stop))
        line = torch.arange(start, stop, device=device, dtype=torch.float32) - c
        offsets.append(line.reshape([-1 if a == axis else 1 for a in range(3)]))
    return (slices[0], slices[1], slices[2]), offsets


def _distance(
    offsets: list[Tensor], radius: float, generator: torch.Generator, lot: float
) -> Tensor:
    """Distance from the middle in radii, of one turned ellipsoid or of several that touch."""
    blobs = 1 if lot < 0.6 else 2 + int(4 * (lot - 0.6) / 0.4)
    result: Tensor | None = None
    for number in range(blobs):
        lots = _lots(generator, 9)
        shift = [0.0, 0.0, 0.0]
        if number:
            shift = [(2 * v - 1) * radius * 0.9 for v in lots[6:9]]
        scale = radius * (1.0 if blobs == 1 else 0.75)
        semi = [scale * math.exp(0.6 * (v - 0.5)) for v in lots[:3]]
        long_axis = 1.0 + (1.2 * lots[3] if lots[4] < 0.3 else 0.0)
        a, b = 2 * math.pi * lots[4], math.pi * lots[5]
        x, y, z = (o - s for o, s in zip(offsets, shift, strict=True))
        x, y = x * math.cos(a) + y * math.sin(a), y * math.cos(a) - x * math.sin(a)
        y, z = y * math.cos(b) + z * math.sin(b), z * math.cos(b) - y * math.sin(b)
        one = ((x / semi[0]) ** 2 + (y / semi[1]) ** 2 + (z / (semi[2] * long_axis)) ** 2).sqrt()
        result = one if result is None else torch.minimum(result, one)
    assert result is not None  # noqa: S101
    return result


def _allowed(tissues: Tensor, site: Tissue) -> Tensor:
    if site in _CONFINED:
        same = {_T.MARROW: (_T.MARROW, _T.BONE)}.get(site, (site,))
        return torch.isin(
            tissues, torch.tensor(same, device=tissues.device, dtype=torch.uint8)
        ).float()
    spared = [tissue for tissue in _SPARED if tissue != site]
    return (
        ~torch.isin(tissues, torch.tensor(spared, device=tissues.device, dtype=torch.uint8))
    ).float()


def _ct_of_lesion(ct: Tensor, solid: Tensor, site: _Site, lots: list[float]) -> None:
    """Soft tissue in lung and fat, a change in bone, next to nothing elsewhere; in place."""
    if site.tissue in (_T.MARROW, _T.BONE):
        hu = 50.0 if lots[0] < 0.5 else 350 + 400 * lots[1]
        share = 0.0 if lots[1] < 0.4 else 0.8
    else:
        hu, share = 20 + 40 * lots[1], (1.0 if lots[0] < 0.85 else 0.3)
    ct += share * solid * (hu - ct)


def _contour(
    solid: Tensor,
    excess: Tensor,
    site: _Site,
    generator: torch.Generator,
    *,
    suv: float,
    shape_decides: bool,
) -> Tensor:
    """Voxels inside the reader's contour.

    Source of the share: 41 to 50 % of the maximum are the usual thresholds (Boellaard et al.,
    Eur J Nucl Med Mol Imaging 2015;42:328-354, doi 10.1007/s00259-014-2961-x); a reader works over
    background and is generous or tight.
    """
    lots = _lots(generator, 3)
    if shape_decides or lots[0] < 0.3:
        return solid > 0.35 + 0.3 * lots[1]
    seen = blur(excess.clamp(min=0), site.psf_mm, site.spacing_mm)
    share = 0.3 + 0.2 * lots[1]
    if site.tracer == "psma" and lots[2] < 0.3 and suv > 4:
        share = min(share, 3.0 / suv)
    # Only where the lesion itself is: blur spreads its excess over neighbours.
    near = blur(solid, site.psf_mm, site.spacing_mm) > 0.1
    return (seen > share * seen.max()) & near
