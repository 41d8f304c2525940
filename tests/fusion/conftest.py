"""Stored results of label fusion, where they are; a phantom that is small enough for every test."""

from pathlib import Path

import pytest

from lesionloop.phantom.liver import LiverPhantom, make_liver

_CASES = Path(__file__).parents[3] / "shared" / "fixtures" / "trials" / "cases"


@pytest.fixture(scope="session")
def trials_cases() -> Path:
    """Cases with results of the released code."""
    if not _CASES.is_dir():
        pytest.skip(f"the stored results are not here: {_CASES}")
    return _CASES


@pytest.fixture(scope="session")
def phantom() -> LiverPhantom:
    """A liver in four phases that moved between them."""
    return make_liver(2, shape=(72, 60, 50), spacing=(4.0, 4.0, 4.0), lesions=4)
