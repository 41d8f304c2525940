"""The whole synthetic study: a body that a reader would recognise, from a seed."""

import cc3d
import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.volume import Quantity, Volume
from lesionloop.phantom import ORGANS, Phantom, make_phantom

#: Volumes of adult organs, ml, generous at both ends.
PLAUSIBLE_ML = {
    "spleen": (60, 400),
    "kidneys": (180, 480),
    "liver": (1000, 2500),
    "bladder": (45, 420),
    "lung": (2200, 5500),
    "brain": (1050, 1800),
    "heart": (300, 900),
    "stomach": (120, 600),
    "prostate": (8, 60),
    "head glands": (20, 80),
}
LABEL = {name: number for number, name in ORGANS.items()}
SMALL = (260.0, 240.0, 260.0)


@pytest.fixture(scope="module")
def fdg() -> Phantom:
    return make_phantom(seed=0)


@pytest.fixture(scope="module")
def psma() -> Phantom:
    return make_phantom(seed=5, tracer="psma", lesions=6)


def organ_mean(phantom: Phantom, name: str) -> float:
    where = (phantom.organs.values == LABEL[name]) & (phantom.reference.values == 0)
    return float(phantom.pet.values[where].mean())


def centre(volume: Volume, label: int) -> NDArray[np.float64]:
    return np.asarray(volume.grid.to_world(np.argwhere(volume.values == label)).mean(axis=0))


def test_volumes_share_a_grid_and_have_their_types(fdg: Phantom) -> None:
    assert fdg.pet.grid == Grid(
        (168, 168, 200),
        (4.07, 4.07, 5.0),
        fdg.pet.grid.origin,
    )
    kinds = (np.int16, np.float32, np.uint8, np.uint8)
    quantities = (Quantity.HU, Quantity.SUV_BW, Quantity.LABEL, Quantity.LABEL)
    volumes = (fdg.ct, fdg.pet, fdg.reference, fdg.organs)
    for volume, kind, quantity in zip(volumes, kinds, quantities, strict=True):
        assert volume.grid is fdg.pet.grid
        assert volume.values.dtype == kind
        assert volume.quantity is quantity
        assert volume.values.flags.f_contiguous
    assert np.isfinite(fdg.pet.values).all()
    assert fdg.pet.values.min() >= 0
    np.testing.assert_allclose(fdg.pet.grid.box().mean(axis=0), (0, 0, -212), atol=1e-9)


def test_the_same_seed_gives_the_same_study_and_another_seed_another() -> None:
    first, again, other = (make_phantom(seed=s, field_mm=SMALL, lesions=2) for s in (3, 3, 4))
    for name in ("ct", "pet", "reference", "organs"):
        one, two = getattr(first, name).values, getattr(again, name).values
        np.testing.assert_array_equal(one, two)
        assert (one != getattr(other, name).values).any()
    assert first.person != other.person


@pytest.mark.parametrize("which", ["fdg", "psma"])
def test_organs_have_the_volumes_of_adults(which: str, request: pytest.FixtureRequest) -> None:
    phantom: Phantom = request.getfixturevalue(which)
    for number, name in phantom.organ_names.items():
        ml = int((phantom.organs.values == number).sum()) * phantom.organs.grid.voxel_ml
        low, high = PLAUSIBLE_ML[name]
        assert low <= ml <= high, f"{name}: {ml:.0f} ml"


def test_the_bladder_holds_what_the_person_drank(fdg: Phantom) -> None:
    ml = int((fdg.organs.values == LABEL["bladder"]).sum()) * fdg.organs.grid.voxel_ml
    assert ml / np.prod(fdg.person.scale) == pytest.approx(fdg.person.bladder_ml, rel=0.2)


def test_organs_lie_where_they_belong(fdg: Phantom) -> None:
    place = {name: centre(fdg.organs, number) for number, name in ORGANS.items()}
    assert place["liver"][0] < -30
    assert 10 < place["heart"][0] < place["spleen"][0]
    heights = [place[n][2] for n in ("brain", "head glands", "lung", "liver", "kidneys", "bladder")]
    assert heights == sorted(heights, reverse=True)
    assert place["kidneys"][1] > place["liver"][1]
    assert place["heart"][1] < place["lung"][1]
    assert abs(place["brain"][0]) < 3


def test_tissue_is_in_the_body_and_air_around_it(fdg: Phantom) -> None:
    corner = fdg.ct.values[:8, :8]
    assert np.median(corner) < -980
    body = fdg.ct.values > -500
    part = cc3d.largest_k(body.astype(np.uint8), k=1)
    # An adult without the lower legs: 40 to 120 litres.
    assert 40 < part.sum() * fdg.ct.grid.voxel_ml / 1000 < 120
    liver = fdg.ct.values[(fdg.organs.values == LABEL["liver"])]
    assert np.median(liver) == pytest.approx(65, abs=10)
    assert np.median(fdg.ct.values[fdg.organs.values == LABEL["lung"]]) < -700


def test_fdg_lights_up_the_brain_and_bladder(fdg: Phantom) -> None:
    ct, pet, z = fdg.ct.values, fdg.pet.values, fdg.pet.grid.to_index((0, 0, -680))[2]
    thigh = (slice(None), slice(None), slice(int(z) - 2, int(z) + 3))
    muscle = float(np.median(pet[thigh][(ct[thigh] > 30) & (ct[thigh] < 70)]))
    order = [organ_mean(fdg, n) for n in ("brain", "liver")] + [muscle, organ_mean(fdg, "lung") / 2]
    assert order == sorted(order, reverse=True)
    assert organ_mean(fdg, "bladder") > organ_mean(fdg, "liver")
    assert 1.5 < organ_mean(fdg, "liver") < 3.0
    assert 0.4 < muscle < 1.0


def test_psma_lights_up_kidneys_and_glands_and_spares_the_brain(psma: Phantom) -> None:
    order = [organ_mean(psma, n) for n in ("kidneys", "head glands", "liver", "heart", "brain")]
    assert order == sorted(order, reverse=True)
    assert organ_mean(psma, "brain") < 0.3


@pytest.mark.parametrize("which", ["fdg", "psma"])
def test_each_lesion_is_one_component_of_its_volume(
    which: str, request: pytest.FixtureRequest
) -> None:
    phantom: Phantom = request.getfixturevalue(which)
    labels = cc3d.connected_components(phantom.reference.values, connectivity=26)
    assert labels.max() == len(phantom.lesions)
    grid = phantom.reference.grid
    seen = set()
    for lesion in phantom.lesions:
        index = np.rint(grid.to_index(lesion.shape.centre)).astype(int)
        around = labels[tuple(slice(i - 1, i + 2) for i in index)]
        number = int(around.max())
        seen.add(number)
        ml = int((labels == number).sum()) * grid.voxel_ml
        assert ml == pytest.approx(lesion.volume_ml, rel=0.5, abs=0.25)
    assert len(seen) == len(phantom.lesions)


def test_lesions_are_hotter_than_the_lesion_free_study_at_the_same_place() -> None:
    ill = make_phantom(seed=6, field_mm=(420, 320, 500), lesions=4)
    well = make_phantom(seed=6, field_mm=(420, 320, 500), lesions=0)
    assert not well.reference.values.any()
    assert well.lesions == ()
    np.testing.assert_array_equal(ill.organs.values, well.organs.values)
    where = ill.reference.values > 0
    assert ill.pet.values[where].mean() > 1.5 * well.pet.values[where].mean()
    # Far from lesions nothing changes.
    far = cc3d.connected_components(ill.reference.values)
    assert far.max() == 4
    same = np.isclose(ill.pet.values, well.pet.values, atol=1e-4)
    assert same.mean() > 0.95


def test_one_seed_is_one_patient_on_every_grid() -> None:
    coarse = make_phantom(seed=8, field_mm=(480, 400, 480), spacing=(5, 5, 6), lesions=3)
    fine = make_phantom(seed=8, field_mm=(480, 400, 480), spacing=(3, 4, 4), lesions=3)
    assert coarse.person == fine.person
    assert [a.shape.centre for a in coarse.lesions] == [a.shape.centre for a in fine.lesions]
    for name in ("liver", "spleen", "heart", "kidneys"):
        ml = [
            int((p.organs.values == LABEL[name]).sum()) * p.organs.grid.voxel_ml
            for p in (coarse, fine)
        ]
        assert ml[0] == pytest.approx(ml[1], rel=0.05)


def test_a_flipped_direction_shows_the_same_patient() -> None:
    plain = make_phantom(seed=2, field_mm=SMALL, lesions=1)
    flipped = make_phantom(
        seed=2, field_mm=SMALL, lesions=1, direction=(1, 0, 0, 0, -1, 0, 0, 0, 1)
    )
    np.testing.assert_array_equal(flipped.pet.values, plain.pet.values[:, ::-1])
    index = np.array([[3, 5, 7], [20, 1, 30]])
    turned = index * (1, -1, 1) + (0, plain.pet.grid.shape[1] - 1, 0)
    np.testing.assert_allclose(
        plain.pet.grid.to_world(index), flipped.pet.grid.to_world(turned), atol=1e-9
    )


def test_shape_and_field_give_the_same_grid_and_odd_shapes_work() -> None:
    by_shape = make_phantom(shape=(30, 41, 22), spacing=(6, 5, 7), lesions=0)
    by_field = make_phantom(field_mm=(180, 205, 154), spacing=(6, 5, 7), lesions=0)
    assert by_shape.pet.grid == by_field.pet.grid
    np.testing.assert_array_equal(by_shape.pet.values, by_field.pet.values)
    assert make_phantom(shape=(90, 70, 1), lesions=0).pet.values.shape == (90, 70, 1)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tracer": "fes"}, "fes"),
        ({"seed": -1}, "seed"),
        ({"spacing": (4.0, 0.0, 5.0)}, "spacing"),
        ({"spacing": (4.0, 40.0, 5.0)}, "spacing"),
        ({"field_mm": (100.0, -5.0, 100.0)}, "field"),
        ({"shape": (10, 0, 10)}, "at least one voxel"),
        ({"shape": (10, 10, 10), "field_mm": (100.0, 100.0, 100.0)}, "both"),
        ({"direction": (0, 1, 0, 1, 0, 0, 0, 0, 1)}, "direction"),
        ({"direction": (1, 0, 0, 1)}, "direction"),
        ({"lesions": -2}, "lesions"),
        ({"field_mm": (20.0, 20.0, 20.0), "lesions": 9}, "no room"),
    ],
)
def test_impossible_requests_are_refused(arguments: dict, message: str) -> None:  # type: ignore[type-arg]
    with pytest.raises(InputError, match=message):
        make_phantom(**arguments)


@pytest.mark.slow
def test_the_full_size_study_fits_its_budget() -> None:
    phantom = make_phantom(seed=1, shape=(400, 400, 326), spacing=(2.04, 2.04, 3.0), lesions=20)
    assert phantom.pet.values.shape == (400, 400, 326)
    labels = cc3d.connected_components(phantom.reference.values, connectivity=26)
    assert labels.max() == 20
