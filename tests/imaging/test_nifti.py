"""NIfTI files, with nibabel and SimpleITK on the other side, and headers changed byte by byte."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lesionloop.errors import InputError
from lesionloop.imaging import Quantity, Volume, read_label, write_mask, write_volume
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.nifti import read_nifti, write_nifti

TURN = Rotation.from_euler("zyx", (17.0, -9.0, 23.0), degrees=True).as_matrix()
DIRECTIONS = {
    "upright": np.eye(3),
    "flipped": np.diag([-1.0, -1.0, 1.0]),
    "left-handed": np.diag([1.0, -1.0, 1.0]),
    "exchanged": np.eye(3)[[2, 0, 1]],
    "oblique, left-handed": TURN @ np.diag([1.0, 1.0, -1.0]),
}
SHAPE = (7, 6, 5)
NEAR_MM = 1e-3  # NIfTI headers are float32
TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
INDICES = ((0, 0, 0), (6, 0, 0), (0, 5, 0), (0, 0, 4), (3, 1, 2), (6, 5, 4))


@pytest.fixture(params=DIRECTIONS)
def grid(request: pytest.FixtureRequest) -> Grid:
    direction = tuple(DIRECTIONS[request.param].ravel())
    return Grid(SHAPE, (2.0364201, 2.7, 3.27), (-407.3, 512.5, -1210.25), direction)


def values_of(dtype: Any = np.float32) -> NDArray[Any]:
    return np.random.default_rng(2).integers(0, 100, SHAPE).astype(dtype)


def write_plain(
    path: Path, change: Callable[[Any], None] | None = None, dtype: Any = np.int16
) -> NDArray[Any]:
    """A file by nibabel, 2 x 3 x 4 mm, LPS origin (-10, -20, 30), its header then changed."""
    values = values_of(dtype)
    image = nib.Nifti1Image(values, np.diag([-2.0, -3.0, 4.0, 1.0]) + _shift(10, 20, 30))
    image.set_sform(image.affine, 1)
    image.set_qform(image.affine, 1)
    if change:
        change(image)
    nib.save(image, path)
    return values


def _shift(x: float, y: float, z: float) -> NDArray[np.float64]:
    matrix = np.zeros((4, 4))
    matrix[:3, 3] = x, y, z
    return matrix


@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz", "A.NII", "A.NII.GZ", "a. b.c.nii.gz"])
def test_what_we_write_others_read(grid: Grid, name: str, tmp_path: Path) -> None:
    values = values_of()
    write_nifti(values, grid, tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == [name]
    packed = (tmp_path / name).read_bytes()[:2] == b"\x1f\x8b"
    assert packed == name.lower().endswith(".gz")

    image = sitk.ReadImage(tmp_path / name)
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, values)
    for index in INDICES:
        there = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(there, grid.to_world(index), atol=NEAR_MM)

    other = nib.load(tmp_path / name)
    np.testing.assert_array_equal(np.asarray(other.dataobj), values)
    for form in (other.get_sform(), other.get_qform()):
        np.testing.assert_allclose(TO_RAS @ form, grid.affine, atol=1e-4)
    assert other.header.get_xyzt_units()[0] == "mm"
    assert (int(other.header["sform_code"]), int(other.header["qform_code"])) == (1, 1)

    back, where = read_nifti(tmp_path / name)
    np.testing.assert_array_equal(back, values)
    assert where.agrees_with(grid)


@pytest.mark.parametrize("compressed", [False, True])
def test_what_itk_writes_we_read(grid: Grid, compressed: bool, tmp_path: Path) -> None:
    values = values_of(np.int16)
    image = sitk.GetImageFromArray(values.T)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(grid.direction)
    path = tmp_path / ("a.nii.gz" if compressed else "a.nii")
    sitk.WriteImage(image, path, useCompression=compressed)
    back, where = read_nifti(path)
    np.testing.assert_array_equal(back, values)
    assert back.dtype == np.int16
    assert back.flags.f_contiguous
    assert where.agrees_with(grid)
    for index in INDICES:
        there = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(where.to_world(index), there, atol=NEAR_MM)


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("endianness", ["<", ">"])
def test_what_nibabel_writes_we_read(
    grid: Grid, kind: Any, endianness: str, tmp_path: Path
) -> None:
    values = values_of()
    header = kind.header_class(endianness=endianness)
    header.set_data_dtype(np.float32)
    image = kind(values, TO_RAS @ grid.affine, header)
    nib.save(image, tmp_path / "a.nii.gz")
    assert nib.load(tmp_path / "a.nii.gz").header.endianness == endianness
    back, where = read_nifti(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(back, values)
    assert back.dtype == np.float32
    assert back.dtype.isnative
    assert where.agrees_with(grid)


@pytest.mark.parametrize(
    "dtype",
    [
        np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64,
        np.float32, np.float64,
    ],
)  # fmt: skip
def test_every_number_type_is_read_as_it_is(dtype: Any, tmp_path: Path) -> None:
    # The extremes: a detour through float would lose them.
    limits = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.finfo(dtype)
    values = np.resize(np.array([limits.min, limits.max, 0, 1], dtype=dtype), SHAPE)
    image = nib.Nifti1Image(values, np.diag([2.0, 3.0, 4.0, 1.0]), dtype=dtype)
    nib.save(image, tmp_path / "a.nii.gz")
    back, _ = read_nifti(tmp_path / "a.nii.gz")
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, values)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.uint16, np.int32, np.float32, np.float64])
def test_what_we_write_keeps_its_type(dtype: Any, tmp_path: Path) -> None:
    values = values_of(dtype)
    write_nifti(values, Grid(SHAPE, (2.0, 3.0, 4.0)), tmp_path / "a.nii.gz")
    assert nib.load(tmp_path / "a.nii.gz").get_data_dtype() == dtype
    back, _ = read_nifti(tmp_path / "a.nii.gz")
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, values)


def test_sform_alone(tmp_path: Path) -> None:
    write_plain(tmp_path / "a.nii", lambda image: image.set_qform(None, 0))
    _, grid = read_nifti(tmp_path / "a.nii")
    assert grid == Grid(SHAPE, (2.0, 3.0, 4.0), (-10.0, -20.0, 30.0))


def test_qform_alone(tmp_path: Path) -> None:
    def change(image: Any) -> None:
        affine = np.eye(4)
        affine[:3, :3] = TURN * (2.0, 3.0, 4.0)
        affine[:3, 3] = (1.0, 2.0, 3.0)
        image.set_qform(affine, 1)
        image.set_sform(None, 0)

    write_plain(tmp_path / "a.nii", change)
    _, grid = read_nifti(tmp_path / "a.nii")
    image = sitk.ReadImage(tmp_path / "a.nii")
    for index in INDICES:
        there = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(grid.to_world(index), there, atol=NEAR_MM)


def test_a_left_handed_qform_has_its_flip_in_pixdim(tmp_path: Path) -> None:
    def change(image: Any) -> None:
        image.set_qform(np.diag([2.0, 3.0, -4.0, 1.0]), 1)
        image.set_sform(None, 0)
        assert image.header["pixdim"][0] == -1

    write_plain(tmp_path / "a.nii", change)
    _, grid = read_nifti(tmp_path / "a.nii")
    np.testing.assert_allclose(grid.to_world((1, 1, 1)), (-2, -3, -4), atol=1e-5)


def test_the_sform_wins_where_both_differ(tmp_path: Path) -> None:
    def change(image: Any) -> None:
        image.set_qform(np.diag([2.0, 3.0, 4.0, 1.0]) + _shift(500, 500, 500), 1)
        image.set_sform(image.get_sform(), 2)

    write_plain(tmp_path / "a.nii", change)
    _, grid = read_nifti(tmp_path / "a.nii")
    np.testing.assert_allclose(grid.origin, (-10, -20, 30))


def test_no_orientation_is_refused(tmp_path: Path) -> None:
    def change(image: Any) -> None:
        image.set_qform(None, 0)
        image.set_sform(None, 0)

    write_plain(tmp_path / "a.nii", change)
    with pytest.raises(InputError, match="no orientation"):
        read_nifti(tmp_path / "a.nii")


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1e3), ("mm", 1.0), ("micron", 1e-3)])
def test_units_of_length(unit: str, factor: float, tmp_path: Path) -> None:
    write_plain(tmp_path / "a.nii", lambda image: image.header.set_xyzt_units(unit, "sec"))
    _, grid = read_nifti(tmp_path / "a.nii")
    np.testing.assert_allclose(grid.spacing, np.array([2.0, 3.0, 4.0]) * factor)
    np.testing.assert_allclose(grid.origin, np.array([-10.0, -20.0, 30.0]) * factor)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.int32, np.float32, np.float64])
def test_slope_and_intercept_are_applied(dtype: Any, tmp_path: Path) -> None:
    stored = write_plain(tmp_path / "a.nii", dtype=dtype)
    _patch(tmp_path / "a.nii", scl_slope=0.25, scl_inter=-3.5)
    back, _ = read_nifti(tmp_path / "a.nii")
    np.testing.assert_array_equal(back, stored * 0.25 - 3.5)  # exact in float32
    np.testing.assert_array_equal(back, nib.load(tmp_path / "a.nii").get_fdata())
    assert back.dtype.kind == "f"


@pytest.mark.parametrize("slope", [0.0, float("nan"), 1.0])
def test_no_slope_leaves_the_numbers_alone(slope: float, tmp_path: Path) -> None:
    stored = write_plain(tmp_path / "a.nii")
    _patch(tmp_path / "a.nii", scl_slope=slope, scl_inter=0.0)
    back, _ = read_nifti(tmp_path / "a.nii")
    assert back.dtype == np.int16
    np.testing.assert_array_equal(back, stored)


def test_slope_one_with_an_intercept_counts(tmp_path: Path) -> None:
    stored = write_plain(tmp_path / "a.nii")
    _patch(tmp_path / "a.nii", scl_slope=1.0, scl_inter=-1024.0)
    back, _ = read_nifti(tmp_path / "a.nii")
    np.testing.assert_array_equal(back, stored - 1024.0)


def test_trailing_single_axes_are_dropped(tmp_path: Path) -> None:
    values = values_of(np.int16)
    image = nib.Nifti1Image(values[..., None, None], np.diag([2.0, 3.0, 4.0, 1.0]))
    nib.save(image, tmp_path / "a.nii")
    back, grid = read_nifti(tmp_path / "a.nii")
    assert grid.shape == SHAPE
    np.testing.assert_array_equal(back, values)


@pytest.mark.parametrize("shape", [(7, 6), (7, 6, 5, 2), (7, 6, 5, 1, 3), (1, 7, 6, 5)])
def test_other_dimensions_are_refused(shape: tuple[int, ...], tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros(shape, np.int16), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(InputError, match="three-dimensional"):
        read_nifti(tmp_path / "a.nii")


def test_one_slice_is_a_volume(tmp_path: Path) -> None:
    nib.save(nib.Nifti1Image(np.zeros((7, 6, 1), np.int16), np.eye(4)), tmp_path / "a.nii")
    assert read_nifti(tmp_path / "a.nii")[1].shape == (7, 6, 1)


def test_colours_and_complex_numbers_are_refused(tmp_path: Path) -> None:
    colours = np.zeros(SHAPE, dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
    for values in (colours, np.zeros(SHAPE, np.complex64)):
        nib.save(nib.Nifti1Image(values, np.eye(4)), tmp_path / "a.nii")
        with pytest.raises(InputError, match="one real number"):
            read_nifti(tmp_path / "a.nii")


def test_voxels_may_begin_later(tmp_path: Path) -> None:
    values = values_of(np.int16)
    image = nib.Nifti1Image(values, np.diag([2.0, 3.0, 4.0, 1.0]))
    image.header.extensions.append(nib.nifti1.Nifti1Extension("comment", b"x" * 1000))
    for name in ("a.nii", "a.nii.gz"):
        nib.save(image, tmp_path / name)
        np.testing.assert_array_equal(read_nifti(tmp_path / name)[0], values)


def test_gzip_in_several_members(tmp_path: Path) -> None:
    stored = write_plain(tmp_path / "a.nii")
    data = (tmp_path / "a.nii").read_bytes()
    pieces = (data[:100], data[100:400], b"", data[400:])
    (tmp_path / "a.nii.gz").write_bytes(b"".join(gzip.compress(piece) for piece in pieces))
    np.testing.assert_array_equal(read_nifti(tmp_path / "a.nii.gz")[0], stored)


@pytest.mark.parametrize("left", [0, 3, 100, 347, 351, 352, 353, -1])
@pytest.mark.parametrize("name", ["a.nii", "a.nii.gz"])
def test_a_truncated_file_cannot_pass(left: int, name: str, tmp_path: Path) -> None:
    write_plain(tmp_path / "whole.nii")
    data = (tmp_path / "whole.nii").read_bytes()[:left]
    (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    with pytest.raises(InputError, match=name):
        read_nifti(tmp_path / name)


def test_a_cut_or_damaged_gzip_stream_cannot_pass(tmp_path: Path) -> None:
    write_plain(tmp_path / "whole.nii")
    packed = gzip.compress((tmp_path / "whole.nii").read_bytes())
    path = tmp_path / "a.nii.gz"
    for left in (1, 10, len(packed) // 2, len(packed) - 8, len(packed) - 1):
        path.write_bytes(packed[:left])
        with pytest.raises(InputError):
            read_nifti(path)
    for place in (12, len(packed) // 2, len(packed) - 6):  # header, voxels, check sum
        damaged = bytearray(packed)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        with pytest.raises(InputError):
            read_nifti(path)


@pytest.mark.parametrize("content", [b"", b"CT of the liver, see attachment\n" * 40, b"\0" * 600])
def test_files_that_are_no_nifti(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.nii").write_bytes(content)
    (tmp_path / "a.nii.gz").write_bytes(content)
    (tmp_path / "b.nii.gz").write_bytes(gzip.compress(content))
    for path in tmp_path.iterdir():
        with pytest.raises(InputError, match=path.name):
            read_nifti(path)


@pytest.mark.parametrize("zooms", [(2.0, -3.0, 4.0), (2.0, float("nan"), 4.0)])
def test_spacing_that_cannot_be(zooms: tuple[float, ...], tmp_path: Path) -> None:
    write_plain(tmp_path / "a.nii")
    _patch(tmp_path / "a.nii", pixdim=(1.0, *zooms, 0, 0, 0, 0))
    with pytest.raises(InputError, match="spacing"):
        read_nifti(tmp_path / "a.nii")


def test_geometry_that_cannot_be_names_the_file(tmp_path: Path) -> None:
    for row, says in (((0, 0, 0, 0), "without length"), ((2, 1, 0, 0), "not orthonormal")):
        write_plain(tmp_path / "a.nii")
        _patch(tmp_path / "a.nii", srow_x=row, srow_y=(0, 3, 0, 0) if any(row) else row)
        with pytest.raises(InputError, match=says) as caught:
            read_nifti(tmp_path / "a.nii")
        assert "a.nii" in str(caught.value)


def test_a_huge_promise_is_refused_before_memory_is_taken(tmp_path: Path) -> None:
    for name in ("a.nii", "a.nii.gz"):
        write_plain(tmp_path / name)
        data = (tmp_path / name).read_bytes()
        data = gzip.decompress(data) if name.endswith("gz") else data
        header = nib.Nifti1Header(data[:348])
        header["dim"][1:4] = 32767
        data = header.binaryblock + data[348:]
        (tmp_path / name).write_bytes(gzip.compress(data) if name.endswith("gz") else data)
        with pytest.raises(InputError, match="truncated"):
            read_nifti(tmp_path / name)


def _patch(path: Path, **fields: Any) -> None:
    """Overwrite header fields where they are, past nibabel's own care."""
    data = path.read_bytes()
    header = nib.Nifti1Header(data[:348], check=False)
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(header.binaryblock + data[348:])


@pytest.mark.parametrize(
    ("dtype", "stored"), [(bool, "uint8"), (np.int64, "int32"), (np.uint64, "int32"),
                          (np.float16, "float32"), (np.uint8, "uint8"), (np.float64, "float64")]
)  # fmt: skip
def test_number_types_that_few_readers_know_are_written_as_others(
    dtype: Any, stored: str, tmp_path: Path
) -> None:
    values = np.asfortranarray(np.random.default_rng(5).integers(0, 2, (5, 4, 3))).astype(dtype)
    write_volume(Volume(values, Grid((5, 4, 3), (1, 2, 3)), Quantity.LABEL), tmp_path / "a.nii.gz")
    again = nib.load(tmp_path / "a.nii.gz")
    assert again.get_data_dtype() == np.dtype(stored)
    np.testing.assert_array_equal(np.asanyarray(again.dataobj), values)


def test_numbers_beyond_32_bits_are_refused(tmp_path: Path) -> None:
    values = np.full((5, 4, 3), 2**40)
    with pytest.raises(InputError, match="32 bits"):
        write_volume(Volume(values, Grid((5, 4, 3), (1, 2, 3)), Quantity.LABEL), tmp_path / "a.nii")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["x.Nii.Gz", "y.NII", "z.nii.GZ"])
def test_endings_in_any_case(name: str, tmp_path: Path) -> None:
    mask = np.random.default_rng(1).random((5, 4, 3)) < 0.5
    write_mask(mask, Grid((5, 4, 3), (1, 2, 3)), tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]
    np.testing.assert_array_equal(read_label(tmp_path / name).mask(), mask)


def test_a_wrong_check_sum_is_found_behind_more_bytes(tmp_path: Path) -> None:
    write_mask(np.eye(5, dtype=bool)[:, :4, None].repeat(3, 2), Grid((5, 4, 3), (1, 2, 3)),
               tmp_path / "a.nii")  # fmt: skip
    packed = bytearray(gzip.compress((tmp_path / "a.nii").read_bytes() + bytes(9)))
    packed[-8] ^= 1  # the sum stands before the length
    (tmp_path / "b.nii.gz").write_bytes(packed)
    with pytest.raises(InputError, match="damaged"):
        read_label(tmp_path / "b.nii.gz")
