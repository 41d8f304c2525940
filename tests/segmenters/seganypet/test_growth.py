"""Windows that follow an object, with logits from a rule in place of a network."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from lesionloop.segmenters.seganypet.growth import OUTSIDE, Cell, Logits, Windows, grow

SIDE = 16
PLAN = Windows(SIDE, (96, 64, 48), border=4, most=30)

Rule = Callable[[NDArray[np.int64]], NDArray[np.bool_]]


def ball(centre: tuple[float, float, float], radius: float) -> Rule:
    return lambda cells: np.asarray(np.linalg.norm(cells - np.array(centre), axis=-1) <= radius)


def tube(cells: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Along x from 10 to 80, bent in y."""
    x, y, z = np.moveaxis(cells, -1, 0)
    middle = 24 + 10 * np.sin(x / 15)
    return np.asarray((x >= 10) & (x < 80) & (np.abs(y - middle) <= 4) & (np.abs(z - 20) <= 4))


class Reader:
    """Decodes by a rule; notes what it was asked."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.asked: list[tuple[Cell, Logits | None]] = []

    def __call__(self, start: Cell, previous: Logits | None) -> Logits:
        self.asked.append((start, None if previous is None else previous.copy()))
        return np.where(self.rule(cells_from(start, (SIDE,) * 3)), 2.0, -2.0).astype(np.float32)


def cells_from(start: Cell, shape: Cell) -> NDArray[np.int64]:
    return np.asarray(np.moveaxis(np.indices(shape), 0, -1) + np.array(start))


def test_an_object_inside_costs_one_window_and_keeps_its_logits() -> None:
    reader = Reader(ball((20, 20, 20), 5))
    region = grow([(12, 12, 12)], reader, PLAN)
    assert region.windows == ((12, 12, 12),)
    assert region.start == (12, 12, 12)
    np.testing.assert_array_equal(region.logits, Reader(reader.rule)((12, 12, 12), None))


def test_a_few_cells_at_the_border_are_not_followed() -> None:
    reader = Reader(ball((27.5, 20, 20), 1.0))  # reaches the last layer with four cells or fewer
    assert (reader.rule(cells_from((12, 12, 12), (16, 16, 16)))[-1].sum()) in range(1, 5)
    assert len(grow([(12, 12, 12)], reader, PLAN).windows) == 1


@pytest.mark.parametrize("first", [(8, 16, 12), (40, 24, 12), (64, 8, 12)])
def test_a_long_object_is_followed_to_its_ends(first: Cell) -> None:
    region = grow([first], Reader(tube), PLAN)
    assert not region.cut
    found = region.logits > 0
    np.testing.assert_array_equal(found, tube(cells_from(region.start, found.shape)))
    x, y, z = PLAN.field
    assert found.sum() == tube(cells_from((0, 0, 0), (x, y, z))).sum()


def test_a_neighbour_is_told_what_was_found_where_it_overlaps() -> None:
    reader = Reader(tube)
    grow([(8, 16, 12)], reader, PLAN)
    assert reader.asked[0][1] is None
    start, told = next((s, told) for s, told in reader.asked[1:] if s == (16, 16, 12))
    assert told is not None
    inside = tube(cells_from(start, (SIDE,) * 3))
    np.testing.assert_allclose(told[:8], np.where(inside[:8], 2.0, -2.0), rtol=1e-5)
    assert not told[8:].any()


def test_windows_are_capped_and_it_is_said() -> None:
    plan = Windows(SIDE, PLAN.field, border=4, most=2)
    region = grow([(40, 24, 12)], Reader(tube), plan)
    assert region.cut
    assert len(region.windows) == 3
    assert grow([(40, 24, 12)], Reader(tube), Windows(SIDE, PLAN.field, 4, 0)).cut


def test_the_field_ends_the_search() -> None:
    everything = Reader(lambda cells: np.ones(cells.shape[:-1], dtype=bool))
    plan = Windows(SIDE, (20, 16, 16), border=4, most=30)
    region = grow([(0, 0, 0)], everything, plan)
    assert set(region.windows) == {(0, 0, 0), (8, 0, 0)}
    assert not region.cut


def test_other_things_in_later_windows_are_left_out_unless_clicked() -> None:
    other = ball((86, 12, 12), 3)
    reader = Reader(lambda cells: tube(cells) | other(cells))
    alone = grow([(8, 16, 12)], reader, PLAN)
    both = grow([(8, 16, 12)], reader, PLAN, clicks=[(86, 12, 12)])
    cells = cells_from(alone.start, alone.logits.shape)
    assert other(cells).any()
    np.testing.assert_array_equal(alone.logits > 0, tube(cells))
    assert (alone.logits[other(cells)] == OUTSIDE).all()
    np.testing.assert_array_equal(both.logits > 0, tube(cells) | other(cells))


def test_what_the_first_window_holds_apart_stays() -> None:
    """As it would without growing: two parts of one object."""
    part = ball((14, 18, 14), 1.5)
    reader = Reader(lambda cells: tube(cells) | part(cells))
    region = grow([(8, 16, 12)], reader, PLAN)
    assert len(region.windows) > 1
    cells = cells_from(region.start, region.logits.shape)
    assert (region.logits > 0)[part(cells)].all()


def test_several_seeds_are_decoded_without_a_mask() -> None:
    reader = Reader(ball((20, 20, 20), 3))
    region = grow([(12, 12, 12), (60, 40, 20)], reader, PLAN)
    assert [told for _, told in reader.asked] == [None, None]
    assert region.logits.shape == (64, 44, 24)
    assert region.logits[24, 0, 0] == OUTSIDE  # between them


def test_overlaps_are_weighted_by_distance_from_the_middle() -> None:
    def decode(start: Cell, _: Logits | None) -> Logits:
        return np.full((SIDE,) * 3, 1.0 if start[0] == 0 else 3.0, dtype=np.float32)

    region = grow([(0, 0, 0)], decode, Windows(SIDE, (24, 16, 16), border=0, most=5))
    assert region.windows == ((0, 0, 0), (8, 0, 0))
    line = region.logits[:, 8, 8]
    np.testing.assert_allclose(line[:8], 1.0, rtol=1e-6)
    np.testing.assert_allclose(line[16:], 3.0, rtol=1e-6)
    assert (np.diff(line[7:17]) > 0).all()
    weights = [np.exp(-0.5 * ((9 - middle) / 2) ** 2) for middle in (7.5, 15.5)]
    assert line[9] == pytest.approx((weights[0] + 3 * weights[1]) / sum(weights), rel=1e-5)


@settings(max_examples=20, deadline=None)
@given(
    st.tuples(st.floats(20, 70), st.floats(20, 44), st.floats(20, 30)),
    st.floats(4, 18),
    st.integers(0, 2**31),
)
def test_any_ball_is_found_whole(
    centre: tuple[float, float, float], radius: float, seed: int
) -> None:
    rule = ball(centre, radius)
    away = np.random.default_rng(seed).integers(-4, 5, 3)
    x, y, z = (round(c) - SIDE // 2 + int(a) for c, a in zip(centre, away, strict=True))
    region = grow([(x, y, z)], Reader(rule), Windows(SIDE, PLAN.field, border=0, most=300))
    field = np.zeros(PLAN.field, dtype=bool)
    cells = np.argwhere(region.logits > 0) + region.start
    cells = cells[((cells >= 0) & (cells < PLAN.field)).all(axis=1)]
    field[tuple(cells.T)] = True
    np.testing.assert_array_equal(field, rule(cells_from((0, 0, 0), PLAN.field)))
