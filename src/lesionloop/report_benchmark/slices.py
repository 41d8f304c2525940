"""The pictures that a model is shown: coronal slices of PET and CT.

PET2Rep shows three slices, as three fused pictures or as three of PET and three of CT; CT is
z-scored, PET is SUV. Which slices it takes is not published but for one example (90, 100, 110), nor
are windows and colours: here they are arguments, and are told in the notes of ``prepare``.
"""

from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.imaging.study import require_suv
from lesionloop.reporting.projection import View, view_of

__all__ = ["SliceRule", "body_depth", "render_slices"]

#: The body is where PET shows more than this, SUV: above noise in air, below any tissue.
_BODY_SUV: Final = 0.2
#: A coronal plane is of the body with at least this part of the fullest plane's voxels.
_BODY_PART: Final = 0.1
#: Standard scores of CT drawn black and white: air and dense bone of a whole-body CT.
_BLACK_Z: Final = -1.0
_WHITE_Z: Final = 3.0
#: How much of the CT the strongest colour hides.
_MOST_OPAQUE: Final = 0.75


@dataclass(frozen=True)
class SliceRule:
    """Which slices, and how they are drawn.

    Args:
        depths: parts of the body's depth from the front, 0 to 1.
        indices: numbers of slices along the array axis that is nearest to front-back, in place of
            ``depths``; None: by depth.
        fused: colour PET over grey CT, one picture per slice; else PET pictures, then CT pictures.
        suv_max: SUV of the strongest colour, or of black.
        height_px: of each picture.

    Raises:
        InputError: a number is out of range.
    """

    depths: tuple[float, ...] = (0.25, 0.5, 0.75)
    indices: tuple[int, ...] | None = None
    fused: bool = True
    suv_max: float = 10.0
    height_px: int = 768

    def __post_init__(self) -> None:
        number = len(self.depths if self.indices is None else self.indices)
        if not 1 <= number <= 16 or not all(0 <= depth <= 1 for depth in self.depths):
            raise InputError(
                "the slices cannot be used",
                remedy="Give 1 to 16 parts of the body's depth from 0 to 1, or numbers of slices.",
            )
        if not (0 < self.suv_max <= 1000 and 64 <= self.height_px <= 4096):
            raise InputError(
                f"cannot draw slices of {self.height_px} pixels up to SUV {self.suv_max}",
                remedy="Give an SUV above 0, and 64 to 4096 pixels.",
            )

    def facts(self) -> dict[str, Any]:
        """All settings, for the notes."""
        return {
            **asdict(self),
            "plane": "coronal",
            "ct_window_z": [_BLACK_Z, _WHITE_Z],
            "body_above_suv": _BODY_SUV,
        }


def render_slices(study: Study, rule: SliceRule) -> tuple[list[Image.Image], list[int]]:
    """Draw the slices of a study, the head up and the patient's right on the left.

    Args:
        study: with a CT; the PET in SUV.
        rule: which slices, and how.

    Returns:
        Pictures of equal size in true proportions, and the numbers of the slices.

    Raises:
        InputError: there is no CT, the PET is not SUV, or a slice is outside.
    """
    require_suv(study)
    if study.ct is None:
        raise InputError(
            f"the study {study.name} has no CT", cause="The slices show PET and CT.",
            remedy="Give studies with both.",
        )  # fmt: skip
    view = view_of(study.grid, "coronal")
    numbers = _numbers(study, view, rule)
    ct = np.asarray(study.ct.values, dtype=np.float32)
    mean, spread = float(ct.mean(dtype=np.float64)), float(ct.std(dtype=np.float64)) or 1.0
    pets, cts = [], []
    for number in numbers:
        uptake = np.nan_to_num(_plane(study.pet.values, view, number)) / rule.suv_max
        score = (_plane(ct, view, number) - mean) / spread
        grey = (score - _BLACK_Z) / (_WHITE_Z - _BLACK_Z)
        pets.append(_resized(uptake, view, rule.height_px))
        cts.append(_resized(grey, view, rule.height_px))
    if rule.fused:
        return [_fuse(pet, grey) for pet, grey in zip(pets, cts, strict=True)], numbers
    return [_picture(1 - pet) for pet in pets] + [_picture(grey) for grey in cts], numbers


def body_depth(pet: NDArray[Any], view: View) -> tuple[int, int]:
    """First and last slice of the body along the line of sight.

    PET tells it: the table behind the patient takes nothing up.

    Args:
        pet: SUV [x, y, z].
        view: the coronal view of its grid.

    Raises:
        InputError: nothing is above the level.
    """
    others = tuple(axis for axis in range(3) if axis != view.through)
    filled = (pet > _BODY_SUV).sum(axis=others)
    if not filled.any():
        raise InputError(
            f"no voxel of the PET is above SUV {_BODY_SUV}, so there is no body",
            remedy="Check that it is in SUV.",
        )
    planes = np.flatnonzero(filled >= _BODY_PART * filled.max())
    return int(planes[0]), int(planes[-1])


def _numbers(study: Study, view: View, rule: SliceRule) -> list[int]:
    depth = study.grid.shape[view.through]
    if rule.indices is not None:
        outside = [number for number in rule.indices if not 0 <= number < depth]
        if outside:
            raise InputError(
                f"the study {study.name} has no coronal slice {outside[0]}",
                cause=f"It has {depth}, numbered from 0.",
                remedy="Choose slices by the depth of the body instead.",
            )
        return list(rule.indices)
    first, last = body_depth(np.asarray(study.pet.values), view)
    # LPS: y grows to the back, so the front is the first slice when the axis runs with y.
    to_back = np.array(study.grid.direction).reshape(3, 3)[1, view.through] > 0
    parts = rule.depths if to_back else tuple(1 - depth for depth in rule.depths)
    return [round(first + part * (last - first)) for part in parts]


def _plane(values: NDArray[Any], view: View, number: int) -> NDArray[np.float32]:
    """One slice as [row, column], the head up."""
    slab = [slice(None)] * 3
    slab[view.through] = slice(number, number + 1)
    return np.asarray(view.maximum(values[tuple(slab)]), dtype=np.float32)


def _resized(values: NDArray[np.float32], view: View, height: int) -> NDArray[np.float32]:
    """Values 0 to 1 in pixels of equal sides."""
    tall, wide = (size * side for size, side in zip(view.shape, view.pixel_mm, strict=True))
    size = (min(4 * height, max(1, round(height * wide / tall))), height)
    image = Image.fromarray(np.ascontiguousarray(values))
    smooth = np.asarray(image.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)
    return np.asarray(np.clip(smooth, 0.0, 1.0))


def _picture(share: NDArray[np.float32]) -> Image.Image:
    return Image.fromarray((255 * share).round().astype(np.uint8))


def _fuse(uptake: NDArray[np.float32], grey: NDArray[np.float32]) -> Image.Image:
    """Uptake from black over red and yellow to white, less transparent where it is stronger."""
    colour = np.clip(3 * uptake[..., None] - np.arange(3), 0.0, 1.0)
    opacity = _MOST_OPAQUE * np.clip(2 * uptake, 0.0, 1.0)[..., None]
    return _picture(opacity * colour + (1 - opacity) * grey[..., None])
