"""Training on real studies: any folder in the nnU-Net layout."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lesionloop.datasets.nnunet import CaseFiles, find_cases, tracer_of
from lesionloop.errors import InputError
from lesionloop.imaging import Study, Volume, read_label, require_same_grid
from lesionloop.imaging.crop import MARGIN, crop, crop_study, region_box
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.names import images_by_name
from lesionloop.imaging.orientation import to_lps
from lesionloop.imaging.working import IsotropicGrid
from lesionloop.training.augment import cut_field, random_patch, vary_uptake
from lesionloop.training.chance import choose
from lesionloop.training.sample import Sample

__all__ = ["StudySource", "region_sample", "whole_sample"]


class StudySource:
    """Augmented patches of the labelled cases of a folder; all cases are kept in memory.

    Args:
        folder: data set with ``imagesTr`` and ``labelsTr``.
        exclude: names of cases kept for validation.
        size: voxels per side of a patch.
        spacing_mm: of the working grid.
        regions: folder of masks named like the cases; samples come from the box around each alone,
            and what is outside of the mask does not count. None takes whole studies.
        region_margin: share of each side of the box that is added at both ends.

    Raises:
        InputError: the folder is no data set, a case or its region is damaged, a region is missing,
            empty or on another grid, or no case is left.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        exclude: Collection[str],
        size: int,
        spacing_mm: float,
        regions: Path | str | None = None,
        region_margin: float = MARGIN,
    ) -> None:
        cases = find_cases(folder)
        self._size = size
        used = [case for case in cases if case.name not in set(exclude)]
        if not used:
            raise InputError(f"the recipe excludes all cases of {folder}")
        self.names = tuple(case.name for case in used)
        if regions is None:
            self._samples = [whole_sample(*case.read(), spacing_mm=spacing_mm) for case in used]
            return
        places = _regions_of(used, Path(regions))
        self._samples = [
            region_sample(
                *case.read(), read_label(place), margin=region_margin, spacing_mm=spacing_mm
            )
            for case, place in zip(used, places, strict=True)
        ]

    def draw(self, generator: torch.Generator) -> Sample:
        """A patch of a case drawn at random; each case is as likely as any other."""
        patch = random_patch(choose(self._samples, generator), self._size, generator)
        return vary_uptake(cut_field(patch, generator), generator)


def whole_sample(study: Study, label: Volume, *, spacing_mm: float) -> Sample:
    """A study and its reference on the working grid, axes turned to left, back, head."""
    reference = _sampled(label.mask().astype(np.float32), study.grid, spacing_mm) >= 0.5
    ct = None if study.ct is None else _sampled(study.ct.values, study.grid, spacing_mm)
    return Sample(
        pet=_sampled(study.pet.values, study.grid, spacing_mm).clamp(min=0),
        ct=ct,
        reference=reference,
        field=torch.ones_like(reference),
        tracer=study.tracer or tracer_of(study.name) or "fdg",
    )


def region_sample(
    study: Study, label: Volume, region: Volume, *, margin: float, spacing_mm: float
) -> Sample:
    """The box around a region as a sample; what is outside of the region does not count.

    Args:
        study: what was scanned.
        label: its reference.
        region: on the study's grid; inside is what is above 0.
        margin: share of each side of the box that is added at both ends.
        spacing_mm: of the working grid.

    Raises:
        InputError: the region is empty or on another grid.
    """
    require_same_grid(region, study.pet)
    box = region_box(region, margin=margin)
    part = crop_study(study, box)
    sample = whole_sample(part, crop(label, box), spacing_mm=spacing_mm)
    inside = crop(region, box).mask().astype(np.float32)
    field = _sampled(inside, part.grid, spacing_mm) >= 0.5
    return replace(sample, reference=sample.reference & field, field=field, shown=sample.field)


def _regions_of(cases: Sequence[CaseFiles], folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}", remedy="Correct regions in the recipe.")
    found = images_by_name(folder)
    missing = [case.name for case in cases if case.name not in found]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(cases)} cases have no region in {folder}",
            cause=f"The first is {missing[0]}.",
            remedy="Name each mask as its case, or exclude these cases.",
        )
    return [found[case.name] for case in cases]


def _sampled(values: NDArray[np.generic], grid: Grid, spacing_mm: float) -> torch.Tensor:
    """Values [x, y, z] of a grid on the working grid, axes turned to left, back, head."""
    turned = to_lps(IsotropicGrid.of(grid, spacing_mm).sample(values), grid.direction)
    return torch.from_numpy(np.ascontiguousarray(turned))
