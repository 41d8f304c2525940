"""Masks as bits, and in the store."""

import sqlite3
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from lesionloop.errors import InputError, OutputError
from lesionloop.viewer.packed_mask import PackedMask
from lesionloop.viewer.refusals import MissingError
from lesionloop.viewer.store import Store

MASKS = arrays.arrays(bool, st.tuples(*[st.integers(1, 9)] * 3))


@given(MASKS, st.sampled_from("CF"))
def test_it_comes_back_as_it_was(mask: np.ndarray, order: str) -> None:
    packed = PackedMask.of(np.array(mask, order=order))  # type: ignore[call-overload]
    np.testing.assert_array_equal(packed.mask(), mask)
    assert packed.mask().flags.f_contiguous
    assert packed.digest == PackedMask.of(mask).digest


@given(MASKS, MASKS)
def test_the_digest_tells_shape_and_voxels(one: np.ndarray, two: np.ndarray) -> None:
    same = one.shape == two.shape and bool((one == two).all())
    assert (PackedMask.of(one).digest == PackedMask.of(two).digest) == same


@pytest.mark.parametrize("data", [b"", b"no zlib", zlib.compress(b"1"), zlib.compress(b"1" * 99)])
def test_what_is_damaged_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="packed mask"):
        PackedMask((4, 4, 4), data).mask()


def test_event_and_mask_are_kept_together_or_not_at_all(tmp_path: Path) -> None:
    store = Store(tmp_path)
    row = store.create("s", "case", "a")
    mask = PackedMask.of(np.random.default_rng(0).random((60, 50, 40)) < 0.5)
    pages = store._rows("PRAGMA page_count")[0][0]
    store._rows(f"PRAGMA max_page_count={pages}")
    with pytest.raises(OutputError, match="nothing was recorded"):
        store.append(row.id, 1, "start", {"mask": mask.digest}, mask=mask)
    store._rows("PRAGMA max_page_count=100000")
    with pytest.raises(MissingError):
        store.mask(mask.digest)
    for number in (1, 2):  # the same mask once more is kept once
        store.append(row.id, number, "start", {"mask": mask.digest}, mask=mask)
    other = PackedMask.of(np.ones((2, 2, 2), dtype=bool))
    with pytest.raises(sqlite3.IntegrityError):
        store.append(row.id, 2, "start", {"mask": other.digest}, mask=other)
    assert store._rows("SELECT COUNT(*) FROM mask") == [(1,)]
    store.close()
    np.testing.assert_array_equal(Store(tmp_path).mask(mask.digest), mask.mask())


def test_a_mask_that_changed_on_the_disk_is_not_taken(tmp_path: Path) -> None:
    store = Store(tmp_path)
    row = store.create("s", "case", "a")
    mask = PackedMask.of(np.ones((3, 3, 3), dtype=bool))
    store.append(row.id, 1, "start", {"mask": mask.digest}, mask=mask)
    store._rows("UPDATE mask SET data=?", PackedMask.of(np.zeros((3, 3, 3), dtype=bool)).data)
    with pytest.raises(InputError, match="damaged"):
        store.mask(mask.digest)
