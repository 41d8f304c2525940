"""Label maps against plain arrays."""

import zlib

import numpy as np
import pytest

from lesionloop.viewer.label_map import LabelMap


@pytest.mark.parametrize("seed", range(20))
def test_a_changed_box_makes_one_map_of_the_other(seed: int) -> None:
    rng = np.random.default_rng(seed)
    shape = (7, 5, 6)
    before = (rng.integers(0, 4, shape) * (rng.random(shape) < 0.1)).astype(np.uint16)
    after = before.copy()
    for voxel in rng.integers(0, shape, (seed % 4, 3)):
        after[tuple(voxel)] = rng.integers(0, 400)
    one, two = LabelMap.of(np.asfortranarray(before)), LabelMap.of(after)
    np.testing.assert_array_equal(two.dense(), after)
    for voxel in np.ndindex(shape):
        assert two.at(voxel) == after[voxel]
    assert two.at((7, 0, 0)) == two.at((0, -1, 0)) == 0
    patched = np.minimum(before, 255).astype(np.uint8)
    box = two.difference(one)
    wanted = np.minimum(after, 255)
    changed = np.argwhere(wanted != patched)
    if box is None:
        assert not len(changed)
        return
    assert [s.start for s in box] == changed.min(axis=0).tolist()
    assert [s.stop for s in box] == (changed.max(axis=0) + 1).tolist()
    data = np.frombuffer(zlib.decompress(two.packed(box)), dtype=np.uint8)
    patched[box] = data.reshape(patched[box].shape, order="F")
    np.testing.assert_array_equal(patched, wanted)
