"""Maximum intensity pictures of a PET with outlines of masks and the points of scribbles.

Inverted grey, as PET is read: no uptake is white, ``suv_max`` and above is black. Colours are
chosen to differ in lightness as well as in hue, and scribbles also differ in shape, so the picture
can be read with any colour vision.
"""

import io
from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.imaging.volume import Volume
from lesionloop.reporting.frame import (
    INK,
    PAPER,
    Entry,
    Rgb,
    draw_mark,
    frame_picture,
    text_font,
)
from lesionloop.reporting.projection import Plane, View, view_of

__all__ = ["DrawnScribble", "mip_picture", "png_bytes"]

#: Outline of the mask named "reference", then of the others in turn (after Okabe and Ito 2008).
_REFERENCE_COLOUR: Rgb = (0, 158, 115)
_MASK_COLOURS: tuple[Rgb, ...] = ((226, 88, 0), (0, 114, 178), (140, 80, 170))
_SCRIBBLE_COLOURS: dict[str, Rgb] = {"foreground": (0, 174, 239), "background": (206, 32, 128)}

#: Overlays are drawn this many times larger and shrunk, for smooth edges.
_FINE = 3

#: Air at the sides is cut off: a column is kept when this part of it reaches this part of the
#: window, with a margin in mm.
_BODY_PART, _BODY_LEVEL, _MARGIN_MM = 0.01, 0.04, 20.0


class DrawnScribble(Protocol):
    """What a scribble must offer to be drawn."""

    @property
    def points(self) -> NDArray[np.int64]:
        """Voxel indices (n, 3)."""

    @property
    def label(self) -> str:
        """The class, "foreground" or "background"."""


def mip_picture(
    pet: Volume,
    *,
    masks: Mapping[str, NDArray[Any]] | None = None,
    scribbles: Iterable[DrawnScribble] | None = None,
    suv_max: float = 10.0,
    plane: Plane = "coronal",
    height_px: int = 640,
) -> Image.Image:
    """Draw a PET from the front or from the side.

    Args:
        pet: SUV on its grid; the picture has the grid's physical proportions.
        masks: name -> array [x, y, z] of the PET's shape, above 0 inside. "reference" is outlined
            just outside its border, the others just inside theirs, so equal masks stay visible.
        scribbles: points to draw as dots (foreground) and diamonds (background).
        suv_max: SUV that is drawn black, above 0.
        plane: "coronal" or "sagittal".
        height_px: height of the projection in pixels; legend and scale come on top of it.

    Raises:
        InputError: a mask has another shape, or a number is out of range.
    """
    masks, drawn = dict(masks or {}), list(scribbles or ())
    _check(pet, masks, suv_max, height_px)
    view = view_of(pet.grid, plane)
    uptake = np.nan_to_num(np.asarray(view.maximum(pet.values), dtype=np.float32)) / suv_max
    outlines = {name: view.maximum(np.asarray(mask)) > 0 for name, mask in masks.items()}
    points = {
        label: view.positions(np.concatenate(found))
        for label in _SCRIBBLE_COLOURS
        if (found := [np.asarray(s.points) for s in drawn if s.label == label])
    }
    columns = _body_columns(uptake, [*outlines.values()], [*points.values()], view.pixel_mm[1])
    pixel = height_px / (view.shape[0] * view.pixel_mm[0])  # pixels per mm
    width_px = max(1, round((columns.stop - columns.start) * view.pixel_mm[1] * pixel))
    size = (width_px, height_px)

    picture = _grey(uptake[:, columns], size)
    colours = _mask_colours(masks)
    for name, outline in outlines.items():
        band = _band(outline[:, columns], size, outside=name == "reference")
        picture.paste(colours[name], mask=band)
    for label, positions in points.items():
        in_pixels = (positions - (0, columns.start)) * (np.array(view.pixel_mm) * pixel)
        _draw_points(picture, in_pixels, label)
    _letters(picture, view)
    key: dict[str, Entry] = {name: (colours[name], "line") for name in masks}
    key |= {f"{label} scribble": (_SCRIBBLE_COLOURS[label], label) for label in points}
    return frame_picture(picture, key, suv_max=suv_max, pixels_per_mm=pixel)


def png_bytes(picture: Image.Image) -> bytes:
    """Return the picture as a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def _check(pet: Volume, masks: Mapping[str, NDArray[Any]], suv_max: float, height_px: int) -> None:
    if not suv_max > 0 or height_px < 16:
        raise InputError(
            f"cannot draw a picture of {height_px} pixels up to SUV {suv_max}",
            remedy="Give an SUV above 0 and at least 16 pixels.",
        )
    for name, mask in masks.items():
        if np.shape(mask) != pet.grid.shape:
            raise InputError(
                f"mask {name!r} of shape {np.shape(mask)} does not fit {pet.source}",
                cause=f"The PET has shape {pet.grid.shape} (x, y, z).",
                remedy="Give masks on the grid of the PET.",
            )


def _body_columns(
    uptake: NDArray[np.float32],
    outlines: list[NDArray[np.bool_]],
    points: list[NDArray[np.float64]],
    column_mm: float,
) -> slice:
    """Columns that show the patient, every mask and every scribble."""
    used = (uptake > _BODY_LEVEL).mean(axis=0) > _BODY_PART
    for outline in outlines:
        used |= outline.any(axis=0)
    for found in points:
        column = np.floor(found[:, 1]).astype(int)
        used[column[(column >= 0) & (column < used.size)]] = True
    kept = np.flatnonzero(used)
    if not kept.size:
        return slice(0, used.size)
    margin = round(_MARGIN_MM / column_mm)
    return slice(max(0, int(kept[0]) - margin), min(used.size, int(kept[-1]) + 1 + margin))


def _grey(uptake: NDArray[np.float32], size: tuple[int, int]) -> Image.Image:
    smooth = Image.fromarray(np.ascontiguousarray(uptake)).resize(size, Image.Resampling.BICUBIC)
    grey = 255.0 * (1.0 - np.clip(np.asarray(smooth), 0.0, 1.0))
    return Image.fromarray(grey.round().astype(np.uint8)).convert("RGB")


def _band(inside: NDArray[np.bool_], size: tuple[int, int], *, outside: bool) -> Image.Image:
    """How much of each pixel, 0 to 255, the outline covers."""
    fine = (size[0] * _FINE, size[1] * _FINE)
    values = np.where(inside, 255, 0).astype(np.uint8)
    large = np.asarray(Image.fromarray(values).resize(fine, Image.Resampling.BILINEAR)) >= 128
    reach = max(2, round(_FINE * size[1] / 480))
    x, y = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    disk = x * x + y * y <= reach * reach
    band = np.zeros_like(large)
    found = ndimage.find_objects(large.astype(np.uint8))
    if found:  # only around the mask: the picture is mostly empty
        rows, columns = (
            slice(max(0, part.start - reach - 1), part.stop + reach + 1) for part in found[0]
        )
        cut = large[rows, columns]
        if outside:
            band[rows, columns] = ndimage.binary_dilation(cut, disk) & ~cut
        else:
            band[rows, columns] = cut & ~ndimage.binary_erosion(cut, disk)
    return Image.fromarray(np.where(band, 255, 0).astype(np.uint8)).resize(
        size, Image.Resampling.BOX
    )


def _mask_colours(masks: Mapping[str, Any]) -> dict[str, Rgb]:
    others = [name for name in masks if name != "reference"]
    colours = {
        name: _MASK_COLOURS[number % len(_MASK_COLOURS)] for number, name in enumerate(others)
    }
    return {"reference": _REFERENCE_COLOUR, **colours}


def _draw_points(picture: Image.Image, positions: NDArray[np.float64], label: str) -> None:
    """Draw each point (row, column in pixels) with a white rim."""
    radius = max(1.5, picture.height / 300)
    fine = (picture.width * _FINE, picture.height * _FINE)
    for colour, grown in ((PAPER, radius + 1.0), (_SCRIBBLE_COLOURS[label], radius)):
        layer = Image.new("L", fine)
        draw = ImageDraw.Draw(layer)
        for row, column in positions * _FINE:
            draw_mark(draw, (column, row), grown * _FINE, label, 255)
        picture.paste(colour, mask=layer.resize(picture.size, Image.Resampling.BOX))


def _letters(picture: Image.Image, view: View) -> None:
    draw, font = ImageDraw.Draw(picture), text_font(picture.height / 32)
    width, height = picture.size
    gap = picture.height / 90
    left, right, upper, lower = view.edges
    for letter, position, anchor in (
        (left, (gap, height * 0.3), "lm"),
        (right, (width - gap, height * 0.3), "rm"),
        (upper, (width / 2, gap), "ma"),
        (lower, (width / 2, height - gap), "md"),
    ):
        draw.text(
            position,
            letter,
            fill=INK,
            font=font,
            anchor=anchor,
            stroke_width=2,
            stroke_fill=PAPER,
        )
