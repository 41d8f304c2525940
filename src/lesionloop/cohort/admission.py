"""Memory: what a case will need, by its header, and what there is.

The loop over a case holds the volumes, one mask per step and what the segmenter caches; all of it
grows with the voxels of the PET. ``benchmarks/bench_memory.py`` measures the constants.
"""

import os
from math import prod
from pathlib import Path

from lesionloop.datasets import CaseFiles
from lesionloop.errors import InputError
from lesionloop.imaging.files import read_shape

__all__ = ["available_memory", "case_memory", "total_memory"]

#: A process with our libraries and the network at work on its largest piece, bytes.
_BASE = 1900 << 20
#: Per voxel of the PET, bytes.
_PER_VOXEL = 24
#: Per voxel of a CT on a grid of its own, which is read before it is resampled, bytes.
_PER_CT_VOXEL = 12
#: Share of what is free that an evaluation takes; the rest is the system's.
_SHARE = 0.8

_CGROUP_LIMITS = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)


def case_memory(files: CaseFiles) -> int:
    """Peak memory of the loop over a case with a segmenter of ours, bytes, from headers alone.

    A file that cannot be read counts nothing: the run itself says what is wrong with it.
    """
    pet = _voxels(files.pet)
    ct = _voxels(files.ct) if files.ct is not None else 0
    return _BASE + _PER_VOXEL * pet + (_PER_CT_VOXEL * ct if ct != pet else 0)


def available_memory() -> int | None:
    """What an evaluation may take now, bytes; None where the system does not tell.

    The free memory of the machine or of its container, whichever is less, but for a reserve.
    """
    limit, used = _container()
    inside = None if limit is None or used is None else max(limit - used, 0)
    found = [free for free in (_of_machine("MemAvailable"), inside) if free is not None]
    return int(_SHARE * min(found)) if found else None


def total_memory() -> int | None:
    """All memory of the machine or of its container, bytes; None where the system does not tell."""
    found = [size for size in (_of_machine("MemTotal"), _container()[0]) if size is not None]
    return min(found, default=None)


def _voxels(path: Path) -> int:
    try:
        return prod(read_shape(path))
    except InputError:
        return 0


def _of_machine(entry: str) -> int | None:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith(f"{entry}:"):
                return int(line.split()[1]) << 10
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, OSError, ValueError):
        return None


def _container() -> tuple[int | None, int | None]:
    """Limit and use of the control group that we are in, bytes; None where there is no limit."""
    for limit, used in _CGROUP_LIMITS:
        try:
            return int(limit.read_text()), int(used.read_text())
        except (OSError, ValueError):  # "max" is no limit
            continue
    return None, None
