"""Clicks lie where a mask is wrong, by each rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from lesionloop.scribbles.error_points import RULES  # noqa: E402
from lesionloop.training.seganypet.clicks import next_click  # noqa: E402
from lesionloop.training.seganypet.seeds import seeded  # noqa: E402


@given(seed=st.integers(0, 10**6), rule=st.sampled_from(RULES), fill=st.floats(0, 0.3))
@settings(max_examples=60, deadline=None)
def test_a_click_is_on_an_error_and_says_what_should_be(seed: int, rule: str, fill: float) -> None:
    rng = np.random.default_rng(seed)
    mask, reference = rng.random((2, 7, 6, 5)) < fill
    click = next_click(mask, reference, seeded(seed), rule)
    if not (mask ^ reference).any():
        assert click is None
        return
    assert click is not None
    point, positive = click
    assert mask[point] != reference[point]
    assert positive == reference[point]


def test_uniform_clicks_are_uniform() -> None:
    mask, reference = np.zeros((2, 4, 4, 4), bool)
    reference[0, 0, :3] = True
    mask[3, 3, 3] = True
    generator = seeded(3)
    clicks = [next_click(mask, reference, generator, "uniform") for _ in range(2000)]
    counts = {click: clicks.count(click) for click in clicks}
    assert len(counts) == 4
    # Four voxels, 500 expected each; 5 standard deviations are 97.
    assert all(abs(count - 500) < 97 for count in counts.values())


def test_a_coin_decides_between_few_missing_and_many_surplus_voxels() -> None:
    mask, reference = np.zeros((2, 8, 8, 8), bool)
    mask[:, :, :4] = True
    reference[:, :, :4] = True
    reference[0, 0, 7] = True
    mask[:, :, 5] = True
    generator = seeded(5)
    clicks = [next_click(mask, reference, generator, "coin") for _ in range(400)]
    positive = sum(click is not None and click[1] for click in clicks)
    assert 150 < positive < 250  # 65 surplus voxels, 1 missing; half the clicks each


def test_deep_clicks_are_in_the_middle_of_the_deeper_error() -> None:
    mask, reference = np.zeros((2, 20, 20, 20), bool)
    reference[2:11, 2:11, 2:11] = True  # missing, 9 voxels across: depth 5
    mask[14:17, 14:17, 14:17] = True  # surplus, depth 2
    generator = seeded(7)
    for _ in range(100):
        click = next_click(mask, reference, generator, "deep")
        assert click is not None
        assert click[1]
        assert all(4 <= index <= 8 for index in click[0])  # depth above 2.5
    # The array's border is a border of the error as well.
    whole = np.ones((9, 9, 9), bool)
    click = next_click(np.zeros_like(whole), whole, generator, "deep")
    assert click is not None
    assert all(2 <= index <= 6 for index in click[0])


def test_an_unknown_rule_is_refused() -> None:
    mask = np.zeros((2, 2, 2), bool)
    with pytest.raises(ValueError, match="no rule"):
        next_click(mask, mask, seeded(1), "centre")
