"""A study: PET and CT of one patient on the PET grid, and where they came from."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.grid import GRID_TOLERANCE_MM, Grid
from lesionloop.imaging.resample import AIR_HU, resample_ct
from lesionloop.imaging.volume import Quantity, Volume, require_same_grid

__all__ = [
    "TRACERS", "Provenance", "Study", "assemble_study", "check_pet", "ct_study", "label_array",
    "require_suv",
]  # fmt: skip

#: Tracers that segmenters may be told about; None stands for not known.
TRACERS = ("fdg", "psma")

Fact = str | float | int | bool | None

#: Below this part of the PET box covered by CT, the pairing is doubtful and the study says so.
_DOUBTFUL_COVERAGE = 0.2

#: Below this part of the PET's slices reached by CT, the study says so: the rest counts as air.
_WHOLE_LENGTH = 0.95

#: Coverage is judged at this many places along each axis.
_PLACES = 32


@dataclass(frozen=True)
class Provenance:
    """Where a study came from and what was assumed on the way.

    Args:
        files: role ("ct", "pet") to file or folder.
        facts: what was read or computed, e.g. the SUV factor and its inputs.
        notes: every guess and everything unusual, one sentence each, for the reader's eyes.
        pet_files: the DICOM files of the PET series; empty when it was not DICOM.
    """

    files: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, Fact] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    pet_files: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Study:
    """PET and CT on the PET grid.

    Args:
        pet: SUV body weight (or activity, when it was asked for), [x, y, z]. HU when there is no
            PET: then it is the CT (see `ct_study`).
        ct: HU on the PET grid, -1024 where there is no CT; None when the study has no CT.
        name: case name, without channel suffix and file ending.
        tracer: "fdg", "psma" or None when not known.
        provenance: sources, facts and notes.
        load_native_ct: gives the CT on its own grid, read again on demand; None without CT.

    Raises:
        InputError: the CT is not on the PET's grid.
    """

    pet: Volume
    ct: Volume | None
    name: str
    tracer: str | None = None
    provenance: Provenance = field(default_factory=Provenance)
    load_native_ct: Callable[[], Volume] | None = None

    def __post_init__(self) -> None:
        if self.ct is not None:
            require_same_grid(self.ct, self.pet)

    @property
    def grid(self) -> Grid:
        """The PET grid, on which masks and scribbles live."""
        return self.pet.grid

    @property
    def has_pet(self) -> bool:
        """False for a CT alone."""
        return self.pet.quantity is not Quantity.HU

    def native_ct(self) -> Volume | None:
        """The CT on its own grid (HU), as it was read, for viewing; None without CT."""
        return self.load_native_ct() if self.load_native_ct else None


def assemble_study(
    pet: Volume,
    ct: Volume | None,
    *,
    name: str,
    tracer: str | None = None,
    provenance: Provenance | None = None,
    load_native_ct: Callable[[], Volume] | None = None,
) -> Study:
    """Check PET and CT, bring the CT onto the PET grid, and make a study of them.

    Args:
        pet: SUV body weight, or activity when it was asked for.
        ct: HU on any grid that meets the PET's; None without CT.
        name: case name.
        tracer: "fdg", "psma" or None when not known.
        provenance: what is known so far; notes are added to it.
        load_native_ct: reads the CT again; None keeps ``ct`` itself.

    Raises:
        InputError: the PET is empty, all zero or holds numbers that are not finite; PET and CT
            do not overlap in space or have different frames of reference; the tracer is not known.
    """
    if tracer is not None and tracer not in TRACERS:
        raise InputError(
            f"unknown tracer {tracer!r}",
            remedy=f"Use one of: {', '.join(TRACERS)}, or leave it out.",
        )
    check_pet(pet)
    provenance = provenance or Provenance()
    notes = list(provenance.notes)
    if ct is None:
        notes.append("The study has no CT: segmentation rests on PET alone.")
        return Study(pet, None, name, tracer, replace(provenance, notes=tuple(notes)))
    _require_one_frame(pet, ct)
    notes.extend(_coverage_notes(pet, ct))
    bad = ~np.isfinite(ct.values) if ct.values.dtype.kind == "f" else None
    if bad is not None and bad.any():
        notes.append(f"{int(bad.sum())} CT voxels were not finite and count as outside (-1024 HU).")
        ct = replace(ct, values=np.where(bad, np.float32(AIR_HU), ct.values))
    return Study(
        pet=pet,
        ct=resample_ct(ct, pet.grid),
        name=name,
        tracer=tracer,
        provenance=replace(provenance, notes=tuple(notes)),
        load_native_ct=load_native_ct or partial(replace, ct),  # unlike a lambda, this pickles
    )


def ct_study(ct: Volume, *, name: str) -> Study:
    """A CT without a PET: it gives the grid and stands in the place of the PET.

    Args:
        ct: HU.
        name: case name.

    Raises:
        InputError: it is no CT, or holds numbers that are not finite.
    """
    if ct.quantity is not Quantity.HU:
        raise InputError(f"{ct.source} is no CT but {ct.quantity.value}")
    if ct.values.dtype.kind == "f" and not np.isfinite(ct.values).all():
        raise InputError(
            f"the CT {ct.source} holds values that are NaN or infinite",
            remedy="Export it again, or repair those voxels before segmentation.",
        )
    return Study(ct, ct, name)


def label_array(labels: ArrayLike, study: Study) -> NDArray[Any]:
    """Labels [x, y, z] as unsigned or signed whole numbers; a mask has 0 and 1.

    Raises:
        InputError: they are not on the study's grid, or not whole numbers.
    """
    values = np.asarray(labels)
    if values.dtype == bool:
        values = values.view(np.uint8)
    if values.shape != study.grid.shape or values.dtype.kind not in "ui":
        raise InputError(
            f"labels of shape {values.shape} and type {values.dtype} do not fit {study.name}",
            cause=f"Its grid has shape {study.grid.shape}, and labels are whole numbers.",
        )
    return values


def check_pet(pet: Volume) -> None:
    """Refuse a PET that no segmenter could make sense of.

    Raises:
        InputError: values are not finite, all the same, or never above 0.
    """
    low, high = float(pet.values.min()), float(pet.values.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        bad = ~np.isfinite(pet.values)
        first = tuple(int(i) for i in np.argwhere(bad)[0])
        raise InputError(
            f"the PET {pet.source} holds {int(bad.sum())} values that are NaN or infinite",
            cause=f"The first is at voxel {first}.",
            remedy="Export the PET again, or repair those voxels before segmentation.",
        )
    if high <= 0 or low == high:
        raise InputError(
            f"the PET {pet.source} is empty",
            cause=f"Its values run from {low:g} to {high:g}.",
            remedy="Check that this is the attenuation-corrected PET, and that the export worked.",
        )


def _require_one_frame(pet: Volume, ct: Volume) -> None:
    if not pet.grid.shares_frame(ct.grid):
        raise InputError(
            f"CT {ct.source} and PET {pet.source} are not in the same space",
            cause=f"Their frames of reference are {ct.grid.frame_uid} and {pet.grid.frame_uid}.",
            remedy="Give the CT of the PET/CT, or register the two first.",
        )


def _coverage_notes(pet: Volume, ct: Volume) -> list[str]:
    """What to say about a CT that covers little of the PET; refuses two boxes apart."""
    covered = _covered(pet.grid, ct.grid)
    if not covered.any():
        _require_meeting(pet, ct)
    if covered.mean() < _DOUBTFUL_COVERAGE:
        return [
            f"The CT covers only {covered.mean():.0%} of the PET's box:"
            " check that they belong together."
        ]
    length = covered.any(axis=(0, 1)).mean()
    if length < _WHOLE_LENGTH:
        return [f"The CT reaches only {length:.0%} of the PET's slices: the rest counts as air."]
    return []


def _covered(pet: Grid, ct: Grid) -> NDArray[np.bool_]:
    """Whether places spread over the PET's box, up to 32 along each axis, are in the CT's box."""
    axes = [np.linspace(0, n - 1, min(n, _PLACES)) for n in pet.shape]
    places = pet.to_world(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    index = ct.to_index(places)
    return np.asarray(((index >= -0.5) & (index <= np.array(ct.shape) - 0.5)).all(axis=-1))


def _require_meeting(pet: Volume, ct: Volume) -> None:
    gap = pet.grid.gap_mm(ct.grid)
    if gap > GRID_TOLERANCE_MM:
        centres = np.linalg.norm(pet.grid.corners().mean(axis=0) - ct.grid.corners().mean(axis=0))
        raise InputError(
            f"CT {ct.source} and PET {pet.source} do not overlap in space",
            cause=f"Their boxes are {gap:.1f} mm apart (centres {centres:.1f} mm).",
            remedy="Check that both are of the same patient and examination, and not moved.",
        )


def require_suv(study: Study) -> None:
    """Refuse a study whose PET is not SUV.

    Raises:
        InputError: the PET holds activity.
    """
    if not study.has_pet:
        raise InputError(
            f"{study.name} is a CT without a PET",
            cause="This segmenter needs body-weight SUV.",
            remedy="Use one that works on CT alone, such as command:PROGRAM.",
        )
    if study.pet.quantity is not Quantity.SUV_BW:
        raise InputError(
            f"the PET of {study.name} is {study.pet.quantity.value}, not SUV",
            cause="Segmenters need body-weight SUV.",
            remedy="Convert it, or read the DICOM series with SUV scaling.",
        )
