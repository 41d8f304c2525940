import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage

from lesionloop.segmenters.boxes import box_around
from lesionloop.segmenters.specks import SpeckRule, update_without_specks

RULE = SpeckRule(least_voxels=9, sure_peak=0.97)
NEIGHBOURS = ndimage.generate_binary_structure(3, 2)  # 18


def cleaned_by_hand(
    mask: NDArray[np.bool_], uptake: NDArray[np.float32], kept: NDArray[np.int64]
) -> NDArray[np.bool_]:
    labels, count = ndimage.label(mask, NEIGHBOURS)
    result = mask.copy()
    for label in range(1, count + 1):
        part = labels == label
        if part.sum() < 9 and uptake[part].max() < 0.97 and not part[tuple(kept.T)].any():
            result[part] = False
    return result


@given(st.integers(0, 100_000), st.floats(0.05, 0.3))
@settings(max_examples=60, deadline=None)
def test_an_update_equals_cleaning_the_whole_mask(seed: int, density: float) -> None:
    rng = np.random.default_rng(seed)
    shape = (23, 14, 31)
    uptake = rng.random(shape).astype(np.float32)
    before = rng.random(shape) < density
    after = before.copy()
    corner = rng.integers(0, shape, 3)
    box = box_around(corner[None], rng.integers(0, 4, 3), shape)
    after[box] = rng.random(after[box].shape) < density
    inside = np.argwhere(after[box])
    kept = inside[:1] + [s.start for s in box]
    # Before the change no point was kept: kept points come and go with the box.
    cleaned = cleaned_by_hand(before, uptake, np.empty((0, 3), np.int64))
    update_without_specks(cleaned, after, box, uptake=uptake, rule=RULE, kept=kept)
    np.testing.assert_array_equal(cleaned, cleaned_by_hand(after, uptake, kept))


def test_a_component_is_followed_far_beyond_the_box() -> None:
    mask = np.zeros((90, 5, 5), bool)
    mask[2:80, 2, 2] = True  # 78 voxels in a line: no speck by number, 80 voxels away from its end
    uptake = np.zeros(mask.shape, np.float32)
    rule = SpeckRule(least_voxels=60, sure_peak=1.0)
    cleaned = mask.copy()
    mask[30, 2, 2] = False  # leaves 28, a speck, and 49, another
    box = (slice(29, 32), slice(1, 4), slice(1, 4))
    none = np.empty((0, 3), np.int64)
    update_without_specks(cleaned, mask, box, uptake=uptake, rule=rule, kept=none)
    assert not cleaned.any()
