"""What all tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with development data and recorded reference results; not part of the product."""
    folder = Path(os.environ.get("LESIONLOOP_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"the development data are not at {folder} (set LESIONLOOP_SHARED)")
    return folder
