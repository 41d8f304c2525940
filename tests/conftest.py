"""What all tests share."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# Before a library counts the cores: test processes that each take all are slower than with a share.
_PROCESSES = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
if _PROCESSES > 1:
    for _variable in (
        "LESIONLOOP_THREADS", "OMP_NUM_THREADS", "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"
    ):  # fmt: skip
        os.environ.setdefault(_variable, str(max(1, (os.cpu_count() or 1) // _PROCESSES)))


def _ends(pid: int, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.1)
    return False


@pytest.fixture
def process_ends() -> Callable[..., bool]:
    """Whether a process, by its id, ends soon; one that ended and nobody waits for is a zombie."""
    return _ends


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with development data and recorded reference results; not part of the product."""
    folder = Path(os.environ.get("LESIONLOOP_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"the development data are not at {folder} (set LESIONLOOP_SHARED)")
    return folder
