"""Windows of one size, blended."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from lesionloop.segmenters.learned.windows import run_windows, widened

PADDING = np.array([0.5, -1000, 0, 0, 0, 0, 0], np.float32)


class Remembering:
    """A runtime whose logit is its first channel; remembers what it was shown."""

    def __init__(self) -> None:
        self.shown: list[NDArray[np.float32]] = []

    def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
        self.shown.append(inputs)
        return np.asarray(inputs[0])


@given(st.tuples(*[st.integers(1, 40)] * 3), st.sampled_from([8, 16]))
def test_a_pointwise_network_gives_what_it_gives_in_one_piece(
    shape: tuple[int, int, int], window: int
) -> None:
    inputs = np.random.default_rng(1).random((7, *shape), dtype=np.float32)
    runtime = Remembering()
    np.testing.assert_allclose(run_windows(runtime, inputs, window, PADDING), inputs[0], rtol=1e-5)
    assert {shown.shape for shown in runtime.shown} == {(7, window, window, window)}


def test_what_is_beyond_the_box_is_padding_and_the_middle_counts_most() -> None:
    runtime = Remembering()
    run_windows(runtime, np.zeros((7, 5, 16, 16), np.float32), 16, PADDING)
    (shown,) = runtime.shown
    assert (shown[0, 5:] == 0.5).all()
    assert (shown[1, 5:] == -1000).all()
    assert (shown[:, :5] == 0).all()

    class Numbered(Remembering):
        def run(self, inputs: NDArray[np.float32]) -> NDArray[np.float32]:
            super().run(inputs)
            return np.full(inputs.shape[1:], len(self.shown), np.float32)

    numbered = Numbered()
    result = run_windows(numbered, np.zeros((7, 28, 16, 16), np.float32), 16, PADDING)
    assert len(numbered.shown) == 2  # three quarters of a window on: a quarter is seen twice
    assert (np.diff(result[:, 8, 8]) >= 0).all()
    assert result[11, 8, 8] == 1
    assert result[16, 8, 8] == 2
    assert result[13, 8, 8] == pytest.approx(1.5, abs=0.5)


@given(
    st.tuples(*[st.tuples(st.integers(0, 30), st.integers(1, 30))] * 3), st.sampled_from([8, 32])
)
def test_a_box_grows_to_a_window_within_the_grid(
    corners: tuple[tuple[int, int], ...], window: int
) -> None:
    shape = (60, 20, 45)
    sides = []
    for (corner, length), n in zip(corners, shape, strict=True):
        start = min(corner, n - 1)
        sides.append(slice(start, min(n, start + length)))
    box = (sides[0], sides[1], sides[2])
    for side, wide, n in zip(box, widened(box, window, shape), shape, strict=True):
        assert 0 <= wide.start <= side.start
        assert side.stop <= wide.stop <= n
        assert wide.stop - wide.start == max(side.stop - side.start, min(window, n))
