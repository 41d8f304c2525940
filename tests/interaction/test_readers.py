from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.interaction import Reader, RecordedReader, SimulatedReader
from lesionloop.interaction.readers import MODES, ReaderFailureError
from lesionloop.scribbles import STRATEGIES, ScribbleSet, simulate_scribble

StudyMaker = Callable[..., Study]
SHAPE = (14, 12, 9)


def row(length: int, y: int) -> NDArray[np.bool_]:
    """A bar of one voxel's width; "random" draws at most ``length`` points on it."""
    mask = np.zeros(SHAPE, bool, order="F")
    mask[:length, y, 4] = True
    return mask


def errors(over: int, under: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """A mask and a reference with bars of so many false and missed voxels, and a common part."""
    common = np.zeros(SHAPE, bool, order="F")
    common[9:12, 9:11, 7] = True
    return common | row(over, 1), common | row(under, 5)


@pytest.mark.parametrize("strategy", STRATEGIES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("over", "under"), [(2, 9), (9, 2), (5, 5), (1, 1), (6, 7), (12, 3)])
def test_the_kind_with_more_scribble_points_is_drawn_and_a_tie_is_foreground(
    make_study: StudyMaker, strategy: str, mode: Any, over: int, under: int
) -> None:
    mask, reference = errors(over, under)
    drawn = SimulatedReader(reference, strategy, mode=mode).next(make_study(), mask, ScribbleSet())
    false, missed = (
        simulate_scribble(some & ~other, strategy)
        for some, other in ((mask, reference), (reference, mask))
    )
    assert drawn is not None
    expected = ("foreground", missed) if len(false) <= len(missed) else ("background", false)
    assert drawn.label == expected[0]
    np.testing.assert_array_equal(drawn.points, expected[1])
    assert drawn.step == 1


@pytest.mark.parametrize(
    ("over", "under", "label"), [(0, 3, "foreground"), (3, 0, "background"), (0, 0, None)]
)
def test_when_a_kind_of_error_is_missing(
    make_study: StudyMaker, over: int, under: int, label: str | None
) -> None:
    mask, reference = errors(over, under)
    drawn = SimulatedReader(reference).next(make_study(), mask, ScribbleSet())
    assert (drawn.label if drawn else None) == label
    with pytest.raises(ReaderFailureError, match=r"no (missed|false) voxel"):
        SimulatedReader(reference, mode="reference").next(make_study(), mask, ScribbleSet())


def test_an_empty_mask_and_a_reference_without_lesions(make_study: StudyMaker) -> None:
    empty = np.zeros(SHAPE, bool, order="F")
    bar = row(7, 3)
    missed = SimulatedReader(bar).next(make_study(), empty, ScribbleSet())
    false = SimulatedReader(empty).next(make_study(), bar, ScribbleSet())
    assert missed is not None
    assert false is not None
    assert (missed.label, false.label) == ("foreground", "background")
    assert SimulatedReader(empty).next(make_study(), empty, ScribbleSet()) is None
    # The released code never draws on a study without lesions, whatever the mask, or without one.
    silent = SimulatedReader(empty, mode="reference")
    for mask in (empty, bar, None):
        assert silent.next(make_study(), mask, ScribbleSet()) is None
    with pytest.raises(ReaderFailureError, match="no segmentation"):
        SimulatedReader(bar, mode="reference").next(make_study(), None, ScribbleSet())


def test_steps_count_on_and_instance_maps_are_masks(make_study: StudyMaker) -> None:
    mask, reference = errors(2, 9)
    numbered = reference.astype(np.int16) * 7
    so_far = ScribbleSet().add([[1, 1, 1]], "background", step=3)
    drawn = SimulatedReader(numbered).next(make_study(), mask, so_far)
    assert drawn is not None
    assert drawn.step == 4
    assert drawn == SimulatedReader(reference).next(make_study(), mask, so_far)
    assert SimulatedReader(numbered).identity == SimulatedReader(reference).identity


def test_the_seed_is_used(make_study: StudyMaker) -> None:
    mask = np.zeros(SHAPE, bool, order="F")
    blob = mask.copy()
    blob[2:12, 2:10, 3] = True
    drawn = {
        seed: SimulatedReader(blob, "random", seed).next(make_study(), mask, ScribbleSet())
        for seed in (42, 43, 44)
    }
    assert len({scribble for scribble in drawn.values() if scribble}) > 1
    assert drawn[42] == SimulatedReader(blob, "random").next(make_study(), mask, ScribbleSet())


def test_identities_differ_with_all_that_decides() -> None:
    mask, reference = errors(2, 9)
    readers: list[Reader] = [
        SimulatedReader(reference),
        SimulatedReader(mask),
        SimulatedReader(reference, "random"),
        SimulatedReader(reference, seed=43),
        SimulatedReader(reference, mode="reference"),
        RecordedReader(ScribbleSet().add([[1, 2, 3]], "foreground")),
        RecordedReader(ScribbleSet().add([[1, 2, 3]], "background")),
        RecordedReader(ScribbleSet().add([[1, 2, 3]], "foreground", step=2)),
        RecordedReader(ScribbleSet().add([[3, 2, 1]], "foreground")),
        RecordedReader(ScribbleSet()),
    ]
    assert len({str(reader.identity) for reader in readers}) == len(readers)


def test_senseless_readers_are_refused(make_study: StudyMaker) -> None:
    reference = row(3, 3)
    with pytest.raises(InputError, match="strategy 'scrawl'"):
        SimulatedReader(reference, "scrawl")
    with pytest.raises(InputError, match="mode 'strict'"):
        SimulatedReader(reference, mode="strict")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="shape"):
        SimulatedReader(reference).next(make_study(), np.ones((14, 12, 8), bool), ScribbleSet())


def test_a_recording_is_replayed_in_order_and_ends(make_study: StudyMaker) -> None:
    recording = ScribbleSet().add([[1, 1, 1]], "foreground").add([[2, 2, 2]], "background")
    reader = RecordedReader(recording)
    so_far = ScribbleSet()
    for expected in recording:
        drawn = reader.next(make_study(), None, so_far)
        assert drawn == expected
        so_far = ScribbleSet((*so_far, drawn))
    assert reader.next(make_study(), None, so_far) is None
