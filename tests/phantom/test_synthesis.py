"""Synthetic PET/CT as tensors, and the tissue maps it is made from."""

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.phantom.anatomy import anatomy_tissue_map, prepare_anatomies, tissue_map
from lesionloop.phantom.tissue_maps import StoredTissues, procedural_tissue_map
from lesionloop.phantom.tissues import ORGANS, Tissue

#: What an organ of the map may be made of.
FAMILY = {
    "spleen": {Tissue.SPLEEN},
    "kidneys": {Tissue.RENAL_CORTEX, Tissue.RENAL_PELVIS},
    "liver": {Tissue.LIVER},
    "bladder": {Tissue.BLADDER},
    "lung": {Tissue.LUNG},
    "brain": {Tissue.GREY_MATTER, Tissue.WHITE_MATTER},
    "heart": {Tissue.HEART_BLOOD, Tissue.MYOCARDIUM, Tissue.RIGHT_VENTRICLE},
}


def organ_map() -> np.ndarray:
    """A made-up patient on 4 mm cubes: x left, y back, z head."""
    organs = np.zeros((90, 64, 200), np.uint8)
    x, y, z = np.ogrid[:90, :64, :200]

    def put(label: int, centre: tuple[float, ...], semi: tuple[float, ...]) -> None:
        parts = (((a - c) / s) ** 2 for a, c, s in zip((x, y, z), centre, semi, strict=True))
        organs[sum(parts) < 1] = label

    put(5, (28, 30, 120), (12, 15, 26))
    put(5, (62, 30, 120), (12, 15, 26))
    put(7, (48, 24, 112), (10, 9, 10))
    put(3, (30, 28, 88), (17, 15, 12))
    put(1, (66, 36, 90), (7, 8, 9))
    put(2, (30, 42, 70), (6, 6, 13))
    put(2, (60, 42, 70), (6, 6, 13))
    put(4, (45, 28, 24), (9, 8, 8))
    put(6, (45, 30, 182), (17, 20, 15))
    return organs


def test_organs_stay_and_the_body_is_made_around_them() -> None:
    organs = organ_map()
    tissues = tissue_map(organs, seed=3)
    assert tissues.shape == organs.shape
    for label, name in ORGANS.items():
        if name in FAMILY and (organs == label).any():
            found = {Tissue(int(t)) for t in np.unique(tissues[organs == label])}
            assert found <= FAMILY[name], name
    body = tissues != Tissue.AIR
    assert 0.15 < body.mean() < 0.8
    assert np.isin(list(Tissue.__members__.values())[2:9], tissues).all(), "fat to lung are there"
    # The spine is behind the kidneys' middle, the sternum in front of the lungs.
    cord = np.argwhere(tissues == Tissue.CORD)
    assert cord[:, 1].mean() > np.argwhere(organs == 2)[:, 1].mean()
    assert abs(cord[:, 0].mean() - 45) < 6
    np.testing.assert_array_equal(tissue_map(organs, seed=3), tissues)
    assert (tissue_map(organs, seed=4) != tissues).any()


def test_organ_maps_are_turned_to_the_patient(tmp_path: Path) -> None:
    organs = organ_map()
    # Stored with x to the right and y to the front, as a RAS NIfTI has it with positive steps.
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    folder = tmp_path / "maps"
    folder.mkdir()
    nib.save(nib.Nifti1Image(organs[::-1, ::-1], affine), folder / "psma_a.nii.gz")
    stored = anatomy_tissue_map(folder / "psma_a.nii.gz", seed=5)
    assert stored.tracer == "psma"
    heart = np.argwhere(np.isin(stored.tissues, list(FAMILY["heart"]))).mean(axis=0)
    liver = np.argwhere(stored.tissues == Tissue.LIVER).mean(axis=0)
    spleen = np.argwhere(stored.tissues == Tissue.SPLEEN).mean(axis=0)
    assert liver[0] < heart[0] < spleen[0], "the liver is on the right"
    assert heart[1] < spleen[1]
    assert heart[2] > liver[2]
    names = list(prepare_anatomies(folder, tmp_path / "out", seed=1))
    assert names == ["psma_a"]
    made = tmp_path / "out" / "psma_a.npz"
    before = made.stat().st_mtime_ns
    list(prepare_anatomies(folder, tmp_path / "out", seed=1))
    assert made.stat().st_mtime_ns == before, "what is there stays"
    with pytest.raises(InputError, match="no organ maps"):
        list(prepare_anatomies(tmp_path / "out", tmp_path, seed=1))


def test_tissue_maps_survive_the_disk_and_damage_is_named(tmp_path: Path) -> None:
    stored = procedural_tissue_map(3, "fdg")
    path = tmp_path / f"{stored.name}.npz"
    stored.write(path)
    again = StoredTissues.read(path)
    np.testing.assert_array_equal(again.tissues, stored.tissues)
    assert (again.tracer, again.name) == ("fdg", stored.name)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match="is not a tissue map"):
        StoredTissues.read(path)
    with pytest.raises(InputError, match="cannot read"):
        StoredTissues.read(tmp_path / "none.npz")


def test_synthetic_studies_are_what_they_say(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    from lesionloop.phantom.patches import PatchSource
    from lesionloop.phantom.synthesis import SynthesisOptions, synthesise
    from lesionloop.phantom.synthesis_scan import ScanOptions

    for tracer, seed in (("fdg", 1), ("psma", 2)):
        stored = procedural_tissue_map(seed, tracer)  # type: ignore[arg-type]
        stored.write(tmp_path / f"{stored.name}.npz")
    source = PatchSource(tmp_path)
    draws = torch.Generator().manual_seed(8)
    tissues, tracers = source.draw(draws, 10, size=48)
    assert tissues.shape == (10, 48, 48, 48)
    assert tissues.dtype == torch.uint8
    options = SynthesisOptions(scan=ScanOptions(cut=0.5))
    made = synthesise(tissues, tracers, draws, options=options)
    assert made.pet.shape == made.ct.shape == made.reference.shape == made.field.shape
    assert not made.pet[~made.field].any()
    assert (made.ct[~made.field] == -1000).all()
    assert not (made.reference & ((tissues == Tissue.AIR) | ~made.field)).any()
    assert made.pet.min() >= 0
    assert torch.isfinite(made.pet).all()
    assert -1024 <= float(made.ct.min()) < float(made.ct.max()) <= 3071
    with_lesions = made.reference.flatten(1).any(dim=1)
    assert with_lesions.any()
    hotter = 0
    for number in with_lesions.nonzero().flatten().tolist():
        inside = made.reference[number]
        around = made.field[number] & ~inside & (tissues[number] != Tissue.AIR)
        hotter += int(made.pet[number][inside].mean() > made.pet[number][around].mean())
    assert hotter >= 0.7 * int(with_lesions.sum())

    again = torch.Generator().manual_seed(8)
    same = synthesise(*source.draw(again, 10, size=48), again, options=options)
    torch.testing.assert_close(same.pet, made.pet, rtol=0, atol=0)
    torch.testing.assert_close(same.reference, made.reference, rtol=0, atol=0)
    other = synthesise(tissues, tracers, torch.Generator().manual_seed(9))
    assert not torch.equal(other.pet, made.pet)


def test_a_whole_body_is_a_patch_too() -> None:
    torch = pytest.importorskip("torch")
    from lesionloop.phantom.synthesis import synthesise

    stored = procedural_tissue_map(5, "psma")
    body = torch.from_numpy(np.ascontiguousarray(stored.tissues[30:140, 40:130, 60:200]))[None]
    made = synthesise(body, ["psma"], torch.Generator().manual_seed(2))
    kidneys = made.pet[body == Tissue.RENAL_CORTEX].mean()
    muscle = made.pet[body == Tissue.MUSCLE].mean()
    assert kidneys > 10 * muscle
