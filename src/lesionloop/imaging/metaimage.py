"""MetaImage (.mha) files, read so that a damaged file cannot pass.

ITK accepts a negative spacing by turning an axis, follows ``ElementDataFile`` to other files and
writes its complaints to stderr. So the text header is read here and the bytes are counted here; the
meaning is ITK's.
"""

import zlib
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.header_grid import header_grid
from lesionloop.imaging.stored import MOST_COMPRESSION, Shape, cut_short, read_voxels

__all__ = ["read_metaimage", "read_metaimage_shape", "write_metaimage"]

_MOST_HEADER_BYTES = 1 << 16

#: ``ElementType`` to NumPy's kind and bytes; MET_LONG has 4 bytes in MetaIO, on every system.
_TYPES = {
    "MET_CHAR": "i1", "MET_UCHAR": "u1", "MET_SHORT": "i2", "MET_USHORT": "u2", "MET_INT": "i4",
    "MET_UINT": "u4", "MET_LONG": "i4", "MET_ULONG": "u4", "MET_LONG_LONG": "i8",
    "MET_ULONG_LONG": "u8", "MET_FLOAT": "f4", "MET_DOUBLE": "f8",
}  # fmt: skip
_NAMES = {kind: name for name, kind in reversed(_TYPES.items())}

#: Fields that MetaIO knows under several names, the first that is there counts.
_SPACING = ("ElementSpacing", "ElementSize")
_OFFSET = ("Offset", "Position", "Origin")
_MATRIX = ("TransformMatrix", "Rotation", "Orientation")
_BIG_ENDIAN = ("BinaryDataByteOrderMSB", "ElementByteOrderMSB")

_Fields = dict[str, str]


def read_metaimage(path: Path) -> tuple[NDArray[Any], Grid]:
    """Read a 3-D image: values [x, y, z] (x fastest) and its grid.

    Raises:
        InputError: not MetaImage, truncated, not three-dimensional, or with impossible geometry.
    """
    with path.open("rb") as stream:
        fields, start = _parse_header(path, stream.read(_MOST_HEADER_BYTES))
        shape, dtype = _layout(path, fields)
        grid = _grid(path, fields, shape)
        present = path.stat().st_size - start
        stream.seek(start)
        if _flag(fields, "CompressedData"):
            _check_packed_size(path, fields, present)
            values = _inflate(path, stream, shape, dtype)
        else:
            values = read_voxels(path, stream, shape, dtype, at_most=present)
    return values.astype(dtype.newbyteorder("="), copy=False), grid


def read_metaimage_shape(path: Path) -> Shape:
    """Voxels along x, y, z from the header alone.

    Raises:
        InputError: not MetaImage, or not three-dimensional.
    """
    with path.open("rb") as stream:
        fields, _ = _parse_header(path, stream.read(_MOST_HEADER_BYTES))
    return _layout(path, fields)[0]


def write_metaimage(values: NDArray[Any], grid: Grid, path: Path) -> None:
    """Write values [x, y, z], compressed, with every digit of the geometry.

    The caller makes it atomic. Errors of the file system pass through as OSError.

    Raises:
        InputError: MetaImage has no such number type.
    """
    stored = values.view(np.uint8) if values.dtype == bool else values
    kind = f"{stored.dtype.kind}{stored.dtype.itemsize}"
    if kind not in _NAMES:
        raise InputError(f"cannot write {values.dtype} values as MetaImage: it has no such type")
    pieces = list(_deflate(stored))
    columns = np.array(grid.direction).reshape(3, 3).T.ravel()  # axis by axis, as ITK writes them
    fields = {
        "ObjectType": "Image",
        "NDims": "3",
        "BinaryData": "True",
        "BinaryDataByteOrderMSB": "False",
        "CompressedData": "True",
        "CompressedDataSize": str(sum(map(len, pieces))),
        "TransformMatrix": _text(columns),
        "Offset": _text(grid.origin),
        "CenterOfRotation": "0 0 0",
        "ElementSpacing": _text(grid.spacing),
        "DimSize": " ".join(map(str, grid.shape)),
        "ElementType": _NAMES[kind],
        "ElementDataFile": "LOCAL",
    }
    with path.open("wb") as stream:
        stream.write("".join(f"{key} = {value}\n" for key, value in fields.items()).encode())
        stream.writelines(pieces)


def _parse_header(path: Path, head: bytes) -> tuple[_Fields, int]:
    """The key = value lines up to ElementDataFile, and where the data begin."""
    fields: _Fields = {}
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
        cause="It has no MetaImage header that ends with ElementDataFile."
        if head
        else "It is empty.",
        remedy="Check the file, or export it again.",
    )


def _layout(path: Path, fields: _Fields) -> tuple[Shape, np.dtype[Any]]:
    """Voxels along x, y, z and the type of one."""
    if fields["ElementDataFile"].upper() != "LOCAL":
        raise _refusal(path, "Its voxels are in another file (ElementDataFile is not LOCAL).")
    if not _flag(fields, "BinaryData", default=True) or "HeaderSize" in fields:
        raise _refusal(path, "Its voxels are not plain binary data behind the header.")
    size = _numbers(path, fields, ("DimSize",))
    if len(size) != 3 or min(size) < 1 or any(n != int(n) for n in size):
        raise InputError(
            f"{path} is not a three-dimensional image",
            cause=f"Its DimSize is {_text(size)}.",
            remedy="Give one static volume per file.",
        )
    if _numbers(path, fields, ("ElementNumberOfChannels",), "1") != [1]:
        raise InputError(
            f"cannot read {path}",
            cause=f"It holds {fields['ElementNumberOfChannels']} values per voxel instead of one.",
            remedy="Give a volume of whole or floating-point numbers.",
        )
    slope = _numbers(path, fields, ("ElementToIntensityFunctionSlope",), "1")
    offset = _numbers(path, fields, ("ElementToIntensityFunctionOffset",), "0")
    if slope != [1] or offset != [0]:
        raise _refusal(path, "Its values need scaling (ElementToIntensityFunction), as few read.")
    kind = _TYPES.get(fields.get("ElementType", ""))
    if kind is None:
        raise _refusal(path, f"Its ElementType {fields.get('ElementType')!r} is no number type.")
    big = any(_flag(fields, name) for name in _BIG_ENDIAN)
    return (int(size[0]), int(size[1]), int(size[2])), np.dtype(kind).newbyteorder(
        ">" if big else "<"
    )


def _grid(path: Path, fields: _Fields, shape: Shape) -> Grid:
    spacing = _numbers(path, fields, _SPACING, "1 1 1")
    origin = _numbers(path, fields, _OFFSET, "0 0 0")
    matrix = _numbers(path, fields, _MATRIX, "1 0 0 0 1 0 0 0 1")
    if (len(spacing), len(origin), len(matrix)) != (3, 3, 9):
        raise _refusal(path, "Spacing, offset and matrix must have 3, 3 and 9 numbers.")
    if min(spacing) <= 0:
        raise _refusal(path, f"Spacing must be above 0 mm; ElementSpacing is {_text(spacing)}.")
    axes = np.array(matrix).reshape(3, 3)  # a row for each index axis
    step, place = (spacing[0], spacing[1], spacing[2]), (origin[0], origin[1], origin[2])
    return header_grid(path, lambda: Grid(shape, step, place, tuple(axes.T.ravel())))


def _numbers(path: Path, fields: _Fields, names: tuple[str, ...], default: str = "") -> list[float]:
    """The finite numbers of the first of the named fields that is there."""
    name = next((name for name in names if name in fields), names[0])
    try:
        found = [float(part) for part in fields.get(name, default).split()]
    except ValueError:
        found = []
    if not found or not np.isfinite(found).all():
        value = repr(fields[name]) if name in fields else "missing"
        raise _refusal(path, f"{name} is {value}; it must hold finite numbers.")
    return found


def _flag(fields: _Fields, name: str, *, default: bool = False) -> bool:
    return fields[name][:1] in ("T", "t", "1") if name in fields else default


def _check_packed_size(path: Path, fields: _Fields, present: int) -> None:
    (packed, *_) = _numbers(path, fields, ("CompressedDataSize",), str(present))
    if packed > present:
        raise cut_short(path, int(packed), present)


def _inflate(
    path: Path, stream: BufferedReader, shape: Shape, dtype: np.dtype[Any]
) -> NDArray[Any]:
    most = (path.stat().st_size - stream.tell()) * MOST_COMPRESSION
    inflated = _Inflated(stream)
    try:
        values = read_voxels(path, inflated, shape, dtype, at_most=most)
        inflated.finish()
    except zlib.error as error:
        raise _refusal(path, f"Its compressed data are damaged or cut short ({error}).") from error
    return values


class _Inflated:
    """Decompresses while reading; zlib and gzip streams, as MetaIO does."""

    def __init__(self, packed: BufferedReader) -> None:
        self._packed = packed
        self._inflate = zlib.decompressobj(wbits=47)  # 15 + 32: either header
        self._waiting = b""

    def readinto(self, target: memoryview | bytearray, /) -> int:
        """Fill ``target`` as far as one step goes; 0 at the end."""
        while not self._inflate.eof:
            self._waiting = self._waiting or self._packed.read(1 << 20)
            if not self._waiting:
                return 0
            data = self._inflate.decompress(self._waiting, len(target))
            self._waiting = self._inflate.unconsumed_tail
            if data:
                target[: len(data)] = data
                return len(data)
        return 0

    def finish(self) -> None:
        """See that the stream ends here and its check sum is right."""
        if self.readinto(bytearray(1)) or not self._inflate.eof:
            raise zlib.error("the stream does not end with the last voxel")


def _deflate(values: NDArray[Any]) -> Iterator[bytes]:
    packer = zlib.compressobj(2)  # ITK's level for this format
    little = values.dtype.newbyteorder("<")
    for plane in range(values.shape[2]):
        yield packer.compress(values[:, :, plane].astype(little, copy=False).tobytes(order="F"))
    yield packer.flush()


def _text(numbers: Any) -> str:
    return " ".join(f"{float(number):.17g}" for number in numbers)


def _refusal(path: Path, cause: str) -> InputError:
    return InputError(f"cannot read {path}", cause=cause, remedy="Export the file again.")
