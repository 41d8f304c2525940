"""Recognised organs, on phantoms whose organs are known and on a body made of boxes."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.imaging import Grid, Quantity, Study, Volume, assemble_study
from lesionloop.phantom import Phantom, make_phantom
from lesionloop.segmenters.parts import label_parts
from lesionloop.segmenters.physiology import find_landmarks, physiologic_components

StudyMaker = Callable[..., Study]


@pytest.fixture(scope="module", params=[("fdg", 1), ("fdg", 2), ("psma", 1)], ids=str)
def phantom(request: pytest.FixtureRequest) -> Phantom:
    tracer, seed = request.param
    return make_phantom(seed=seed, tracer=tracer, spacing=(7.0, 6.5, 8.0), lesions=5)


def study_of(phantom: Phantom, *, with_ct: bool = True) -> Study:
    ct = phantom.ct if with_ct else None
    return assemble_study(phantom.pet, ct, name="p", tracer=phantom.tracer)


def verdict_on(study: Study, regions: list[NDArray[np.bool_]]) -> list[bool]:
    labels = np.zeros(study.grid.shape, np.uint16)
    for number, region in enumerate(regions, start=1):
        labels[region] = number
    return [bool(v) for v in physiologic_components(study, labels, len(regions))[1:]]


def organ(phantom: Phantom, name: str) -> NDArray[np.bool_]:
    number = next(k for k, n in phantom.organ_names.items() if n == name)
    return np.asarray(phantom.organs.values == number)


def kidneys(phantom: Phantom) -> list[NDArray[np.bool_]]:
    """The two largest parts of the label, or one if the organ is one part."""
    labels, count = label_parts(organ(phantom, "kidneys"))
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    return [np.asarray(labels == 1 + k) for k in np.argsort(sizes)[::-1][:2]]


def test_brain_bladder_and_kidneys_are_recognised(phantom: Phantom) -> None:
    regions = [organ(phantom, "brain"), organ(phantom, "bladder"), *kidneys(phantom)]
    assert len(regions) == 4
    assert verdict_on(study_of(phantom), regions) == [True] * 4


def test_without_ct_nothing_is_recognised(phantom: Phantom) -> None:
    study = study_of(phantom, with_ct=False)
    assert find_landmarks(study) is None
    regions = [organ(phantom, "brain"), organ(phantom, "bladder")]
    assert verdict_on(study, regions) == [False, False]


def test_landmarks_are_where_the_phantoms_organs_are(phantom: Phantom) -> None:
    marks = find_landmarks(study_of(phantom))
    assert marks is not None
    grid = phantom.pet.grid

    def place(name: str) -> NDArray[np.float64]:
        return grid.to_world(np.argwhere(organ(phantom, name)))

    lungs, brain = place("lung"), place("brain")
    assert marks.lung_base == pytest.approx(np.quantile(lungs[:, 2], 0.02), abs=40)
    assert marks.lung_apex == pytest.approx(np.quantile(lungs[:, 2], 0.98), abs=30)
    assert marks.middle == pytest.approx(lungs[:, 0].mean(), abs=12)
    assert marks.feet < place("bladder")[:, 2].min() < marks.lung_base
    assert marks.has_head
    assert marks.lung_apex < brain[:, 2].min() < marks.head


def test_a_ball_anywhere_in_the_lungs_is_never_physiologic(phantom: Phantom) -> None:
    study = study_of(phantom)
    ct = study.ct
    assert ct is not None
    grid = study.grid
    lung = np.argwhere(organ(phantom, "lung") & (ct.values < -500))
    index = np.moveaxis(np.indices(grid.shape), 0, -1)
    rng = np.random.default_rng(0)
    tried = 0
    for centre in lung[rng.permutation(len(lung))][:60]:
        distance = np.linalg.norm((index - centre) * np.array(grid.spacing), axis=-1)
        around = ct.values[distance < 26]
        if (around < -500).mean() < 0.97:  # a ball that touches the wall may be taken for heart
            continue
        tried += 1
        assert verdict_on(study, [distance <= 11]) == [False]  # 5.6 ml
    assert tried >= 5


@pytest.mark.parametrize("tracer", ["fdg", "psma"])
def test_a_flipped_and_a_turned_storage_find_the_same(tracer: str) -> None:
    phantom = make_phantom(seed=4, tracer=tracer, spacing=(9.0, 8.0, 10.0), lesions=0)  # type: ignore[arg-type]
    study = study_of(phantom)
    regions = [organ(phantom, name) for name in ("brain", "bladder", "lung")]
    expected = verdict_on(study, regions)
    marks = find_landmarks(study)
    assert expected[:2] == [True, True]
    for axes, flips in (((0, 1, 2), (1, -1, 1)), ((2, 0, 1), (1, 1, -1))):
        twin, moved = stored_as(study, regions, axes, flips)
        assert verdict_on(twin, moved) == expected
        found = find_landmarks(twin)
        assert found is not None
        assert marks is not None
        for name in ("lung_base", "lung_apex", "middle", "front"):
            assert getattr(found, name) == pytest.approx(getattr(marks, name), abs=10)


def test_a_tilted_grid_changes_little(make_study: StudyMaker) -> None:
    # The same array, said to lie 12 degrees about x: the body is tilted with it, and levels
    # along it move with the middle of the grid, not with its corner.
    phantom = make_phantom(seed=4, spacing=(9.0, 8.0, 10.0), lesions=0)
    straight = study_of(phantom)
    angle = np.deg2rad(12)
    turn = np.array(
        [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]]
    )
    shape = np.array(straight.grid.shape)
    middle = straight.grid.to_world((shape - 1) / 2)
    origin = middle - turn @ ((shape - 1) / 2 * np.array(straight.grid.spacing))
    grid = Grid(straight.grid.shape, straight.grid.spacing, tuple(origin), tuple(turn.ravel()))
    assert straight.ct is not None
    tilted = Study(
        Volume(straight.pet.values, grid, Quantity.SUV_BW),
        Volume(straight.ct.values, grid, Quantity.HU),
        "tilted",
        "fdg",
    )
    before, after = find_landmarks(straight), find_landmarks(tilted)
    assert before is not None
    assert after is not None
    for name in ("lung_base", "lung_apex", "feet"):
        assert getattr(after, name) == pytest.approx(
            middle[2] + np.cos(angle) * (getattr(before, name) - middle[2]), abs=1e-6
        )
    assert verdict_on(tilted, [organ(phantom, "brain")]) == [True]


def test_short_views_and_views_without_lungs_have_no_landmarks(phantom: Phantom) -> None:
    study = study_of(phantom)
    assert study.ct is not None
    lungs = np.flatnonzero(organ(phantom, "lung").any(axis=(0, 1)))
    for part in (slice(lungs[0], lungs[-1] + 1), slice(0, max(lungs[0] - 8, 1))):
        volumes = [
            Volume(v.values[:, :, part], grid_part(v.grid, part), v.quantity)
            for v in (study.pet, study.ct)
        ]
        assert find_landmarks(replace(study, pet=volumes[0], ct=volumes[1])) is None


def test_no_candidates_no_verdicts(phantom: Phantom) -> None:
    assert verdict_on(study_of(phantom), []) == []


def grid_part(grid: Grid, part: slice) -> Grid:
    origin = grid.to_world([0, 0, part.start])
    return Grid(
        (grid.shape[0], grid.shape[1], part.stop - part.start),
        grid.spacing,
        tuple(origin),
        grid.direction,
    )


def stored_as(
    study: Study,
    regions: list[NDArray[np.bool_]],
    axes: tuple[int, ...],
    flips: tuple[int, ...],
) -> tuple[Study, list[NDArray[np.bool_]]]:
    """The same patient with index axes in another order and direction."""

    def turn(values: NDArray[np.generic]) -> NDArray[np.generic]:
        return values.transpose(axes)[tuple(slice(None, None, f) for f in flips)]

    old = study.grid
    start = np.zeros(3)
    for new, (axis, flip) in enumerate(zip(axes, flips, strict=True)):
        start[axes[new]] = old.shape[axis] - 1 if flip < 0 else 0
    matrix = np.array(old.direction).reshape(3, 3)[:, axes] * np.array(flips)
    grid = Grid(
        tuple(np.array(old.shape)[list(axes)]),
        tuple(np.array(old.spacing)[list(axes)]),
        tuple(old.to_world(start)),
        tuple(matrix.ravel()),
    )
    assert study.ct is not None
    pet = Volume(turn(study.pet.values), grid, Quantity.SUV_BW)
    ct = Volume(turn(study.ct.values), grid, Quantity.HU)
    return (
        Study(pet, ct, "turned", study.tracer),
        [np.asarray(turn(region), dtype=bool) for region in regions],
    )
