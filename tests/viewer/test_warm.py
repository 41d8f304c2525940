"""What is kept in memory, and that the estimate of it is none too low."""

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter
from lesionloop.viewer.study_folder import StudyEntry
from lesionloop.viewer.warm import WarmStudies, session_bytes

COARSE = Grid((40, 36, 60), (6.0, 6.5, 6.0))


def study_on(grid: Grid) -> Study:
    """A body with hot spots."""
    rng = np.random.default_rng(4)
    pet = rng.gamma(2.0, 0.4, grid.shape).astype(np.float32)
    for at in rng.integers(8, 30, (5, 3)):
        pet[tuple(slice(i, i + 4) for i in at)] = 9.0
    return Study(Volume(pet, grid, Quantity.SUV_BW), None, "s", "fdg")


@pytest.mark.parametrize(
    ("grid", "expected"),
    [
        (Grid((400, 400, 326), (2.04, 2.04, 3.0)), 20 * 400 * 400 * 326),
        (Grid((200, 200, 160), (4.08, 4.08, 6.1)), 40 * 200 * 200 * 160 * 4.08**2 * 6.1 / 64),
    ],
)
def test_the_estimate_follows_voxels_or_the_field(grid: Grid, expected: float) -> None:
    assert session_bytes(grid) == pytest.approx(expected, rel=1e-6)


def test_a_session_on_a_coarse_grid_takes_no_more_than_is_thought() -> None:
    segmenter, study = load_segmenter("default"), study_on(COARSE)
    segmenter.open(study_on(Grid((50, 50, 50), (2.0, 2.0, 2.0))))  # the network is there for all
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        session = segmenter.open(study)
        opened = tracemalloc.get_traced_memory()[0] - before
        for at in ([20, 20, 20], [30, 30, 30], [35, 30, 55]):
            session.segment(ScribbleSet().add([at], "foreground"))
        drawn = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    voxels = int(np.prod(COARSE.shape))
    assert opened > 20 * voxels, "voxels alone would be too little"
    assert max(opened, drawn) < session_bytes(COARSE)
    assert session_bytes(COARSE) < 2 * opened, "not far too much either"


class Shelf:
    """A library in memory."""

    def read(self, entry: StudyEntry) -> Study:
        return study_on(COARSE if "coarse" in entry.name else Grid(COARSE.shape, (2.0, 2.0, 2.0)))


def no_masks(digest: str) -> NDArray[np.bool_]:
    raise AssertionError(digest)


def entry(name: str) -> StudyEntry:
    return StudyEntry(name, name, None, "nifti", Path(name))


def test_what_was_used_longest_ago_goes_when_the_field_is_large() -> None:
    voxels = int(np.prod(COARSE.shape))
    room = 2 * 8 * voxels + 2 * session_bytes(COARSE) - 1
    shelf: Any = Shelf()
    for kind, kept in (("coarse", False), ("fine", True)):
        warm = WarmStudies(shelf, load_segmenter("threshold"), no_masks, room)
        first = warm.desktop("a", entry(f"{kind} 1"))
        warm.desktop("b", entry(f"{kind} 2"))
        assert warm.held_bytes <= room
        assert (warm.desktop("a", entry(f"{kind} 1")) is first) == kept
