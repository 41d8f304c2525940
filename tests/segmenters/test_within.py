"""A segmenter kept to a region."""

import json
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Quantity, Study, Volume
from lesionloop.imaging.crop import crop_study, region_box
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter
from lesionloop.segmenters.within import Within

StudyMaker = Callable[..., Study]
SHAPE = (22, 18, 16)
BOX = (slice(5, 14), slice(3, 12), slice(4, 12))


@pytest.fixture
def study(make_study: StudyMaker) -> Study:
    """Hot balls inside the region, in its rim, across its border and far outside."""
    pet = np.full(SHAPE, 0.5, np.float32)
    pet += 0.01 * (np.indices(SHAPE).sum(axis=0) % 7)
    hot = (
        (slice(7, 10), slice(5, 8), slice(6, 9)),
        (slice(13, 18), slice(6, 9), slice(6, 9)),
        (slice(18, 21), slice(14, 17), slice(12, 15)),
    )
    for place in hot:
        pet[place] = 9.0
    return make_study(pet)


@pytest.fixture
def region(study: Study) -> Volume:
    """A box with a corner cut off."""
    values = np.zeros(SHAPE, np.uint8)
    values[BOX] = 3
    values[5:8, 3:6, 4:6] = 0
    return Volume(values, study.grid, Quantity.LABEL, "liver.nii.gz")


def drawn(*strokes: tuple[Sequence[Sequence[int]], str]) -> ScribbleSet:
    scribbles = ScribbleSet()
    for points, label in strokes:
        scribbles = scribbles.add(points, label)  # type: ignore[arg-type]
    return scribbles


def outside_of(mask: NDArray[np.bool_], box: tuple[slice, slice, slice]) -> NDArray[np.intp]:
    rest = mask.copy()
    rest[box] = False
    return np.argwhere(rest)


@pytest.mark.parametrize("name", ["threshold", "propagate", "default"])
def test_the_box_is_what_the_segmenter_says_of_the_box_alone(
    name: str, study: Study, region: Volume
) -> None:
    inner = load_segmenter(name)
    box = region_box(region, margin=0.2)
    session = Within(inner, region, 0.2).open(study)
    alone = inner.open(crop_study(study, box))
    corner = np.array([side.start for side in box])
    for strokes in ((), (([[8, 10, 9]], "foreground"), ([[8, 6, 7], [9, 6, 7]], "background"))):
        mask = session.segment(drawn(*strokes))
        moved = drawn(*(((np.array(points) - corner).tolist(), label) for points, label in strokes))
        np.testing.assert_array_equal(mask[box], alone.segment(moved))
        assert not len(outside_of(mask, box))
        assert mask.shape == SHAPE


def test_scribbles_outside_are_honoured_and_nothing_more(study: Study, region: Volume) -> None:
    session = Within(load_segmenter("threshold"), region).open(study)
    far = [[19, 15, 13], [20, 16, 14]]
    scribbles = drawn((far, "foreground"), ([[20, 15, 13]], "background"))
    scribbles = scribbles.add([[20, 15, 13], [8, 6, 7]], "background")
    mask = session.segment(scribbles)
    box = region_box(region)
    assert sorted(outside_of(mask, box).tolist()) == far
    near = session.segment(drawn(([[8, 6, 7]], "background")))
    np.testing.assert_array_equal(mask[box], near[box])
    assert not mask[8, 6, 7]


def test_the_region_only(study: Study, region: Volume) -> None:
    segmenter = load_segmenter("threshold")
    loose = Within(segmenter, region, 0.3).open(study).segment(ScribbleSet())
    session = Within(segmenter, region, 0.3, region_only=True).open(study)
    strict = session.segment(ScribbleSet())
    np.testing.assert_array_equal(strict, loose & region.mask())
    assert (loose & ~region.mask()).any()
    point = [[6, 4, 5]]
    assert not region.mask()[6, 4, 5]
    assert session.segment(drawn((point, "foreground")))[6, 4, 5]


strokes = st.lists(
    st.tuples(
        st.lists(st.tuples(*(st.integers(0, n - 1) for n in SHAPE)), min_size=1, max_size=5),
        st.sampled_from(["foreground", "background"]),
    ),
    min_size=1,
    max_size=5,
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(given_strokes=strokes, order=st.randoms(use_true_random=False))
def test_cold_as_warm_in_any_order_and_honoured(
    given_strokes: list[Any], order: Any, study: Study, region: Volume
) -> None:
    segmenter = Within(load_segmenter("propagate"), region)
    warm, scribbles = segmenter.open(study), ScribbleSet()
    for points, label in given_strokes:
        scribbles = scribbles.add(np.array(points), label)
        mask = warm.segment(scribbles)
    shuffled = [([point], label) for points, label in given_strokes for point in points]
    order.shuffle(shuffled)
    cold = segmenter.open(study).segment(drawn(*shuffled))
    np.testing.assert_array_equal(mask, cold)
    foreground = set(map(tuple, scribbles.foreground.tolist()))
    assert all(mask[point] for point in foreground)
    for point in set(map(tuple, scribbles.background.tolist())) - foreground:
        assert not mask[point]
    box = region_box(region)
    assert {tuple(point) for point in outside_of(mask, box).tolist()} <= foreground


def test_who_it_is(region: Volume) -> None:
    one = Within(load_segmenter("threshold"), region)
    assert one.name == "threshold-within"
    json.dumps(one.identity)
    moved = Volume(np.roll(region.values, 1, axis=0), region.grid, Quantity.LABEL)
    others = [
        Within(load_segmenter("threshold"), region, 0.1),
        Within(load_segmenter("threshold"), region, region_only=True),
        Within(load_segmenter("threshold"), moved),
        Within(load_segmenter("propagate"), region),
    ]
    assert all(other.identity != one.identity for other in others)
    relabelled = Volume(np.where(region.values, 1, 0), region.grid, Quantity.LABEL)
    assert Within(load_segmenter("threshold"), relabelled).identity == one.identity


def test_regions_that_do_not_fit(study: Study, region: Volume, make_study: StudyMaker) -> None:
    segmenter = Within(load_segmenter("threshold"), region)
    other = make_study(np.ones((22, 18, 17), np.float32))
    with pytest.raises(InputError, match=r"liver\.nii\.gz and .* not on the same grid"):
        segmenter.open(other)
    empty = Volume(np.zeros(SHAPE, np.uint8), study.grid, Quantity.LABEL, "liver.nii.gz")
    with pytest.raises(InputError, match="is empty"):
        Within(load_segmenter("threshold"), empty)
    with pytest.raises(InputError, match="a number from 0"):
        Within(load_segmenter("threshold"), region, -1.0)
    with pytest.raises(InputError, match="outside"):
        segmenter.open(study).segment(drawn(([[30, 0, 0]], "foreground")))
