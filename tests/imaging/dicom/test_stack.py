"""Slice geometry: order, step, gaps, tilt."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.series import scan_folder
from lesionloop.imaging.dicom.stack import Stack, stack_slices

Writer = Callable[..., Any]


def at(places: dict[int, tuple[float, float, float]]) -> Callable[[int, Dataset], None]:
    """Edit that moves single slices."""

    def edit(index: int, ds: Dataset) -> None:
        if index in places:
            ds.ImagePositionPatient = list(places[index])

    return edit


def stack_of(folder: Path) -> Stack:
    return stack_slices(scan_folder(folder)[0])


def test_axial_stack(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path)
    stack = stack_of(tmp_path)
    assert stack.grid.shape == (7, 6, 5)
    assert stack.grid.spacing == (3.0, 2.0, 4.0)
    assert stack.grid.origin == (-10.0, -20.0, 30.0)
    assert stack.notes == ()


def test_order_is_by_position_not_by_name(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path, step=-4.0)
    stack = stack_of(tmp_path)
    assert stack.order == (4, 3, 2, 1, 0)
    assert stack.grid.origin[2] == 30.0 - 16.0


def test_small_step_variation_is_accepted_and_noted(tmp_path: Path, write_series: Writer) -> None:
    z = [0.0, 3.27, 6.54, 9.83, 13.10]
    write_series(tmp_path, edit=at({i: (0.0, 0.0, v) for i, v in enumerate(z)}))
    stack = stack_of(tmp_path)
    assert stack.grid.spacing[2] == pytest.approx(13.10 / 4)
    assert "3.27 to 3.29 mm" in stack.notes[0]
    assert "off by more than 0.01 mm" in stack.notes[0]


def test_gap_is_named(tmp_path: Path, write_series: Writer) -> None:
    written = write_series(tmp_path, count=12)
    for index in (4, 5, 9):
        written.paths[index].unlink()
    with pytest.raises(InputError, match="slices are missing") as caught:
        stack_of(tmp_path)
    told = str(caught.value)
    assert "12.00 mm between" in told
    assert "instance 4, PT003.dcm" in told
    assert "instance 7, PT006.dcm): 2 missing" in told
    assert "8.00 mm" in told
    assert "1 missing" in told


def test_uneven_steps_are_refused(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path, edit=at({4: (-10.0, -20.0, 30.0 + 12.0 + 5.0)}))
    with pytest.raises(InputError, match="not evenly spaced"):
        stack_of(tmp_path)


def test_drifting_step_is_refused(tmp_path: Path, write_series: Writer) -> None:
    z = np.cumsum(np.r_[np.full(40, 4.0), np.full(40, 4.35)])
    write_series(tmp_path, count=80, edit=at({i: (0.0, 0.0, float(v)) for i, v in enumerate(z)}))
    with pytest.raises(InputError, match="not evenly spaced"):
        stack_of(tmp_path)


def test_steps_that_a_seg_could_not_follow_are_refused(
    tmp_path: Path, write_series: Writer
) -> None:
    z = np.cumsum(np.r_[np.full(10, 3.0), np.full(10, 3.27)])  # each step within a tenth
    write_series(tmp_path, count=20, edit=at({i: (0.0, 0.0, float(v)) for i, v in enumerate(z)}))
    with pytest.raises(InputError, match="not evenly spaced"):
        stack_of(tmp_path)


def test_dynamic_series_is_refused(tmp_path: Path, write_series: Writer) -> None:
    def frames(index: int, ds: Dataset) -> None:
        ds.ImagePositionPatient = [0.0, 0.0, float(index // 2)]
        ds.SeriesType = ["DYNAMIC", "IMAGE"]

    write_series(tmp_path, count=6, edit=frames)
    with pytest.raises(InputError, match="several slices at one position") as caught:
        stack_of(tmp_path)
    assert "dynamic or gated" in str(caught.value)
    assert "DYNAMIC" in str(caught.value)


@pytest.mark.parametrize(
    ("tags", "name"),
    [
        ({"PixelSpacing": [2.0, 3.5]}, "PixelSpacing"),
        ({"ImageOrientationPatient": [0.0, 1.0, 0.0, -1.0, 0.0, 0.0]}, "ImageOrientationPatient"),
        ({"Rows": 3, "Columns": 14}, "Rows"),
        ({"FrameOfReferenceUID": "1.2.3"}, "FrameOfReferenceUID"),
    ],
)
def test_odd_slice_is_named(
    tmp_path: Path, write_series: Writer, tags: dict[str, Any], name: str
) -> None:
    def odd(index: int, ds: Dataset) -> None:
        for keyword, value in tags.items() if index == 3 else ():
            setattr(ds, keyword, value)

    write_series(tmp_path, edit=odd)
    with pytest.raises(InputError, match=name) as caught:
        stack_of(tmp_path)
    assert "PT003.dcm" in str(caught.value)


def test_gantry_tilt_is_refused_with_its_angle(tmp_path: Path, write_series: Writer) -> None:
    angle = np.radians(12.0)

    def sheared(index: int, ds: Dataset) -> None:
        ds.ImagePositionPatient = [-10.0, -20.0 + index * 4.0 * np.tan(angle), 30.0 + index * 4.0]

    write_series(tmp_path, modality="CT", edit=sheared)
    with pytest.raises(InputError, match=r"an angle of 12\.0 degrees"):
        stack_of(tmp_path)


def test_drift_that_a_seg_could_not_follow_is_refused(tmp_path: Path, write_series: Writer) -> None:
    def drift(index: int, ds: Dataset) -> None:
        ds.ImagePositionPatient = [-10.0 + 0.11 * 3.0 * index / 4, -20.0, 30.0 + index * 4.0]

    write_series(tmp_path, edit=drift)
    with pytest.raises(InputError, match=r"drift sideways by up to 0\.33 mm"):
        stack_of(tmp_path)


def test_rounding_of_positions_is_no_tilt(tmp_path: Path, write_series: Writer) -> None:
    def rounded(index: int, ds: Dataset) -> None:
        ds.ImagePositionPatient = [-10.0 + 0.01 * (index % 2), -20.0, 30.0 + index * 4.0]

    write_series(tmp_path, edit=rounded)
    assert stack_of(tmp_path).grid.shape == (7, 6, 5)


@pytest.mark.parametrize("keyword", ["ImagePositionPatient", "ImageOrientationPatient", "Rows"])
def test_missing_geometry_names_file_and_attribute(
    tmp_path: Path, write_series: Writer, keyword: str
) -> None:
    def without(index: int, ds: Dataset) -> None:
        if index == 2:
            delattr(ds, keyword)

    write_series(tmp_path, edit=without)
    with pytest.raises(InputError, match=keyword) as caught:
        stack_of(tmp_path)
    assert "PT002.dcm" in str(caught.value)


@pytest.mark.parametrize("spacing", [[-2.0, 3.0], [0.0, 3.0]])
def test_negative_spacing(tmp_path: Path, write_series: Writer, spacing: list[float]) -> None:
    write_series(tmp_path, tags={"PixelSpacing": spacing})
    with pytest.raises(InputError, match="must be above 0"):
        stack_of(tmp_path)


def test_skewed_orientation(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path, tags={"ImageOrientationPatient": [1.0, 0.0, 0.0, 0.1, 1.0, 0.0]})
    with pytest.raises(InputError, match="right angle"):
        stack_of(tmp_path)


def test_multi_frame_is_refused_by_name(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path, count=1, tags={"NumberOfFrames": 40})
    with pytest.raises(InputError, match="multi-frame"):
        stack_of(tmp_path)


def test_single_slice_takes_its_thickness(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path, count=1)
    stack = stack_of(tmp_path)
    assert stack.grid.spacing[2] == 4.0
    assert "one slice" in stack.notes[0]


def test_fewer_slices_than_announced_is_noted(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path, tags={"NumberOfSlices": 9})
    assert "announces 9 slices" in stack_of(tmp_path).notes[0]
