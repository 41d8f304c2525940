"""The arithmetic of reading schemes against figures worked by hand."""

from math import isnan, nan
from typing import Any

import pytest

from lesionloop.errors import InputError
from lesionloop.quantification import LesionMeasures
from lesionloop.quantification.helpers import (
    deauville_points,
    liver_level,
    percist_change,
    percist_measurable,
)
from lesionloop.quantification.lean_mass import Physique, lean_factor, lean_mass_kg
from lesionloop.quantification.reference_regions import ReferenceRegion

LIVER = ReferenceRegion(True, mean=2.0, sd=0.2, high=2.8, peak=2.3)
POOL = ReferenceRegion(True, mean=1.5, sd=0.1, high=1.9, peak=1.7)
NONE = ReferenceRegion(False, "none")


def _lesion(number: int, suv_max: float, suv_peak: float) -> LesionMeasures:
    place: Any = {"at": (0, 0, 0), "centroid_mm": (0.0, 0.0, 0.0), "box": ((0, 0, 0), (1, 1, 1))}
    return LesionMeasures(number, 1.0, suv_max, suv_max, suv_peak, suv_max, **place)


def test_lean_mass_by_hand() -> None:
    """80 kg and 200 cm are a BMI of 20: 9270 x 80 / (6680 + 4320) and / (8780 + 4880)."""
    assert lean_mass_kg(weight_kg=80, height_cm=200, sex="male") == pytest.approx(
        67.41818, abs=1e-5
    )
    female = lean_mass_kg(weight_kg=80, height_cm=200, sex="female")
    assert female == pytest.approx(54.28990, abs=1e-5)
    assert lean_factor(Physique(80, 200, "male")) == pytest.approx(0.842727, abs=1e-6)
    assert lean_factor(Physique(80, 200)) is None


@pytest.mark.parametrize(
    "wrong", [{"weight_kg": 0}, {"height_cm": 1.8}, {"sex": "x"}, {"weight_kg": nan}]
)
def test_an_impossible_physique(wrong: Any) -> None:
    with pytest.raises(InputError):
        Physique(**wrong)


def test_percist_by_the_liver() -> None:
    """1.5 x 2.0 + 2 x 0.2 = 3.4; the answer is the same in SUL."""
    assert liver_level(LIVER) == pytest.approx(3.4)
    assert isnan(liver_level(NONE))
    lesions = [_lesion(1, 9, 3.3), _lesion(2, 5, 3.5)]
    found = percist_measurable(lesions, LIVER, POOL, Physique())
    assert (found.quantity, found.reference) == ("SUVbw", "liver")
    assert found.level == pytest.approx(3.4)
    assert (found.hottest, found.measurable) == (2, (2,))
    lean = percist_measurable(lesions, LIVER, POOL, Physique(80, 200, "male"))
    assert lean.quantity == "SUL"
    assert lean.level == pytest.approx(3.4 * 0.842727, rel=1e-5)
    assert lean.hottest_peak == pytest.approx(3.5 * 0.842727, rel=1e-5)
    assert lean.measurable == (2,)


def test_percist_by_the_blood_pool_and_by_nothing() -> None:
    """2 x 1.5 + 2 x 0.1 = 3.2."""
    lesions = [_lesion(1, 9, 3.3)]
    found = percist_measurable(lesions, NONE, POOL, Physique())
    assert (found.reference, found.measurable) == ("blood_pool", (1,))
    assert found.level == pytest.approx(3.2)
    nothing = percist_measurable(lesions, NONE, NONE, Physique())
    assert nothing.reference is None
    assert isnan(nothing.level)
    assert nothing.measurable == ()
    assert percist_measurable([], LIVER, POOL, Physique()).hottest is None


@pytest.mark.parametrize(
    ("suv_max", "points"), [(1.9, 2), (1.91, 3), (2.8, 3), (2.81, 4), (5.6, 4), (5.61, 5)]
)
def test_five_points(suv_max: float, points: int) -> None:
    """Cut-offs 1.9, 2.8 and 2 x 2.8; equal to a cut-off is not above it."""
    found = deauville_points([_lesion(1, 1.0, 1.0), _lesion(2, suv_max, 1.0)], LIVER, POOL)
    assert found.by_lesion == ((1, 2), (2, points))
    assert found.points == points


def test_five_points_without_lesions_or_references() -> None:
    assert deauville_points([], LIVER, POOL).points == 1
    low, high = _lesion(1, 2.0, 1.0), _lesion(2, 6.0, 1.0)
    assert deauville_points([low], LIVER, NONE).points is None
    assert deauville_points([low, high], LIVER, NONE).points == 5
    assert deauville_points([low, high], LIVER, NONE).by_lesion == ((1, None), (2, 5))
    assert deauville_points([high], NONE, POOL).points is None


@pytest.mark.parametrize(
    ("before", "after", "percent", "limits"),
    [
        (10.0, 6.9, -31.0, "decrease"), (10.0, 7.1, -29.0, None), (2.0, 1.3, -35.0, None),
        (2.0, 2.9, 45.0, "increase"), (4.0, 4.0, 0.0, None),
    ],
)  # fmt: skip
def test_change_counts_from_thirty_percent_and_0_8_units(
    before: float, after: float, percent: float, limits: str | None
) -> None:
    found = percist_change(before, after)
    assert found.percent == pytest.approx(percent)
    assert found.beyond_limits == limits


def test_no_change_without_a_lesion() -> None:
    assert isnan(percist_change(nan, 3.0).percent)
    assert isnan(percist_change(3.0, nan).percent)
