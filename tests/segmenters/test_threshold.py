from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging import Quantity, Study, Volume, write_volume
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter

StudyMaker = Callable[..., Study]

#: The 18 neighbours of a voxel: faces and edges.
NEIGHBOURS = [d for d in product((-1, 0, 1), repeat=3) if 0 < np.abs(d).sum() <= 2]


def region_by_hand(mask: NDArray[np.bool_], seeds: NDArray[np.int64]) -> NDArray[np.bool_]:
    """What of the mask is connected to a seed over 18 neighbours, voxel by voxel."""
    found = np.zeros(mask.shape, bool)
    waiting = [tuple(seed) for seed in seeds.tolist() if mask[tuple(seed)]]
    while waiting:
        voxel = waiting.pop()
        if found[voxel]:
            continue
        found[voxel] = True
        for step in NEIGHBOURS:
            near = tuple(np.add(voxel, step))
            inside = all(0 <= i < n for i, n in zip(near, mask.shape, strict=True))
            if inside and mask[near] and not found[near]:
                waiting.append(near)
    return found


def distance_by_hand(study: Study, points: NDArray[np.int64]) -> NDArray[np.floating]:
    spacing = np.array(study.grid.spacing)
    index = np.moveaxis(np.indices(study.grid.shape), 0, -1)[..., None, :]
    return np.asarray(np.linalg.norm((index - points) * spacing, axis=-1).min(axis=-1))


def predicted(study: Study, scribbles: ScribbleSet, **options: Any) -> NDArray[np.bool_]:
    return load_segmenter("threshold", **options).open(study).segment(scribbles)


def test_fixed_is_a_comparison(random_study: StudyMaker) -> None:
    study = random_study(0)
    mask = predicted(study, ScribbleSet(), level_suv=2.5)
    np.testing.assert_array_equal(mask, study.pet.values >= np.float32(2.5))


def test_percent_cuts_each_region_at_its_own_maximum(random_study: StudyMaker) -> None:
    study = random_study(1)
    suv = study.pet.values
    above = suv >= 2.0
    expected = np.zeros(suv.shape, bool)
    left = above.copy()
    while left.any():
        region = region_by_hand(above, np.argwhere(left)[:1])
        expected |= region & (suv >= np.float32(0.5) * suv[region].max())
        left &= ~region
    mask = predicted(study, ScribbleSet(), method="percent", level_suv=2.0, percent=50)
    assert expected.sum() < above.sum()
    np.testing.assert_array_equal(mask, expected)


def test_a_foreground_stroke_adds_the_region_above_a_part_of_its_peak(
    random_study: StudyMaker,
) -> None:
    study = random_study(2)
    suv = study.pet.values
    points = np.array([[20, 8, 5], [21, 8, 5], [22, 9, 5]])
    near = distance_by_hand(study, points) <= 20 + np.hypot(2 * 3.1, 4.2)
    region = region_by_hand((suv >= 0.41 * suv[tuple(points.T)].max()) & near, points)
    expected = (suv >= 4) | region
    expected[tuple(points.T)] = True
    mask = predicted(study, ScribbleSet().add(points, "foreground"))
    assert expected.sum() > (suv >= 4).sum() + len(points)
    np.testing.assert_array_equal(mask, expected)


def test_a_background_stroke_takes_what_is_nearer_to_it_than_to_foreground(
    random_study: StudyMaker,
) -> None:
    study = random_study(3)
    suv = study.pet.values
    first = suv >= 1.5
    hot = np.argwhere(first)
    stroke, kept = hot[len(hot) // 2][None], hot[len(hot) // 2 + 9][None]
    mask = predicted(
        study, ScribbleSet().add(stroke, "background").add(kept, "foreground"), level_suv=1.5
    )
    grown = predicted(study, ScribbleSet().add(kept, "foreground"), level_suv=1.5)
    to_stroke, to_kept = (distance_by_hand(study, points) for points in (stroke, kept))
    # The region is what is connected inside the box of the reach.
    spacing = np.array(study.grid.spacing)
    low = np.maximum(stroke[0] - np.ceil(20 / spacing), 0).astype(int)
    high = (stroke[0] + np.ceil(20 / spacing) + 1).astype(int)
    boxed = np.zeros(suv.shape, bool)
    boxed[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] = True
    taken = region_by_hand(grown & boxed, stroke) & (to_stroke <= 20) & (to_stroke < to_kept)
    taken[tuple(stroke.T)] = True
    np.testing.assert_array_equal(mask, grown & ~taken)
    assert taken.sum() > 1


def test_twice_the_uptake_at_twice_the_level_is_the_same(
    random_study: StudyMaker, make_study: StudyMaker
) -> None:
    study = random_study(4)
    double = make_study(study.pet.values * np.float32(2))
    scribbles = ScribbleSet().add([[9, 9, 9]], "foreground").add([[20, 3, 3]], "background")
    for method in ("fixed", "percent"):
        one = predicted(study, scribbles, method=method, level_suv=2.0)
        two = predicted(double, scribbles, method=method, level_suv=4.0)
        np.testing.assert_array_equal(one, two)


@pytest.fixture
def organs(tmp_path: Path, random_study: StudyMaker) -> tuple[Study, Path, NDArray[np.bool_]]:
    study = random_study(5)
    labels = np.zeros(study.grid.shape, np.uint8)
    labels[4:14, 3:13, 2:12] = 3
    labels[20:, 15:, :] = 7
    path = tmp_path / "organs.nii.gz"
    write_volume(Volume(labels, study.grid, Quantity.LABEL), path)
    core = np.zeros(labels.shape, bool)
    core[6:12, 5:11, 4:10] = True  # two voxels in from every side
    return study, path, core


def test_the_liver_level_is_that_of_percist(
    organs: tuple[Study, Path, NDArray[np.bool_]],
) -> None:
    study, path, core = organs
    liver = study.pet.values[core].astype(np.float64)
    level = 1.5 * liver.mean() + 2 * liver.std()
    mask = predicted(study, ScribbleSet(), method="liver", organ_map=str(path))
    np.testing.assert_array_equal(mask, study.pet.values >= level)
    assert 0 < mask.sum() < mask.size


def test_an_organ_map_that_does_not_fit_is_refused(
    organs: tuple[Study, Path, NDArray[np.bool_]], random_study: StudyMaker
) -> None:
    study, path, _ = organs
    options = {"method": "liver", "organ_map": str(path)}
    with pytest.raises(InputError, match="no liver"):
        predicted(study, ScribbleSet(), **options, liver_label=9)
    with pytest.raises(InputError, match="not on the same grid"):
        predicted(random_study(5, (30, 23, 17)), ScribbleSet(), **options)
    missing = load_segmenter("threshold", method="liver", organ_map=f"{path}.gone.nii.gz")
    with pytest.raises(InputError, match="cannot read"):
        missing.open(study)
    with pytest.raises(InputError, match="cannot read"):
        _ = missing.identity


def test_the_identity_knows_what_is_in_the_organ_map(
    organs: tuple[Study, Path, NDArray[np.bool_]], tmp_path: Path
) -> None:
    study, path, _ = organs
    before = load_segmenter("threshold", method="liver", organ_map=path).identity
    assert before == load_segmenter("threshold", method="liver", organ_map=str(path)).identity
    labels = np.full(study.grid.shape, 3, np.uint8)
    write_volume(Volume(labels, study.grid, Quantity.LABEL), path)
    assert load_segmenter("threshold", method="liver", organ_map=path).identity != before


def test_activity_is_not_suv(random_study: StudyMaker) -> None:
    study = random_study(6)
    activity = Volume(study.pet.values, study.grid, Quantity.BQ_ML)
    with pytest.raises(InputError, match="not SUV"):
        load_segmenter("threshold").open(Study(activity, None, "a"))
