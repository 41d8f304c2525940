"""Splitting a mask into lesions, against scipy's labelling of the whole volume."""

from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.imaging.occupied import occupied_voxels
from lesionloop.quantification import split_lesions

EIGHTEEN = ndimage.generate_binary_structure(3, 2)


def _by_scipy(mask: Any) -> Any:
    """Labels by falling volume, ties by the first voxel with x fastest; slow and plain."""
    labels, count = ndimage.label(mask, structure=EIGHTEEN)
    line = labels.ravel(order="F")
    key = [(-(line == n).sum(), np.flatnonzero(line == n)[0], n) for n in range(1, count + 1)]
    found = np.zeros(mask.shape, dtype=int)
    for rank, (_, _, n) in enumerate(sorted(key), start=1):
        found[labels == n] = rank
    return found


@pytest.mark.parametrize("order", ["C", "F", "neither"])
@pytest.mark.parametrize("shape", [(31, 17, 22), (8, 8, 8), (1, 5, 40), (9, 1, 1)])
@pytest.mark.parametrize("density", [0.01, 0.1, 0.5])
def test_lesions_agree_with_scipy(shape: Any, density: float, order: Any) -> None:
    mask = np.random.default_rng(3).random(shape) < density
    given = np.repeat(mask, 2, axis=0)[::2] if order == "neither" else np.asarray(mask, order=order)
    labels = split_lesions(given)
    np.testing.assert_array_equal(labels, _by_scipy(mask))
    assert labels.dtype == np.uint16
    assert labels.flags.f_contiguous


def test_parts_that_meet_across_blocks_are_one() -> None:
    """A diagonal line of voxels that share edges, through many blocks of eight."""
    mask = np.zeros((40, 40, 40), dtype=bool)
    for step in range(39):
        mask[step, step, 20] = mask[step, step + 1, 20] = True
    mask[0, 39, 20] = True
    labels = split_lesions(mask)
    assert labels.max() == 2
    assert labels[5, 5, 20] == labels[38, 39, 20] == 1
    assert labels[0, 39, 20] == 2


@pytest.mark.parametrize(("step", "count"), [((1, 0, 0), 1), ((1, 1, 0), 1), ((1, 1, 1), 2)])
def test_faces_and_edges_connect_but_corners_do_not(step: Any, count: int) -> None:
    mask = np.zeros((20, 20, 20), dtype=bool)
    mask[7, 7, 7] = True
    mask[tuple(7 + np.array(step))] = True  # in the next block of eight
    assert split_lesions(mask).max() == count


def test_equal_volumes_are_numbered_by_their_first_voxel() -> None:
    mask = np.zeros((9, 7, 5), dtype=bool)
    mask[8, 0, 0] = mask[0, 6, 0] = mask[4, 0, 4] = mask[0, 0, 0] = True
    labels = split_lesions(mask)
    assert [labels[0, 0, 0], labels[8, 0, 0], labels[0, 6, 0], labels[4, 0, 4]] == [1, 2, 3, 4]


def test_touching_segments_stay_apart() -> None:
    labels = np.zeros((6, 5, 4), dtype=np.uint8)
    labels[1:4, 2, 2] = 9
    labels[4:, 2, 2] = 3
    found = split_lesions(labels)
    np.testing.assert_array_equal(found, np.where(labels == 9, 1, np.where(labels == 3, 2, 0)))


def test_empty_mask() -> None:
    labels = split_lesions(np.zeros((4, 3, 2), dtype=bool))
    assert labels.shape == (4, 3, 2)
    assert not labels.any()


def test_many_lesions_need_wider_numbers() -> None:
    mask = np.zeros((90, 90, 70), dtype=bool)
    mask[::2, ::2, ::2] = True  # 45 * 45 * 35 = 70 875, no two connected
    labels = split_lesions(mask)
    assert labels.dtype == np.uint32
    assert labels.max() == 70_875


@pytest.mark.parametrize(
    "bad", [np.zeros((3, 3)), np.zeros((3, 3, 3)), np.full((3, 3, 3), -1, dtype=np.int8)]
)
def test_no_mask_is_refused(bad: Any) -> None:
    with pytest.raises(InputError):
        split_lesions(bad)


@pytest.mark.parametrize("kind", [bool, np.uint8, np.uint16, np.uint32, np.int64, np.float32])
@pytest.mark.parametrize("order", ["C", "F"])
def test_occupied_voxels_are_all_found(kind: Any, order: Any) -> None:
    for shape in ((7, 5, 3), (8, 4, 2), (1, 1, 1), (3, 1, 5)):
        values = (np.random.default_rng(1).random(shape) < 0.2).astype(kind, order=order)
        np.testing.assert_array_equal(
            occupied_voxels(values), np.flatnonzero(values.ravel(order="F"))
        )
