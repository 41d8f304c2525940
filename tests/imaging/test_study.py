"""Studies: what is refused, what is said, and the CT on the PET grid."""

import pickle
from dataclasses import FrozenInstanceError, replace
from functools import partial

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.study import (
    TRACERS,
    Provenance,
    Study,
    assemble_study,
    check_pet,
    require_suv,
)
from lesionloop.imaging.volume import Quantity, Volume

GRID = Grid((12, 11, 10), (3.0, 4.0, 5.0), (-18.0, -20.0, 100.0))
TURN = Rotation.from_euler("zyx", (17.0, -9.0, 23.0), degrees=True).as_matrix()


def pet(grid: Grid = GRID, source: str = "pet.nii.gz") -> Volume:
    values = np.random.default_rng(1).gamma(2.0, 1.0, grid.shape).astype(np.float32)
    return Volume(values, grid, Quantity.SUV_BW, source)


def ct(grid: Grid = GRID, source: str = "ct.nii.gz", value: float = 40) -> Volume:
    return Volume(np.full(grid.shape, value, dtype=np.int16), grid, Quantity.HU, source)


def moved(grid: Grid, by: tuple[float, float, float]) -> Grid:
    origin = np.add(grid.origin, by)
    return replace(grid, origin=(origin[0], origin[1], origin[2]))


def test_nothing_is_copied_when_ct_and_pet_share_a_grid() -> None:
    first, second = pet(), ct()
    study = assemble_study(first, second, name="a")
    assert study.ct is not None
    assert study.pet.values is first.values
    assert np.shares_memory(study.ct.values, second.values)
    assert study.grid is first.grid
    assert study.ct.grid == first.grid
    assert study.provenance.notes == ()


def test_the_native_ct_is_the_one_given_or_the_one_loaded() -> None:
    native = ct(Grid((30, 30, 30), (1.0, 1.5, 2.0), (-15.0, -17.0, 98.0)))
    study = assemble_study(pet(), native, name="a")
    again = study.native_ct()
    assert again is not None
    assert again.values is native.values
    assert again.grid == native.grid
    assert study.ct is not None
    assert study.ct.grid == GRID
    other = ct(value=7)
    assert (
        assemble_study(pet(), native, name="a", load_native_ct=lambda: other).native_ct() is other
    )


def test_a_study_without_ct() -> None:
    told = Provenance(files={"pet": "a"}, facts={"suv_factor": 2.0}, notes=("Before.",))
    study = assemble_study(pet(), None, name="a", provenance=told)
    assert study.ct is None
    assert study.native_ct() is None
    assert study.provenance.notes[0] == "Before."
    assert "no CT" in study.provenance.notes[1]
    assert (study.provenance.files, study.provenance.facts) == (told.files, told.facts)
    assert told.notes == ("Before.",)


@pytest.mark.parametrize("tracer", [*TRACERS, None])
def test_known_tracers(tracer: str | None) -> None:
    assert assemble_study(pet(), None, name="a", tracer=tracer).tracer == tracer


def test_unknown_tracers_are_refused() -> None:
    for tracer in ("FDG", "", "dotatate"):
        with pytest.raises(InputError, match="unknown tracer"):
            assemble_study(pet(), None, name="a", tracer=tracer)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_counted_and_placed(bad: float) -> None:
    volume = pet()
    volume.values[7, 3, 2] = volume.values[9, 1, 1] = bad
    with pytest.raises(InputError) as caught:
        check_pet(volume)
    message = str(caught.value)
    assert "pet.nii.gz" in message
    assert "2 values" in message
    assert "(7, 3, 2)" in message


@pytest.mark.parametrize("values", [0.0, 3.5, -1.0])
def test_a_pet_without_contrast_is_refused(values: float) -> None:
    volume = replace(pet(), values=np.full(GRID.shape, values, dtype=np.float32))
    with pytest.raises(InputError, match="empty") as caught:
        assemble_study(volume, None, name="a")
    assert f"{values:g} to {values:g}" in str(caught.value)


def test_a_pet_that_is_never_above_zero_is_refused() -> None:
    with pytest.raises(InputError, match="empty"):
        check_pet(replace(pet(), values=-pet().values))


def test_negative_noise_is_no_fault() -> None:
    check_pet(replace(pet(), values=pet().values - 1))


def test_voxels_of_the_ct_that_are_not_finite_become_air() -> None:
    values = np.full(GRID.shape, 40, dtype=np.float32)
    values[2, 3, 4], values[5, 5, 5], values[6, 6, 6] = np.nan, np.inf, -np.inf
    native = Volume(values, GRID, Quantity.HU, "ct.nii.gz")
    study = assemble_study(pet(), native, name="a")
    assert study.ct is not None
    expected = np.where(np.isfinite(values), values, -1024)
    np.testing.assert_array_equal(study.ct.values, expected)
    assert study.ct.values.dtype == np.float32
    assert any("3 CT voxels" in note for note in study.provenance.notes)
    assert np.isnan(values[2, 3, 4])  # the caller's array is not touched
    finer = Grid((40, 40, 40), (1.0, 1.2, 1.4), (-18.0, -20.0, 100.0))
    study = assemble_study(pet(finer), native, name="a")
    assert study.ct is not None
    assert np.isfinite(study.ct.values).all()


@pytest.mark.parametrize("direction", [np.eye(3), np.diag([1.0, -1.0, 1.0]), TURN])
def test_apart_is_refused_with_both_names_and_the_distance(
    direction: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> None:
    # In the grid's own axes: 36 x 44 x 50 mm, moved so that 3, 4 and 12 mm lie between.
    grid = replace(GRID, direction=tuple(direction.ravel()))
    apart = moved(grid, tuple(direction @ (39.0, -48.0, 62.0)))
    with pytest.raises(InputError) as caught:
        assemble_study(pet(grid), ct(apart), name="a")
    message = str(caught.value)
    assert "ct.nii.gz" in message
    assert "pet.nii.gz" in message
    assert "13.0 mm apart" in message
    centres = np.linalg.norm([39, 48, 62])
    assert f"centres {centres:.1f} mm" in message
    assert caught.value.remedy


def test_oblique_boxes_apart_are_refused_though_their_hulls_meet() -> None:
    turn = Rotation.from_euler("z", 45, degrees=True).as_matrix()
    slab = Grid((100, 2, 10), (1.0, 1.0, 1.0), tuple(turn @ (-49.5, 0, 0)), tuple(turn.ravel()))
    cube = Grid((10, 10, 10), (1.0, 1.0, 1.0), (20.5, -29.5, 0.0))
    with pytest.raises(InputError, match="do not overlap"):
        assemble_study(pet(slab), ct(cube), name="a")


def test_a_ct_of_half_the_length_is_noted() -> None:
    half = replace(GRID, shape=(12, 11, 5))
    study = assemble_study(pet(), ct(half), name="a")
    assert study.ct is not None
    assert (study.ct.values[:, :, :5] == 40).all()
    assert (study.ct.values[:, :, 5:] == -1024).all()
    (note,) = study.provenance.notes
    assert "50%" in note


def test_a_ct_of_little_of_the_box_is_noted() -> None:
    corner = replace(GRID, shape=(4, 4, 4))  # 64 of 1320 voxels
    (note,) = assemble_study(pet(), ct(corner), name="a").provenance.notes
    assert "only 5%" in note


def test_a_narrow_ct_of_full_length_is_usual() -> None:
    narrow = moved(replace(GRID, shape=(8, 8, 10)), (6.0, 4.0, 0.0))
    assert assemble_study(pet(), ct(narrow), name="a").provenance.notes == ()


def test_a_ct_thinner_than_a_pet_slice_still_overlaps() -> None:
    sliver = Grid((12, 11, 1), (3.0, 4.0, 0.2), (-18.0, -20.0, 102.5))  # between two slices
    (note,) = assemble_study(pet(), ct(sliver), name="a").provenance.notes
    assert "only 0%" in note


def test_other_frames_of_reference_are_refused() -> None:
    first, second = (replace(GRID, frame_uid=uid) for uid in ("1.2.3", "1.2.4"))
    with pytest.raises(InputError, match="not in the same space") as caught:
        assemble_study(pet(first), ct(second), name="a")
    for part in ("ct.nii.gz", "pet.nii.gz", "1.2.3", "1.2.4"):
        assert part in str(caught.value)
    assemble_study(pet(first), ct(first), name="a")
    assemble_study(pet(first), ct(), name="a")


def test_a_study_cannot_hold_a_ct_on_another_grid() -> None:
    off = moved(GRID, (0.0, 0.0, 0.01))
    with pytest.raises(InputError, match=r"0\.01 mm apart") as caught:
        Study(pet(), ct(off), "a")
    assert "ct.nii.gz" in str(caught.value)


def test_is_frozen() -> None:
    study = assemble_study(pet(), ct(), name="a")
    with pytest.raises(FrozenInstanceError):
        study.name = "b"  # type: ignore[misc]


def test_survives_pickling() -> None:
    study = assemble_study(pet(), ct(), name="a", tracer="psma")
    back = pickle.loads(pickle.dumps(study))  # noqa: S301  (our own bytes)
    assert (back.name, back.tracer, back.grid) == ("a", "psma", GRID)
    np.testing.assert_array_equal(back.pet.values, study.pet.values)
    native = back.native_ct()
    assert native is not None
    np.testing.assert_array_equal(native.values, ct().values)


def test_only_suv_can_be_segmented() -> None:
    require_suv(assemble_study(pet(), None, name="a"))
    activity = replace(pet(), quantity=Quantity.BQ_ML)
    study = assemble_study(activity, None, name="case 7")
    with pytest.raises(InputError, match="case 7 is bq_ml"):
        require_suv(study)


def test_a_native_ct_is_loaded_only_when_asked_for() -> None:
    calls: list[int] = []

    def load(value: int) -> Volume:
        calls.append(value)
        return ct(value=value)

    study = assemble_study(pet(), ct(), name="a", load_native_ct=partial(load, 5))
    assert calls == []
    study.native_ct()
    study.native_ct()
    assert calls == [5, 5]
