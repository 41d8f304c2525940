"""The label of one case from the labels of its phases, in the frame of the phase without contrast.

Follows section 11 of what the TriALS paper says of its "combined" labels (arXiv 2605.16572): around
the liver, rigid and then non-rigid alignment, nearest voxel, STAPLE at one half; then the rule of
two phases, which STAPLE does not give by itself.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.fusion.consensus import Staple, staple
from lesionloop.fusion.liver_region import crop, liver_box
from lesionloop.fusion.quality import LesionQuality, describe_lesions, lone_lesions
from lesionloop.fusion.registration import Registered, RegistrationOptions, align
from lesionloop.fusion.support import Supported, supported_lesions
from lesionloop.imaging import Volume
from lesionloop.imaging.volume import require_same_grid
from lesionloop.metrics.box import Box

__all__ = ["LESION", "LIVER", "FuseOptions", "Fused", "Phase", "fuse_phases"]

#: Values of the labels.
LIVER: Final = 1
LESION: Final = 2


@dataclass(frozen=True)
class Phase:
    """A scan and its label: 0 outside, 1 liver, 2 lesion.

    Raises:
        InputError: their grids differ, or the label has other values.
    """

    image: Volume
    label: Volume

    def __post_init__(self) -> None:
        require_same_grid(self.image, self.label)
        wrong = np.setdiff1d(np.unique(self.label.values), (0, LIVER, LESION))
        if len(wrong):
            raise InputError(
                f"{self.label.source} is no label of a liver with lesions",
                cause=f"It holds the values {', '.join(map(str, wrong[:5]))}.",
                remedy="0 is outside, 1 liver, 2 lesion.",
            )


@dataclass(frozen=True)
class FuseOptions:
    """How a case is fused.

    Args:
        registration: how much work the alignment is.
        threshold: on STAPLE's probability; above it is lesion.
        least_phases: that must show a lesion.
        margin: share of the liver's box that is added around it. STAPLE depends on it.
        near_mm: lesions of two phases this close that were not fused are told.

    Raises:
        InputError: the threshold is out of range.
    """

    registration: RegistrationOptions = field(default_factory=RegistrationOptions)
    threshold: float = 0.5
    least_phases: int = 2
    margin: float = 0.05
    near_mm: float = 10.0

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise InputError(f"the threshold is between 0 and 1, not {self.threshold}")


@dataclass(frozen=True, eq=False)
class Fused:
    """A fused case.

    Args:
        label: on the grid of the reference phase, uint8: its liver, and the fused lesions.
        box: where was fused, slices of that grid.
        lesions: their quality.
        supported: the rule's account, in the box.
        staple: what STAPLE said, in the box.
        masks: lesions of each phase, aligned, in the box.
        images: CT of each phase, aligned, in the box; float32 HU.
        alignments: of each phase but the reference.
        lone: pairs of phases whose lesions lie close and were not fused, and how close, mm.
    """

    label: Volume
    box: Box
    lesions: list[LesionQuality]
    supported: Supported
    staple: Staple
    masks: Mapping[str, NDArray[np.bool_]]
    images: Mapping[str, NDArray[Any]]
    alignments: Mapping[str, Registered]
    lone: list[tuple[str, str, float]]


def fuse_phases(
    phases: Mapping[str, Phase],
    reference: str,
    options: FuseOptions | None = None,
    *,
    told: Callable[[str], None] = lambda _what: None,
) -> Fused:
    """Fuse the labels of a case.

    Args:
        phases: by name, two or more.
        reference: the phase whose frame the result is in; its liver is kept.
        options: None: the defaults.
        told: called with what is done next.

    Raises:
        InputError: there are less than two phases, or none named ``reference``; a label is empty.
        LesionLoopError: a phase cannot be aligned.
    """
    options = options or FuseOptions()
    if reference not in phases or len(phases) < 2:
        raise InputError(
            f"fusing needs the phase {reference} and another one",
            cause=f"There are: {', '.join(phases) or 'none'}.",
            remedy="Give scan and label of two phases or more.",
        )
    fixed = phases[reference]
    box = liver_box(fixed.label, margin=options.margin)
    grid = crop(fixed.label, box).grid
    masks, images = {}, {}
    alignments: dict[str, Registered] = {}
    for name, phase in phases.items():
        if name == reference:
            masks[name] = np.asarray(fixed.label.values[box] == LESION)
            images[name] = fixed.image.values[box]
            continue
        told(f"aligning {name}")
        found = align(fixed.image, fixed.label, phase.image, phase.label, options.registration)
        alignments[name] = found
        masks[name] = np.asarray(found.full.warp_label(phase.label, grid).values == LESION)
        images[name] = found.full.warp(phase.image, grid, _outside(phase.image)).values
    told("fusing")
    said = staple(list(masks.values()))
    kept = supported_lesions(
        said.probability > options.threshold, masks, least_phases=options.least_phases
    )
    return Fused(
        label=_label(fixed.label, box, kept),
        box=box,
        lesions=describe_lesions(kept.labels, masks, grid, reference),
        supported=kept,
        staple=said,
        masks=masks,
        images=images,
        alignments=alignments,
        lone=lone_lesions(kept.labels, masks, grid, options.near_mm),
    )


def _outside(image: Volume) -> float:
    return float(image.values.min())


def _label(fixed: Volume, box: Box, kept: Supported) -> Volume:
    """The reference's liver with the fused lesions in it."""
    values = (fixed.values > 0).astype(np.uint8) * LIVER
    part = values[box]
    part[kept.labels > 0] = LESION
    return Volume(values, fixed.grid, fixed.quantity, fixed.source)
