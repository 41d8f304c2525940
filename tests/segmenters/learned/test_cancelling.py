"""A session whose computation was stopped in the middle, at any place, is as good as a new one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.imaging import Quantity, Study, Volume
from lesionloop.progress import CancelledError, watched
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter
from lesionloop.segmenters.learned import slabs

StudyMaker = Callable[..., Study]

#: Long enough for the rules of a trunk to have a say.
SHAPE, SPACING = (22, 20, 48), (8.0, 8.0, 8.0)


@pytest.fixture
def study(make_study: StudyMaker) -> Study:
    pet = np.random.default_rng(1).random(SHAPE).astype(np.float32) * 0.3 + 0.5
    for at in ((6, 6, 8), (15, 12, 22), (8, 13, 38)):
        away = np.indices(SHAPE) - np.array(at).reshape(3, 1, 1, 1)
        pet[(away**2).sum(axis=0) <= 5] = 8.0
    made: Study = make_study(pet, spacing=SPACING)
    ct = Volume(np.zeros(SHAPE, np.int16), made.grid, Quantity.HU)
    return Study(made.pet, ct, made.name, "fdg")


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network runs tile by tile, as on large studies."""
    monkeypatch.setattr(slabs, "MOST_VOXELS", 90_000)


class Stop:
    """Stops the computation when it tells for the n-th time; counts otherwise."""

    def __init__(self, at: int | None = None) -> None:
        self.at, self.told = at, list[float]()

    def __call__(self, part: float) -> None:
        self.told.append(part)
        if self.at is not None and len(self.told) > self.at:
            raise CancelledError


def scribbles() -> list[ScribbleSet]:
    """A session: strokes, one taken back, and another one."""
    one = ScribbleSet().add([[15, 12, z] for z in range(20, 25)], "background")
    two = one.add([[8, 13, 30], [9, 13, 30]], "foreground")
    return [one, two, one.add([[3, 3, 40], [6, 6, 8]], "background"), ScribbleSet()]


@pytest.mark.parametrize("name", ["default", "propagate"])
@pytest.mark.usefixtures("small_tiles")
def test_stopped_at_any_place(study: Study, tiny_weights: Path, name: str) -> None:
    options: dict[str, Any] = {"weights": tiny_weights, "threads": 1} if name == "default" else {}
    segmenter = load_segmenter(name, **options)
    steps = scribbles()
    cold = [segmenter.open(study).segment(step) for step in steps]
    assert len({mask.tobytes() for mask in cold}) == len(cold), "the steps differ"

    opening = Stop()
    with watched(opening):
        session = segmenter.open(study)
    assert opening.told == sorted(opening.told)
    assert 0 <= min(opening.told) <= max(opening.told) <= 1
    assert len(opening.told) > (6 if name == "default" else 2)
    for at in range(len(opening.told)):
        with pytest.raises(CancelledError), watched(Stop(at)):
            segmenter.open(study)

    places = 0
    for before, after in ((3, 0), (0, 1), (1, 2), (2, 3), (3, 1), (2, 1)):
        for at in range(100):
            session.segment(steps[before])
            try:
                with watched(Stop(at)):
                    session.segment(steps[after])
                break  # it had no more to tell
            except CancelledError:
                places += 1
            # Whatever comes next is right: the same again, or what was before.
            for step in (after, before) if at % 2 else (before, after):
                np.testing.assert_array_equal(session.segment(steps[step]), cold[step])
    assert places >= 8
