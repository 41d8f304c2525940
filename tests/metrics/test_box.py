from typing import Literal

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.metrics.box import crop_to_foreground, foreground_box


def box_by_hand(values: np.ndarray) -> tuple[slice, ...]:
    index = np.argwhere(values)
    if not len(index):
        return (slice(0, 0),) * 3
    return tuple(
        slice(int(low), int(high) + 1)
        for low, high in zip(index.min(axis=0), index.max(axis=0), strict=True)
    )


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.float32])
def test_box_equals_the_extent_of_all_indices(order: Literal["C", "F"], dtype: type) -> None:
    rng = np.random.default_rng(3)
    for density in (0.0, 0.002, 0.01, 0.9):
        values: np.ndarray = np.array(rng.random((9, 5, 7)) < density, dtype=dtype, order=order)
        assert foreground_box(values) == box_by_hand(values)


def test_box_of_a_flipped_view() -> None:
    values = np.zeros((6, 4, 5), np.uint8, order="F")
    values[4, 1, 0] = 1
    assert foreground_box(values[::-1, :, ::-1]) == (slice(1, 2), slice(1, 2), slice(4, 5))


def test_crops_share_box_and_memory_order() -> None:
    one = np.zeros((6, 4, 5), np.uint8, order="F")
    two = np.zeros((6, 4, 5), np.int16, order="C")
    one[1, 2, 3] = 1
    two[4, 1, 3] = 7
    first, second = crop_to_foreground(one, two)
    np.testing.assert_array_equal(first, one[1:5, 1:3, 3:4])
    np.testing.assert_array_equal(second, two[1:5, 1:3, 3:4])
    assert first.strides[0] == first.itemsize
    assert second.strides[0] == second.itemsize


def test_a_crop_that_is_the_whole_volume_is_no_copy() -> None:
    full = np.ones((6, 4, 5), np.uint8, order="F")
    first, _ = crop_to_foreground(full, np.zeros_like(full))
    assert np.shares_memory(first, full)


def test_empty_volumes_give_empty_crops() -> None:
    nothing = np.zeros((6, 4, 5), bool)
    assert [crop.size for crop in crop_to_foreground(nothing, nothing)] == [0, 0]


@pytest.mark.parametrize("shapes", [((3, 4, 5), (3, 5, 4)), ((3, 4), (3, 4))])
def test_shapes_must_agree_and_be_volumes(shapes: tuple[tuple[int, ...], ...]) -> None:
    with pytest.raises(InputError, match="shapes"):
        crop_to_foreground(np.zeros(shapes[0]), np.zeros(shapes[1]))
