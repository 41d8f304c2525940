"""Zip archives from elsewhere: unpacked within bounds, or refused as a whole.

Nothing in an archive is believed: neither the sizes it declares (what comes out is counted), nor
its names (see `relative_names`), nor that it holds plain files. Links, devices, encrypted entries
and other methods than stored and deflated are refused; archives within archives stay packed.
"""

import shutil
import stat
import struct
import zipfile
import zlib
from pathlib import Path
from typing import IO, Final

from lesionloop.errors import InputError
from lesionloop.viewer.refusals import TooLargeError
from lesionloop.viewer.relative_names import safe_parts

__all__ = ["unpack"]

#: What comes out may be this much more than what is packed: images of air shrink well, but a whole
#: study never to a hundredth. Small archives may be anything, bytes.
_MOST_RATIO: Final = 100
_ANY_RATIO: Final = 64 << 20
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_PIECE: Final = 1 << 20
#: What `zipfile` raises for damaged archives.
_DAMAGED: Final = (
    zipfile.BadZipFile, zlib.error, struct.error, EOFError, ValueError, OverflowError, RuntimeError,
    NotImplementedError,
)  # fmt: skip


def unpack(archive: Path, target: Path, *, most_bytes: int, most_files: int) -> tuple[int, int]:
    """Unpack a zip archive into a new folder; when it fails nothing of it stays.

    Returns:
        Bytes and files that came out.

    Raises:
        TooLargeError: it holds more bytes or files than it may, or shrinks as no study does.
        InputError: it is damaged, or holds names or entries that are not taken.
        OSError: the disk is full.
    """
    target.mkdir(parents=True)
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = [entry for entry in opened.infolist() if not _passed_over(entry)]
            if len(entries) > most_files:
                raise _too_large(archive, f"It holds {len(entries)} files.")
            _check(archive, entries, most_bytes)
            left = most_bytes
            for entry in entries:
                left -= _take_out(archive, opened, entry, target, left)
    except _DAMAGED as error:
        shutil.rmtree(target, ignore_errors=True)
        if isinstance(error, InputError):  # which is a ValueError as well
            raise
        raise InputError(
            f"cannot unpack {archive.name}",
            cause=f"It is damaged ({type(error).__name__}).",
            remedy="Pack it again, or give its files as they are.",
        ) from error
    except BaseException:
        shutil.rmtree(target, ignore_errors=True)
        raise
    return most_bytes - left, len(entries)


def _passed_over(entry: zipfile.ZipInfo) -> bool:
    """Folders come with their files; macOS adds a folder of its own notes."""
    return entry.is_dir() or entry.filename.startswith("__MACOSX/")


def _check(archive: Path, entries: list[zipfile.ZipInfo], most_bytes: int) -> None:
    """Judge an archive by what it says of itself."""
    names = set()
    for entry in entries:
        parts = safe_parts(entry.orig_filename)
        if parts in names:
            raise _refused(archive, f"It holds {'/'.join(parts)} twice.")
        names.add(parts)
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG):
            raise _refused(archive, f"{'/'.join(parts)} is a link or no plain file.")
        if entry.flag_bits & 1:
            raise _refused(archive, "It is encrypted.")
        if entry.compress_type not in _METHODS:
            raise _refused(archive, "It is packed with another method than deflate.")
    total = sum(entry.file_size for entry in entries)
    if total > most_bytes:
        raise _too_large(archive, f"Unpacked it declares {total / 1e9:.1f} GB.")
    packed = archive.stat().st_size
    if total > _ANY_RATIO + _MOST_RATIO * packed:
        raise _too_large(archive, f"{packed} bytes declare to be {total}, as no study does.")


def _take_out(
    archive: Path, opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, left: int
) -> int:
    """Write one file and count its bytes."""
    path = target.joinpath(*safe_parts(entry.orig_filename))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        written = path.open("xb")
    except (FileExistsError, NotADirectoryError) as error:
        raise _refused(archive, f"{entry.orig_filename} is a file and a folder.") from error
    with written, opened.open(entry) as packed:
        return _copy(archive, packed, written, left)


def _copy(archive: Path, packed: IO[bytes], written: IO[bytes], left: int) -> int:
    size = 0
    while piece := packed.read(_PIECE):
        size += len(piece)
        if size > left:
            raise _too_large(archive, "More comes out of it than it declares.")
        written.write(piece)
    return size


def _refused(archive: Path, cause: str) -> InputError:
    return InputError(
        f"{archive.name} is not unpacked",
        cause=cause,
        remedy="Pack plain files with deflate and no password, or give them as they are.",
    )


def _too_large(archive: Path, cause: str) -> TooLargeError:
    return TooLargeError(
        f"{archive.name} is too large",
        cause=cause,
        remedy="Give fewer studies at a time, or their files as they are.",
    )
