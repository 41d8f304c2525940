"""Dmax, shares, thresholds and totals against hand-worked figures."""

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.quantification import measure_lesions, split_lesions
from lesionloop.quantification.spread import lesion_spread, measure_burden
from lesionloop.quantification.thresholds import above_level, above_part_of_maximum

SPACING = (2.0, 3.0, 5.0)


def _case(seed: int = 0) -> tuple[Study, NDArray[Any]]:
    shape = (20, 18, 16)
    pet = np.random.default_rng(seed).gamma(3.0, 1.5, shape).astype(np.float32)
    mask = np.zeros(shape, dtype=np.uint8)
    mask[1:4, 1:4, 1:3] = 1  # 18 voxels, centre (2, 2, 1.5)
    mask[10:12, 9:11, 8:10] = 1  # 8 voxels, centre (10.5, 9.5, 8.5)
    mask[16, 14, 13] = 1
    study = Study(Volume(pet, Grid(shape, SPACING), Quantity.SUV_BW), None, "case")
    return study, split_lesions(mask)


def test_dmax_by_hand() -> None:
    study, labels = _case()
    found = lesion_spread(measure_lesions(labels, study))
    # Centres 1 and 3 are 14, 12 and 11.5 voxels apart.
    assert found.dmax_mm == pytest.approx(math.sqrt(28**2 + 36**2 + 57.5**2))
    assert found.furthest == (1, 3)
    assert found.largest_share == pytest.approx(18 / 27)


def test_dmax_is_the_largest_of_all_pairs() -> None:
    study, _ = _case()
    labels = split_lesions(np.random.default_rng(3).random(study.grid.shape) < 0.01)
    measures = measure_lesions(labels, study)
    found = lesion_spread(measures)
    apart = {
        (a.number, b.number): math.dist(a.centroid_mm, b.centroid_mm)
        for a in measures
        for b in measures
        if a.number < b.number
    }
    assert len(apart) > 100
    assert found.dmax_mm == pytest.approx(max(apart.values()))
    assert found.furthest is not None
    assert apart[found.furthest] == pytest.approx(found.dmax_mm)


def test_one_lesion_and_none() -> None:
    study, labels = _case()
    one = lesion_spread(measure_lesions((labels == 1).astype(np.uint8), study))
    assert math.isnan(one.dmax_mm)
    assert one.furthest is None
    assert one.largest_share == 1
    nothing = np.zeros_like(labels)
    none = measure_burden([], nothing, study)
    assert (none.mtv_ml, none.tlg, none.lesions) == (0, 0, 0)
    undefined = [none.suv_mean, none.suv_min, none.suv_max, none.suv_peak, none.spread.dmax_mm]
    assert np.isnan([*undefined, none.spread.largest_share]).all()
    assert above_level(nothing, study, 4.0).mtv_ml == 0
    assert [above.lesions for above in above_part_of_maximum(nothing, study)] == [0, 0]


def test_totals_are_those_of_all_voxels() -> None:
    study, labels = _case()
    inside = study.pet.values[labels > 0].astype(float)
    found = measure_burden(measure_lesions(labels, study), labels, study)
    assert found.mtv_ml == pytest.approx(27 * 0.03)
    assert found.suv_mean == pytest.approx(inside.mean())
    assert found.tlg == pytest.approx(inside.sum() * 0.03)
    assert (found.suv_min, found.suv_max) == (inside.min(), inside.max())


@pytest.mark.parametrize("level", [0.0, 3.0, 4.0, 1000.0])
def test_a_fixed_level(level: float) -> None:
    study, labels = _case()
    kept = (labels > 0) & (study.pet.values >= level)
    found = above_level(labels, study, level)
    assert found.mtv_ml == pytest.approx(kept.sum() * 0.03)
    assert found.tlg == pytest.approx(study.pet.values[kept].astype(float).sum() * 0.03)
    assert found.lesions == len(set(labels[kept].tolist()))


def test_a_level_for_each_lesion() -> None:
    study, labels = _case(7)
    percents = (41, 50, 100)
    for percent, found in zip(
        percents, above_part_of_maximum(labels, study, percents), strict=True
    ):
        kept = np.zeros(labels.shape, dtype=bool)
        for number in range(1, labels.max() + 1):
            lesion = labels == number
            highest = float(study.pet.values[lesion].max())
            kept |= lesion & (study.pet.values >= percent / 100 * highest)
        assert found.mtv_ml == pytest.approx(kept.sum() * 0.03)
        assert found.lesions == labels.max()
    assert found.mtv_ml == pytest.approx(labels.max() * 0.03)  # at 100 %: one voxel each
