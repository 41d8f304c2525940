"""MetaImage (.mha) files through SimpleITK, after a look at the header.

ITK accepts a negative spacing by turning an axis and follows ``ElementDataFile`` to other files;
neither is wanted for patients' scans, so the text header is checked first.
"""

from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.resample import from_image, to_image

__all__ = ["read_metaimage", "write_metaimage"]

_MOST_HEADER_BYTES = 1 << 16
_MOST_COMPRESSION = 1100  # as for NIfTI: the limit of DEFLATE

_BYTES = {
    "MET_CHAR": 1, "MET_UCHAR": 1, "MET_SHORT": 2, "MET_USHORT": 2, "MET_INT": 4, "MET_UINT": 4,
    "MET_LONG": 4, "MET_ULONG": 4, "MET_LONG_LONG": 8, "MET_ULONG_LONG": 8, "MET_FLOAT": 4,
    "MET_DOUBLE": 8,
}  # fmt: skip


def read_metaimage(path: Path) -> tuple[NDArray[Any], Grid]:
    """Read a 3-D image: values [x, y, z] (x fastest) and its grid.

    Raises:
        InputError: not MetaImage, truncated, not three-dimensional, or with impossible geometry.
    """
    _check_header(path, *_parse_header(path))
    try:
        image = sitk.ReadImage(path, imageIO="MetaImageIO")
    except RuntimeError as error:
        reason = str(error).strip().splitlines()[-1].strip()
        raise InputError(
            f"cannot read {path}",
            cause=f"Its data are damaged or cut short ({reason}).",
            remedy="Copy or export the file again.",
        ) from error
    try:
        grid = Grid(image.GetSize(), image.GetSpacing(), image.GetOrigin(), image.GetDirection())
    except InputError as error:
        raise InputError(f"{path} has no usable geometry", cause=str(error)) from error
    return from_image(image), grid


def write_metaimage(values: NDArray[Any], grid: Grid, path: Path) -> None:
    """Write values [x, y, z], compressed. The caller makes it atomic.

    Raises:
        OSError: the file system refused.
    """
    stored = values.astype(np.uint8) if values.dtype == bool else values
    try:
        sitk.WriteImage(to_image(stored, grid), path, useCompression=True)
    except RuntimeError as error:
        raise OSError(str(error).strip().splitlines()[-1].strip()) from error


def _parse_header(path: Path) -> tuple[dict[str, str], int]:
    """The key = value lines up to ElementDataFile, and where the data begin."""
    with path.open("rb") as stream:
        head = stream.read(_MOST_HEADER_BYTES)
    fields: dict[str, str] = {}
    position = 0
    while (end := head.find(b"\n", position)) >= 0:
        key, equals, value = head[position:end].decode("latin-1").partition("=")
        position = end + 1
        if not equals:
            break
        fields[key.strip()] = value.strip()
        if key.strip() == "ElementDataFile":
            return fields, position
    raise InputError(
        f"{path} is not a MetaImage file",
        cause="It has no MetaImage header that ends with ElementDataFile.",
        remedy="Check the file, or export it again.",
    )


def _check_header(path: Path, fields: dict[str, str], data_start: int) -> None:
    def refuse(cause: str) -> InputError:
        return InputError(f"cannot read {path}", cause=cause, remedy="Export the file again.")

    if fields["ElementDataFile"].upper() != "LOCAL":
        raise refuse("Its voxels are in another file (ElementDataFile is not LOCAL).")
    try:
        size = [int(n) for n in fields["DimSize"].split()]
        spacing = [float(v) for v in fields.get("ElementSpacing", "1 1 1").split()]
        channels = int(fields.get("ElementNumberOfChannels", "1"))
        compressed_bytes = int(fields.get("CompressedDataSize", "0"))
    except (KeyError, ValueError) as error:
        raise refuse(f"Its header cannot be understood ({error}).") from error
    if len(size) != 3 or min(size) < 1:
        raise refuse(f"It is not a three-dimensional image: DimSize is {size}.")
    if channels != 1:
        raise refuse(f"It holds {channels} values per voxel instead of one.")
    if len(spacing) != 3 or not np.isfinite(spacing).all() or min(spacing) <= 0:
        raise refuse(f"Spacing must be above 0 mm; ElementSpacing is {spacing}.")
    element = fields.get("ElementType", "")
    if element not in _BYTES:
        raise refuse(f"Its ElementType {element!r} is not a number type.")
    wanted = int(np.prod(size, dtype=np.int64)) * _BYTES[element]
    present = path.stat().st_size - data_start
    packed = fields.get("CompressedData", "False").lower() == "true"
    if (packed and (present < compressed_bytes or wanted > present * _MOST_COMPRESSION)) or (
        not packed and present < wanted
    ):
        raise refuse(f"It is truncated: {wanted} bytes of voxels declared, {present} in the file.")
