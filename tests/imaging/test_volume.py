"""Volumes: what they refuse, and the guard that keeps two grids apart."""

from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.volume import Quantity, Volume, require_same_grid

GRID = Grid((4, 3, 2), (2.0, 3.0, 5.0), (10.0, 20.0, 30.0))


def volume(grid: Grid = GRID, source: str = "one.nii.gz") -> Volume:
    return Volume(np.zeros(grid.shape, dtype=np.float32), grid, Quantity.SUV_BW, source)


def test_keeps_the_array_itself() -> None:
    for order in ("C", "F"):
        values = np.zeros(GRID.shape, dtype=np.int16, order=order)
        assert Volume(values, GRID, Quantity.HU).values is values


def test_refuses_another_shape_and_names_both_and_the_source() -> None:
    with pytest.raises(InputError) as caught:
        Volume(np.zeros((3, 4, 2)), GRID, Quantity.HU, "ct.mha")
    for part in ("(3, 4, 2)", "(4, 3, 2)", "ct.mha"):
        assert part in str(caught.value)


def test_is_frozen_and_compares_by_identity() -> None:
    first, second = volume(), volume()
    assert first == first  # noqa: PLR0124  (no comparison of arrays, no error)
    assert first != second
    with pytest.raises(FrozenInstanceError):
        first.source = "other"  # type: ignore[misc]


def test_mask_is_what_is_above_zero() -> None:
    values = np.array([-2, 0, 1, 255] * 6, dtype=np.int16).reshape(GRID.shape)
    mask = Volume(values, GRID, Quantity.LABEL).mask()
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask.ravel(), [False, False, True, True] * 6)
    values = np.full(GRID.shape, np.nan)
    assert not Volume(values, GRID, Quantity.LABEL).mask().any()


def test_same_grid_passes_within_a_micrometre() -> None:
    near = replace(GRID, origin=(10.0, 20.0, 30.00099))
    require_same_grid(volume(), volume(near))
    far = replace(GRID, origin=(10.0, 20.0, 30.00101))
    with pytest.raises(InputError):
        require_same_grid(volume(), volume(far))


def test_refusal_names_both_files_and_the_distance_in_mm() -> None:
    other = replace(GRID, origin=(13.0, 24.0, 42.0))
    with pytest.raises(InputError) as caught:
        require_same_grid(volume(), volume(other, "two.mha"))
    message = str(caught.value)
    assert "one.nii.gz" in message
    assert "two.mha" in message
    assert "13 mm" in message  # 3, 4 and 12 mm
    assert caught.value.remedy


def test_a_tiny_distance_is_not_shown_as_the_tolerance() -> None:
    other = replace(GRID, origin=(10.0, 20.0, 30.00123))
    with pytest.raises(InputError, match=r"0\.00123 mm"):
        require_same_grid(volume(), volume(other))


def test_refusal_of_another_shape_says_the_shapes() -> None:
    other = replace(GRID, shape=(4, 3, 9))
    with pytest.raises(InputError, match=r"\(4, 3, 2\) and \(4, 3, 9\)"):
        require_same_grid(volume(), volume(other))


def test_refusal_of_another_frame_of_reference_fires() -> None:
    first, second = (volume(replace(GRID, frame_uid=uid), uid) for uid in ("1.2.3", "1.2.4"))
    with pytest.raises(InputError, match=r"frames of reference are 1\.2\.3 and 1\.2\.4"):
        require_same_grid(first, second)
    require_same_grid(first, first)
    require_same_grid(first, volume())  # not known on one side: places decide
