"""The rule of two phases, worked by hand."""

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.fusion import supported_lesions

Mask = NDArray[np.bool_]


def mask(*places: slice) -> Mask:
    """A row of 30 voxels, True at the slices."""
    row = np.zeros((30, 3, 3), dtype=bool)
    for place in places:
        row[place, 1, 1] = True
    return row


A, B, C, D = slice(0, 4), slice(8, 12), slice(16, 20), slice(24, 28)


def test_one_phase_is_not_enough() -> None:
    masks = {"n": mask(A, B), "a": mask(A), "v": mask(A), "d": mask()}
    found = supported_lesions(mask(A, B), masks)
    assert (found.labels > 0)[A, 1, 1].all()
    assert not (found.labels > 0)[B, 1, 1].any()
    assert found.phases == (("n", "a", "v"),)
    (conflict,) = found.conflicts
    assert (conflict.kind, conflict.phases, conflict.voxels) == ("dropped", ("n",), 4)
    assert conflict.at in [(9, 1, 1), (10, 1, 1)]


def test_what_the_fusion_lost_is_restored_where_two_agree() -> None:
    masks = {"n": mask(C), "a": mask(slice(17, 22)), "v": mask(A), "d": mask(A)}
    found = supported_lesions(mask(A), masks)
    lesions = np.flatnonzero((found.labels > 0)[:, 1, 1])
    assert lesions.tolist() == [0, 1, 2, 3, 17, 18, 19]  # only the voxels that two hold
    assert found.phases == (("v", "d"), ("n", "a"))
    assert [entry.kind for entry in found.conflicts] == ["restored"]


def test_agreement_leaves_no_conflict() -> None:
    masks = {name: mask(A, D) for name in "navd"}
    found = supported_lesions(mask(A, D), masks)
    assert found.conflicts == ()
    assert found.labels.max() == 2


def test_asking_for_all_phases() -> None:
    masks = {"n": mask(A), "a": mask(A, B), "v": mask(A, B)}
    found = supported_lesions(mask(A, B), masks, least_phases=3)
    assert found.labels.max() == 1
    assert found.conflicts[0].phases == ("a", "v")


def test_nothing_anywhere() -> None:
    found = supported_lesions(mask(), {"n": mask(), "a": mask()})
    assert not found.labels.any()
    assert found.phases == ()
    assert found.conflicts == ()


@pytest.mark.parametrize("number", [0, 3])
def test_a_number_of_phases_that_there_is(number: int) -> None:
    with pytest.raises(InputError, match="phases"):
        supported_lesions(mask(), {"n": mask(), "a": mask()}, least_phases=number)
