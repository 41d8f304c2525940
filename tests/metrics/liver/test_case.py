"""Scores of lesions from geometry, values of masks, limits, and data sets."""

from math import isnan, sqrt
from typing import Any

import numpy as np
import pytest
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.metrics.liver import (
    LiverCase,
    accepted_means,
    lesion_mask,
    liver_dataset,
    missing_case,
    penalised_means,
    score_click_curve,
    score_liver_case,
    score_whole_lesion,
    sized_lesions,
)
from lesionloop.metrics.liver.surfaces import surface, surface_distances

SPACING = (0.7, 0.9, 5.0)
EDGES = ndimage.generate_binary_structure(3, 2)


def _pair() -> tuple[Any, Any]:
    """Three voxels along z, of which two are found; and a lesion that is missed."""
    reference = np.zeros((6, 5, 7), np.uint8)
    prediction = np.zeros_like(reference)
    reference[1, 2, 1:4] = 1
    prediction[1, 2, 1:3] = 1
    reference[4, 4, 4] = 1
    return prediction, reference


def test_scores_of_a_line_along_z() -> None:
    """Distances 0, 0 from prediction to reference, and 0, 0, 5 back."""
    case = score_liver_case(*_pair(), SPACING)
    (lesion,) = case.lesions
    expected = (4 / 5, 2 / 3, 1 / 3, 1 / 2, 1.0, sqrt(5.0), 5.0)
    assert lesion.as_tuple() == pytest.approx(expected, abs=1e-12)
    assert (case.intersection, case.size_sum, case.reference_voxels) == (2, 6, 4)
    assert case.dice == pytest.approx(4 / 6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_spacing_belongs_to_its_axis(axis: int) -> None:
    shape = [3, 3, 3]
    shape[axis] = 9
    masks = np.zeros((2, *shape), bool)
    line = np.moveaxis(masks, axis + 1, 1)
    line[0, 2:8, 1, 1] = True
    line[1, 3:8, 1, 1] = True
    (lesion,) = score_liver_case(masks[0], masks[1], SPACING).lesions
    assert lesion.msd == pytest.approx(SPACING[axis])


def test_the_surface_has_18_neighbours() -> None:
    """A missing corner leaves the voxel beside it inside; what is outside is background."""
    cube = np.ones((5, 5, 5), bool)
    cube[0, 0, 0] = False
    inside = cube & ~surface(cube)
    np.testing.assert_array_equal(np.argwhere(inside).min(axis=0), [1, 1, 1])
    assert inside.sum() == 27
    cube[0, 0, 1] = False  # an edge neighbour of (1, 1, 1)
    assert (cube & ~surface(cube)).sum() == 26


def test_surfaces_and_distances_agree_with_scipy() -> None:
    rng = np.random.default_rng(17)
    for density in (0.05, 0.6, 0.95):
        one, two = rng.random((2, 9, 8, 7)) < density
        edges = [mask & ~ndimage.binary_erosion(mask, EDGES) for mask in (one, two)]
        np.testing.assert_array_equal(surface(one), edges[0])
        far = [ndimage.distance_transform_edt(~edge, sampling=SPACING) for edge in edges]
        there, back = surface_distances(one, two, SPACING)
        np.testing.assert_allclose(np.sort(there), np.sort(far[1][edges[0]]), rtol=1e-12)
        np.testing.assert_allclose(np.sort(back), np.sort(far[0][edges[1]]), rtol=1e-12)


def test_a_missing_prediction_is_the_worst() -> None:
    _, reference = _pair()
    case = missing_case(reference, SPACING)
    assert (case.half.tp, case.half.fp, case.half.fn) == (0, 0, 2)
    assert (case.dice, case.size_sum, case.intersection, case.missing) == (0, 4, 0, True)
    nothing = missing_case(np.zeros_like(reference), SPACING)
    assert (nothing.dice, nothing.half.fn) == (0, 0)  # not the 1 of two empty masks


def _cases() -> list[LiverCase]:
    prediction, reference = _pair()
    empty = np.zeros_like(reference)
    return [
        score_liver_case(prediction, reference, SPACING),
        score_liver_case(empty, empty, SPACING),
        score_liver_case(reference, empty, SPACING),
    ]


def test_a_data_set_by_hand() -> None:
    """TP 1, FP 2, FN 1; one lesion accepted; Dice 4/6, 1 and 0; 2 shared of 6 + 4 voxels."""
    values = liver_dataset(_cases())
    assert values["lesion_precision"] == pytest.approx(1 / 3)
    assert values["lesion_recall"] == pytest.approx(1 / 2)
    assert values["lesion_dice"] == pytest.approx(4 / 5)
    assert values["lesion_dice_per_case"] == pytest.approx((4 / 6 + 1) / 3)
    assert values["lesion_dice_global"] == pytest.approx(2 * 2 / 10)
    paper = liver_dataset(_cases(), mode="paper")
    assert paper["lesion_assd"] == pytest.approx((1 + 3 * 9001) / 4)
    assert paper["lesion_voe"] == pytest.approx((1 / 3 + 3) / 4)
    assert paper["lesion_dice"] == pytest.approx(0.8 / 4)
    assert paper["lesion_recall"] == values["lesion_recall"]


def test_a_data_set_with_nothing_accepted() -> None:
    """The worst values; without any foreground there are none."""
    _, empty, false = _cases()
    means = accepted_means([empty, false])
    assert (means["dice"], means["voe"], means["rvd"], means["msd"]) == (0, 1, 9001, 9001)
    assert penalised_means([empty, false]) == means
    nothing = liver_dataset([empty])
    assert (nothing["lesion_dice_per_case"], nothing["lesion_precision"]) == (1, 0)
    for name in ("lesion_dice_global", "lesion_dice", "lesion_assd"):
        assert isnan(nothing[name])
    assert isnan(liver_dataset([])["lesion_dice_per_case"])


def test_lesions_by_size() -> None:
    """The first lesion is found, the second is not; volumes are in mm³."""
    voxel = 0.7 * 0.9 * 5.0
    found: list[Any] = [
        (x.side, x.number, x.volume_mm3, x.matched)
        for x in sized_lesions(score_liver_case(*_pair(), SPACING))
    ]
    assert found == [
        ("reference", 1, pytest.approx(3 * voxel), True),
        ("reference", 2, pytest.approx(voxel), False),
        ("prediction", 1, pytest.approx(2 * voxel), True),
    ]


def test_a_training_label_is_not_scored_as_it_is() -> None:
    """1 is the liver there: it would be scored in place of the lesion."""
    prediction, reference = _pair()
    label = np.ones_like(reference) + reference  # liver everywhere, 2 where there is lesion
    with pytest.raises(InputError, match="--reference-values training") as refused:
        score_liver_case(prediction, label, SPACING)
    assert "1, 2" in refused.value.what
    case = score_liver_case(prediction, label, SPACING, reference_values="training")
    assert case == score_liver_case(prediction, reference, SPACING)
    with pytest.raises(InputError, match="0, 3"):
        lesion_mask(np.array([[[0, 3]]]), "training")


def test_values_are_truncated_where_asked() -> None:
    """0.9999 is background, 1.9 is lesion, 257 wraps to 1 in 8 bits, 2 and -1 are ignored."""
    values = np.array([[[0.9999, 1.0, 1.9, 2.0, -1.0, 257.0]]])
    assert lesion_mask(values, "truncate").ravel().tolist() == [0, 1, 1, 0, 0, 1]
    for bad in (values, values.astype(np.int16), np.array([[[np.nan]]])):
        with pytest.raises(InputError, match="a mask holds the values"):
            lesion_mask(bad)
    assert lesion_mask(np.array([[[0.0, 1.0]]])).ravel().tolist() == [0, 1]


@pytest.mark.parametrize("bad", [np.zeros((3, 3)), np.array([[["a"]]])])
def test_what_is_no_mask(bad: Any) -> None:
    with pytest.raises(InputError, match="axes x, y, z"):
        lesion_mask(bad)


def test_shapes_and_spacing_are_checked() -> None:
    one = np.zeros((3, 4, 5), np.uint8)
    with pytest.raises(InputError, match="shapes"):
        score_liver_case(one, one[:2], SPACING)
    for bad in ((1, 1), (1, 1, 0), (1, 1, np.nan)):
        with pytest.raises(InputError, match="spacing"):
            score_liver_case(one, one, bad)
    with pytest.raises(InputError, match="unknown mode"):
        score_liver_case(one, one, SPACING, mode="lenient")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="unknown mask values"):
        score_liver_case(one, one, SPACING, prediction_values="any")  # type: ignore[arg-type]


def test_what_8_and_16_bits_cannot_count() -> None:
    """256 reference components, 32768 predicted ones; strict has no such limit."""
    many = np.zeros((64, 64, 64), np.uint8)
    many[::2, ::2, ::2] = 1  # 32768 voxels, each alone
    few = np.zeros_like(many)
    few[:4:2, :32:2, :16:2] = 1  # 256
    with pytest.raises(InputError, match="reference has 256 components"):
        score_liver_case(few, few, SPACING, mode="official")
    with pytest.raises(InputError, match="prediction has 32768 components"):
        score_liver_case(many, few[::-1] * 0, SPACING, mode="paper")
    assert score_liver_case(many, few, SPACING).half.tp == 256
    few[0, 0, 0] = 0
    assert score_liver_case(few, few, SPACING, mode="official").half.tp == 255


def test_the_click_curve() -> None:
    """A perfect mask throughout gives 10; in the order of names the last is that of 9 clicks."""
    _, reference = _pair()
    perfect = score_whole_lesion(reference, reference, SPACING)
    nothing = score_whole_lesion(reference * 0, reference, SPACING)
    assert perfect is not None
    assert nothing is not None
    assert (nothing.dice, nothing.assd, nothing.msd) == (0, 9001, 9001)
    assert score_whole_lesion(reference, reference * 0, SPACING) is None
    assert score_click_curve([perfect] * 11).auc.dice == 10
    late = [nothing] * 10 + [perfect]
    assert score_click_curve(late).auc.dice == 0.5
    assert score_click_curve(late).final.dice == 1
    assert score_click_curve(late, "names").auc.dice == 1
    assert score_click_curve(late, "names").final.dice == 0
    with pytest.raises(InputError, match="10 masks"):
        score_click_curve(late[1:])
    with pytest.raises(InputError, match="unknown order"):
        score_click_curve(late, "dates")  # type: ignore[arg-type]
