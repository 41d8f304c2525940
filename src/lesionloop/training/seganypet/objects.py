"""Objects to segment: a cube of voxels around a lesion of a scan, normalised and mirrored.

Arrays are in RAS order, x to the right, y to the front, z to the head, as published weights expect.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import cc3d
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lesionloop.errors import InputError
from lesionloop.networks.seganypet.crop import AIR_HU, normalise_crop
from lesionloop.training.chance import happens, integer

__all__ = [
    "Cut", "PointObject", "Scan", "ScanSource", "cut_object", "draw_object", "scan_of",
]  # fmt: skip

#: So many scans in a row may hold no lesion that is large enough.
_ATTEMPTS = 200


@dataclass(frozen=True, eq=False)
class Scan:
    """A PET and its lesions.

    Args:
        pet: SUV [x, y, z], in memory or mapped from a file.
        lesions: number of the lesion of each voxel, 0 for none, of the same shape.
        boxes: (n, 3, 2) first voxel of lesion 1 to n along each axis, and the one after its last.
        sizes: (n,) voxels of each.
        ct: HU, of the same shape; None when it is not there or not asked for.
    """

    pet: NDArray[np.floating[Any]]
    lesions: NDArray[np.uint16]
    boxes: NDArray[np.int64]
    sizes: NDArray[np.int64]
    ct: NDArray[np.floating[Any]] | None = None


class ScanSource(Protocol):
    """Something that scans can be drawn from without end."""

    def draw(self, generator: torch.Generator) -> Scan:
        """One scan; the generator decides all that is random."""
        ...


@dataclass(frozen=True)
class Cut:
    """How objects are cut out of a scan.

    Args:
        size: voxels per side of the cube.
        voxel_ml: volume of a voxel.
        centre: "object" or "voxel", see `PointRecipe`.
        target: "lesion" or "all", see `PointRecipe`.
        smallest_ml: smaller lesions are not drawn.
        flips: mirror at random along each axis.
        ct: the image is PET and CT.
    """

    size: int
    voxel_ml: float
    centre: str = "voxel"
    target: str = "lesion"
    smallest_ml: float = 0.2
    flips: bool = True
    ct: bool = False


@dataclass(frozen=True, eq=False)
class PointObject:
    """An object of a batch.

    Args:
        image: normalised PET, or PET and CT, float32 [1 or 2, x, y, z].
        reference: the object, bool [1, x, y, z].
    """

    image: Tensor
    reference: Tensor


def scan_of(
    pet: NDArray[np.floating[Any]],
    reference: NDArray[np.bool_],
    ct: NDArray[np.floating[Any]] | None = None,
) -> Scan:
    """A scan from PET, reference and perhaps CT [x, y, z]; lesions are 18-connected."""
    labels, count = cc3d.connected_components(
        np.ascontiguousarray(reference).astype(np.uint8), connectivity=18, return_N=True
    )
    facts = cc3d.statistics(labels, no_slice_conversion=True)
    # Inclusive ends, lesion 0 is the background.
    boxes = np.asarray(facts["bounding_boxes"], dtype=np.int64).reshape(-1, 3, 2)[1 : count + 1]
    boxes = boxes + np.array([0, 1])
    sizes = np.asarray(facts["voxel_counts"], dtype=np.int64)[1 : count + 1]
    return Scan(pet, labels.astype(np.uint16), boxes, sizes, ct)


def draw_object(source: ScanSource, cut: Cut, generator: torch.Generator) -> PointObject:
    """An object of a source.

    Raises:
        InputError: scan after scan holds no lesion that is large enough.
    """
    for _ in range(_ATTEMPTS):
        found = cut_object(source.draw(generator), cut, generator)
        if found is not None:
            return found
    raise InputError(
        f"no lesion of {cut.smallest_ml:g} ml or more in {_ATTEMPTS} scans",
        remedy="Lower smallest_ml in the recipe, or check the references.",
    )


def cut_object(scan: Scan, cut: Cut, generator: torch.Generator) -> PointObject | None:
    """A lesion drawn evenly among those large enough, in its cube; None when there is none.

    What lies outside of the scan is 0, in the CT air, and no lesion.

    Raises:
        InputError: the image needs a CT, and the scan has none.
    """
    if cut.ct and scan.ct is None:
        raise InputError("a scan has no CT", remedy="Leave out the option ct of the recipe.")
    large = np.flatnonzero(scan.sizes * cut.voxel_ml >= cut.smallest_ml)
    if not len(large):
        return None
    number = int(large[integer(0, len(large) - 1, generator)])
    box = scan.boxes[number]
    if cut.centre == "object":
        centre = box.sum(axis=1) // 2
    else:
        inside = scan.lesions[tuple(slice(low, high) for low, high in box)] == number + 1
        places = np.argwhere(inside)
        centre = box[:, 0] + places[integer(0, len(places) - 1, generator)]
    start = centre - cut.size // 2
    lesions = _window(scan.lesions, start, cut.size)
    reference = lesions > 0 if cut.target == "all" else lesions == number + 1
    if not reference.any():  # a lesion larger than the cube, hollow in the middle
        return None
    ct = _window(scan.ct, start, cut.size, AIR_HU) if cut.ct and scan.ct is not None else None
    image = torch.from_numpy(normalise_crop(_window(scan.pet, start, cut.size), ct))
    target = torch.from_numpy(reference)
    axes = [axis + 1 for axis in range(3) if cut.flips and happens(0.5, generator)]
    return PointObject(image.flip(axes), target[None].flip(axes))


def _window(
    values: NDArray[Any], start: NDArray[np.int64], size: int, outside: float = 0.0
) -> NDArray[Any]:
    """``size`` voxels per side from ``start`` on, a copy; ``outside`` beyond the array."""
    result = np.full((size, size, size), outside, dtype=values.dtype)
    low = np.clip(start, 0, values.shape)
    high = np.clip(start + size, 0, values.shape)
    if (high > low).all():
        into = tuple(slice(a - s, b - s) for a, b, s in zip(low, high, start, strict=True))
        result[into] = values[tuple(slice(a, b) for a, b in zip(low, high, strict=True))]
    return result
