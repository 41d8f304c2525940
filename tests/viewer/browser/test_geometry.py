"""An oblique and flipped study with one hot place: where it is seen is where it is."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from tests.viewer.browser.conftest import Reading

pytestmark = pytest.mark.slow

SHAPE = (40, 46, 52)
SPACING = np.array([5.0, 4.0, 6.0])
HOT = (9, 31, 38)
#: The picture of a plane is looked for hot pixels this far around.
NEAR = 60


def write_oblique(folder: Path) -> None:
    """A study turned by 17 degrees with its first and third axis flipped, without CT."""
    turn = np.deg2rad(17)
    axes = np.array(
        [[np.cos(turn), -np.sin(turn), 0], [np.sin(turn), np.cos(turn), 0], [0, 0, 1]]
    ) @ np.diag([1.0, -1.0, -1.0])
    affine = np.eye(4)
    affine[:3, :3] = axes * SPACING
    affine[:3, 3] = [-40.0, 25.0, 310.0]
    values = np.full(SHAPE, 0.5, dtype=np.float32)
    values[tuple(slice(v - 1, v + 2) for v in HOT)] = 12.0
    values[HOT] = 20.0
    images = folder / "imagesTr"
    images.mkdir()
    nib.save(nib.Nifti1Image(values, affine), images / "fdg_oblique_0001.nii.gz")
    nib.save(nib.Nifti1Image(np.zeros(SHAPE, np.int16), affine), images / "fdg_oblique_0000.nii.gz")


def darkest(reading: Reading, x: float, y: float) -> tuple[float, float]:
    """The middle of the dark place near a pixel: uptake in inverted grey."""
    row, column = max(0, round(y) - NEAR), max(0, round(x) - NEAR)
    part = 255.0 - reading.picture()[row : round(y) + NEAR, column : round(x) + NEAR].max(axis=2)
    part[part < 120] = 0
    rows, columns = np.indices(part.shape)
    total = part.sum()
    assert total > 0, "the hot place is not seen"
    return column + (columns * part).sum() / total + 0.5, row + (rows * part).sum() / total + 0.5


def test_the_hot_voxel_is_where_it_is_seen(
    browser: Any, start: Callable[..., Any], tmp_path: Path
) -> None:
    """Found on the screenshot, not by our geometry; clicked and drawn on in every plane."""
    data = tmp_path / "data"
    data.mkdir()
    write_oblique(data)
    server = start(data, tmp_path / "state", "--segmenter", "propagate")
    reading = Reading(browser, server.address)
    reading.open("fdg_oblique")
    for key in ("i", "t", "5"):  # inverted grey, PET alone, SUV 0 to 20
        reading.press(key)
    assert reading.voxel() == HOT, "the page opens at the lesion's maximum"
    mm = nib.load(data / "imagesTr" / "fdg_oblique_0001.nii.gz").affine @ [*HOT, 1]
    said = reading.page.get_attribute("[data-testid=readout]", "data-mm").split(",")
    np.testing.assert_allclose([float(v) for v in said], mm[:3] * [-1, -1, 1], atol=2e-3)
    assert "SUV 20.00" in reading.page.text_content("[data-testid=readout]")

    for plane, axis in (("axial", 2), ("coronal", 1), ("sagittal", 0)):
        x, y = reading.crosshair(plane)
        # The crosshair out of the way, in the plane: what is seen decides.
        reading.click(x + 45, y + 45 if y < 300 else y - 45)
        assert reading.voxel() != HOT
        assert reading.voxel()[axis] == HOT[axis]
        reading.page.keyboard.down("m")
        reading.settle()
        seen = darkest(reading, x, y)
        reading.page.keyboard.up("m")
        reading.click(*seen)
        assert reading.voxel() == HOT, plane
        reading.press("f")
        reading.draw(seen, (seen[0] + 0.1, seen[1]))
        assert reading.state()["strokes"][-1]["points"] == [list(HOT)], plane
        reading.press("z")
        reading.press("v")
    assert reading.faults == []


def test_strokes_on_a_recorded_study(
    page_of: Callable[..., Reading], start: Callable[..., Any], shared: Path, tmp_path: Path
) -> None:
    """DICOM as a scanner writes it: a stroke in two planes, where it was drawn and in its plane."""
    server = start(shared / "data" / "petct-dicom", tmp_path / "s", "--segmenter", "propagate")
    reading = page_of(server.address)
    reading.open(server.client().studies()[0]["name"])
    for plane, through in (("axial", 2), ("coronal", 1)):
        at = reading.voxel()
        x, y = reading.crosshair(plane)
        reading.press("f")
        reading.draw((x - 4, y), (x + 4, y))
        points = np.array(reading.state()["strokes"][-1]["points"])
        assert list(at) in points.tolist(), plane
        assert set(points[:, through]) == {at[through]}, plane
        assert (reading.mask()[tuple(points.T)] > 0).all(), plane
        reading.press("v")
