"""A whole case on a phantom: the movement is known, so are the lesions of two phases or more."""

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.fusion import Fused, FuseOptions, align, crop, fuse_phases, liver_box
from lesionloop.fusion.fuse import LESION, Phase
from lesionloop.fusion.registration import RegistrationOptions
from lesionloop.imaging import Volume
from lesionloop.phantom.liver import PHASES, LiverPhantom, make_liver

OPTIONS = FuseOptions(RegistrationOptions(working_mm=4.0, samples=1500, iterations=100))


@pytest.fixture(scope="module")
def fused(phantom: LiverPhantom) -> Fused:
    return fuse_phases(phases(phantom), PHASES[0], OPTIONS)


def phases(phantom: LiverPhantom) -> dict[str, Phase]:
    return {name: Phase(phantom.images[name], phantom.labels[name]) for name in PHASES}


def test_each_stage_comes_closer(phantom: LiverPhantom, fused: Fused) -> None:
    """Mean distance in the liver between where a point is and where it is said to be, mm."""
    liver = phantom.labels[PHASES[0]]
    points = liver.grid.to_world(np.argwhere(liver.values > 0)[::37])
    before, after = [], []
    for name, found in fused.alignments.items():
        true = phantom.movements[name].shown_at(points)
        off = [np.linalg.norm(p - true, axis=1).mean() for p in (points, found.full.points(points))]
        before.append(off[0])
        after.append(off[1])
        assert found.full.folded() < 0.02
    assert np.mean(before) > 5.0
    assert np.mean(after) < 0.5 * np.mean(before)
    assert max(after) < 4.0


def test_lesions_of_two_phases_are_there_and_no_others(phantom: LiverPhantom, fused: Fused) -> None:
    labels = fused.label.values == LESION
    for lesion in phantom.lesions:
        at = tuple(np.rint(fused.label.grid.to_index(lesion.centre_mm)).astype(int))
        near = labels[tuple(slice(max(0, a - 1), a + 2) for a in at)]
        assert near.any() == (len(lesion.phases) >= 2), lesion
    assert len(fused.lesions) == sum(len(lesion.phases) >= 2 for lesion in phantom.lesions)


def test_the_label_lies_on_the_reference_grid(phantom: LiverPhantom, fused: Fused) -> None:
    assert fused.label.grid == phantom.images[PHASES[0]].grid
    liver = phantom.labels[PHASES[0]].values > 0
    assert (fused.label.values[liver] > 0).all()
    outside = np.ones(liver.shape, dtype=bool)
    outside[fused.box] = False
    assert not (fused.label.values[outside & ~liver] > 0).any()


def test_the_quality_says_which_phases_show_a_lesion(phantom: LiverPhantom, fused: Fused) -> None:
    for lesion in fused.lesions:
        apart = [
            np.linalg.norm(np.subtract(o.centre_mm, lesion.centre_mm)) for o in phantom.lesions
        ]
        true = phantom.lesions[int(np.argmin(apart))]
        assert {entry.phase for entry in lesion.phases} == set(true.phases)
        assert lesion.combined_only == (PHASES[0] not in true.phases)
        assert all(entry.centroid_mm < 6 for entry in lesion.phases)


def test_the_same_scans_give_the_same_alignment(phantom: LiverPhantom, fused: Fused) -> None:
    fixed, moving = phases(phantom)[PHASES[0]], phases(phantom)["venous"]
    again = align(fixed.image, fixed.label, moving.image, moving.label, OPTIONS.registration)
    known = fused.alignments["venous"]
    np.testing.assert_array_equal(again.full.displacement, known.full.displacement)


def test_nothing_moves_where_nothing_moved() -> None:
    """Identical frames: lesions of both phases stay where they are."""
    still = make_liver(2, shape=(56, 48, 40), spacing=(5.0, 5.0, 5.0), lesions=4, movement=0.0)
    two = {name: phases(still)[name] for name in (PHASES[0], "arterial")}
    found = fuse_phases(two, PHASES[0], OPTIONS)
    points = still.combined.grid.to_world(np.argwhere(still.combined.values > 0)[::17])
    off = np.linalg.norm(found.alignments["arterial"].full.points(points) - points, axis=1)
    assert off.mean() < 4.0  # below a voxel of 5 mm
    both = [lesion for lesion in still.lesions if set(two) <= set(lesion.phases)]
    assert len(found.lesions) == len(both) > 0


def test_a_label_of_other_values_is_refused(phantom: LiverPhantom) -> None:
    label = phantom.labels["venous"]
    wrong = Volume(label.values + 1, label.grid, label.quantity, "some label")
    with pytest.raises(InputError, match="no label of a liver"):
        Phase(phantom.images["venous"], wrong)


def test_a_label_without_a_liver_is_refused(phantom: LiverPhantom) -> None:
    label = phantom.labels["venous"]
    empty = Volume(np.zeros_like(label.values), label.grid, label.quantity, "empty label")
    bad = phases(phantom) | {"venous": Phase(phantom.images["venous"], empty)}
    with pytest.raises(InputError, match="empty label holds no liver"):
        fuse_phases(bad, PHASES[0], OPTIONS)


def test_one_phase_cannot_be_fused(phantom: LiverPhantom) -> None:
    with pytest.raises(InputError, match="another one"):
        fuse_phases({"nocontrast": phases(phantom)["nocontrast"]}, PHASES[0], OPTIONS)


def test_the_crop_stays_where_it_is(phantom: LiverPhantom) -> None:
    label = phantom.labels["venous"]
    box = liver_box(label, margin=0.05)
    part = crop(label, box)
    held = np.argwhere(label.values)
    for axis, side in enumerate(box):
        low, high = held[:, axis].min(), held[:, axis].max() + 1
        rim = int(np.ceil(0.05 * (high - low)))
        assert side == slice(max(0, low - rim), min(label.grid.shape[axis], high + rim))
    first = [side.start for side in box]
    np.testing.assert_allclose(part.grid.origin, label.grid.to_world(first))
    assert (part.values > 0).sum() == len(held)
