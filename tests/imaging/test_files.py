"""Volumes, labels, masks and studies from files and back."""

import subprocess
import sys
import time
import tracemalloc
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from scipy.ndimage import map_coordinates
from scipy.spatial.transform import Rotation

from lesionloop.errors import InputError, OutputError
from lesionloop.imaging import (
    Grid,
    Quantity,
    Study,
    Volume,
    read_label,
    read_study,
    read_volume,
    write_mask,
    write_volume,
)
from lesionloop.imaging.files import read_shape

TURN = Rotation.from_euler("zyx", (17.0, -9.0, 23.0), degrees=True).as_matrix()
GRID = Grid((7, 6, 5), (2.04, 2.7, 3.27), (-407.3, 512.5, -1210.25), tuple(TURN.ravel()))
ENDINGS = (".nii.gz", ".nii", ".mha", ".NII.GZ", ".MHA")


def suv(grid: Grid = GRID, seed: int = 1) -> Volume:
    values = np.random.default_rng(seed).gamma(2.0, 1.0, grid.shape).astype(np.float32)
    return Volume(values, grid, Quantity.SUV_BW)


def hu(grid: Grid = GRID, seed: int = 2) -> Volume:
    values = np.random.default_rng(seed).integers(-1000, 1000, grid.shape).astype(np.int16)
    return Volume(values, grid, Quantity.HU)


def written(volume: Volume, path: Path) -> Path:
    write_volume(volume, path)
    return path


def itk_image(path: Path) -> sitk.Image:
    """Read by SimpleITK, which has to be told what ``.MHA`` is."""
    return sitk.ReadImage(path, imageIO="MetaImageIO" if path.suffix == ".MHA" else "")


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_shape_is_read_from_the_header_alone(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"pet{ending}"
    write_volume(suv(), path)
    assert read_shape(path) == GRID.shape
    if ending.lower() == ".nii":  # the voxels are not looked at
        path.write_bytes(path.read_bytes()[:400])
        assert read_shape(path) == GRID.shape
    path.write_bytes(b"no image")
    with pytest.raises(InputError, match="pet"):
        read_shape(path)
    with pytest.raises(InputError, match="no such file"):
        read_shape(tmp_path / f"none{ending}")


@pytest.mark.parametrize("ending", ENDINGS)
def test_volumes_come_back_voxel_for_voxel_and_place_for_place(ending: str, tmp_path: Path) -> None:
    path = written(suv(), tmp_path / f"a.b c{ending}")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    back = read_volume(path, Quantity.SUV_BW)
    np.testing.assert_array_equal(back.values, suv().values)
    assert back.grid.agrees_with(GRID)
    assert (back.quantity, back.source) == (Quantity.SUV_BW, str(path))
    image = itk_image(path)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, suv().values)
    there = image.TransformIndexToPhysicalPoint((6, 5, 4))
    np.testing.assert_allclose(there, GRID.to_world((6, 5, 4)), atol=1e-3)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("order", ["C", "F"])
def test_masks_are_bytes_of_0_and_1_on_the_very_grid(
    ending: str, order: Any, tmp_path: Path
) -> None:
    mask = np.array(suv().values > 2, order=order)
    path = tmp_path / f"mask{ending}"
    write_mask(mask, GRID, path)
    image = itk_image(path)
    assert image.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, mask)
    back = read_label(path)
    assert back.values.dtype == np.uint8
    np.testing.assert_array_equal(back.mask(), mask)
    assert back.grid.agrees_with(GRID)
    pet = read_volume(written(suv(), tmp_path / f"pet{ending}"), Quantity.SUV_BW)
    assert back.grid == pet.grid  # bit for bit what the PET's own file says


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int64, np.float32])
def test_masks_of_any_type_are_what_is_above_zero(dtype: Any, tmp_path: Path) -> None:
    labels = np.random.default_rng(3).integers(0, 4, GRID.shape).astype(dtype)
    study = Study(suv(), None, "a")
    for where in (GRID, study):
        write_mask(labels, where, tmp_path / "mask.nii.gz")
        np.testing.assert_array_equal(read_label(tmp_path / "mask.nii.gz").values, labels > 0)


def test_a_mask_of_another_shape_is_refused_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"\(6, 7, 5\)"):
        write_mask(np.zeros((6, 7, 5), dtype=bool), GRID, tmp_path / "mask.nii.gz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["mask", "mask.gz", "mask.nrrd", "mask.nii.zip", "mask.dcm"])
def test_unknown_endings_are_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(b"kept")
    with pytest.raises(InputError, match="ending"):
        write_mask(np.zeros(GRID.shape, dtype=bool), GRID, tmp_path / name)
    with pytest.raises(InputError, match="ending"):
        read_volume(tmp_path / name, Quantity.HU)
    assert (tmp_path / name).read_bytes() == b"kept"


def test_missing_files_and_folders_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file") as caught:
        read_volume(tmp_path / "none.nii.gz", Quantity.HU)
    assert "none.nii.gz" in str(caught.value)
    (tmp_path / "folder.nii.gz").mkdir()
    with pytest.raises(InputError, match="folder"):
        read_volume(tmp_path / "folder.nii.gz", Quantity.HU)
    with pytest.raises(OutputError):
        write_mask(np.zeros(GRID.shape, dtype=bool), GRID, tmp_path / "folder.nii.gz")


def test_labels_are_whole_numbers_from_zero(tmp_path: Path) -> None:
    path = tmp_path / "label.nii.gz"
    values = np.random.default_rng(4).integers(0, 300, GRID.shape)
    for dtype in (np.uint16, np.int32, np.float32, np.float64):
        write_volume(Volume(values.astype(dtype), GRID, Quantity.LABEL), path)
        label = read_label(path)
        assert label.values.dtype.kind in "iu"
        np.testing.assert_array_equal(label.values, values)
    for bad in (0.5, -1.0, np.nan, np.inf):
        damaged = values.astype(np.float32)
        damaged[3, 2, 1] = bad
        write_volume(Volume(damaged, GRID, Quantity.LABEL), path)
        with pytest.raises(InputError, match="not a label map") as caught:
            read_label(path)
        assert str(path) in str(caught.value)


@pytest.mark.parametrize("ending", [".nii.gz", ".nii", ".mha"])
def test_a_full_disk_leaves_the_old_file_and_nothing_else(ending: str, tmp_path: Path) -> None:
    # A limit on the size of files acts like a disk that fills up in the middle of the mask.
    path = tmp_path / f"mask{ending}"
    path.write_bytes(b"old")
    code = (
        "import resource, sys, numpy as np\n"
        "from lesionloop import Grid, OutputError, write_mask\n"
        "mask = np.random.default_rng(0).random((50, 40, 30)) < 0.5\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))\n"
        "try:\n"
        "    write_mask(mask, Grid(mask.shape, (1.0, 1.0, 1.0)), sys.argv[1])\n"
        "except OutputError as error:\n"
        "    raise SystemExit(f'refused: {error}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, path], capture_output=True, text=True, check=False
    )
    assert "refused" in done.stderr
    assert str(path) in done.stderr
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("endings", [(".nii.gz", ".nii.gz"), (".mha", ".nii"), (".nii", ".mha")])
def test_a_study_on_one_grid(endings: tuple[str, str], tmp_path: Path) -> None:
    ct = written(hu(), tmp_path / f"case 1.a_0000{endings[0]}")
    pet = written(suv(), tmp_path / f"case 1.a_0001{endings[1]}")
    study = read_study(ct, pet, tracer="fdg")
    assert (study.name, study.tracer) == ("case 1.a", "fdg")
    np.testing.assert_array_equal(study.pet.values, suv().values)
    assert study.ct is not None
    np.testing.assert_array_equal(study.ct.values, hu().values)
    assert study.ct.values.dtype == np.int16
    assert study.ct.grid == study.pet.grid == study.grid
    assert (study.pet.quantity, study.ct.quantity) == (Quantity.SUV_BW, Quantity.HU)
    assert study.provenance.files == {"ct": str(ct), "pet": str(pet)}
    assert study.provenance.notes == ()
    for values in (study.pet.values, study.ct.values):
        assert values.flags.f_contiguous  # as stored: no axis was moved


def test_a_ct_on_another_grid_is_interpolated_and_stays_available(tmp_path: Path) -> None:
    native = Grid((19, 17, 14), (1.2, 1.4, 1.9), (-409.0, 513.0, -1209.0), tuple(TURN.ravel()))
    ct = written(hu(native), tmp_path / "ct.mha")
    study = read_study(ct, written(suv(), tmp_path / "pet.nii.gz"))
    index = native.to_index(GRID.to_world(np.moveaxis(np.indices(GRID.shape), 0, -1)))
    inside = ((index > -0.499) & (index < np.array(native.shape) - 0.501)).all(axis=-1)
    outside = ((index < -0.501) | (index > np.array(native.shape) - 0.499)).any(axis=-1)
    where = np.moveaxis(index, -1, 0)
    expected = map_coordinates(hu(native).values.astype(float), where, order=1, mode="nearest")
    assert inside.any()
    assert outside.any()
    assert study.ct is not None
    assert study.ct.values.dtype == np.int16
    assert np.abs(study.ct.values - expected)[inside].max() <= 0.51
    assert (study.ct.values[outside] == -1024).all()
    again = study.native_ct()
    assert again is not None
    np.testing.assert_array_equal(again.values, hu(native).values)
    assert again.grid.agrees_with(native)
    assert again.quantity == Quantity.HU


def test_a_study_without_ct_says_so(tmp_path: Path) -> None:
    study = read_study(None, written(suv(), tmp_path / "only.mha"))
    assert study.ct is None
    assert study.native_ct() is None
    assert any("no CT" in note for note in study.provenance.notes)
    assert study.provenance.files == {"pet": str(tmp_path / "only.mha")}


def test_ct_and_pet_apart_are_refused_with_both_names_and_the_distance(tmp_path: Path) -> None:
    upright = Grid((10, 20, 30), (2.0, 1.0, 0.5), (1.0, 0.5, 0.25))  # to 20, 20 and 15 mm
    far = Grid((5, 5, 5), (2.0, 2.0, 2.0), (24.0, 25.0, 28.0))  # from 23, 24 and 27 mm
    pet = written(suv(upright), tmp_path / "pet.nii.gz")
    ct = written(hu(far), tmp_path / "ct.mha")
    with pytest.raises(InputError) as caught:
        read_study(ct, pet)
    message = str(caught.value)
    assert str(ct) in message
    assert str(pet) in message
    assert "13.0 mm apart" in message  # 3, 4 and 12 mm
    centre = np.linalg.norm([28 - 10, 29 - 10, 32 - 7.5])
    assert f"centres {centre:.1f} mm" in message


@pytest.mark.parametrize(
    ("ct_name", "pet_name", "says"),
    [
        ("a_0001.nii.gz", "a_0000.nii.gz", "exchanged"),
        ("a_0000.nii.gz", "b_0001.nii.gz", "different cases"),
        ("a b_0000.nii.gz", "a.b_0001.nii.gz", "different cases"),
    ],
)
def test_nnunet_names_that_do_not_fit(
    ct_name: str, pet_name: str, says: str, tmp_path: Path
) -> None:
    ct, pet = written(hu(), tmp_path / ct_name), written(suv(), tmp_path / pet_name)
    with pytest.raises(InputError, match=says) as caught:
        read_study(ct, pet)
    assert ct_name in str(caught.value)
    assert pet_name in str(caught.value)


def test_names_without_channels_may_differ(tmp_path: Path) -> None:
    ct, pet = written(hu(), tmp_path / "CTres.nii.gz"), written(suv(), tmp_path / "SUV.nii.gz")
    assert read_study(ct, pet).name == "SUV"
    assert read_study(ct, pet, name="case 7").name == "case 7"


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float64])
def test_the_pet_becomes_float32(dtype: Any, tmp_path: Path) -> None:
    values = np.random.default_rng(5).integers(0, 20, GRID.shape).astype(dtype)
    nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "pet.nii.gz")
    study = read_study(None, tmp_path / "pet.nii.gz")
    assert study.pet.values.dtype == np.float32
    np.testing.assert_array_equal(study.pet.values, values)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_pet_with_impossible_values_is_refused_by_voxel(bad: float, tmp_path: Path) -> None:
    pet = suv()
    pet.values[4, 3, 2] = bad
    with pytest.raises(InputError, match=r"\(4, 3, 2\)") as caught:
        read_study(None, written(pet, tmp_path / "pet.nii.gz"))
    assert "pet.nii.gz" in str(caught.value)


def test_an_unknown_tracer_is_refused(tmp_path: Path) -> None:
    pet = written(suv(), tmp_path / "pet.nii.gz")
    with pytest.raises(InputError, match="fdg, psma"):
        read_study(None, pet, tracer="choline")


#: What reading may take beside the voxels, whatever their number: buffers of 16 MiB and smaller.
_BUFFERS = 25_000_000


@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".mha"])
def test_a_study_is_read_without_spare_copies(ending: str, tmp_path: Path) -> None:
    grid = Grid((300, 250, 160), (2.0, 2.0, 3.0))
    values = np.zeros(grid.shape, dtype=np.float32, order="F")
    values[::7, ::5, ::3] = 1.5
    pet = written(Volume(values, grid, Quantity.SUV_BW), tmp_path / f"pet{ending}")
    ct = written(Volume(values, grid, Quantity.HU), tmp_path / f"ct{ending}")
    tracemalloc.start()
    try:
        study = read_study(ct, pet)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    # PET and CT once, and a bool per voxel of the CT while it is searched for NaN.
    assert peak < 2 * values.nbytes + values.size + _BUFFERS  # 3 x would be 48 MB more
    assert np.array_equal(study.pet.values, values)
    assert study.ct is not None
    assert np.array_equal(study.ct.values, values)


@pytest.mark.slow
def test_a_full_size_pet_takes_seconds_and_its_own_size(tmp_path: Path) -> None:
    grid = Grid((400, 400, 326), (2.04, 2.04, 3.0))
    rng = np.random.default_rng(6)
    values = rng.standard_normal(grid.shape[::-1], dtype=np.float32).T
    path = written(Volume(values, grid, Quantity.SUV_BW), tmp_path / "pet.nii.gz")
    tracemalloc.start()
    try:
        start = time.perf_counter()
        volume = read_volume(path, Quantity.SUV_BW)
        seconds = time.perf_counter() - start
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < values.nbytes + _BUFFERS
    assert seconds < 20  # 1.1 to 1.5 s measured on two cores
    assert np.array_equal(volume.values, values)
