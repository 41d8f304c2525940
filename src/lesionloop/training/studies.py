"""Training on real studies: any folder in the nnU-Net layout."""

from collections.abc import Collection
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from lesionloop.datasets.nnunet import find_cases, tracer_of
from lesionloop.errors import InputError
from lesionloop.imaging import Study, Volume
from lesionloop.imaging.orientation import to_lps
from lesionloop.imaging.working import IsotropicGrid
from lesionloop.training.augment import cut_field, random_patch, vary_uptake
from lesionloop.training.chance import choose
from lesionloop.training.sample import Sample

__all__ = ["StudySource", "whole_sample"]


class StudySource:
    """Augmented patches of the labelled cases of a folder; all cases are kept in memory.

    Args:
        folder: data set with ``imagesTr`` and ``labelsTr``.
        exclude: names of cases kept for validation.
        size: voxels per side of a patch.
        spacing_mm: of the working grid.

    Raises:
        InputError: the folder is no data set, a case is damaged, or none is left.
    """

    def __init__(
        self, folder: Path | str, *, exclude: Collection[str], size: int, spacing_mm: float
    ) -> None:
        cases = find_cases(folder)
        self._size = size
        used = [case for case in cases if case.name not in set(exclude)]
        if not used:
            raise InputError(f"the recipe excludes all cases of {folder}")
        self.names = tuple(case.name for case in used)
        self._samples = [whole_sample(*case.read(), spacing_mm=spacing_mm) for case in used]

    def draw(self, generator: torch.Generator) -> Sample:
        """A patch of a case drawn at random; each case is as likely as any other."""
        patch = random_patch(choose(self._samples, generator), self._size, generator)
        return vary_uptake(cut_field(patch, generator), generator)


def whole_sample(study: Study, label: Volume, *, spacing_mm: float) -> Sample:
    """A study and its reference on the working grid, axes turned to left, back, head."""
    working = IsotropicGrid.of(study.grid, spacing_mm)

    def sampled(values: NDArray[np.generic]) -> torch.Tensor:
        turned = to_lps(working.sample(values), study.grid.direction)
        return torch.from_numpy(np.ascontiguousarray(turned))

    reference = sampled(label.mask().astype(np.float32)) >= 0.5
    return Sample(
        pet=sampled(study.pet.values).clamp(min=0),
        ct=None if study.ct is None else sampled(study.ct.values),
        reference=reference,
        field=torch.ones_like(reference),
        tracer=study.tracer or tracer_of(study.name) or "fdg",
    )
