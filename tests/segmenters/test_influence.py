import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionloop.errors import InputError
from lesionloop.segmenters.influence import Reach, Say, combine, stroke_influence
from lesionloop.segmenters.strokes import Stroke

SPACING = (4.0, 5.0, 3.0)


def test_in_uniform_uptake_both_fade_as_the_biweight_of_the_distance() -> None:
    shape, centre = (31, 27, 35), np.array([15, 13, 17])
    stroke = Stroke(centre[None], 0.0)
    influence = stroke_influence(
        stroke, np.zeros(shape, np.float32), SPACING, reach=Reach(), edge_mm=35.0
    )
    index = np.moveaxis(np.indices(shape), 0, -1)
    distance = np.linalg.norm((index - centre) * np.array(SPACING), axis=-1)
    expected = np.maximum(1 - (distance / 24.0) ** 2, 0) ** 2  # 1.5 x 16 mm
    np.testing.assert_allclose(influence.nearness, expected[influence.box], atol=1e-5)
    assert not np.delete(expected, np.r_[influence.box[0]], axis=0).any()
    # Along an axis the 26-connected way is the straight one.
    line = influence.pull[:, centre[1] - influence.box[1].start, centre[2] - influence.box[2].start]
    along = np.abs(np.arange(influence.box[0].start, influence.box[0].stop) - centre[0]) * 4.0
    np.testing.assert_allclose(line, np.maximum(1 - (along / 16.0) ** 2, 0) ** 2, atol=1e-5)


def test_an_edge_stops_the_pull_but_not_the_level() -> None:
    log_suv = np.zeros((30, 20, 20), np.float32)
    log_suv[16:] = 1.0
    stroke = Stroke(np.array([[14, 10, 10]]), 0.0)
    influence = stroke_influence(stroke, log_suv, SPACING, reach=Reach(), edge_mm=35.0)
    start = influence.box[0].start
    row = (slice(None), 10 - influence.box[1].start, 10 - influence.box[2].start)
    pull, nearness = influence.pull[row], influence.nearness[row]
    assert pull[12 - start] > 0.5
    assert pull[16 - start] == 0  # as far away, across the edge
    assert nearness[16 - start] == nearness[12 - start] > 0.5


def test_reach_grows_with_extent_up_to_its_bound() -> None:
    reach = Reach(base=10, per_extent=0.5, most=40, level_factor=2)
    assert [reach.pull_mm(mm) for mm in (0, 20, 60, 900)] == [10, 20, 40, 40]
    assert reach.level_mm(20) == 40


@pytest.mark.parametrize(
    "wrong", [{"base": 0}, {"per_extent": -1}, {"most": 3}, {"level_factor": 0.5}, {"base": "9"}]
)
def test_a_senseless_reach_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=r"reach\."):
        Reach(**wrong)


@given(st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_a_long_stroke_searched_in_portions_equals_its_single_points(seed: int) -> None:
    rng = np.random.default_rng(seed)
    log_suv = rng.normal(0, 0.3, (40, 12, 11)).astype(np.float32)
    points = np.unique(rng.integers(0, log_suv.shape, (12, 3)), axis=0)
    reach = Reach(base=12.0, per_extent=0.0, most=12.0)  # 3 x 3 x 4 blocks: several portions
    whole = stroke_influence(Stroke(points, 90.0), log_suv, SPACING, reach=reach, edge_mm=20.0)
    nearest = np.zeros(log_suv.shape, np.float32)
    for point in points:
        one = stroke_influence(Stroke(point[None], 0), log_suv, SPACING, reach=reach, edge_mm=20.0)
        np.maximum(nearest[one.box], one.pull, out=nearest[one.box])
    np.testing.assert_allclose(whole.pull, nearest[whole.box], atol=1e-6)


def test_combine_takes_the_strongest_of_a_class_and_adds_the_classes() -> None:
    log_suv = np.zeros((20, 15, 18), np.float32)
    says, parts = [], []
    for point, is_foreground, level in (
        ((5, 6, 7), True, -0.5), ((8, 6, 7), True, -0.2), ((9, 9, 9), False, 0.7),
    ):  # fmt: skip
        stroke = Stroke(np.array([point]), 0.0)
        influence = stroke_influence(stroke, log_suv, SPACING, reach=Reach(), edge_mm=35.0)
        says.append(Say(stroke, influence, is_foreground, level))
        full = np.zeros((2, *log_suv.shape), np.float32)
        full[0][influence.box] = influence.pull
        full[1][influence.box] = level * influence.nearness
        parts.append(full)
    (a, da), (b, db), (c, dc) = parts
    box = (slice(3, 15), slice(0, 13), slice(2, 18))
    pull, shift = combine(says, box)
    np.testing.assert_allclose(pull, (np.maximum(a, b) - c)[box], atol=1e-6)
    np.testing.assert_allclose(shift, (np.minimum(da, db) + dc)[box], atol=1e-6)
