"""The window of a projection, and strokes that have many points on one pixel."""

import numpy as np
import pytest

from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.viewer.projections import Projector


def study(value: float) -> Study:
    values = np.full((20, 20, 20), 0.5, dtype=np.float32)
    values[6:12, 6:12, 6:12] = value
    pet = Volume(values, Grid((20, 20, 20), (4.0, 4.0, 4.0)), Quantity.SUV_BW, "made")
    return Study(pet, None, "made")


@pytest.mark.parametrize(("high", "grey"), [(None, 204), (16.0, 127), (8.0, 255), (4.0, 255)])
def test_the_brightest_value_is_told(high: float | None, grey: int) -> None:
    """SUV 8 in a window from 0; without one told, SUV 10."""
    projector = Projector(study(8.0))
    x, y = projector._pixels(np.array([[9, 9, 9]]), 0)[0]
    dark = np.asarray(projector.picture(0, high=high))
    assert dark[int(y), int(x), 0] == pytest.approx(grey, abs=2)
    light = np.asarray(projector.picture(0, theme="light", high=high))
    assert light[int(y), int(x), 0] == pytest.approx(255 - grey, abs=2)


def test_an_outline_is_drawn_as_its_points_are() -> None:
    projector = Projector(study(8.0))
    plane = np.argwhere(np.ones((6, 6, 1), dtype=bool)) + np.array([6, 6, 9], dtype=np.int64)
    together = np.asarray(projector.picture(90, strokes=[("foreground", plane)]))
    apart = np.asarray(projector.picture(90, strokes=[("foreground", p[None]) for p in plane]))
    np.testing.assert_array_equal(together, apart)
    assert (together != np.asarray(projector.picture(90))).any()
