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
        pet: SUV, float32; 0 outside the scanned field.
        ct: HU, float32; None where the study has none.
        reference: the lesions, bool.
        field: where the loss counts, bool: inside the scanned field and, where there is one, the
            region that is trained on.
        tracer: "fdg" or "psma".
        shown: inside the scanned field, bool: what the network sees. None: the same as ``field``.
    """

    pet: Tensor
    ct: Tensor | None
    reference: Tensor
    field: Tensor
    tracer: str
    shown: Tensor | None = None

    @property
    def visible(self) -> Tensor:
        """Inside the scanned field, bool."""
        return self.field if self.shown is None else self.shown

    def without_ct(self) -> "Sample":
        """The same patch as a PET-only study shows it."""
        return replace(self, ct=None)


class Source(Protocol):
    """Something that samples can be drawn from without end."""

    def draw(self, generator: torch.Generator) -> Sample:
        """One new sample; the generator (on the CPU) decides all that is random."""
        ...
