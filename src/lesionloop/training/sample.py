"""A training sample: one patch of a study on the working grid."""

from dataclasses import dataclass, replace
from typing import Protocol

import torch
from torch import Tensor

__all__ = ["Sample", "Source"]


@dataclass(frozen=True, eq=False)
class Sample:
    """A patch, all tensors [x, y, z] on 4 mm voxels, x to the left, y to the back, z to the head.

    Args:
        pet: SUV, float32; 0 outside the field.
        ct: HU, float32; None where the study has none.
        reference: the lesions, bool.
        field: inside the scanned field, bool.
        tracer: "fdg" or "psma".
    """

    pet: Tensor
    ct: Tensor | None
    reference: Tensor
    field: Tensor
    tracer: str

    def without_ct(self) -> "Sample":
        """The same patch as a PET-only study shows it."""
        return replace(self, ct=None)


class Source(Protocol):
    """Something that samples can be drawn from without end."""

    def draw(self, generator: torch.Generator) -> Sample:
        """One new sample; the generator (on the CPU) decides all that is random."""
        ...
