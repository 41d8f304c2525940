from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.interaction import RecordedReader, SimulatedReader, TraceStep, run_loop
from lesionloop.scribbles import STRATEGIES, ScribbleSet, error_scribbles
from lesionloop.segmenters import load_segmenter

StudyMaker = Callable[..., Study]


def loop_by_hand(
    painter: Any, study: Study, reference: NDArray[np.bool_], strategy: str, steps: int
) -> tuple[list[NDArray[np.bool_]], ScribbleSet]:
    """The protocol, written down straight: a scribble on the larger error, a fresh prediction."""
    scribbles = ScribbleSet()
    masks = [painter().open(study).segment(scribbles)]
    for _ in range(steps):
        found = error_scribbles(masks[-1], reference, strategy)
        over, under = len(found.over), len(found.under)
        if over > under:
            scribbles = scribbles.add(found.over, "background")
        elif under:
            scribbles = scribbles.add(found.under, "foreground")
        masks.append(painter().open(study).segment(scribbles))
    return masks, scribbles


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("steps", [0, 1, 5, 9])
def test_the_protocol_step_by_step(
    make_study: StudyMaker,
    painter: Any,
    reference: NDArray[np.bool_],
    strategy: str,
    steps: int,
) -> None:
    study = make_study()
    seen: list[TraceStep] = []
    trace = run_loop(
        painter(), study, SimulatedReader(reference, strategy), steps, on_step=seen.append
    )
    masks, scribbles = loop_by_hand(painter, study, reference, strategy, steps)
    assert tuple(seen) == trace.steps
    assert [step.step for step in trace.steps] == list(range(steps + 1))
    assert trace.scribbles == scribbles
    assert (trace.case, trace.mode) == (study.name, "protocol")
    for step, mask in zip(trace.steps, masks, strict=True):
        assert step.mask is not None
        np.testing.assert_array_equal(step.mask, mask)
        assert step.failure is None
        assert step.seconds >= 0
    assert trace.steps[0].scribble is None
    np.testing.assert_array_equal(trace.mask, masks[-1])


def test_when_nothing_is_left_to_draw_the_mask_stands(make_study: StudyMaker, painter: Any) -> None:
    study = make_study()
    perfect = study.pet.values > 2
    segmenter = painter()
    trace = run_loop(segmenter, study, SimulatedReader(perfect), 5)
    assert segmenter.calls == 1
    assert all(step.mask is trace.steps[0].mask for step in trace.steps)
    assert not len(trace.scribbles)


def test_only_one_kind_of_error_is_drawn_until_none_is_left(
    make_study: StudyMaker, painter: Any
) -> None:
    study = make_study()
    reference = study.pet.values > 2
    reference[3, 4, 3:5] = False  # two false voxels, in two slices
    trace = run_loop(painter(), study, SimulatedReader(reference), 4)
    labels = [step.scribble.label if step.scribble else None for step in trace.steps]
    assert labels == [None, "background", "background", None, None]
    np.testing.assert_array_equal(trace.mask, reference)


def test_the_segmenter_is_opened_once(make_study: StudyMaker, painter: Any, reference: Any) -> None:
    segmenter = painter()
    run_loop(segmenter, make_study(), SimulatedReader(reference), 3)
    assert (segmenter.opened, segmenter.calls) == (1, 4)


def test_failures_of_the_segmenter_pass_through_but_for_reference_mode(
    make_study: StudyMaker, painter: Any, reference: NDArray[np.bool_]
) -> None:
    with pytest.raises(RuntimeError, match="ladder"):
        run_loop(painter(fails_at=2), make_study(), SimulatedReader(reference), 4)
    trace = run_loop(
        painter(fails_at=2), make_study(), SimulatedReader(reference, mode="reference"), 4
    )
    failed = trace.steps[2]
    assert "ladder" in str(failed.failure)
    assert failed.mask is trace.steps[1].mask
    assert [step.failure is None for step in trace.steps] == [True, True, False, True, True]


def test_a_mask_of_another_shape_is_refused(
    make_study: StudyMaker, player: Any, reference: NDArray[np.bool_]
) -> None:
    with pytest.raises(InputError, match="shape"):
        run_loop(player([reference[:-1]]), make_study(), SimulatedReader(reference), 1)


def test_a_reference_of_another_shape_is_refused(
    make_study: StudyMaker, painter: Any, reference: NDArray[np.bool_]
) -> None:
    with pytest.raises(InputError, match="shape"):
        run_loop(painter(), make_study(), SimulatedReader(reference[:-1]), 1)


def test_a_negative_number_of_steps_is_refused(make_study: StudyMaker, painter: Any) -> None:
    with pytest.raises(InputError, match="steps"):
        run_loop(painter(), make_study(), RecordedReader(ScribbleSet()), -1)


@pytest.mark.parametrize("name", ["propagate", "threshold"])
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_replay_gives_the_masks_of_the_live_run(
    make_study: StudyMaker,
    reference: NDArray[np.bool_],
    name: str,
    strategy: str,
    tmp_path: Path,
) -> None:
    study = make_study()
    live = run_loop(load_segmenter(name), study, SimulatedReader(reference, strategy), 5, tmp_path)
    replay = run_loop(load_segmenter(name), study, RecordedReader(live.scribbles), 5)
    assert replay.mode == "recorded"
    assert replay.scribbles == live.scribbles
    for one, two in zip(live.steps, replay.steps, strict=True):
        np.testing.assert_array_equal(one.mask, two.mask)
        assert one.scribble == two.scribble


def test_a_recording_that_ends_early_leaves_the_mask_standing(
    make_study: StudyMaker, painter: Any
) -> None:
    recording = ScribbleSet().add([[1, 1, 1]], "foreground")
    segmenter = painter()
    trace = run_loop(segmenter, make_study(), RecordedReader(recording), 4)
    assert segmenter.calls == 2
    assert trace.scribbles == recording
    assert len(trace.steps) == 5
