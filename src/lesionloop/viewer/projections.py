"""Maximum intensity projections from any side, and what lies behind a point of them.

The study turns about the patient's long axis. The picture's rows run from head to feet. At 0
degrees it is seen from the front (the patient's right on the left), at 90 from the patient's left
(the front on the left). Uptake is taken from blocks of about 4 mm; a pick finds the voxel itself.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

from lesionloop.imaging import Quantity, Study
from lesionloop.viewer.label_map import LabelMap

__all__ = ["Projector", "Theme"]

Theme = Literal["dark", "light"]
Rgb = tuple[int, int, int]

_BLOCK_MM: Final = 4.0
_PIXEL_MM: Final = 2.0
_MARGIN_MM: Final = 15.0
#: Below this part of the window a block is air.
_AIR: Final = 0.01
_WINDOW_SUV: Final = 10.0
_OUTLINE: Final[dict[Theme, Rgb]] = {"dark": (255, 170, 64), "light": (200, 76, 0)}
_STROKES: Final[dict[str, Rgb]] = {"foreground": (0, 174, 239), "background": (226, 62, 148)}


@dataclass(frozen=True)
class _Blocks:
    """Blocks that are not air: place in mm (n, 3), highest uptake (n,), number x, y, z (n, 3)."""

    place: NDArray[np.float32]
    value: NDArray[np.float32]
    index: NDArray[np.int32]


class Projector:
    """Draws one study from any side."""

    def __init__(self, study: Study) -> None:
        """Gather the blocks; takes about a second for a large study."""
        self.study = study
        grid = study.grid
        self._factors = [max(1, round(_BLOCK_MM / s)) for s in grid.spacing]
        blocks = _block_maximum(study.pet.values, self._factors)
        if study.pet.quantity is Quantity.SUV_BW:
            self._window = _WINDOW_SUV
        else:
            self._window = max(float(np.quantile(blocks, 0.999)), 1e-6)
        index = np.argwhere(blocks > _AIR * self._window).astype(np.int32)
        if not len(index):
            index = np.argwhere(np.ones_like(blocks, dtype=np.bool_)).astype(np.int32)
        centre = (index + 0.5) * self._factors - 0.5
        place = grid.to_world(centre).astype(np.float32)
        self._blocks = _Blocks(place, blocks[tuple(index.T)], index)
        low, high = place.min(axis=0), place.max(axis=0)
        self._middle = (low + high) / 2
        spacing = max(f * s for f, s in zip(self._factors, grid.spacing, strict=True))
        self._step = max(spacing, _BLOCK_MM)
        radius = np.linalg.norm(place[:, :2] - self._middle[:2], axis=1).max() + _MARGIN_MM
        self._columns = max(1, int(np.ceil(2 * radius / self._step)))
        self._top = float(high[2]) + _MARGIN_MM
        self._rows = max(1, int(np.ceil((self._top - float(low[2]) + _MARGIN_MM) / self._step)))
        self._flat: dict[int, NDArray[np.float32]] = {}

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures, pixels."""
        zoom = self._step / _PIXEL_MM
        return max(1, round(self._columns * zoom)), max(1, round(self._rows * zoom))

    def picture(
        self,
        degrees: int,
        *,
        labels: LabelMap | None = None,
        strokes: Iterable[tuple[str, NDArray[np.int64]]] = (),
        theme: Theme = "dark",
        high: float | None = None,
    ) -> Image.Image:
        """Draw the PET with the outline of the mask and the points of the strokes.

        Args:
            degrees: from where it is seen.
            labels: the mask; None: none.
            strokes: label and voxels (n, 3) of each.
            theme: "dark": uptake is bright on black; "light": dark on white.
            high: value (SUV, or what the PET has) that is shown brightest, above 0; None: SUV 10,
                or what one block in a thousand exceeds.
        """
        flat = self._flat.get(degrees)
        if flat is None:
            flat = self._flat[degrees] = self._maximum(degrees)
        level = np.clip(flat / (self._window if high is None else high), 0, 1)
        grey = 255 * (level if theme == "dark" else 1 - level)
        small = Image.fromarray(grey.astype(np.uint8))
        picture = small.resize(self.size, Image.Resampling.BICUBIC).convert("RGB")
        if labels is not None and labels.positions.size:
            voxels = np.stack(np.unravel_index(labels.positions, labels.shape, order="F"), axis=1)
            self._outline(picture, voxels, degrees, theme)
        draw = ImageDraw.Draw(picture)
        for label, points in strokes:
            # An outline has thousands of points, of which many are the same pixel from here.
            for x, y in np.unique(np.rint(self._pixels(points, degrees)), axis=0):
                draw.rectangle((x - 1, y - 1, x + 1, y + 1), fill=_STROKES[label])
        return picture

    def pick(self, degrees: int, u: float, v: float) -> tuple[int, int, int] | None:
        """The voxel of highest uptake behind a point of the picture; None where there is only air.

        Args:
            degrees: from where it is seen.
            u: from the left, as a part of the width, 0 to 1.
            v: from the top, as a part of the height, 0 to 1.
        """
        column = min(int(u * self._columns), self._columns - 1)
        row = min(int(v * self._rows), self._rows - 1)
        cells = self._cells(self._blocks.place, degrees)
        behind = np.flatnonzero(cells == row * self._columns + column)
        if not behind.size:
            return None
        block = self._blocks.index[behind[np.argmax(self._blocks.value[behind])]]
        start = [int(b) * f for b, f in zip(block, self._factors, strict=True)]
        part = self.study.pet.values[
            tuple(slice(s, s + f) for s, f in zip(start, self._factors, strict=True))
        ]
        best = np.unravel_index(int(np.argmax(part)), part.shape)
        x, y, z = (s + int(b) for s, b in zip(start, best, strict=True))
        return (x, y, z)

    def _maximum(self, degrees: int) -> NDArray[np.float32]:
        flat = np.zeros(self._rows * self._columns, dtype=np.float32)
        np.maximum.at(flat, self._cells(self._blocks.place, degrees), self._blocks.value)
        return flat.reshape(self._rows, self._columns)

    def _across_and_down(
        self, place: NDArray[np.floating], degrees: int
    ) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """Column and row, fractional, of places in mm (n, 3)."""
        angle = np.deg2rad(degrees)
        x, y = (place[:, 0] - self._middle[0]), (place[:, 1] - self._middle[1])
        across = x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))
        return across / self._step + self._columns / 2, (self._top - place[:, 2]) / self._step

    def _cells(self, place: NDArray[np.floating], degrees: int) -> NDArray[np.int32]:
        across, down = self._across_and_down(place, degrees)
        column = np.clip(across.astype(np.int32), 0, self._columns - 1)
        row = np.clip(down.astype(np.int32), 0, self._rows - 1)
        return np.asarray(row * self._columns + column, dtype=np.int32)

    def _pixels(self, voxels: NDArray[np.int64], degrees: int) -> NDArray[np.float64]:
        across, down = self._across_and_down(self.study.grid.to_world(voxels), degrees)
        zoom = self._step / _PIXEL_MM
        return np.stack([across * zoom, down * zoom], axis=1)

    def _outline(
        self, picture: Image.Image, voxels: NDArray[np.int64], degrees: int, theme: Theme
    ) -> None:
        width, height = picture.size
        pixels = np.rint(self._pixels(voxels, degrees)).astype(int)
        inside = np.zeros((height, width), dtype=np.bool_)
        inside[np.clip(pixels[:, 1], 0, height - 1), np.clip(pixels[:, 0], 0, width - 1)] = True
        # Voxels are larger than pixels: what lies between them belongs to the mask as well.
        reach = max(1, round(max(self.study.grid.spacing) / _PIXEL_MM))
        inside = ndimage.binary_closing(np.pad(inside, reach), iterations=reach)[
            reach:-reach, reach:-reach
        ]
        band = ndimage.binary_dilation(inside) & ~inside
        picture.paste(
            _OUTLINE[theme], mask=Image.fromarray(np.where(band, 255, 0).astype(np.uint8))
        )


def _block_maximum(values: NDArray[np.floating], factors: list[int]) -> NDArray[np.float32]:
    """Highest value of each block of voxels; NaN counts as nothing."""
    result: NDArray[np.floating] = values
    for axis, factor in enumerate(factors):
        if factor > 1:
            starts = np.arange(0, result.shape[axis], factor)
            result = np.fmax.reduceat(result, starts, axis=axis)
    return np.nan_to_num(np.asarray(result, dtype=np.float32))
