"""Whether numbers can be what they are said to be: SUV, HU, or a label.

The bounds are wide: they catch another unit or a normalisation, never an unusual patient.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.datasets.findings import Severity

__all__ = ["Doubt", "content_hash", "ct_doubts", "label_doubts", "pet_doubts"]

#: SUV is 1 where a tracer spreads evenly over the body; a mean far above it is another unit. An
#: image that is cropped to the tumour stays below.
_HIGHEST_MEAN_SUV = 20.0

#: Below this the largest value belongs to an image scaled to 0..1.
_LOWEST_PEAK_SUV = 1.0

#: Part of the voxels clearly below 0 from which an image looks standardised (mean 0, deviation 1).
_STANDARDISED = 0.25
_CLEARLY_NEGATIVE = -0.1

#: HU of air is -1000, of bone and metal up to some thousands.
_LARGEST_HU = 32767
_NARROW_HU = 20.0


@dataclass(frozen=True)
class Doubt:
    """What is wrong with the values of an image; a finding without its place."""

    severity: Severity
    kind: str
    detail: str
    remedy: str


def pet_doubts(values: NDArray[Any]) -> Iterator[Doubt]:
    """What speaks against these values, of any shape, as body-weight SUV."""
    bad = _not_finite(values)
    if bad:
        yield Doubt(
            Severity.ERROR, "PET has values that are not finite", f"{bad} voxels.",
            "Export the PET again, or repair those voxels.",
        )  # fmt: skip
        values = values[np.isfinite(values)]
        if not values.size:
            return
    low, high = float(values.min()), float(values.max())
    if high <= 0 or low == high:
        yield Doubt(
            Severity.ERROR, "PET is empty", f"Its values run from {low:g} to {high:g}.",
            "Check that this is the attenuation-corrected PET, and that the export worked.",
        )  # fmt: skip
        return
    mean = float(values.mean(dtype=np.float64))
    clearly = float((values < _CLEARLY_NEGATIVE).mean()) if low < _CLEARLY_NEGATIVE else 0.0
    if mean > _HIGHEST_MEAN_SUV:
        yield Doubt(
            Severity.ERROR, "PET is not SUV", f"Mean {mean:.4g}, highest {high:.4g}: activity?",
            "Convert it to body-weight SUV; `lesionloop convert` does so from DICOM.",
        )  # fmt: skip
    elif clearly > _STANDARDISED:
        yield Doubt(
            Severity.ERROR, "PET is not SUV",
            f"{clearly:.0%} of the voxels are below {_CLEARLY_NEGATIVE:g}: standardised?",
            "Use the PET before normalisation.",
        )  # fmt: skip
    elif high <= _LOWEST_PEAK_SUV:
        yield Doubt(
            Severity.WARNING, "PET does not look like SUV",
            f"Its highest value is {high:.4g}: scaled to 0..1?",
            "Check that it is body-weight SUV.",
        )  # fmt: skip
    if low < 0 and clearly <= _STANDARDISED:
        yield Doubt(
            Severity.WARNING, "PET has values below 0",
            f"{int((values < 0).sum())} voxels, down to {low:.4g}.",
            "Small ones come from resampling with splines; otherwise export the PET again.",
        )  # fmt: skip


def ct_doubts(values: NDArray[Any]) -> Iterator[Doubt]:
    """What speaks against these values, of any shape, as HU."""
    bad = _not_finite(values)
    if bad:
        yield Doubt(
            Severity.WARNING, "CT has values that are not finite", f"{bad} voxels.",
            "They count as outside of the scan (-1024 HU); export the CT again if they matter.",
        )  # fmt: skip
        values = values[np.isfinite(values)]
        if not values.size:
            return
    low, high = float(values.min()), float(values.max())
    runs = f"Its values run from {low:g} to {high:g}"
    if low == high:
        doubt = f"{runs}: empty?"
    elif high - low <= _NARROW_HU:
        doubt = f"{runs}: normalised?"
    elif low >= 0:
        doubt = f"{runs}, without air: stored without the rescale intercept?"
    elif max(-low, high) > _LARGEST_HU:
        doubt = f"{runs}."
    else:
        return
    yield Doubt(
        Severity.WARNING, "CT does not look like HU", doubt,
        "Export it in HU: air is -1000, water 0.",
    )  # fmt: skip


def label_doubts(values: NDArray[Any]) -> Iterator[Doubt]:
    """What speaks against these values, of any shape, as a label of 0 and 1."""
    mask = "Save it as 0 and 1."
    if _not_finite(values):
        yield Doubt(Severity.ERROR, "label has values that are not finite", "", mask)
        return
    low, high = float(values.min()), float(values.max())
    if values.dtype.kind == "f" and not np.array_equal(np.rint(values), values):
        yield Doubt(
            Severity.ERROR, "label has fractions", f"Its values run from {low:g} to {high:g}.",
            "Resample labels by the nearest voxel, and save 0 and 1.",
        )  # fmt: skip
    elif low < 0:
        yield Doubt(Severity.ERROR, "label has values below 0", f"The lowest is {low:g}.", mask)
    elif high > 1:
        found = np.unique(values)
        some = ", ".join(f"{value:g}" for value in found[:6]) + (", ..." if found.size > 6 else "")
        yield Doubt(
            Severity.WARNING, "label has values other than 0 and 1", f"It holds {some}.",
            "All above 0 count as lesion here; other programs want 0 and 1.",
        )  # fmt: skip
    elif high == 0:
        yield Doubt(
            Severity.NOTE, "label is empty", "",
            "Right for a patient without lesions; otherwise add the label.",
        )  # fmt: skip


def content_hash(values: NDArray[Any]) -> str:
    """Hash of shape and values, the same for the same numbers in another type or compression."""
    digest = hashlib.blake2b(repr(values.shape).encode(), digest_size=16)
    for plane in np.moveaxis(values, -1, 0):  # x-fastest volumes: planes are contiguous
        digest.update(np.ascontiguousarray(plane.T, dtype=np.float32).data)
    return digest.hexdigest()


def _not_finite(values: NDArray[Any]) -> int:
    if values.dtype.kind != "f":
        return 0
    return int(values.size - np.count_nonzero(np.isfinite(values)))
