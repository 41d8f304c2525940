"""Random changes of a real study: geometry, uptake, noise, field of view."""

import math
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from lesionloop.networks.channels import OUTSIDE_HU
from lesionloop.training.chance import between, happens, normal
from lesionloop.training.sample import Sample

__all__ = ["cut_field", "random_patch", "vary_uptake"]


def random_patch(sample: Sample, size: int, generator: torch.Generator) -> Sample:
    """A patch of ``size`` voxels per side around a random place of the study, warped at random.

    Rotation, zoom, mirroring and a smooth deformation of up to a few voxels. Two in three patches
    hold the middle of a lesion voxel drawn at random somewhere inside; it is seldom in the centre.
    """
    grid = _places(sample, size, generator)
    shift = torch.tensor([normal(0.4, generator) for _ in range(3)])
    ct = None
    if sample.ct is not None:
        # The CT is now and then out of step with the PET, as patients move and breathe.
        ct = _look_up(sample.ct, grid + shift, fill=OUTSIDE_HU)
    field = _look_up(sample.field.float(), grid, fill=0) > 0.5
    shown = None
    if sample.shown is not None:
        shown = _look_up(sample.shown.float(), grid, fill=0) > 0.5
        field = field & shown
    visible = field if shown is None else shown
    return Sample(
        pet=_look_up(sample.pet, grid, fill=0) * visible,
        ct=None if ct is None else torch.where(visible, ct, OUTSIDE_HU),
        reference=(_look_up(sample.reference.float(), grid, fill=0) > 0.5) & field,
        field=field,
        tracer=sample.tracer,
        shown=shown,
    )


def _places(sample: Sample, size: int, generator: torch.Generator) -> Tensor:
    """Voxel coordinates (size, size, size, 3) in the study that the patch shows."""
    shape = torch.tensor(sample.pet.shape, dtype=torch.float32)
    lesion = sample.reference.nonzero()
    if len(lesion) and happens(0.67, generator):
        centre = lesion[int(between(0, len(lesion), generator))].float()
        offset = torch.tensor([between(-0.35, 0.35, generator) * size for _ in range(3)])
    else:
        centre = torch.tensor([between(0, float(n), generator) for n in shape])
        offset = torch.zeros(3)
    axis = (torch.arange(size, dtype=torch.float32) - (size - 1) / 2).unsqueeze(1)
    x, y, z = (axis.reshape([-1 if a == d else 1 for a in range(3)]) for d in range(3))
    grid = torch.stack([part.expand(size, size, size) for part in (x, y, z)], dim=-1)
    grid = grid @ _turn(generator).T
    return grid + centre + offset + _bend(size, generator)


def _turn(generator: torch.Generator) -> Tensor:
    """Random rotation, zoom and mirroring, (3, 3)."""
    matrix = torch.eye(3)
    for a, b in ((0, 1), (0, 2), (1, 2)):
        # Mostly about the body's long axis: limbs lie as they like, bodies do not.
        angle = math.radians(normal(15.0 if (a, b) == (0, 1) else 8.0, generator))
        part = torch.eye(3)
        part[a, a] = part[b, b] = math.cos(angle)
        part[a, b], part[b, a] = -math.sin(angle), math.sin(angle)
        matrix = matrix @ part
    zoom = torch.tensor([math.exp(normal(0.12, generator)) for _ in range(3)])
    mirror = torch.tensor([-1.0 if happens(p, generator) else 1.0 for p in (0.5, 0.15, 0.15)])
    return matrix * (zoom * mirror)


def _bend(size: int, generator: torch.Generator, sd: float = 1.2) -> Tensor:
    """Smooth deformation in voxels, (size, size, size, 3)."""
    if not happens(0.5, generator):
        return torch.zeros(())
    nodes = torch.randn((1, 3, 5, 5, 5), generator=generator) * sd
    field = functional.interpolate(nodes, size=(size,) * 3, mode="trilinear", align_corners=True)
    return field[0].permute(1, 2, 3, 0)


def _look_up(values: Tensor, places: Tensor, fill: float) -> Tensor:
    """Linear interpolation at voxel coordinates; ``fill`` outside."""
    shape = torch.tensor(values.shape, dtype=torch.float32)
    unit = 2 * places / (shape - 1).clamp(min=1) - 1
    found = functional.grid_sample(
        (values - fill)[None, None], unit.flip(-1)[None], mode="bilinear", align_corners=True
    )
    return found[0, 0] + fill


def vary_uptake(sample: Sample, generator: torch.Generator) -> Sample:
    """Another scanner and another patient's metabolism: scale, contrast, blur, noise; CT noise."""
    pet = sample.pet * math.exp(normal(0.25, generator))
    if happens(0.4, generator):
        power = math.exp(normal(0.12, generator))
        pet = pet.clamp(min=0) ** power
    if happens(0.25, generator):
        pet = _blur(pet, between(0.3, 0.9, generator))
    if happens(0.4, generator):
        noise = _blur(torch.randn(pet.shape, generator=generator), 0.6)
        pet = pet + 3.0 * between(0, 0.12, generator) * noise * pet.clamp(min=0).sqrt()
    ct = sample.ct
    if ct is not None:
        ct = ct * math.exp(normal(0.03, generator)) + normal(8.0, generator)
        if happens(0.5, generator):
            noise = torch.randn(ct.shape, generator=generator)
            ct = ct + between(0, 40, generator) * noise
        elif happens(0.5, generator):
            ct = _blur(ct, between(0.3, 0.8, generator))
        ct = torch.where(sample.visible, ct.clamp(min=-1024), OUTSIDE_HU)
    return replace(sample, pet=pet.clamp(min=0) * sample.visible, ct=ct)


def cut_field(sample: Sample, generator: torch.Generator) -> Sample:
    """Cut the field at random sides, so that its border says nothing about where lesions are."""
    visible = sample.visible.clone()
    for axis in range(3):
        size = visible.shape[axis]
        for end in (0, 1):
            if happens(0.2, generator):
                depth = int(between(0, 0.35, generator) * size)
                visible.narrow(axis, 0 if end == 0 else size - depth, depth).fill_(False)
    return replace(
        sample,
        pet=sample.pet * visible,
        ct=None if sample.ct is None else torch.where(visible, sample.ct, OUTSIDE_HU),
        reference=sample.reference & visible,
        field=sample.field & visible,
        shown=None if sample.shown is None else visible,
    )


def _blur(values: Tensor, sigma: float) -> Tensor:
    """Gaussian blur, sigma in voxels, of one volume."""
    radius = max(1, math.ceil(2.5 * sigma))
    place = torch.arange(-radius, radius + 1, dtype=torch.float32)
    kernel = torch.exp(-0.5 * (place / sigma) ** 2)
    kernel /= kernel.sum()
    result = values[None, None]
    for axis in range(3):
        shape = [1, 1, 1, 1, 1]
        shape[axis + 2] = -1
        padding = [0, 0, 0]
        padding[axis] = radius
        result = functional.conv3d(result, kernel.reshape(shape), padding=tuple(padding))
    return result[0, 0]
