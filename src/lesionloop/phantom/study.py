"""A synthetic PET/CT study: a person, scanned.

The same seed is the same patient with the same lesions on every grid that shows the same field;
only the noise depends on the voxels.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.volume import Quantity, Volume
from lesionloop.phantom.body import add_cavities, add_outline
from lesionloop.phantom.lesions import Lesion, grow_lesions, partial_volume
from lesionloop.phantom.organs import add_organs
from lesionloop.phantom.person import BODY_CENTRE, Person, Tracer, check_tracer, stream
from lesionloop.phantom.rendering import Axes, render_ct, render_pet
from lesionloop.phantom.scene import Scene
from lesionloop.phantom.shapes import Box
from lesionloop.phantom.skeleton import add_skeleton
from lesionloop.phantom.tissues import ORGAN_OF, ORGANS, lookup
from lesionloop.phantom.uptake import draw_uptake

__all__ = ["Phantom", "make_phantom", "procedural_tissues"]

#: Head to thighs; the width is that of a PET field of view.
_FIELD_MM = (684.0, 684.0, 1000.0)


@dataclass(frozen=True, eq=False)
class Phantom:
    """A synthetic study; all volumes are on one grid, x fastest in memory.

    Args:
        ct: HU, int16.
        pet: SUV, float32.
        reference: the lesions, uint8 0 and 1: voxels that a lesion fills by half or more, before
            any blur.
        organs: uint8; the labels are those of `ORGANS`, 0 is none. Lesions do not change it.
        lesions: what was put in, in no order of size.
        person: traits of the patient.
        tracer: "fdg" or "psma".
        seed: what it was made from.
    """

    ct: Volume
    pet: Volume
    reference: Volume
    organs: Volume
    lesions: tuple[Lesion, ...]
    person: Person
    tracer: Tracer
    seed: int

    @property
    def organ_names(self) -> dict[int, str]:
        """Names of the labels in ``organs``."""
        return dict(ORGANS)


def make_phantom(
    *,
    seed: int = 0,
    tracer: Literal["fdg", "psma"] = "fdg",
    spacing: tuple[float, float, float] = (4.07, 4.07, 5.0),
    field_mm: tuple[float, float, float] | None = None,
    shape: tuple[int, int, int] | None = None,
    lesions: int = 8,
    direction: tuple[float, ...] = (1, 0, 0, 0, 1, 0, 0, 0, 1),
) -> Phantom:
    """Make a synthetic whole-body PET/CT study with its lesion reference and organ map.

    The field is centred on the trunk; its middle is LPS (0, 0, -212) mm. 684 x 684 x 1000 mm
    (the default) shows head to thighs, a shorter field shows less of the head and the legs.

    Args:
        seed: 0 or more; the patient, the lesions and the noise.
        tracer: "fdg" or "psma".
        spacing: mm, at most 12 along each axis.
        field_mm: size of the field along x, y, z, mm.
        shape: voxels along x, y, z, instead of ``field_mm``.
        lesions: how many; 0 for a healthy person.
        direction: ITK direction, nine numbers row by row; axes may be flipped, not turned. The
            autoPET files have diag(1, -1, 1).

    Raises:
        InputError: the tracer is unknown, both ``field_mm`` and ``shape`` are given, a number is
            out of range, the direction is not a flip, or there is no room for so many lesions.
    """
    kind = check_tracer(tracer)
    if seed < 0:
        raise InputError(f"the seed must be 0 or more, not {seed}")
    grid, axes = _grid(spacing, field_mm, shape, direction)
    person = Person.draw(stream(seed, "person"), kind)
    scene = _scene(person, seed)
    uptake = draw_uptake(kind, stream(seed, "uptake"))
    gap_mm = max(12.0, 2.5 * max(grid.spacing))
    grown = grow_lesions(
        lesions,
        scene,
        uptake,
        tracer=kind,
        field=_field(axes, grid.spacing),
        rng=stream(seed, "lesions"),
        gap_mm=gap_mm,
    )
    tissues = scene.paint(*axes)
    filled = [(lesion, partial_volume(lesion.shape, axes, grid.spacing)) for lesion in grown]
    pet = render_pet(tissues, axes, uptake, filled, spacing=grid.spacing, seed=seed)
    reference = np.zeros(tissues.shape[::-1], dtype=np.uint8).T
    for _, (box, share) in filled:
        reference[box] |= share >= min(0.5, float(share.max()))
    organs = lookup(ORGAN_OF).astype(np.uint8)[tissues.T].T
    # The CT is taken in one breath, the PET over many: the diaphragm stands elsewhere.
    ct_person = replace(person, diaphragm_mm=person.diaphragm_mm + person.breath_mm)
    ct_tissues = _scene(ct_person, seed).paint(*axes)
    ct = render_ct(ct_tissues, scene, person, axes, filled, seed=seed)
    name = f"phantom-{kind}-{seed}"

    def volume(values: NDArray[np.generic], quantity: Quantity, what: str) -> Volume:
        flips = tuple(slice(None, None, -1 if grid.direction[4 * a] < 0 else 1) for a in range(3))
        return Volume(values[flips], grid, quantity, f"{name} ({what})")

    return Phantom(
        ct=volume(ct, Quantity.HU, "CT"),
        pet=volume(pet, Quantity.SUV_BW, "PET"),
        reference=volume(reference, Quantity.LABEL, "reference"),
        organs=volume(organs, Quantity.LABEL, "organs"),
        lesions=grown,
        person=person,
        tracer=kind,
        seed=seed,
    )


def procedural_tissues(*, seed: int, tracer: Tracer, spacing_mm: float) -> NDArray[np.uint8]:
    """Tissues of the person that `make_phantom` scans for this seed, cropped to the default field.

    Returns:
        uint8 [x, y, z] of `Tissue` on cubes of ``spacing_mm``, LPS axes.
    """
    person = Person.draw(stream(seed, "person"), tracer)
    spacing = (spacing_mm, spacing_mm, spacing_mm)
    _, axes = _grid(spacing, None, None, (1, 0, 0, 0, 1, 0, 0, 0, 1))
    return _scene(person, seed).paint(*axes)


def _grid(
    spacing: tuple[float, float, float],
    field_mm: tuple[float, float, float] | None,
    shape: tuple[int, int, int] | None,
    direction: tuple[float, ...],
) -> tuple[Grid, Axes]:
    """The grid asked for, and rising LPS mm of its voxel centres along x, y, z."""
    if field_mm is not None and shape is not None:
        raise InputError("field_mm and shape were both given", remedy="Give one of them.")
    if not all(0 < step <= 12 for step in spacing):
        raise InputError(f"the spacing of a phantom is above 0 and at most 12 mm, not {spacing}")
    size = field_mm or _FIELD_MM
    if not all(0 < length <= 5000 for length in size):
        raise InputError(f"the field of a phantom is above 0 and at most 5 m, not {size} mm")
    nx, ny, nz = shape or (
        max(1, round(length / step)) for length, step in zip(size, spacing, strict=True)
    )
    matrix = np.array(direction, dtype=float).ravel()
    flips = matrix[::4]
    if matrix.size != 9 or (np.diag(flips).ravel() != matrix).any() or (flips**2 != 1).any():
        raise InputError(
            f"a phantom cannot have the direction {tuple(direction)}",
            cause="Its axes can be flipped, not turned.",
            remedy="Give a diagonal of 1 and -1, such as (1, 0, 0, 0, -1, 0, 0, 0, 1).",
        )
    half = [(n - 1) / 2 * step for n, step in zip((nx, ny, nz), spacing, strict=True)]
    origin = np.array(BODY_CENTRE) - flips * half
    grid = Grid(
        shape=(nx, ny, nz),
        spacing=spacing,
        origin=(float(origin[0]), float(origin[1]), float(origin[2])),
        direction=tuple(matrix),
    )
    x, y, z = (
        BODY_CENTRE[a] - half[a] + spacing[a] * np.arange(grid.shape[a], dtype=float)
        for a in range(3)
    )
    return grid, (x, y, z)


def _field(axes: Axes, spacing: tuple[float, float, float]) -> Box:
    x, y, z = (
        (float(a[0] - s / 2), float(a[-1] + s / 2)) for a, s in zip(axes, spacing, strict=True)
    )
    return ((x[0], y[0], z[0]), (x[1], y[1], z[1]))


def _scene(person: Person, seed: int) -> Scene:
    scene = Scene(scale=person.scale, centre=BODY_CENTRE)
    add_outline(scene, person)
    add_cavities(scene, person)
    add_skeleton(scene, person)
    add_organs(scene, person, stream(seed, "organs"))
    return scene
