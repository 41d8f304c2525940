"""Correcting a mask made elsewhere with segmenters that can begin from it, and with any other."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter
from lesionloop.segmenters.given import GivenSession, open_from
from lesionloop.segmenters.protocol import StartsFromMask, honour
from lesionloop.segmenters.touched import distance_mm

SHAPE = (40, 40, 40)
GRID = Grid(SHAPE, (3.0, 3.0, 3.0))
Mask = NDArray[np.bool_]


def ball(at: tuple[float, float, float], radius_mm: float) -> Mask:
    """Voxels within a radius of a place, both in mm."""
    away = 3.0 * np.indices(SHAPE) - np.array(at).reshape(3, 1, 1, 1)
    return np.asarray((away**2).sum(axis=0) <= radius_mm**2, order="F")


LESION = ball((60, 60, 60), 24)
LEAK = (ball((60, 60, 60), 60) & ~LESION) & (
    (np.abs(3 * np.arange(40) - 60) < 8)[None, :, None]
    & (np.abs(3 * np.arange(40) - 60) < 8)[None, None, :]
    & (np.arange(40) > 20)[:, None, None]
)
FALSE = ball((20, 20, 20), 12)
#: What the segmenter has and the given mask lacks.
MISSED = ball((20, 95, 95), 12)
START = LESION | LEAK | FALSE


@dataclass
class Stiff:
    """A segmenter that has one mask and hears no stroke but at its own points."""

    mask: Mask

    name = "stiff"

    @property
    def identity(self) -> dict[str, object]:
        return {"name": self.name}

    def open(self, _study: Study) -> "Stiff":
        return self

    def segment(self, scribbles: ScribbleSet) -> Mask:
        return honour(self.mask.copy(order="K"), scribbles)


def stiff() -> GivenSession:
    return GivenSession(Stiff(MISSED | ball((60, 60, 60), 30)), GRID, START)


def scribble(label: Any, *points: tuple[int, int, int]) -> ScribbleSet:
    return ScribbleSet().add(np.array(points), label)


def dice(one: Mask, two: Mask) -> float:
    return float(2 * (one & two).sum() / (one.sum() + two.sum()))


def test_without_scribbles_it_is_the_given_mask() -> None:
    first = stiff().segment(ScribbleSet())
    np.testing.assert_array_equal(first, START)
    first[:] = False  # the caller's own
    np.testing.assert_array_equal(stiff().segment(ScribbleSet()), START)


def test_a_stroke_along_a_leak_removes_the_leak() -> None:
    found = stiff().segment(scribble("background", *[(x, 20, 20) for x in range(30, 39)]))
    assert dice(found, START & ~LEAK) > 0.99
    assert (found & LESION).sum() > 0.98 * LESION.sum()
    np.testing.assert_array_equal(found & FALSE, FALSE)


def test_a_point_in_the_middle_removes_a_false_lesion() -> None:
    found = stiff().segment(scribble("background", (7, 7, 7)))
    np.testing.assert_array_equal(found, START & ~FALSE)


def test_a_stroke_at_the_border_takes_a_piece() -> None:
    found = stiff().segment(scribble("background", *[(20, y, 13) for y in range(17, 24)]))
    lost = START & ~found
    assert 0.02 * LESION.sum() < lost.sum() < 0.2 * LESION.sum()
    assert found[20, 20, 20]


def test_a_foreground_stroke_adds_what_the_segmenter_has_there() -> None:
    found = stiff().segment(scribble("foreground", (7, 32, 32)))
    np.testing.assert_array_equal(found, START | MISSED)


def test_what_the_segmenter_hears_holds() -> None:
    """Where its masks with and without the strokes differ, its word is taken."""

    class Heard(Stiff):
        def segment(self, scribbles: ScribbleSet) -> Mask:
            grown = ball((60, 60, 60), 30) if len(scribbles) else self.mask
            return honour(grown.copy(order="K"), scribbles)

    session = GivenSession(Heard(np.zeros(SHAPE, dtype=bool, order="F")), GRID, FALSE)
    found = session.segment(scribble("foreground", (20, 20, 20)))
    np.testing.assert_array_equal(found, FALSE | ball((60, 60, 60), 30))


POINTS = st.lists(st.tuples(*[st.integers(0, 39)] * 3), max_size=8)


@given(POINTS, POINTS, st.randoms())
@settings(max_examples=30, deadline=None)
def test_points_are_honoured_and_their_order_is_nothing(
    foreground: list[tuple[int, int, int]], background: list[tuple[int, int, int]], random: Any
) -> None:
    scribbles = ScribbleSet()
    if background:
        scribbles = scribbles.add(np.array(background), "background")
    if foreground:
        scribbles = scribbles.add(np.array(foreground), "foreground")
    session = stiff()
    session.segment(scribble("background", (20, 20, 20)))  # what was before does not matter
    found = session.segment(scribbles)
    assert all(found[point] for point in foreground)
    assert not any(found[point] for point in set(background) - set(foreground))
    random.shuffle(foreground)
    again = ScribbleSet()
    for point in foreground:
        again = again.add(np.array([point]), "foreground")
    for point in background:
        again = again.add(np.array([point]), "background")
    np.testing.assert_array_equal(stiff().segment(again), found)


@pytest.fixture(scope="module")
def study() -> Study:
    suv = np.full(SHAPE, 0.8, dtype=np.float32, order="F")
    suv[LESION] = 8.0
    suv[MISSED] = 6.0
    return Study(Volume(suv, GRID, Quantity.SUV_BW), None, "phantom")


@pytest.mark.parametrize("name", ["propagate", "threshold", "default"])
def test_segmenters_of_our_own_begin_from_a_mask(study: Study, name: str) -> None:
    segmenter = load_segmenter(name)
    assert isinstance(segmenter, StartsFromMask)
    mask = FALSE | ball((110, 10, 110), 9)
    kept = mask.copy()
    session = open_from(segmenter, study, mask)
    np.testing.assert_array_equal(session.segment(ScribbleSet()), mask)
    drawn = scribble("foreground", *[(20, y, 20) for y in range(17, 24)])
    drawn = drawn.add(np.array([(7, y, 7) for y in range(5, 10)]), "background")
    found = session.segment(drawn)
    assert (found & LESION).sum() > 0.5 * LESION.sum()
    assert (found & FALSE).sum() < 0.5 * FALSE.sum()
    assert not any(found[7, y, 7] for y in range(5, 10))
    far = distance_mm(
        tuple(np.concatenate([drawn.foreground, drawn.background]).T), SHAPE, (3,) * 3
    )
    np.testing.assert_array_equal(found[far > 70], mask[far > 70])
    assert mask[far > 70].any()
    np.testing.assert_array_equal(open_from(segmenter, study, mask).segment(drawn), found)
    np.testing.assert_array_equal(session.segment(ScribbleSet()), kept)
    np.testing.assert_array_equal(mask, kept)


def test_any_other_segmenter_is_combined_with_it(study: Study) -> None:
    assert isinstance(open_from(Stiff(LESION), study, FALSE), GivenSession)
