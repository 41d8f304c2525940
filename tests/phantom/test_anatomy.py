"""Bodies invented around organ maps: the organs stay, the rest is a plausible body."""

from pathlib import Path

import cc3d
import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.phantom.anatomy import anatomy_tissue_map, prepare_anatomies, tissue_map
from lesionloop.phantom.tissue_maps import MAP_SPACING_MM, StoredTissues
from lesionloop.phantom.tissues import ORGAN_OF, ORGANS, Tissue

Labels = NDArray[np.uint8]

LABEL = {name: number for number, name in ORGANS.items()}
#: Organ of each tissue, written out apart from the code under test.
TO_ORGAN = np.zeros(len(Tissue), dtype=np.uint8)
for _tissue, _organ in ORGAN_OF.items():
    TO_ORGAN[_tissue] = _organ

SHAPE = (112, 84, 230)
MIDDLE_X, MIDDLE_Y = 56, 42
#: Middle and semi-axes, voxels of 4 mm (x left, y back, z head), of organs that stand where they
#: do in people; the liver is on the right (low x), spleen, stomach and heart's tip on the left.
BALLS: dict[str, list[tuple[tuple[int, int, int], tuple[float, float, float]]]] = {
    "bladder": [((56, 40, 38), (9, 8, 8))],
    "prostate": [((56, 43, 28), (5, 4, 4))],
    "kidneys": [((40, 52, 92), (7, 7, 13)), ((72, 52, 94), (7, 7, 13))],
    "liver": [((40, 38, 108), (18, 18, 15))],
    "spleen": [((78, 52, 110), (6, 9, 11))],
    "stomach": [((70, 34, 104), (9, 8, 9))],
    "lung": [((38, 42, 148), (14, 20, 26)), ((74, 42, 148), (14, 20, 26))],
    "heart": [((60, 32, 136), (13, 11, 12))],
    "head glands": [((43, 42, 192), (4, 4, 6)), ((69, 42, 192), (4, 4, 6))],
    "brain": [((56, 42, 212), (17, 21, 14))],
}


def organ_map(*, without: tuple[str, ...] = ()) -> Labels:
    organs = np.zeros(SHAPE, dtype=np.uint8)
    axes = np.ogrid[tuple(slice(0, n) for n in SHAPE)]
    for name, balls in BALLS.items():
        for centre, semi in balls if name not in without else []:
            away = sum(((a - c) / s) ** 2 for a, c, s in zip(axes, centre, semi, strict=True))
            organs[np.asarray(away < 1) & (organs == 0)] = LABEL[name]
    return organs


def where(tissues: Labels, *wanted: Tissue) -> NDArray[np.float64]:
    """Mean place of some tissues, voxels."""
    places = np.argwhere(np.isin(tissues, wanted))
    assert len(places), f"no {wanted}"
    return np.asarray(places.mean(axis=0))


def organs_of(tissues: Labels) -> Labels:
    """The organ map that a tissue map shows."""
    return TO_ORGAN[tissues]


@pytest.fixture(scope="module")
def organs() -> Labels:
    return organ_map()


@pytest.fixture(scope="module")
def body(organs: Labels) -> Labels:
    return tissue_map(organs, seed=4)


def test_organs_stay_where_the_map_says(organs: Labels, body: Labels) -> None:
    assert body.shape == organs.shape
    assert body.dtype == np.uint8
    assert body.max() < len(Tissue)
    np.testing.assert_array_equal(organs_of(body), organs)


def test_the_same_seed_is_the_same_body_and_another_is_not(organs: Labels) -> None:
    part = organs[:, :, 110:140]
    given = part.copy()
    first, again, other = (tissue_map(given, seed=seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(given, part)
    np.testing.assert_array_equal(again, first)
    np.testing.assert_array_equal(organs_of(other), part)
    assert (other != first).mean() > 0.02


def test_it_is_one_body_of_human_size(body: Labels) -> None:
    """Legs hang together with the trunk; 30 to 120 litres."""
    parts = cc3d.connected_components(body > 0, connectivity=6)
    sizes = np.bincount(parts.ravel())[1:]
    assert sizes.max() > 0.995 * sizes.sum()
    litres = float((body > 0).sum()) * MAP_SPACING_MM**3 * 1e-6
    assert 30 < litres < 120


def test_no_organ_lies_at_the_skin(body: Labels) -> None:
    """The air outside (reached from the corner) touches fat, muscle or bone only."""
    air = cc3d.connected_components(body == Tissue.AIR, connectivity=6)
    outside = air == air[0, 0, -1]
    for axis in range(3):
        for step in (-1, 1):
            rolled = np.roll(outside, step, axis=axis)
            edge = [slice(None)] * 3
            edge[axis] = slice(0, 1) if step == 1 else slice(-1, None)
            rolled[tuple(edge)] = False
            touched = np.unique(body[rolled & ~outside])
            assert not TO_ORGAN[touched].any(), [Tissue(t).name for t in touched]


@pytest.mark.parametrize(
    "tissue",
    [
        Tissue.FAT, Tissue.MUSCLE, Tissue.VISCERAL_FAT, Tissue.CONNECTIVE, Tissue.BONE,
        Tissue.MARROW, Tissue.CORD, Tissue.BLOOD, Tissue.AIRWAY, Tissue.SMALL_BOWEL, Tissue.COLON,
        Tissue.URETER, Tissue.EYE, Tissue.TONSIL, Tissue.MYOCARDIUM, Tissue.HEART_BLOOD,
        Tissue.RIGHT_VENTRICLE, Tissue.GREY_MATTER, Tissue.WHITE_MATTER, Tissue.RENAL_CORTEX,
        Tissue.RENAL_PELVIS, Tissue.PAROTID, Tissue.SUBMANDIBULAR, Tissue.LACRIMAL,
    ],
    ids=lambda tissue: tissue.name.lower(),
)  # fmt: skip
def test_a_whole_body_has(body: Labels, tissue: Tissue) -> None:
    assert (body == tissue).any()


def test_it_is_the_right_way_round(body: Labels) -> None:
    """x grows to the left, y to the back, z to the head."""
    heart = (Tissue.MYOCARDIUM, Tissue.HEART_BLOOD, Tissue.RIGHT_VENTRICLE)
    cord, ventricle = where(body, Tissue.CORD), where(body, Tissue.MYOCARDIUM)
    assert cord[1] > where(body, *heart)[1] + 10  # the spine is behind
    assert abs(cord[0] - MIDDLE_X) < 3
    assert ventricle[0] > where(body, Tissue.RIGHT_VENTRICLE)[0]  # left ventricle on the left
    eyes = where(body, Tissue.EYE)
    assert eyes[1] < where(body, Tissue.WHITE_MATTER, Tissue.GREY_MATTER)[1] - 8
    assert eyes[2] > where(body, Tissue.TONSIL)[2]
    assert where(body, Tissue.LACRIMAL)[2] > where(body, Tissue.PAROTID)[2]
    assert where(body, Tissue.PAROTID)[2] > where(body, Tissue.SUBMANDIBULAR)[2]
    small = where(body, Tissue.SMALL_BOWEL)[2]
    assert BALLS["bladder"][0][0][2] < small < BALLS["liver"][0][0][2]


def test_the_outer_layer_of_brain_and_kidney_is_the_cortex(organs: Labels, body: Labels) -> None:
    """Voxels with a neighbour outside the organ are cortex, and what is inside is not all."""
    for name, rim, core in (
        ("brain", Tissue.GREY_MATTER, Tissue.WHITE_MATTER),
        ("kidneys", Tissue.RENAL_CORTEX, Tissue.RENAL_PELVIS),
    ):
        organ = organs == LABEL[name]
        border = np.zeros_like(organ)
        for axis in range(3):
            for step in (-1, 1):
                border |= organ & ~np.roll(organ, step, axis=axis)
        assert (body[border] == rim).all()
        assert 0.01 < float((body[organ] == core).mean()) < 0.75


def test_the_left_ventricle_is_a_wall_round_blood(organs: Labels, body: Labels) -> None:
    """From the middle of the left ventricle, blood, most ways out go through its wall."""
    x, y, z = (round(v) for v in where(body, Tissue.MYOCARDIUM))
    assert body[x, y, z] == Tissue.HEART_BLOOD
    rays = (
        body[x::-1, y, z], body[x:, y, z], body[x, y::-1, z],
        body[x, y:, z], body[x, y, z::-1], body[x, y, z:],
    )  # fmt: skip
    met = [int(ray[np.argmax(ray != Tissue.HEART_BLOOD)]) for ray in rays]
    assert met.count(Tissue.MYOCARDIUM) >= 5


def test_the_skull_is_closed_over_the_brain(organs: Labels, body: Labels) -> None:
    """Going up, left, right, front and back from the brain's middle one meets bone."""
    centre = tuple(int(v) for v in np.argwhere(organs == LABEL["brain"]).mean(axis=0))
    x, y, z = centre
    for ray in (body[x, y, z:], body[x:, y, z], body[:x, y, z], body[x, :y, z], body[x, y:, z]):
        assert (ray == Tissue.BONE).any()


def test_there_are_ribs_on_both_sides(organs: Labels, body: Labels) -> None:
    lung = np.argwhere(organs == LABEL["lung"])
    level = slice(int(lung[:, 2].min()), int(lung[:, 2].max()))
    bone = np.isin(body[:, :, level], (Tissue.BONE, Tissue.MARROW))
    assert bone[: lung[:, 0].min() + 4].any()
    assert bone[lung[:, 0].max() - 3 :].any()


def test_two_legs_with_a_thigh_bone_each(organs: Labels) -> None:
    """A scan that goes on for 120 mm below the prostate and more shows two legs."""
    longer = np.concatenate([np.zeros((*SHAPE[:2], 30), np.uint8), organs[:, :, :140]], axis=2)
    body = tissue_map(longer, seed=4)
    parts = cc3d.connected_components(body[:, :, 2] > 0, connectivity=4)
    assert parts.max() == 2
    for part in (1, 2):
        leg = body[:, :, 2][parts == part]
        assert np.isin(leg, (Tissue.BONE, Tissue.MARROW)).any()


@pytest.mark.parametrize(
    "without",
    [
        ("bladder", "prostate", "lung", "heart"),
        ("liver", "stomach", "spleen", "kidneys"),
        tuple(name for name in BALLS if name != "liver"),
        tuple(name for name in BALLS if name != "brain"),
        tuple(name for name in BALLS if name != "bladder"),
        tuple(name for name in BALLS if name != "head glands"),
    ],
    ids=lambda without: f"{len(without)}-{without[0]}",
)
def test_missing_organs_are_no_obstacle(without: tuple[str, ...]) -> None:
    given = organ_map(without=without)[:, :, 20::2]
    body = tissue_map(given, seed=2)
    np.testing.assert_array_equal(organs_of(body), given)
    assert (body > 0).sum() > 1.5 * (given > 0).sum()


@pytest.mark.parametrize(("low", "high"), [(0, 60), (100, 130), (185, 230)])
def test_scans_that_cut_the_body(organs: Labels, low: int, high: int) -> None:
    part = np.ascontiguousarray(organs[:, :, low:high])
    body = tissue_map(part, seed=3)
    np.testing.assert_array_equal(organs_of(body), part)
    filled: NDArray[np.bool_] = np.asarray((body > 0).any(axis=(0, 1)))
    assert filled[np.flatnonzero(part.any(axis=(0, 1)))].all()


@pytest.mark.parametrize("organ", sorted(ORGANS))
def test_a_speck_of_an_organ_is_enough(organ: int) -> None:
    given = np.zeros((60, 50, 40), dtype=np.uint8)
    given[30, 25, 20] = organ
    body = tissue_map(given, seed=0)
    assert TO_ORGAN[body[30, 25, 20]] == organ


# Files ------------------------------------------------------------------------------------------


def write_map(path: Path, lps: Labels, spacing: tuple[float, float, float]) -> None:
    """As the published maps are stored: nibabel's axes L, A, S, so only y is turned round."""
    x, y, z = spacing
    affine = np.diag([-x, y, z, 1.0])
    nibabel.save(nibabel.Nifti1Image(np.ascontiguousarray(lps[:, ::-1]), affine), path)


def in_other_voxels(organs: Labels, spacing: tuple[float, float, float]) -> Labels:
    """Nearest label on another grid from the same corner."""
    places = []
    for n, step in zip(organs.shape, spacing, strict=True):
        count = int(n * MAP_SPACING_MM / step)
        places.append(np.floor((np.arange(count) + 0.5) * step / MAP_SPACING_MM).astype(int))
    return organs[np.ix_(*places)]


@pytest.mark.parametrize(
    "spacing", [(4.0, 4.0, 4.0), (2.5, 2.5, 3.0), (4.07, 4.07, 5.0)], ids=lambda s: f"{s[0]}-{s[2]}"
)
def test_a_file_on_any_grid(
    tmp_path: Path, organs: Labels, spacing: tuple[float, float, float]
) -> None:
    """Volumes, left and right, front and back survive the way through the file."""
    path = tmp_path / "psma_0000_2020-01-01.nii.gz"
    given = in_other_voxels(organs[:, :, 90:140], spacing)
    write_map(path, given, spacing)
    stored = anatomy_tissue_map(path, seed=0)
    assert (stored.tracer, stored.name) == ("psma", "psma_0000_2020-01-01")
    assert stored.tissues.shape[2] == pytest.approx(given.shape[2] * spacing[2] / 4, abs=1)
    for name in ("liver", "spleen", "kidneys", "heart"):
        expected = (given == LABEL[name]).sum() * np.prod(spacing)
        found = (organs_of(stored.tissues) == LABEL[name]).sum() * MAP_SPACING_MM**3
        assert found == pytest.approx(expected, rel=0.12), name
    liver, spleen = where(stored.tissues, Tissue.LIVER), where(stored.tissues, Tissue.SPLEEN)
    distance = (np.array(BALLS["spleen"][0][0]) - BALLS["liver"][0][0]) * MAP_SPACING_MM
    np.testing.assert_allclose((spleen - liver) * MAP_SPACING_MM, distance, atol=10)


def test_a_file_without_organs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fdg_1.nii.gz"
    write_map(path, np.zeros((9, 8, 7), dtype=np.uint8), (4.0, 4.0, 4.0))
    with pytest.raises(InputError, match=r"fdg_1.*holds none of the organs"):
        anatomy_tissue_map(path, seed=0)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "fdg_1.nii.gz"
    path.write_bytes(b"no image")
    with pytest.raises(InputError, match="fdg_1"):
        anatomy_tissue_map(path, seed=0)


def test_a_folder_is_converted_and_taken_up_again(tmp_path: Path, organs: Labels) -> None:
    """Maps that are there stay; the one that is missing is made as it was before."""
    folder, out = tmp_path / "maps", tmp_path / "tissues"
    folder.mkdir()
    part = organs[:, :, 100:112]
    for name in ("fdg_a", "psma_b"):
        write_map(folder / f"{name}.nii.gz", part, (4.0, 4.0, 4.0))
    (folder / "fdg_a_lesion-clicks.json").write_text('{"points": []}')
    assert list(prepare_anatomies(folder, out, seed=1)) == ["fdg_a", "psma_b"]
    first = StoredTissues.read(out / "fdg_a.npz")
    second = StoredTissues.read(out / "psma_b.npz")
    assert (first.tracer, second.tracer) == ("fdg", "psma")
    # The same organs, but each patient has a body of their own.
    assert (first.tissues != second.tissues).any()

    kept = (out / "fdg_a.npz").read_bytes()
    (out / "psma_b.npz").unlink()
    assert list(prepare_anatomies(folder, out, seed=1)) == ["fdg_a", "psma_b"]
    assert (out / "fdg_a.npz").read_bytes() == kept
    np.testing.assert_array_equal(StoredTissues.read(out / "psma_b.npz").tissues, second.tissues)
    assert sorted(path.name for path in out.iterdir()) == ["fdg_a.npz", "psma_b.npz"]


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no organ maps"):
        list(prepare_anatomies(tmp_path, tmp_path / "out", seed=1))


@pytest.mark.slow
def test_real_maps_become_bodies(shared: Path) -> None:
    """Some published maps: one body, of human size, the organs' volumes kept."""
    paths = sorted((shared / "data" / "anatomy").glob("*.nii.gz"))[1::40]
    if not paths:
        pytest.skip("no published organ maps")
    for path in paths:
        stored = anatomy_tissue_map(path, seed=0)
        image = nibabel.load(path)
        labels = np.asarray(image.dataobj)
        voxel = float(np.prod(image.header.get_zooms()))
        for name in ("liver", "lung", "heart"):
            found = (organs_of(stored.tissues) == LABEL[name]).sum() * MAP_SPACING_MM**3
            assert found == pytest.approx((labels == LABEL[name]).sum() * voxel, rel=0.05), name
        parts = cc3d.connected_components(stored.tissues > 0, connectivity=6)
        sizes = np.bincount(parts.ravel())[1:]
        assert sizes.max() > 0.99 * sizes.sum()
        assert 15 < sizes.sum() * MAP_SPACING_MM**3 * 1e-6 < 130
        # Lungs stand over the liver and the spine behind both.
        lung = where(stored.tissues, Tissue.LUNG)
        assert lung[2] > where(stored.tissues, Tissue.LIVER)[2]
        assert where(stored.tissues, Tissue.CORD)[1] > lung[1]
        assert where(stored.tissues, Tissue.SPLEEN)[0] > where(stored.tissues, Tissue.LIVER)[0]
