"""MetaImage files, with SimpleITK on the other side, and headers changed line by line."""

import re
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.metaimage import read_metaimage, write_metaimage

TURN = Rotation.from_euler("zyx", (17.0, -9.0, 23.0), degrees=True).as_matrix()
DIRECTIONS = {
    "upright": np.eye(3),
    "flipped": np.diag([-1.0, -1.0, 1.0]),
    "left-handed": np.diag([1.0, -1.0, 1.0]),
    "exchanged": np.eye(3)[[2, 0, 1]],
    "oblique, left-handed": TURN @ np.diag([1.0, 1.0, -1.0]),
}
SHAPE = (7, 6, 5)
INDICES = ((0, 0, 0), (6, 0, 0), (0, 5, 0), (0, 0, 4), (3, 1, 2), (6, 5, 4))
NUMBER_TYPES = [
    np.int8, np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.uint64,
    np.float32, np.float64,
]  # fmt: skip


@pytest.fixture(params=DIRECTIONS)
def grid(request: pytest.FixtureRequest) -> Grid:
    direction = tuple(DIRECTIONS[request.param].ravel())
    return Grid(SHAPE, (2.0364201, 2.7, 3.27), (-407.3, 512.5, -1210.25), direction)


def values_of(dtype: Any = np.float32) -> NDArray[Any]:
    return np.random.default_rng(2).integers(0, 100, SHAPE).astype(dtype)


def write_by_itk(path: Path, values: NDArray[Any], grid: Grid, *, compressed: bool) -> sitk.Image:
    image = sitk.GetImageFromArray(values.T)
    image.SetSpacing(grid.spacing)
    image.SetOrigin(grid.origin)
    image.SetDirection(grid.direction)
    sitk.WriteImage(image, path, useCompression=compressed)
    return image


def plain_file(path: Path, *changes: tuple[str, str], more: str = "") -> NDArray[Any]:
    """An uncompressed file by ITK, with header text replaced and lines added before the data."""
    values = values_of()
    grid = Grid(SHAPE, (2.0, 3.0, 4.0), (-10.0, 20.0, 30.0))
    write_by_itk(path, values, grid, compressed=False)
    head, local, voxels = path.read_bytes().partition(b"ElementDataFile = LOCAL\n")
    text = head.decode() + more
    for pattern, replacement in changes:
        text, count = re.subn(pattern, replacement, text)
        assert count == 1
    path.write_bytes(text.encode() + local + voxels)
    return values


@pytest.mark.parametrize("dtype", [np.float32, np.int16, np.uint8])
def test_what_we_write_itk_reads(grid: Grid, dtype: Any, tmp_path: Path) -> None:
    values = values_of(dtype)
    write_metaimage(values, grid, tmp_path / "a. b.mha")
    image = sitk.ReadImage(tmp_path / "a. b.mha")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, values)
    for index in INDICES:
        there = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(there, grid.to_world(index), atol=1e-9)
    back, where = read_metaimage(tmp_path / "a. b.mha")
    np.testing.assert_array_equal(back, values)
    assert where == grid  # every digit


@pytest.mark.parametrize("compressed", [False, True])
def test_what_itk_writes_we_read(grid: Grid, compressed: bool, tmp_path: Path) -> None:
    values = values_of()
    image = write_by_itk(tmp_path / "a.mha", values, grid, compressed=compressed)
    back, where = read_metaimage(tmp_path / "a.mha")
    np.testing.assert_array_equal(back, values)
    assert back.flags.f_contiguous
    assert back.dtype == np.float32
    for index in INDICES:
        there = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(where.to_world(index), there, atol=1e-9)


@pytest.mark.parametrize("dtype", NUMBER_TYPES)
def test_every_number_type_both_ways(dtype: Any, tmp_path: Path) -> None:
    limits = np.iinfo(dtype) if np.dtype(dtype).kind in "iu" else np.finfo(dtype)
    values = np.resize(np.array([limits.min, limits.max, 0, 1], dtype=dtype), SHAPE)
    grid = Grid(SHAPE, (2.0, 3.0, 4.0))
    write_metaimage(values, grid, tmp_path / "ours.mha")
    image = sitk.ReadImage(tmp_path / "ours.mha")
    assert sitk.GetArrayViewFromImage(image).dtype == dtype
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, values)
    write_by_itk(tmp_path / "theirs.mha", values, grid, compressed=True)
    back, _ = read_metaimage(tmp_path / "theirs.mha")
    assert back.dtype == dtype
    np.testing.assert_array_equal(back, values)


@pytest.mark.parametrize("order", ["C", "F"])
def test_masks_become_bytes_whatever_their_memory(order: Any, tmp_path: Path) -> None:
    mask = np.array(values_of() > 50, order=order)
    write_metaimage(mask, Grid(SHAPE, (2.0, 3.0, 4.0)), tmp_path / "a.mha")
    image = sitk.ReadImage(tmp_path / "a.mha")
    assert image.GetPixelID() == sitk.sitkUInt8
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, mask)
    head = (tmp_path / "a.mha").read_bytes().partition(b"LOCAL\n")[0].decode()
    assert "CompressedData = True" in head


def test_header_lines_that_do_not_concern_us(tmp_path: Path) -> None:
    more = "Modality = MET_MOD_PET\nPatient note = a = b\nAcquisitionDate = 20240101\n"
    values = plain_file(tmp_path / "a.mha", more=more)
    back, grid = read_metaimage(tmp_path / "a.mha")
    np.testing.assert_array_equal(back, values)
    assert grid == Grid(SHAPE, (2.0, 3.0, 4.0), (-10.0, 20.0, 30.0))


@pytest.mark.parametrize(
    "changes",
    [
        [("Offset", "Position")],
        [("Offset", "Origin")],
        [("TransformMatrix = .*", "Orientation = 0 1 0 1 0 0 0 0 -1")],
        [("TransformMatrix = .*", "Rotation = 0 1 0 0 0 1 1 0 0")],
        [("TransformMatrix = .*\n", "")],
        [("Offset = .*\n", "")],
        [("ElementSpacing = .*\n", "")],
        [("ElementSpacing = .*", "ElementSize = 4 5 6")],
        [("ElementSpacing = .*", "ElementSize = 1 1 1\nElementSpacing = 4 5 6")],
        [("CenterOfRotation = .*", "CenterOfRotation = 5 6 7")],
        [("CompressedData = .*\n", "")],
        [("BinaryDataByteOrderMSB = .*\n", "")],
    ],
)
def test_other_spellings_mean_what_itk_takes_them_for(
    changes: list[tuple[str, str]], tmp_path: Path
) -> None:
    values = plain_file(tmp_path / "a.mha", *changes)
    back, grid = read_metaimage(tmp_path / "a.mha")
    np.testing.assert_array_equal(back, values)
    image = sitk.ReadImage(tmp_path / "a.mha")
    for index in INDICES:
        there = image.TransformIndexToPhysicalPoint(index)
        np.testing.assert_allclose(grid.to_world(index), there, atol=1e-9)


def test_big_endian_voxels(tmp_path: Path) -> None:
    values = plain_file(tmp_path / "a.mha", ("ByteOrderMSB = False", "ByteOrderMSB = True"))
    head, local, voxels = (tmp_path / "a.mha").read_bytes().partition(b"LOCAL\n")
    swapped = np.frombuffer(voxels, dtype="<f4").astype(">f4").tobytes()
    (tmp_path / "a.mha").write_bytes(head + local + swapped)
    back, _ = read_metaimage(tmp_path / "a.mha")
    assert back.dtype.isnative
    np.testing.assert_array_equal(back, values)
    image = sitk.ReadImage(tmp_path / "a.mha")
    np.testing.assert_array_equal(sitk.GetArrayFromImage(image).T, values)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("ElementSpacing = .*", "ElementSpacing = 2 -3 4"), "above 0"),
        (("ElementSpacing = .*", "ElementSpacing = 2 0 4"), "above 0"),
        (("ElementSpacing = .*", "ElementSize = 2 -3 4"), "above 0"),
        (("ElementSpacing = .*", "ElementSpacing = 2 nan 4"), "finite"),
        (("ElementSpacing = .*", "ElementSpacing = 2 4"), "3"),
        (("Offset = .*", "Offset = nan 20 30"), "finite"),
        (("Offset = .*", "Offset = 10 20"), "3"),
        (("TransformMatrix = .*", "TransformMatrix = 1 0.2 0 0 1 0 0 0 1"), "not orthonormal"),
        (("TransformMatrix = .*", "TransformMatrix = 0 0 0 0 0 0 0 0 0"), "not orthonormal"),
        (("DimSize = .*", "DimSize = 7 6"), "three-dimensional"),
        (("DimSize = .*", "DimSize = 7 6 5 1"), "three-dimensional"),
        (("DimSize = .*", "DimSize = 7 6 0"), "three-dimensional"),
        (("DimSize = .*", "DimSize = seven 6 5"), "DimSize"),
        (("DimSize = .*", "DimSize = 7 6 6"), "truncated|promises"),
        (("DimSize = .*", "DimSize = 70000 60000 50000"), "truncated|promises"),
        (("ElementType = .*", "ElementType = MET_STRING"), "MET_STRING"),
        (("ElementType = .*", "ElementNumberOfChannels = 3\nElementType = MET_FLOAT"), "3 values"),
        (("BinaryData = True", "BinaryData = False"), "binary"),
    ],
)
def test_headers_that_cannot_be(change: tuple[str, str], says: str, tmp_path: Path) -> None:
    plain_file(tmp_path / "a.mha", change)
    with pytest.raises(InputError, match=says) as caught:
        read_metaimage(tmp_path / "a.mha")
    assert "a.mha" in str(caught.value)


def test_voxels_elsewhere_are_not_followed(tmp_path: Path) -> None:
    plain_file(tmp_path / "a.mha")
    content = (tmp_path / "a.mha").read_bytes()
    (tmp_path / "a.mha").write_bytes(content.replace(b"= LOCAL", b"= /etc/passwd"))
    with pytest.raises(InputError, match="LOCAL"):
        read_metaimage(tmp_path / "a.mha")


@pytest.mark.parametrize("content", [b"", b"CT of the liver\n" * 40, b"a = b\n" * 20000])
def test_files_that_are_no_metaimage(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.mha").write_bytes(content)
    with pytest.raises(InputError, match="not a MetaImage"):
        read_metaimage(tmp_path / "a.mha")


@pytest.mark.parametrize("compressed", [False, True])
def test_a_truncated_file_cannot_pass(compressed: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.mha"
    write_by_itk(path, values_of(), Grid(SHAPE, (2.0, 3.0, 4.0)), compressed=compressed)
    whole = path.read_bytes()
    start = whole.index(b"LOCAL\n") + 6
    for left in (start - 3, start, start + 1, (start + len(whole)) // 2, len(whole) - 1):
        path.write_bytes(whole[:left])
        with pytest.raises(InputError, match=r"a\.mha"):
            read_metaimage(path)


@pytest.mark.parametrize("size", ["CompressedDataSize = 0", "CompressedDataSize = 9", ""])
def test_the_compressed_size_is_not_trusted(size: str, tmp_path: Path) -> None:
    # ITK reads such a file and fills the rest with whatever was in memory.
    write_by_itk(tmp_path / "a.mha", values_of(), Grid(SHAPE, (2.0, 3.0, 4.0)), compressed=True)
    whole = (tmp_path / "a.mha").read_bytes()
    changed = re.sub(rb"CompressedDataSize = \d+\n", f"{size}\n".encode() if size else b"", whole)
    (tmp_path / "a.mha").write_bytes(changed)
    np.testing.assert_array_equal(read_metaimage(tmp_path / "a.mha")[0], values_of())
    (tmp_path / "a.mha").write_bytes(changed[:-20])
    with pytest.raises(InputError):
        read_metaimage(tmp_path / "a.mha")


def test_damaged_compressed_data_cannot_pass(tmp_path: Path) -> None:
    path = tmp_path / "a.mha"
    write_by_itk(path, values_of(), Grid(SHAPE, (2.0, 3.0, 4.0)), compressed=True)
    whole = path.read_bytes()
    start = whole.index(b"LOCAL\n") + 6
    for place in (start, start + 2, (start + len(whole)) // 2, len(whole) - 1):
        damaged = bytearray(whole)
        damaged[place] ^= 0x55
        path.write_bytes(damaged)
        with pytest.raises(InputError, match="damaged"):
            read_metaimage(path)


@pytest.mark.parametrize("slices", [4, 6])
def test_another_number_of_compressed_voxels_cannot_pass(slices: int, tmp_path: Path) -> None:
    path = tmp_path / "a.mha"
    write_by_itk(path, values_of(), Grid(SHAPE, (2.0, 3.0, 4.0)), compressed=True)
    path.write_bytes(
        path.read_bytes().replace(b"DimSize = 7 6 5", f"DimSize = 7 6 {slices}".encode())
    )
    with pytest.raises(InputError):
        read_metaimage(path)


def test_a_bomb_is_refused_by_its_size(tmp_path: Path) -> None:
    packed = zlib.compress(bytes(1000))
    head = (
        "ObjectType = Image\nNDims = 3\nBinaryData = True\nCompressedData = True\n"
        f"CompressedDataSize = {len(packed)}\nElementSpacing = 1 1 1\n"
        "DimSize = 30000 30000 30000\nElementType = MET_DOUBLE\nElementDataFile = LOCAL\n"
    )
    (tmp_path / "a.mha").write_bytes(head.encode() + packed)
    with pytest.raises(InputError, match="truncated"):
        read_metaimage(tmp_path / "a.mha")
