"""Points where a mask is wrong, without torch; the rules' shares are tested with the training."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lesionloop.scribbles.error_points import RULES, error_point, error_region


@given(seed=st.integers(0, 10**6), rule=st.sampled_from(RULES), coin=st.booleans())
@settings(max_examples=50, deadline=None)
def test_regions_hold_errors_alone_and_are_never_empty_for_nothing(
    seed: int, rule: str, coin: bool
) -> None:
    rng = np.random.default_rng(seed)
    mask, reference = rng.random((2, 5, 6, 7)) < rng.uniform(0, 0.4)
    region = error_region(mask, reference, rule, coin=coin)
    assert not (region & ~(mask ^ reference)).any()
    assert region.any() == (mask ^ reference).any()
    if rule == "coin" and (reference & ~mask).any() and (mask & ~reference).any():
        assert (reference[region] == coin).all()


def test_points_are_told_and_repeat_with_their_seed() -> None:
    mask, reference = np.zeros((2, 6, 5, 4), bool)
    reference[1:3, 2, 1] = True
    found = [error_point(mask, reference, np.random.default_rng(n)) for n in range(20)]
    assert set(found) == {((1, 2, 1), True), ((2, 2, 1), True)}
    assert found[3] == error_point(mask, reference, np.random.default_rng(3))
    assert error_point(reference, mask, np.random.default_rng(0)) in {
        ((1, 2, 1), False), ((2, 2, 1), False),
    }  # fmt: skip
    assert error_point(mask, mask, np.random.default_rng(0)) is None
    with pytest.raises(ValueError, match="no rule"):
        error_point(mask, reference, np.random.default_rng(0), "centre")
