"""NIfTI-1 and NIfTI-2 files, read so that a truncated file cannot pass.

ITK fills what is missing in a truncated NIfTI with zeros and reports success, and reports success
on a full disk as well. So the header comes from nibabel, and the bytes are counted here.
"""

import gzip
import zlib
from io import BufferedReader
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.header_grid import header_grid
from lesionloop.imaging.stored import MOST_COMPRESSION, Shape, read_voxels

__all__ = ["read_nifti", "read_nifti_shape", "write_nifti"]

#: NIfTI is RAS, we are LPS: the first two world axes change sign.
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

_MOST_TAIL_BYTES = 1 << 20
_HEADER_BYTES = 544  # NIfTI-2 has 540 + 4; NIfTI-1 348 + 4


def read_nifti(path: Path) -> tuple[NDArray[Any], Grid]:
    """Read a 3-D image: values [x, y, z] (x fastest) with the scale applied, and its grid (LPS).

    The orientation is taken from the sform when it is set, else from the qform.

    Raises:
        InputError: not NIfTI, truncated, not three-dimensional, without orientation, or with a
            geometry that cannot be.
    """
    try:
        with _open(path) as stream:
            header = _read_header(path, stream.read(_HEADER_BYTES))
            shape = _three_axes(path, header.get_data_shape())
            stored = _read_values(path, stream, header, shape)
    except gzip.BadGzipFile as error:
        raise InputError(
            f"cannot read {path}",
            cause=f"It is not compressed as its ending says, or damaged ({error}).",
            remedy="Check the file; a plain NIfTI file has the ending .nii.",
        ) from error
    except (EOFError, zlib.error) as error:
        raise InputError(
            f"cannot read {path}",
            cause=f"The compressed data are damaged or cut short ({error}).",
            remedy="Copy or export the file again.",
        ) from error
    return _scaled(path, stored, header), _grid(path, header, shape)


def read_nifti_shape(path: Path) -> Shape:
    """Voxels along x, y, z from the header alone.

    Raises:
        InputError: not NIfTI, or not three-dimensional.
    """
    try:
        with _open(path) as stream:
            return _three_axes(
                path, _read_header(path, stream.read(_HEADER_BYTES)).get_data_shape()
            )
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(f"cannot read {path}", cause=f"It is damaged ({error}).") from error


def write_nifti(values: NDArray[Any], grid: Grid, path: Path) -> None:
    """Write values [x, y, z] with exact geometry (sform and qform, scanner coordinates).

    The caller makes it atomic. Errors of the file system pass through as OSError.

    Raises:
        InputError: the values need more than 32 bits, which other readers do not expect.
    """
    image = nib.Nifti1Image(_storable(values), _RAS_TO_LPS @ grid.affine)
    image.set_sform(image.affine, code="scanner")
    image.set_qform(image.affine, code="scanner")
    image.header.set_xyzt_units("mm")
    plain = path.with_name(path.name.lower())  # the library knows no .Nii.GZ
    nib.save(image, plain)
    if plain != path:
        plain.rename(path)


def _storable(values: NDArray[Any]) -> NDArray[Any]:
    """Values in a number type that every NIfTI reader knows."""
    if values.dtype == bool:
        return values.view(np.uint8)
    if values.dtype.kind in "iu" and values.dtype.itemsize > 4:
        narrow = values.astype(np.int32)
        if not np.array_equal(narrow, values):
            raise InputError("cannot write whole numbers beyond 32 bits as NIfTI")
        return narrow
    return values.astype(np.float32) if values.dtype == np.float16 else values


def _open(path: Path) -> gzip.GzipFile | BufferedReader:
    if path.name.lower().endswith(".gz"):
        return gzip.open(path, "rb")
    return path.open("rb")


def _read_header(path: Path, data: bytes) -> Any:
    for kind, size in ((nib.Nifti1Header, 348), (nib.Nifti2Header, 540)):
        try:
            header = kind(data[:size], check=False)
        except (HeaderDataError, WrapStructError):
            continue
        if int(header["sizeof_hdr"]) == size and bytes(header["magic"].item())[:2] == b"n+":
            return header
    raise InputError(
        f"{path} is not a NIfTI file",
        cause=f"It has no NIfTI header in its first {len(data)} bytes." if data else "It is empty.",
        remedy="Check the file; a text or DICOM file under this name does not help.",
    )


def _three_axes(path: Path, declared: tuple[int, ...]) -> Shape:
    shape = tuple(declared)
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) != 3 or min(shape) < 1:
        raise InputError(
            f"{path} is not a three-dimensional image",
            cause=f"Its header declares the shape {tuple(int(n) for n in declared)}.",
            remedy="Give one static volume per file.",
        )
    return (int(shape[0]), int(shape[1]), int(shape[2]))


def _read_values(
    path: Path, stream: gzip.GzipFile | BufferedReader, header: Any, shape: Shape
) -> NDArray[Any]:
    """The stored numbers, exactly as many as the header declares."""
    dtype = _number_type(path, header)
    offset = float(header["vox_offset"])
    largest = path.stat().st_size
    if path.name.lower().endswith(".gz"):
        largest *= MOST_COMPRESSION
    if not 0 <= offset <= largest:
        raise InputError(
            f"cannot read {path}",
            cause=f"Its header says that the voxels begin at byte {offset:g}.",
            remedy="Copy or export the file again.",
        )
    start = max(int(offset), int(header["sizeof_hdr"]))
    stream.seek(start)
    values = read_voxels(path, stream, shape, dtype, at_most=largest - start)
    left = _MOST_TAIL_BYTES  # gzip checks its sum at the end only; but a tail can be a bomb
    while left > 0 and (tail := stream.read(left)):
        left -= len(tail)
    return values


def _number_type(path: Path, header: Any) -> np.dtype[Any]:
    try:
        dtype: np.dtype[Any] = header.get_data_dtype()
    except (KeyError, HeaderDataError):
        dtype = np.dtype("V")
    if dtype.kind in "iuf":
        return dtype
    raise InputError(
        f"cannot read {path}",
        cause=f"Its number type (datatype {int(header['datatype'])}) is not one real number per"
        " voxel.",
        remedy="Convert it to a volume of whole or floating-point numbers.",
    )


def _scaled(path: Path, stored: NDArray[Any], header: Any) -> NDArray[Any]:
    slope, intercept = (float(header[key]) for key in ("scl_slope", "scl_inter"))
    if slope == 0 or not np.isfinite(slope):  # the standard: 0 means no scaling
        slope, intercept = 1.0, 0.0
    if not np.isfinite(intercept):
        raise InputError(
            f"cannot read {path}",
            cause=f"Its scale intercept (scl_inter) is {intercept}.",
            remedy="Repair its header, or export the file again.",
        )
    native: NDArray[Any] = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if (slope, intercept) == (1.0, 0.0):
        return native
    wide = np.float64 if native.dtype.itemsize > 4 else np.float32
    scaled = native.astype(wide)
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite is refused later
        np.multiply(scaled, slope, out=scaled)
        np.add(scaled, intercept, out=scaled)
    return scaled


def _grid(path: Path, header: Any, shape: Shape) -> Grid:
    zooms = np.asarray(header["pixdim"][1:4], dtype=float)
    if (zooms < 0).any() or not np.isfinite(zooms).all():
        raise InputError(
            f"{path} declares a spacing of {zooms.round(4).tolist()} mm",
            cause="Spacing must be above 0 (NIfTI standard, pixdim).",
            remedy="Repair the header or export the file again.",
        )
    unit = {1: 1000.0, 3: 0.001}.get(int(header["xyzt_units"]) & 7, 1.0)  # metre, micron
    affine = _affine(path, header)
    affine[:3] *= unit
    affine[:2] *= -1.0  # RAS to LPS, without arithmetic that an infinite number would spoil
    return header_grid(path, lambda: Grid.from_affine(shape, affine))


def _affine(path: Path, header: Any) -> NDArray[np.float64]:
    if int(header["sform_code"]) > 0:
        return np.array(header.get_sform(), dtype=float)
    if int(header["qform_code"]) > 0:
        try:
            return np.array(header.get_qform(), dtype=float)
        except (HeaderDataError, ValueError) as error:
            raise InputError(
                f"{path} has no usable geometry",
                cause=f"Its qform is damaged: {error}.",
                remedy="Repair its header, or export the file again.",
            ) from error
    raise InputError(
        f"{path} has no orientation",
        cause="Neither its sform nor its qform is set, so nobody knows where left is.",
        remedy="Set an orientation (nibabel or ITK write one) and try again.",
    )
