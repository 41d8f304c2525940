"""Measures of lesions against brute force on an oblique grid, and analytic spheres."""

import csv
import io
import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.quantification import (
    PeakMap,
    lesions_csv,
    measure_lesions,
    split_lesions,
    totals,
)

SPACING = (2.5, 3.25, 4.5)


def _oblique(shape: tuple[int, int, int]) -> Grid:
    turn = np.linalg.qr(np.random.default_rng(1).normal(size=(3, 3)))[0]
    return Grid(shape, SPACING, (10.0, -20.0, 300.0), tuple(turn.ravel()))


def _study(values: NDArray[Any], grid: Grid, quantity: Quantity = Quantity.SUV_BW) -> Study:
    return Study(Volume(values.astype(np.float32), grid, quantity), None, "case")


@pytest.mark.parametrize("order", ["C", "F"])
def test_measures_agree_with_brute_force(order: Any) -> None:
    rng = np.random.default_rng(2)
    shape = (13, 11, 9)
    grid = _oblique(shape)
    study = _study(rng.gamma(2.0, 3.0, shape), grid)
    labels = np.asarray(split_lesions(rng.random(shape) < 0.06), order=order)
    measures = measure_lesions(labels, study)
    assert [m.number for m in measures] == list(range(1, labels.max() + 1))
    assert len(measures) > 10
    for m in measures:
        voxels = np.argwhere(labels == m.number)
        suv = study.pet.values[tuple(voxels.T)].astype(float)
        volume = len(voxels) * 2.5 * 3.25 * 4.5 / 1000
        assert m.volume_ml == pytest.approx(volume)
        assert m.suv_max == suv.max() == study.pet.values[m.at]
        assert m.suv_mean == pytest.approx(suv.mean())
        assert m.tlg == pytest.approx(suv.sum() * 2.5 * 3.25 * 4.5 / 1000)
        world = [np.array(grid.origin) + grid.affine[:3, :3] @ v for v in voxels]
        np.testing.assert_allclose(m.centroid_mm, np.mean(world, axis=0))
        assert m.box[0] == tuple(voxels.min(axis=0))
        assert m.box[1] == tuple(voxels.max(axis=0) + 1)
        assert labels[m.at] == m.number
        assert m.suv_peak == pytest.approx(max(_peak(study, v) for v in voxels), rel=1e-9)
    total = totals(measures)
    assert total.count == labels.max()
    assert total.mtv_ml == pytest.approx((labels > 0).sum() * 2.5 * 3.25 * 4.5 / 1000)
    assert total.tlg == pytest.approx(
        study.pet.values[labels > 0].astype(float).sum() * 2.5 * 3.25 * 4.5 / 1000
    )
    assert total.suv_max == study.pet.values[labels > 0].max()


def _peak(study: Study, centre: NDArray[Any]) -> float:
    """Mean of 1 ml around a voxel: each voxel of the scan by its part of 8000 points inside."""
    radius = 10 * (3 / (4 * math.pi)) ** (1 / 3)
    steps = (np.arange(20) + 0.5) / 20 - 0.5
    near = [
        np.arange(max(0, c - 3), min(n, c + 4))
        for c, n in zip(centre, study.grid.shape, strict=True)
    ]
    offsets = [
        (((axis - c)[:, None] + steps) * s) ** 2
        for axis, c, s in zip(near, centre, SPACING, strict=True)
    ]
    x, y, z = offsets
    squares = (
        x[:, None, None, :, None, None]
        + y[None, :, None, None, :, None]
        + z[None, None, :, None, None, :]
    )
    part = (squares <= radius**2).mean(axis=(3, 4, 5))
    return float((part * study.pet.values[np.ix_(*near)].astype(float)).sum() / part.sum())


@pytest.mark.parametrize("radius_mm", [12.0, 20.0])
def test_analytic_sphere(radius_mm: float) -> None:
    """A ball of SUV 8 in a background of 1: closed forms, as far as voxels allow."""
    spacing, shape = (2.0, 2.0, 2.5), (40, 41, 34)
    centre = np.array([19.5, 20.0, 16.5])
    place = (np.moveaxis(np.indices(shape), 0, -1) - centre) * spacing
    mask = np.linalg.norm(place, axis=-1) <= radius_mm
    grid = Grid(shape, spacing, (-40.0, 5.0, -900.0))
    (m,) = measure_lesions(split_lesions(mask), _study(np.where(mask, 8.0, 1.0), grid))
    volume = 4 / 3 * math.pi * (radius_mm / 10) ** 3
    assert m.volume_ml == pytest.approx(volume, rel=0.03)
    assert m.suv_max == m.suv_mean == m.suv_peak == 8.0
    assert m.tlg == pytest.approx(8 * volume, rel=0.03)
    np.testing.assert_allclose(m.centroid_mm, grid.to_world(centre), atol=1e-9)


def test_small_lesion_has_a_peak_below_its_mean() -> None:
    """The sphere of 1 ml is larger than the lesion and takes in what is around it."""
    values = np.ones((15, 15, 15))
    values[7, 7, 7] = 11.0
    grid = Grid((15, 15, 15), (3.0, 3.0, 3.0))
    (m,) = measure_lesions(split_lesions(values > 5), _study(values, grid))
    assert m.suv_mean == 11.0
    assert m.suv_peak == pytest.approx(1 + 10 * 0.027, rel=0.01)  # 27 microlitres in 1 ml


def test_doubled_uptake_doubles_what_is_uptake() -> None:
    rng = np.random.default_rng(3)
    labels = split_lesions(rng.random((10, 9, 8)) < 0.1)
    values = rng.random((10, 9, 8))
    once = measure_lesions(labels, _study(values, _oblique((10, 9, 8))))
    twice = measure_lesions(labels, _study(2 * values, _oblique((10, 9, 8))))
    for a, b in zip(once, twice, strict=True):
        assert (b.volume_ml, b.at, b.centroid_mm, b.box) == (
            a.volume_ml,
            a.at,
            a.centroid_mm,
            a.box,
        )
        np.testing.assert_allclose(
            [b.suv_max, b.suv_mean, b.suv_peak, b.tlg],
            2 * np.array([a.suv_max, a.suv_mean, a.suv_peak, a.tlg]),
        )


def test_first_of_equal_maxima_is_named() -> None:
    values = np.full((5, 4, 3), 6.0)
    (m,) = measure_lesions(np.ones((5, 4, 3), np.uint8), _study(values, _oblique((5, 4, 3))))
    assert m.at == (0, 0, 0)


def test_peak_map_changes_nothing() -> None:
    rng = np.random.default_rng(4)
    study = _study(rng.random((12, 11, 10)), _oblique((12, 11, 10)))
    peaks = PeakMap(study.pet)
    for density in (0.02, 0.1):
        labels = split_lesions(rng.random((12, 11, 10)) < density)
        for a, b in zip(
            measure_lesions(labels, study), measure_lesions(labels, study, peaks=peaks), strict=True
        ):
            assert a.suv_peak == pytest.approx(b.suv_peak, rel=1e-12)
    other = _study(rng.random((12, 11, 10)), _oblique((12, 11, 10)))
    with pytest.raises(InputError, match="another PET"):
        measure_lesions(labels, other, peaks=peaks)


def test_numbers_without_voxels_are_left_out() -> None:
    labels = np.zeros((6, 5, 4), dtype=np.int32)
    labels[1, 1, 1], labels[4, 3, 2] = 2, 7
    study = _study(np.random.default_rng(5).random((6, 5, 4)), _oblique((6, 5, 4)))
    assert [m.number for m in measure_lesions(labels, study)] == [2, 7]


def test_no_lesions() -> None:
    study = _study(np.ones((4, 4, 4)), _oblique((4, 4, 4)))
    measures = measure_lesions(np.zeros((4, 4, 4), np.uint16), study)
    assert measures == []
    total = totals(measures)
    assert (total.mtv_ml, total.tlg, total.count, total.suv_max) == (0.0, 0.0, 0, 0.0)
    assert len(lesions_csv(measures).splitlines()) == 1


@pytest.mark.parametrize(
    ("labels", "quantity"),
    [
        (np.zeros((4, 4, 3), np.uint8), Quantity.SUV_BW),
        (np.zeros((4, 4, 4)), Quantity.SUV_BW),
        (np.full((4, 4, 4), -1), Quantity.SUV_BW),
        (np.zeros((4, 4, 4), np.uint8), Quantity.BQ_ML),
    ],
)
def test_what_cannot_be_measured_is_refused(labels: Any, quantity: Quantity) -> None:
    with pytest.raises(InputError):
        measure_lesions(labels, _study(np.ones((4, 4, 4)), _oblique((4, 4, 4)), quantity))


def test_table_holds_every_digit() -> None:
    rng = np.random.default_rng(6)
    study = _study(rng.random((10, 9, 8)), _oblique((10, 9, 8)))
    measures = measure_lesions(split_lesions(rng.random((10, 9, 8)) < 0.1), study)
    rows = list(csv.DictReader(io.StringIO(lesions_csv(measures))))
    assert len(rows) == len(measures)
    for row, m in zip(rows, measures, strict=True):
        assert int(row["lesion"]) == m.number
        assert float(row["volume_ml"]) == m.volume_ml
        assert float(row["suv_max_g_per_ml"]) == m.suv_max
        assert float(row["suv_mean_g_per_ml"]) == m.suv_mean
        assert float(row["suv_peak_g_per_ml"]) == m.suv_peak
        assert float(row["tlg_g"]) == m.tlg
        assert tuple(int(row[f"max_{a}_voxel"]) for a in "xyz") == m.at
        assert tuple(float(row[f"centroid_{a}_mm"]) for a in "xyz") == m.centroid_mm
