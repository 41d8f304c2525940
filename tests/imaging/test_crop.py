"""Crops: the same voxels at the same places, however the axes lie."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.imaging.crop import crop, crop_grid, crop_study, foreground_box, region_box

SHAPE = (9, 7, 6)
SPACING = (1.5, 2.0, 3.5)

spans = st.tuples(
    *(
        st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).map(
            lambda ends: slice(min(ends), max(ends) + 1)
        )
        for n in SHAPE
    )
)


def oblique(angles: tuple[float, float, float], *, flipped: bool = False) -> Grid:
    matrix = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    if flipped:
        matrix = matrix @ np.diag([1.0, -1.0, -1.0])
    return Grid(SHAPE, SPACING, (-40.0, 12.5, 700.0), tuple(matrix.ravel()), "1.2.3")


@given(
    box=spans,
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    flipped=st.booleans(),
    order=st.sampled_from("CF"),
)
def test_each_voxel_stays_where_it_is(
    *,
    box: tuple[slice, slice, slice],
    angles: tuple[float, float, float],
    flipped: bool,
    order: str,
) -> None:
    grid = oblique(angles, flipped=flipped)
    values = np.asarray(np.arange(np.prod(SHAPE)).reshape(SHAPE), order=order)  # type: ignore[call-overload]
    part = crop(Volume(values, grid, Quantity.HU, "a file"), box)
    assert (part.source, part.quantity, part.grid.frame_uid) == ("a file", Quantity.HU, "1.2.3")
    assert part.grid.spacing == grid.spacing
    assert part.grid.direction == grid.direction
    places = np.argwhere(np.ones(part.grid.shape))
    # Where a voxel was: by its value, which is its number in the whole.
    whole = np.array(np.unravel_index(part.values[tuple(places.T)], SHAPE)).T
    np.testing.assert_allclose(part.grid.to_world(places), grid.to_world(whole), atol=1e-9)
    assert np.shares_memory(part.values, values)


def test_a_study_is_cropped_whole() -> None:
    grid = oblique((20.0, -35.0, 70.0))
    rng = np.random.default_rng(3)
    pet = Volume(rng.random(SHAPE), grid, Quantity.SUV_BW)
    ct = Volume(rng.normal(size=SHAPE), grid, Quantity.HU)
    study = Study(pet, ct, "case", "fdg", load_native_ct=lambda: ct)
    box = (slice(2, 6), slice(0, 7), slice(5, 6))
    part = crop_study(study, box)
    assert part.grid == crop_grid(grid, box)
    assert (part.name, part.tracer) == ("case", "fdg")
    np.testing.assert_array_equal(part.pet.values, pet.values[box])
    assert part.ct is not None
    np.testing.assert_array_equal(part.ct.values, ct.values[box])
    assert part.native_ct() is None
    assert crop_study(Study(pet, None, "case"), box).ct is None


def test_a_box_without_voxels_is_refused() -> None:
    with pytest.raises(InputError, match="at least one voxel"):
        crop_grid(oblique((0, 0, 0)), (slice(3, 3), slice(0, 2), slice(0, 2)))


@given(box=spans, margin=st.floats(0, 3), least=st.floats(0, 12))
def test_a_region_and_its_rim(box: tuple[slice, slice, slice], margin: float, least: float) -> None:
    values = np.zeros(SHAPE, np.uint8)
    values[box] = 2
    found = region_box(
        Volume(values, oblique((5, 6, 7)), Quantity.LABEL), margin=margin, least_mm=least
    )
    for axis, (side, inner) in enumerate(zip(found, box, strict=True)):
        rim = max(margin * (inner.stop - inner.start), least / SPACING[axis])
        assert side.start == max(0, inner.start - np.ceil(rim))
        assert side.stop == min(SHAPE[axis], inner.stop + np.ceil(rim))


def test_what_is_no_region() -> None:
    grid = oblique((0, 0, 0))
    empty = Volume(np.zeros(SHAPE, np.uint8), grid, Quantity.LABEL, "liver.nii.gz")
    assert foreground_box(empty.values) == (slice(0, 0),) * 3
    with pytest.raises(InputError, match=r"region liver\.nii\.gz is empty"):
        region_box(empty)
    full = Volume(np.ones(SHAPE, np.uint8), grid, Quantity.LABEL)
    for margin in (-0.1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="a number from 0"):
            region_box(full, margin=margin)
