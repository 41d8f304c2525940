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

__all__ = ["read_nifti", "write_nifti"]

#: NIfTI is RAS, we are LPS: the first two world axes change sign.
_RAS_TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])

#: DEFLATE cannot shrink data more than about this (zlib's technical notes: 1032 to 1).
_MOST_COMPRESSION = 1100

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
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"cannot read {path}",
            cause=f"The compressed data are damaged or cut short ({error}).",
            remedy="Copy or export the file again.",
        ) from error
    return _scaled(path, stored, header), _grid(path, header, shape)


def write_nifti(values: NDArray[Any], grid: Grid, path: Path) -> None:
    """Write values [x, y, z] with exact geometry (sform and qform, scanner coordinates).

    The caller makes it atomic. Errors of the file system pass through as OSError.
    """
    image = nib.Nifti1Image(values, _RAS_TO_LPS @ grid.affine)
    image.set_sform(image.affine, code="scanner")
    image.set_qform(image.affine, code="scanner")
    image.header.set_xyzt_units("mm")
    nib.save(image, path)


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
        if int(header["sizeof_hdr"]) == size and bytes(header["magic"].item()).startswith(b"n"):
            return header
    raise InputError(
        f"{path} is not a NIfTI file",
        cause=f"It has no NIfTI header in its first {len(data)} bytes.",
        remedy="Check the file; a text or DICOM file under this name does not help.",
    )


def _three_axes(path: Path, declared: tuple[int, ...]) -> tuple[int, int, int]:
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
    path: Path, stream: gzip.GzipFile | BufferedReader, header: Any, shape: tuple[int, int, int]
) -> NDArray[Any]:
    """The stored numbers, exactly as many as the header declares."""
    dtype = header.get_data_dtype()
    if dtype.fields or dtype.kind not in "iuf":
        raise InputError(f"{path} holds {dtype} values; a volume needs one real number per voxel")
    wanted = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    offset = max(int(header.get_data_offset()), int(header["sizeof_hdr"]))
    largest = path.stat().st_size
    if path.name.lower().endswith(".gz"):
        largest *= _MOST_COMPRESSION
    if offset + wanted > largest:
        raise _cut_short(path, wanted, largest - offset)
    stream.seek(offset)
    values = np.empty(shape, dtype=dtype, order="F")
    target = values.ravel(order="K").view(np.uint8).data
    done = 0
    while done < wanted:
        count = stream.readinto(target[done : done + (1 << 24)])
        if not count:
            raise _cut_short(path, wanted, done)
        done += count
    stream.read(1)  # past the last voxel: makes gzip check its sum
    return values


def _cut_short(path: Path, wanted: int, found: int) -> InputError:
    return InputError(
        f"{path} is truncated",
        cause=f"Its header promises {wanted} bytes of voxels; at most {max(found, 0)} are there.",
        remedy="Copy or export the file again.",
    )


def _scaled(path: Path, stored: NDArray[Any], header: Any) -> NDArray[Any]:
    slope, intercept = (float(header[key]) for key in ("scl_slope", "scl_inter"))
    if slope == 0 or not np.isfinite(slope):  # the standard: 0 means no scaling
        slope, intercept = 1.0, 0.0
    if not np.isfinite(intercept):
        raise InputError(f"{path} has a scale intercept that is not finite")
    native: NDArray[Any] = stored.astype(stored.dtype.newbyteorder("="), copy=False)
    if (slope, intercept) == (1.0, 0.0):
        return native
    wide = np.float64 if native.dtype.itemsize > 4 else np.float32
    scaled = native.astype(wide)
    np.multiply(scaled, slope, out=scaled)
    np.add(scaled, intercept, out=scaled)
    return scaled


def _grid(path: Path, header: Any, shape: tuple[int, int, int]) -> Grid:
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
    try:
        return Grid.from_affine(shape, _RAS_TO_LPS @ affine)
    except InputError as error:
        raise InputError(
            f"{path} has no usable geometry",
            cause=". ".join(filter(None, (error.what, error.cause))),
            remedy=error.remedy or "Repair its header, or export the file again.",
        ) from error


def _affine(path: Path, header: Any) -> NDArray[np.float64]:
    if int(header["sform_code"]) > 0:
        return np.array(header.get_sform(), dtype=float)
    if int(header["qform_code"]) > 0:
        try:
            return np.array(header.get_qform(), dtype=float)
        except (HeaderDataError, ValueError) as error:
            raise InputError(f"{path} has a damaged qform ({error})") from error
    raise InputError(
        f"{path} has no orientation",
        cause="Neither its sform nor its qform is set, so nobody knows where left is.",
        remedy="Set an orientation (nibabel or ITK write one) and try again.",
    )
