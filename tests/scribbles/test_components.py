"""The largest in-plane component against scikit-image, slice by slice."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from skimage.measure import label

import lesionloop.scribbles.components as module
from lesionloop.errors import InputError
from lesionloop.scribbles.components import (
    Component,
    TieRule,
    largest_component,
    occupied_rows,
    require_mask,
)


def found_in(mask: NDArray[Any], ties: TieRule = "block") -> tuple[int, NDArray[np.bool_]]:
    """Slice index and the component as a mask of the whole slice; -1 when there is none."""
    (rows,) = occupied_rows(mask)
    component = largest_component(rows, ties)
    image = np.zeros(mask.shape[:2], dtype=bool)
    if component is None:
        return -1, image
    x, y = component.origin
    width, height = component.image.shape
    image[x : x + width, y : y + height] = component.image
    assert component.slice_shape == mask.shape[:2]
    assert is_tight(component)
    return component.z, image


def is_tight(component: Component) -> bool:
    image = component.image
    return bool(image[0].any() and image[-1].any() and image[:, 0].any() and image[:, -1].any())


def plain(mask: NDArray[np.bool_], ties: TieRule) -> tuple[int, NDArray[np.bool_]]:
    best = (0, -1, np.zeros(mask.shape[:2], dtype=bool))
    for z in range(mask.shape[2]):
        labels = label(mask[:, :, z], connectivity=2)
        parts = []
        for number in range(1, labels.max() + 1):
            part = labels == number
            block = 2 if ties == "block" else 1
            key = min((y // block, x // block) for x, y in np.argwhere(part).tolist())
            parts.append((-int(part.sum()), key, number))
        if parts and -min(parts)[0] > best[0]:
            size, _, number = min(parts)
            best = (-size, z, labels == number)
    return best[1], best[2]


@settings(deadline=None, max_examples=300)
@given(
    mask=hnp.arrays(np.bool_, hnp.array_shapes(min_dims=3, max_dims=3, max_side=10)),
    ties=st.sampled_from(["block", "voxel"]),
    order=st.sampled_from(["C", "F"]),
)
def test_equals_labelling_each_slice(mask: NDArray[np.bool_], ties: TieRule, order: str) -> None:
    z, image = found_in(np.array(mask, order="F" if order == "F" else "C"), ties)
    expected_z, expected = plain(mask, ties)
    assert z == expected_z
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize("density", [0.02, 0.3, 0.5, 0.9])
def test_equals_labelling_each_slice_when_worked_in_slabs(
    density: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    mask = np.random.default_rng(3).random((31, 22, 17)) < density
    expected_z, expected = plain(mask, "block")
    for voxels in (1, 31 * 22, 3 * 31 * 22 + 5):
        monkeypatch.setattr(module, "_SLAB_VOXELS", voxels)
        z, image = found_in(mask)
        assert z == expected_z
        np.testing.assert_array_equal(image, expected)


def test_the_largest_component_counts_not_the_fullest_slice() -> None:
    mask = np.zeros((12, 10, 2), dtype=bool)
    mask[::2, ::2, 0] = True  # 30 voxels, each alone
    mask[3:6, 4, 1] = True
    assert found_in(mask)[0] == 1


def test_the_lowest_slice_wins_a_tie() -> None:
    mask = np.zeros((12, 10, 5), dtype=bool)
    mask[8:10, 8, 1] = mask[0:2, 0, 3] = True
    assert found_in(mask)[0] == 1


def test_ties_go_by_blocks_of_two_or_by_voxels() -> None:
    mask = np.zeros((12, 10, 1), dtype=bool)
    mask[9, 0, 0] = True  # first voxel in the raster, block (0, 4)
    mask[4, 1, 0] = True  # block (0, 2)
    assert found_in(mask, "voxel")[1][9, 0]
    assert found_in(mask, "block")[1][4, 1]


def test_pixels_join_by_corners_but_not_over_the_border_of_the_slice() -> None:
    mask = np.zeros((6, 5, 2), dtype=bool)
    mask[[0, 1, 2], [0, 1, 2], 0] = True
    mask[5, :2, 1] = mask[0, 1:3, 1] = True  # neighbours in memory only
    mask[5, 4, 0] = mask[5, 0, 1] = True
    assert found_in(mask)[0] == 0
    assert found_in(mask)[1].sum() == 3


def test_rows_of_several_masks_are_the_same_rows() -> None:
    first, second = (np.zeros((6, 5, 4), dtype=np.uint8, order="F") for _ in range(2))
    first[2, 3, 1] = 7
    second[4, 0, 2] = 1
    one, other = occupied_rows(first, second)
    assert one.z.tolist() == other.z.tolist() == [1, 2]
    assert one.y.tolist() == other.y.tolist() == [3, 0]
    assert one.values.dtype == bool
    assert one.values.sum(axis=1).tolist() == [1, 0]
    assert other.values.sum(axis=1).tolist() == [0, 1]


def test_negative_and_fractional_values_are_foreground() -> None:
    mask = np.zeros((4, 3, 2), dtype=np.int8)
    mask[1, 1, 1] = -3
    assert found_in(mask != 0)[0] == found_in(mask)[0] == 1
    assert found_in(mask.astype(np.float32) / 8)[0] == 1


@pytest.mark.parametrize(
    "mask", [np.ones((2, 2)), np.full((2, 2, 2), "a"), np.ones((1, 1, 1), "O")]
)
def test_refuses_what_is_no_mask(mask: NDArray[np.bool_]) -> None:
    with pytest.raises(InputError, match="the label has shape"):
        require_mask(mask, "label")
