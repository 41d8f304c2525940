"""Rendering: PET and CT of a painted body with its lesions."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from lesionloop.phantom.acquisition import (
    Scanner,
    add_ct_noise,
    add_pet_noise,
    blur,
    smooth_field,
)
from lesionloop.phantom.lesions import Filled, Lesion, partial_volume
from lesionloop.phantom.person import BODY_CENTRE, Person, stream
from lesionloop.phantom.scene import Scene
from lesionloop.phantom.shapes import Ellipsoid, HalfSpace, Intersection
from lesionloop.phantom.tissues import HU, Tissue, lookup
from lesionloop.phantom.uptake import Uptake

__all__ = ["Axes", "render_ct", "render_pet"]

#: Rising LPS mm of the voxel centres along x, y, z.
Axes = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]

Places = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]

#: Distance of the lattice on which uptake varies, mm.
_LATTICE_MM = 9.0
_LATTICE_HALF = (300.0, 220.0, 540.0)
#: Slices per pass where a formula needs temporaries, so that these stay small.
_CHUNK = 16


def render_pet(
    tissues: NDArray[np.uint8],
    axes: Axes,
    uptake: Uptake,
    lesions: list[tuple[Lesion, Filled]],
    *,
    spacing: tuple[float, float, float],
    seed: int,
) -> NDArray[np.float32]:
    """PET, SUV float32 [x, y, z]: uptake with smooth variation, lesions, blur and noise."""
    pet: NDArray[np.float32] = np.empty(tissues.shape[::-1], dtype=np.float32).T
    nodes, places = _lattice(axes, seed)
    for start in range(0, pet.shape[2], _CHUNK):
        part = slice(start, start + _CHUNK)
        labels = tissues[..., part]
        variation = smooth_field(nodes, (places[0], places[1], places[2][part]))
        variation *= uptake.patchiness[labels]
        np.exp(variation, out=variation)
        variation *= uptake.suv[labels]
        pet[..., part] = variation
    for lesion, (box, share) in lesions:
        x, y, z = (places[a][box[a]] for a in range(3))
        hot = lesion.suv * np.exp(0.12 * smooth_field(nodes, (x, y, z)))
        pet[box] += share * (hot - pet[box])
        if lesion.core is not None:
            inner, dead = partial_volume(lesion.core, axes, spacing)
            pet[inner] -= dead * 0.8 * pet[inner]
    scanner = Scanner.draw(stream(seed, "scanner"))
    blur(pet, scanner.psf_fwhm_mm, spacing)
    add_pet_noise(pet, axes[2], scanner, spacing, stream(seed, "PET noise"))
    return pet


def _lattice(axes: Axes, seed: int) -> tuple[NDArray[np.float32], Places]:
    """Smooth noise of variance 1 on a lattice fixed to the body, and the axes in its indices."""
    shape = tuple(int(2 * half / _LATTICE_MM) + 2 for half in _LATTICE_HALF)
    nodes = stream(seed, "variation").standard_normal(shape, dtype=np.float32)
    nodes = gaussian_filter(nodes, 0.8)
    nodes /= nodes.std()
    x, y, z = (
        ((axis - middle + half) / _LATTICE_MM).astype(np.float32)
        for axis, middle, half in zip(axes, BODY_CENTRE, _LATTICE_HALF, strict=True)
    )
    return nodes, (x, y, z)


def render_ct(
    tissues: NDArray[np.uint8],
    scene: Scene,
    person: Person,
    axes: Axes,
    lesions: list[tuple[Lesion, Filled]],
    *,
    seed: int,
) -> NDArray[np.int16]:
    """CT, HU int16 [x, y, z]: the tissues and the table, lesions, a little blur and noise."""
    hu = lookup(HU)
    ct: NDArray[np.float32] = np.empty(tissues.shape[::-1], dtype=np.float32).T
    for start in range(0, ct.shape[2], _CHUNK):
        ct[..., start : start + _CHUNK] = hu[tissues[..., start : start + _CHUNK]]
    _add_table(ct, tissues, scene, person, axes)
    for lesion, (box, share) in lesions:
        ct[box] += share * (lesion.hu - ct[box])
    gaussian_filter(ct, 0.5, output=ct, mode="nearest", truncate=3.0)
    return add_ct_noise(ct, stream(seed, "CT noise"))


def _add_table(
    ct: NDArray[np.float32],
    tissues: NDArray[np.uint8],
    scene: Scene,
    person: Person,
    axes: Axes,
) -> None:
    """Draw a hollow, curved table top under the back; it takes up nothing and stops at the feet."""
    back = (112.0 + person.fat_mm) * scene.scale[1]
    top = HalfSpace((0, back - 34.0, 0), (0, -1.0, 0))
    middle = (0.0, back - 150.0, 0.0)
    shell = Intersection((Ellipsoid(middle, (255, 176, 1e5)), top))
    inner = Ellipsoid(middle, (249, 170, 1e5))
    x, y = axes[0][:, None, None], axes[1][None, :, None]
    where = shell.contains(x, y, np.zeros((1, 1, 1)))
    rim = np.argwhere((where & ~inner.contains(x, y, np.zeros((1, 1, 1))))[..., 0])
    for i, j in rim:
        free = tissues[i, j] == Tissue.AIR
        ct[i, j, free] = HU[Tissue.TABLE]
