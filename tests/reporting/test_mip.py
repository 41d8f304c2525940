import io
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.volume import Quantity, Volume
from lesionloop.reporting import mip_picture, png_bytes

SHAPE = (30, 20, 40)
GREEN, ORANGE, BLUE, PINK = (0, 158, 115), (226, 88, 0), (0, 174, 239), (206, 32, 128)


@dataclass(frozen=True)
class Drawn:
    points: NDArray[np.int64]
    label: str


def pet(
    values: np.ndarray | None = None, spacing: tuple[float, float, float] = (4, 4, 3)
) -> Volume:
    if values is None:
        values = np.full(SHAPE, 2.0, np.float32, order="F")
    return Volume(values, Grid(SHAPE, spacing), Quantity.SUV_BW)


def pixels(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("RGB")).astype(int)


def near(picture: Image.Image, colour: tuple[int, int, int]) -> np.ndarray:
    """Rows and columns of what has nearly this colour."""
    return np.argwhere(np.abs(pixels(picture) - colour).max(axis=2) < 40)


def test_uptake_is_inverted_grey_with_the_head_up() -> None:
    values = np.zeros(SHAPE, np.float32)
    values[:, :, 30:] = 10.0  # the head half
    picture = pixels(mip_picture(pet(values), height_px=400))
    middle = 120
    assert (picture[60:90, middle] == 0).all()
    assert (picture[200:350, middle] == 255).all()
    half = pixels(mip_picture(pet(values / 2), height_px=400))
    assert half[80, middle] == pytest.approx([127.5] * 3, abs=1)


def test_proportions_are_physical() -> None:
    # 30 x 4 mm wide and 40 x 3 mm high: a square body. The frame adds the same to both pictures.
    square = mip_picture(pet(), height_px=480)
    wide = mip_picture(pet(spacing=(8, 4, 3)), height_px=480)
    assert wide.width - square.width == 480
    assert wide.height == square.height
    assert mip_picture(pet(spacing=(4, 2, 3)), plane="sagittal", height_px=480).width == (
        square.width - 480 + 160
    )


def test_the_patients_right_is_on_the_left() -> None:
    left_half = np.zeros(SHAPE, bool)
    left_half[20:24, 8:12, 10:14] = True  # x grows to the patient's left
    straight = near(mip_picture(pet(), masks={"mask": left_half}), ORANGE)
    marks = straight[straight[:, 0] < 640]  # above the legend
    assert marks[:, 1].mean() > 320
    flipped = Volume(
        pet().values[::-1],
        Grid(SHAPE, (4, 4, 3), direction=(-1, 0, 0, 0, 1, 0, 0, 0, 1)),
        Quantity.SUV_BW,
    )
    again = near(mip_picture(flipped, masks={"mask": left_half[::-1]}), ORANGE)
    np.testing.assert_array_equal(straight, again)


def test_equal_masks_stay_both_visible() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[8:20, 5:12, 10:24] = True
    picture = mip_picture(pet(), masks={"reference": mask, "mask": mask})
    assert min(len(near(picture, GREEN)), len(near(picture, ORANGE))) > 500


def test_scribbles_are_drawn_at_their_voxels() -> None:
    drawn = [
        Drawn(np.array([[10, 10, 30]]), "foreground"),
        Drawn(np.array([[20, 10, 10], [21, 10, 10]]), "background"),
    ]
    picture = mip_picture(pet(), scribbles=drawn, height_px=480)
    for colour, x, z in ((BLUE, 10.5, 30.5), (PINK, 21.0, 10.5)):
        marks = near(picture, colour)
        marks = marks[marks[:, 0] < 480]
        row, column = marks.mean(axis=0) + 0.5
        assert column == pytest.approx(x * 16, abs=1.5)
        assert row == pytest.approx((40 - z) * 12, abs=1.5)


def test_air_at_the_sides_is_cut_but_never_a_mask() -> None:
    values = np.zeros(SHAPE, np.float32)
    values[12:18] = 5.0
    narrow = mip_picture(pet(values), height_px=480)
    assert narrow.width < mip_picture(pet(), height_px=480).width - 100
    far = np.zeros(SHAPE, bool)
    far[0, 5, 20] = far[29, 5, 20] = True
    with_mask = mip_picture(pet(values), masks={"mask": far}, height_px=480)
    assert with_mask.width == mip_picture(pet(), height_px=480).width


def test_single_voxels_and_borders_and_nothing_at_all() -> None:
    mask = np.zeros(SHAPE, bool)
    mask[0, 0, 0] = mask[15, 10, 39] = True
    picture = mip_picture(pet(), masks={"reference": mask, "mask": mask})
    assert len(near(picture, ORANGE))
    nothing = np.zeros(SHAPE, np.float32)
    assert mip_picture(pet(nothing), masks={"mask": nothing > 0}, scribbles=[]).width > 0


def test_png_is_a_png() -> None:
    data = png_bytes(mip_picture(pet()))
    with Image.open(io.BytesIO(data)) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="does not fit"):
        mip_picture(pet(), masks={"mask": np.zeros((3, 4, 5), bool)})
    with pytest.raises(InputError, match="SUV"):
        mip_picture(pet(), suv_max=0.0)
    with pytest.raises(InputError, match="pixels"):
        mip_picture(pet(), height_px=2)
