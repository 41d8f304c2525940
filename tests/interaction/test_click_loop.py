"""Fixed clicks shown to a segmenter."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Study
from lesionloop.interaction.click_loop import run_clicks
from lesionloop.metrics.liver import score_click_curve, score_whole_lesion
from lesionloop.scribbles.clicks import simulate_clicks


def test_a_mask_before_any_click_and_one_after_each(
    make_study: Callable[..., Study], painter: Any, reference: NDArray[np.bool_]
) -> None:
    study = make_study()
    clicks = simulate_clicks(reference, np.ones_like(reference))
    artist = painter()
    steps = run_clicks(artist, study, clicks)
    assert [step.step for step in steps] == list(range(11))
    assert (artist.opened, artist.calls) == (1, 11)
    assert steps[0].scribble is None
    scores = []
    for number, step in enumerate(steps):
        expected = painter().open(study).segment(clicks.first(number))
        assert step.mask is not None
        np.testing.assert_array_equal(step.mask, expected)
        assert step.mask[tuple(clicks.lesion[:number].T)].all()
        score = score_whole_lesion(step.mask, reference, study.grid.spacing)
        assert score is not None
        scores.append(score)
        if number:
            assert step.scribble is not None
            np.testing.assert_array_equal(step.scribble.points, clicks.lesion[number - 1 : number])
    assert score_click_curve(scores).final == scores[-1]
    assert 0 <= score_click_curve(scores).auc.dice <= 10
