"""Uptake of organs against SimpleITK, against the IBSI's published values, and by hand."""

import csv
import io
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.quantification.intensities import Intensities, intensities
from lesionloop.quantification.organ_map import OrganMap
from lesionloop.quantification.organ_uptake import (
    ORGAN_COLUMNS,
    measure_organs,
    organ_row,
    organs_csv,
)
from lesionloop.quantification.peak import PeakSphere

SPACING = (2.0, 3.0, 4.5)

#: The digital phantom of the Image Biomarker Standardisation Initiative, slices of rows; 0 is not
#: in the region (reference manual, arXiv:1612.07003, chapter on reference data sets).
IBSI = np.array(
    [
        [[1, 4, 4, 1, 1], [1, 4, 6, 1, 1], [4, 1, 6, 4, 1], [4, 4, 6, 4, 1]],
        [[1, 4, 4, 1, 1], [1, 1, 6, 1, 1], [0, 1, 3, 1, 1], [4, 4, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 6, 1, 1]],
        [[1, 4, 4, 0, 0], [1, 1, 1, 1, 1], [1, 1, 1, 1, 1], [1, 1, 6, 1, 1]],
    ]
)


def _study(values: NDArray[Any], spacing: tuple[float, float, float] = SPACING) -> Study:
    shape = values.shape
    grid = Grid((shape[0], shape[1], shape[2]), spacing)
    return Study(Volume(values.astype(np.float32), grid, Quantity.SUV_BW), None, "case")


def _blocks(shape: tuple[int, int, int]) -> NDArray[np.uint8]:
    labels = np.zeros(shape, dtype=np.uint8)
    labels[2:20, 3:15, 1:12] = 1
    labels[22:30, 2:18, 4:14] = 4
    labels[5:9, 16:18, 2:9] = 7
    return labels


def test_the_digital_phantom_of_the_ibsi() -> None:
    """Published: volume by voxel counting 592 mm3, mean 2.15, variance 3.05, median 1, minimum 1,
    maximum 6, 10th and 90th percentile 1 and 4."""
    values = IBSI.transpose(2, 1, 0)
    study = _study(values, (2.0, 2.0, 2.0))
    organs = OrganMap((values > 0).astype(np.uint8), {1: "phantom"})
    (found,) = measure_organs(study, organs, erode_mm=0)
    assert found.volume_ml * 1000 == pytest.approx(592)
    assert found.uptake.mean == pytest.approx(2.15, abs=0.005)
    assert found.uptake.sd**2 == pytest.approx(3.05, abs=0.005)
    assert (found.uptake.median, found.uptake.low, found.uptake.high) == (1, 1, 6)
    assert (found.uptake.p5, found.uptake.p25, found.uptake.p75, found.uptake.p95) == (1, 1, 4, 6)


@pytest.mark.parametrize("order", ["C", "F"])
def test_against_simpleitk(order: Any) -> None:
    shape = (32, 20, 16)
    rng = np.random.default_rng(4)
    study = _study(np.asarray(rng.gamma(2.0, 2.0, shape), order=order))
    labels = np.asarray(_blocks(shape), order=order)
    found = measure_organs(study, OrganMap(labels, {1: "a", 4: "b", 7: "c"}), erode_mm=0)
    image = sitk.GetImageFromArray(np.ascontiguousarray(study.pet.values.T))
    mask = sitk.GetImageFromArray(np.ascontiguousarray(labels.T))
    for both in (image, mask):
        both.SetSpacing(SPACING)
    statistics = sitk.LabelIntensityStatisticsImageFilter()
    statistics.SetNumberOfBins(100_000)  # its median is a histogram's
    statistics.Execute(mask, image)
    for number, entry in zip((1, 4, 7), found, strict=True):
        count = statistics.GetNumberOfPixels(number)
        assert entry.uptake.voxels == count
        assert entry.volume_ml == pytest.approx(statistics.GetPhysicalSize(number) / 1000)
        assert entry.uptake.mean == pytest.approx(statistics.GetMean(number))
        # SimpleITK divides by n - 1.
        population = statistics.GetStandardDeviation(number) * np.sqrt((count - 1) / count)
        assert entry.uptake.sd == pytest.approx(population)
        assert entry.uptake.low == pytest.approx(statistics.GetMinimum(number))
        assert entry.uptake.high == pytest.approx(statistics.GetMaximum(number))
        assert entry.uptake.median == pytest.approx(statistics.GetMedian(number), abs=1e-2)


@pytest.mark.parametrize("order", ["C", "F"])
def test_lesions_and_shell_are_left_out(order: Any) -> None:
    """Against plain distance maps and dilation of the whole volume."""
    shape = (32, 20, 16)
    rng = np.random.default_rng(5)
    study = _study(np.asarray(rng.gamma(2.0, 2.0, shape), order=order))
    labels = np.asarray(_blocks(shape), order=order)
    lesions = np.zeros(shape, dtype=np.uint8, order=order)
    lesions[8:11, 6:8, 5:7] = 1
    lesions[21, 5, 5] = 2  # outside, but touching the second organ
    found = measure_organs(study, OrganMap(labels, {1: "a", 4: "b", 7: "c"}), lesions, erode_mm=5.0)
    rim = ndimage.binary_dilation(lesions > 0, np.ones((3, 3, 3)))
    eroded = []
    for number, entry in zip((1, 4, 7), found, strict=True):
        organ = labels == number
        inner = ndimage.distance_transform_edt(organ, sampling=SPACING) > 5.0
        kept = organ & ~rim & inner
        big = kept.sum() * study.grid.voxel_ml >= 10
        kept = kept if big else organ & ~rim
        eroded.append(entry.eroded_mm)
        assert entry.eroded_mm == (5.0 if big else 0.0)
        assert entry.uptake.voxels == kept.sum()
        assert entry.uptake.mean == pytest.approx(study.pet.values[kept].astype(float).mean())
        assert entry.volume_ml == pytest.approx(organ.sum() * study.grid.voxel_ml)
        assert entry.lesion_ml == pytest.approx((organ & rim).sum() * study.grid.voxel_ml)
    assert 5.0 in eroded
    assert 0.0 in eroded


def test_a_hot_lesion_does_not_reach_the_organs_peak() -> None:
    """The sphere of 1 ml around a voxel beside the rim would meet the lesion."""
    values = np.full((32, 20, 16), 2.0)
    lesions = np.zeros(values.shape, dtype=np.uint8)
    lesions[10:12, 8:10, 6:8] = 1
    values[lesions > 0] = 50.0
    organs = OrganMap(_blocks((32, 20, 16)), {1: "a"})
    (found, *_) = measure_organs(_study(values), organs, lesions)
    assert found.suv_peak == pytest.approx(2.0)
    assert found.uptake.high == 2.0
    (plain, *_) = measure_organs(_study(values), organs)
    assert plain.suv_peak > 10


def test_the_peak_against_every_voxel() -> None:
    rng = np.random.default_rng(6)
    study = _study(rng.gamma(2.0, 2.0, (32, 20, 16)))
    labels = _blocks((32, 20, 16))
    found = measure_organs(study, OrganMap(labels, {1: "a", 4: "b", 7: "c"}), erode_mm=0)
    weights = PeakSphere(SPACING).weights
    total = ndimage.correlate(study.pet.values.astype(float), weights, mode="constant")
    means = total / ndimage.correlate(np.ones(labels.shape), weights, mode="constant")
    for number, entry in zip((1, 4, 7), found, strict=True):
        assert entry.suv_peak == pytest.approx(means[labels == number].max())


def test_an_organ_that_is_all_lesion() -> None:
    labels = np.zeros((8, 8, 8), dtype=np.uint8)
    labels[2:5, 2:5, 2:5] = 1
    (found,) = measure_organs(_study(np.ones((8, 8, 8))), OrganMap(labels, {1: "a"}), labels)
    assert found.uptake.voxels == 0
    assert np.isnan([found.uptake.mean, found.suv_peak]).all()
    (header, row) = csv.reader(io.StringIO(organs_csv([organ_row("s", found)])))
    assert tuple(header) == ORGAN_COLUMNS
    assert row[4] == row[9] == ""
    assert float(row[14]) == pytest.approx(27 * 0.027)


def test_the_edge_of_the_scan_is_no_shell() -> None:
    """A organ that fills the field is kept to its last slice."""
    labels = np.ones((20, 20, 20), dtype=np.uint8)
    labels[0] = 0
    (found,) = measure_organs(_study(np.ones(labels.shape)), OrganMap(labels, {1: "a"}))
    # Along x voxels are 2 mm: those at 2 and 4 mm from the outside go.
    assert found.uptake.voxels == 17 * 20 * 20


def test_refusals() -> None:
    study = _study(np.ones((4, 4, 4)) + np.arange(4))
    with pytest.raises(InputError, match="not on the grid"):
        measure_organs(study, OrganMap(np.ones((4, 4, 5), np.uint8), {1: "a"}))
    with pytest.raises(InputError, match="0 mm or more"):
        measure_organs(study, OrganMap(np.ones((4, 4, 4), np.uint8), {1: "a"}), erode_mm=-1)
    assert intensities(np.zeros(0)).voxels == Intensities().voxels == 0
