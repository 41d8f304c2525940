"""A mask that was exported before opens another session; the reader can take that back."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.viewer.browser.conftest import Reading

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("what", ["seg.dcm", "mask.nii.gz"])
def test_an_export_comes_back(
    page_of: Callable[..., Reading], server: Any, tmp_path: Path, what: str
) -> None:
    """The same voxels, one undo away from where the reader was."""
    one = page_of(server.address, reader="exporter")
    one.open("fdg_case 1")
    one.press("x")
    changed = one.mask()
    (tmp_path / what).write_bytes(one.fetch(f"/export/{what}"))
    other = page_of(server.address, reader=f"importer {what}")
    other.open("fdg_case 1")
    first = other.mask()
    assert (first > 0).sum() != (changed > 0).sum()
    other.page.get_by_label("Mask file").set_input_files([tmp_path / what])
    other.page.get_by_text(f"started from {what}").wait_for()
    other.settle()
    np.testing.assert_array_equal(other.mask() > 0, changed > 0)
    assert other.page.locator("[data-lesion]").count() == changed.max()
    other.page.mouse.move(640, 10)
    other.press("z")
    np.testing.assert_array_equal(other.mask(), first)
    assert other.page.get_by_text("started from").count() == 0


def test_what_is_no_mask_is_refused(
    page_of: Callable[..., Reading], server: Any, tmp_path: Path
) -> None:
    (tmp_path / "note.nii.gz").write_text("not a mask", encoding="utf-8")
    reading = page_of(server.address, reader="mistaken")
    reading.open("fdg_case 2")
    before = reading.mask()
    reading.page.get_by_label("Mask file").set_input_files([tmp_path / "note.nii.gz"])
    reading.page.locator(".told:not(:empty)").wait_for()
    assert "note.nii.gz" in reading.page.locator(".told").inner_text()
    np.testing.assert_array_equal(reading.mask(), before)
