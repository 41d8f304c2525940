"""Balls and ellipsoids of known volume and uptake, on the grids of the benchmark's table."""

import numpy as np
import pytest

import bench_quantify as bench
from lesionloop.quantification import measure_lesions


@pytest.mark.parametrize("spacing", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("shape", list(bench.SHAPES))
def test_volume_and_peak_come_near_the_closed_form(shape: str, spacing: float) -> None:
    """A surface of area A is known to about half a voxel: so is the volume, and better."""
    row = bench.measure(shape, spacing)
    least = min(bench.SHAPES[shape])
    assert abs(row.volume_error) < 0.75 * spacing / least
    if least >= 10:
        assert abs(row.volume_error) < {1.0: 0.005, 2.0: 0.01, 4.0: 0.04}[spacing]
        assert row.suv_max == pytest.approx(bench.INSIDE)
    # A ball smaller than the sphere loses what coarse voxels spread beyond the sphere.
    loses = {1.0: 0.01, 2.0: 0.04, 4.0: 0.2}[spacing] if least < 10 else 0.01
    assert row.suv_peak == pytest.approx(row.true_peak, rel=loses)
    assert bench.BACKGROUND < row.suv_mean < bench.INSIDE


@pytest.mark.parametrize("shape", list(bench.SHAPES))
def test_tlg_of_a_wide_mask_keeps_the_uptake(shape: str) -> None:
    """In a mask that holds the whole shape, the uptake over the background is exact in volume."""
    study, _ = bench.painted(bench.SHAPES[shape], 2.0)
    mask = np.ones(study.grid.shape, dtype=np.uint8)
    (found,) = measure_lesions(mask, study)
    volume = 4 / 3 * np.pi * np.prod(bench.SHAPES[shape]) / 1000
    over = found.tlg - bench.BACKGROUND * found.volume_ml
    assert over == pytest.approx((bench.INSIDE - bench.BACKGROUND) * volume, rel=5e-3)
