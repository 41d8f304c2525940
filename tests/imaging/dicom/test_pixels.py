"""Voxels: values and places, against SimpleITK's own reading and the stored numbers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk  # noqa: N813
from pydicom import Dataset, dcmread
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLSLossless,
    RLELossless,
)

from lesionloop.errors import InputError
from lesionloop.imaging.dicom.pixels import read_series
from lesionloop.imaging.dicom.series import scan_folder
from lesionloop.imaging.volume import Quantity, Volume

Writer = Callable[..., Any]


def read(folder: Path) -> Volume:
    return read_series(scan_folder(folder)[0])


def oblique(a: float, b: float) -> tuple[float, ...]:
    """Direction cosines turned by a about z and b about x, degrees."""
    a, b = np.radians(a), np.radians(b)
    turn_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    turn_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    turned = (turn_x @ turn_z).round(9)
    return (*turned[:, 0], *turned[:, 1])


@pytest.mark.parametrize(
    "cosines",
    [
        (1, 0, 0, 0, 1, 0),  # axial
        (-1, 0, 0, 0, 1, 0),  # flipped: the normal points to the feet
        (1, 0, 0, 0, 0, -1),  # coronal
        (0, 1, 0, 0, 0, -1),  # sagittal
        oblique(20, 35),
        oblique(160, -70),
    ],
)
@pytest.mark.parametrize("step", [4.0, -4.0])
def test_every_voxel_lies_where_itk_puts_it(
    tmp_path: Path, write_series: Writer, cosines: tuple[float, ...], step: float
) -> None:
    written = write_series(tmp_path, cosines=cosines, step=step)
    ours = read(tmp_path)
    # ITK is told the order of the files, each slice's value is checked at its own position.
    for path, stored in zip(written.paths, written.stored, strict=True):
        image = sitk.ReadImage(str(path))
        slope = float(dcmread(path).RescaleSlope)
        for row, column in [(0, 0), (2, 5), (5, 6), (3, 1)]:
            world = image.TransformIndexToPhysicalPoint((column, row, 0))
            index = ours.grid.to_index(world)
            np.testing.assert_allclose(index, index.round(), atol=1e-4)
            i, j, k = index.round().astype(int)
            assert ours.values[i, j, k] == np.float32(stored[row, column] * slope)


def test_agrees_with_the_series_reader_of_itk(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path, cosines=oblique(20, 35), step=-4.0)
    ours = read(tmp_path)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    image = reader.Execute()
    np.testing.assert_allclose(ours.grid.origin, image.GetOrigin(), atol=1e-4)
    np.testing.assert_allclose(ours.grid.spacing, image.GetSpacing(), atol=1e-4)
    np.testing.assert_allclose(ours.grid.direction, image.GetDirection(), atol=1e-6)


def test_each_slice_has_its_own_slope(tmp_path: Path, write_series: Writer) -> None:
    written = write_series(tmp_path, tags={"RescaleIntercept": "7"})
    ours = read(tmp_path)
    slopes = 0.5 + 0.25 * np.arange(5)
    expected = (written.stored * slopes[:, None, None] + 7.0).astype(np.float32)
    np.testing.assert_array_equal(ours.values, expected.transpose(2, 1, 0))
    assert ours.values.dtype == np.float32
    assert ours.values.flags.f_contiguous
    assert ours.quantity is Quantity.BQ_ML


def test_factor_per_file(tmp_path: Path, write_series: Writer) -> None:
    written = write_series(tmp_path, step=-4.0, tags={"RescaleSlope": "2"})
    factors = [1.0, 2.0, 3.0, 4.0, 5.0]
    ours = read_series(scan_folder(tmp_path)[0], factors=factors, quantity=Quantity.SUV_BW)
    np.testing.assert_array_equal(ours.values[:, :, 0], written.stored[4].T * 10.0)
    assert ours.quantity is Quantity.SUV_BW


def test_ct_padding_and_air(tmp_path: Path, write_series: Writer) -> None:
    stored = np.full((2, 6, 7), 1100, np.int16)
    stored[0, 0, 0] = -2000  # padding
    stored[0, 0, 1] = -1500  # below air
    stored[1, 5, 6] = 3000
    write_series(tmp_path, modality="CT", stored=stored, tags={"PixelPaddingValue": -2000})
    ours = read(tmp_path)
    assert ours.values.dtype == np.int16
    assert ours.quantity is Quantity.HU
    assert ours.values[0, 0, 0] == ours.values[1, 0, 0] == -1024
    assert ours.values[6, 5, 1] == 3000 - 1024
    assert ours.values[3, 3, 0] == 76


def test_ct_padding_above_the_body_and_ranges(tmp_path: Path, write_series: Writer) -> None:
    stored = np.full((2, 6, 7), 1100, np.uint16)
    stored[0, 0, 0], stored[0, 1, 0], stored[0, 2, 0] = 5000, 5005, 5011
    tags = {"PixelPaddingValue": 5000, "PixelPaddingRangeLimit": 5010}
    write_series(tmp_path, modality="CT", stored=stored, tags=tags)
    ours = read(tmp_path)
    assert ours.values[0, :3, 0].tolist() == [-1024, -1024, 5011 - 1024]


def test_ct_with_broken_slope_is_float(tmp_path: Path, write_series: Writer) -> None:
    written = write_series(tmp_path, modality="CT", tags={"RescaleSlope": "0.5"})
    ours = read(tmp_path)
    assert ours.values.dtype == np.float32
    assert ours.values[2, 3, 1] == written.stored[1, 3, 2] * 0.5 - 1024


def by_gdcm(name: str) -> Callable[[Path], None]:
    """Rewrite a file in the transfer syntax that GDCM calls ``name``."""

    def rewrite(path: Path) -> None:
        gdcm = pytest.importorskip("gdcm")
        reader = gdcm.ImageReader()
        reader.SetFileName(str(path))
        assert reader.Read()
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(getattr(gdcm.TransferSyntax, name)))
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer = gdcm.ImageWriter()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()

    return rewrite


def by_pydicom(syntax: UID) -> Callable[[Path], None]:
    """Rewrite a file in ``syntax`` by pydicom's encoders."""

    def rewrite(path: Path) -> None:
        ds = dcmread(path)
        ds.compress(syntax, generate_instance_uid=False)
        ds.save_as(path)

    return rewrite


def implicit(path: Path) -> None:
    ds = dcmread(path)
    ds.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    ds.save_as(path, implicit_vr=True, little_endian=True)


REWRITERS = {
    "JPEG-LS": by_pydicom(JPEGLSLossless),
    "RLE": by_pydicom(RLELossless),
    "JPEG-LS, GDCM": by_gdcm("JPEGLSLossless"),
    "RLE, GDCM": by_gdcm("RLELossless"),
    "JPEG 2000": by_gdcm("JPEG2000Lossless"),
    "JPEG lossless": by_gdcm("JPEGLosslessProcess14"),
    "JPEG lossless, first order": by_gdcm("JPEGLosslessProcess14_1"),
    "implicit VR": implicit,
}


@pytest.mark.parametrize("dtype", [np.dtype(np.int16), np.dtype(np.uint16)], ids=str)
@pytest.mark.parametrize("kind", REWRITERS)
def test_every_lossless_syntax_is_read_without_loss(
    tmp_path: Path, write_series: Writer, kind: str, dtype: "np.dtype[Any]"
) -> None:
    low, high = (0, 65535) if dtype.kind == "u" else (-32768, 32767)
    rng = np.random.default_rng(11)
    stored = rng.integers(low, high, (3, 41, 50), endpoint=True).astype(dtype)
    written = write_series(tmp_path, stored=stored, tags={"RescaleSlope": "1"})
    for path in written.paths:
        REWRITERS[kind](path)
    syntax = dcmread(written.paths[0]).file_meta.TransferSyntaxUID
    assert syntax != ExplicitVRLittleEndian
    np.testing.assert_array_equal(read(tmp_path).values, stored.transpose(2, 1, 0))


@pytest.mark.parametrize("kind", [None, *REWRITERS])
@pytest.mark.parametrize("lost", [9, 200])
def test_truncated_pixels_are_refused_by_file(
    tmp_path: Path, write_series: Writer, kind: str | None, lost: int
) -> None:
    written = write_series(tmp_path, shape=(41, 50))
    victim = written.paths[2]
    if kind is not None:
        REWRITERS[kind](victim)
    victim.write_bytes(victim.read_bytes()[:-lost])
    with pytest.raises(InputError, match="truncated") as caught:
        read(tmp_path)
    assert str(victim) in str(caught.value)


@pytest.mark.parametrize("kind", [None, "implicit VR", "JPEG-LS", "JPEG 2000", "JPEG lossless"])
def test_a_header_with_too_few_rows_is_refused(
    tmp_path: Path, write_series: Writer, kind: str | None
) -> None:
    written = write_series(tmp_path, shape=(41, 50))
    for path in written.paths:
        if kind is not None:
            REWRITERS[kind](path)
        ds = dcmread(path)
        ds.Rows = 40
        ds.save_as(path)
    with pytest.raises(InputError, match="pixels of") as caught:
        read(tmp_path)
    assert str(written.paths[0]) in str(caught.value)


def test_padding_after_the_pixels_is_accepted(tmp_path: Path, write_series: Writer) -> None:
    def pad(_: int, ds: Dataset) -> None:
        ds.PixelData += bytes(6)

    written = write_series(tmp_path, tags={"RescaleSlope": "1"}, edit=pad)
    np.testing.assert_array_equal(read(tmp_path).values, written.stored.transpose(2, 1, 0))


@pytest.mark.parametrize("slope", [None, "0"])
def test_slope_is_required(tmp_path: Path, write_series: Writer, slope: str | None) -> None:
    write_series(tmp_path, tags={"RescaleSlope": slope})
    with pytest.raises(InputError, match=r"RescaleSlope \(0028,1053\)"):
        read(tmp_path)


def test_unknown_compression_is_named(tmp_path: Path, write_series: Writer) -> None:
    written = write_series(tmp_path)
    for path in written.paths:
        ds = dcmread(path)
        ds.compress(RLELossless, generate_instance_uid=False)
        ds.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.102")
        ds.save_as(path)
    with pytest.raises(InputError, match="No decoder is installed for MPEG-4"):
        read(tmp_path)


def test_a_ct_without_intercept_is_refused(tmp_path: Path, write_series: Writer) -> None:
    write_series(tmp_path, modality="CT", tags={"RescaleIntercept": None})
    with pytest.raises(InputError, match="cannot scale the values") as caught:
        read(tmp_path)
    assert "RescaleIntercept (0028,1052) is missing" in str(caught.value)
