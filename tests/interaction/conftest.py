"""A stand-in segmenter whose masks are known, and small studies."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.scribbles import ScribbleSet


@dataclass
class Painter:
    """Lesion is what is above SUV 2 or drawn as foreground, and not drawn as background.

    ``calls`` counts predictions, ``fails_at`` raises at that call.
    """

    name: str = "painter"
    option: int = 0
    fails_at: int | None = None
    calls: int = 0
    opened: int = 0

    @property
    def identity(self) -> dict[str, object]:
        return {"name": self.name, "option": self.option}

    def open(self, study: Study) -> "PainterSession":
        self.opened += 1
        return PainterSession(self, study)


@dataclass
class PainterSession:
    painter: Painter
    study: Study

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        self.painter.calls += 1
        if self.painter.calls - 1 == self.painter.fails_at:
            raise RuntimeError("the painter fell off the ladder")
        mask = np.asarray(self.study.pet.values > 2)
        mask[tuple(scribbles.background.T)] = False
        mask[tuple(scribbles.foreground.T)] = True
        return mask


@dataclass
class Player:
    """Gives the masks of a list, one per call; what is not a mask is raised."""

    masks: Sequence[NDArray[np.bool_] | Exception]
    seen: list[ScribbleSet] = field(default_factory=list)
    name: str = "player"

    @property
    def identity(self) -> dict[str, object]:
        return {"name": self.name}

    def open(self, study: Study) -> "Player":  # noqa: ARG002
        return self

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        answer = self.masks[len(self.seen)]
        self.seen.append(scribbles)
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def painter() -> type[Painter]:
    return Painter


@pytest.fixture
def player() -> type[Player]:
    return Player


@pytest.fixture
def make_study() -> Callable[..., Study]:
    """A function that makes a study of a shape, with its reference: hot and cold errors in it."""

    def make(shape: tuple[int, int, int] = (14, 12, 9), *, seed: int = 0) -> Study:
        rng = np.random.default_rng(seed)
        suv = np.asfortranarray(rng.uniform(0, 1, shape), dtype=np.float32)
        suv[2:8, 3:9, 2:6] = 5.0
        grid = Grid(shape, (2.0, 2.5, 3.0), (5.0, -7.0, 11.0))
        return Study(Volume(suv, grid, Quantity.SUV_BW), None, f"case {seed}")

    return make


@pytest.fixture
def reference() -> NDArray[np.bool_]:
    """Overlaps the painter's first mask, with false and missed voxels."""
    mask = np.zeros((14, 12, 9), bool, order="F")
    mask[4:12, 2:8, 3:7] = True
    return mask
