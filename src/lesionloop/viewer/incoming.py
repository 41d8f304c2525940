"""An upload under way: files that are being written, and how much it may be."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Final
from uuid import uuid4

from lesionloop.errors import InputError, OutputError
from lesionloop.output import make_folder
from lesionloop.viewer.refusals import ConflictError, TooLargeError
from lesionloop.viewer.relative_names import safe_parts
from lesionloop.viewer.study_folder import files_below

__all__ = ["MOST_BYTES", "MOST_FILES", "MOST_FILE_BYTES", "Incoming", "IncomingFile"]

MOST_BYTES: Final = 8 << 30
MOST_FILES: Final = 20_000
MOST_FILE_BYTES: Final = 4 << 30
#: What stays free on the disk: what readers draw must find room, bytes.
_RESERVE: Final = 128 << 20


class Incoming:
    """The folder of an upload, ``files`` and ``parts``; used from any thread."""

    def __init__(self, folder: Path) -> None:
        """Make the folder, or go on with it as an earlier run of the server left it.

        Raises:
            OutputError: it cannot be made.
        """
        self.folder = folder
        self.files = make_folder(folder / "files")
        self._parts = folder / "parts"
        shutil.rmtree(self._parts, ignore_errors=True)
        make_folder(self._parts)
        self._lock = Lock()
        self._sizes = {path: path.stat().st_size for path in files_below(self.files)}
        self._bytes = sum(self._sizes.values())
        self._writing = 0
        self._closed = False

    def add(self, name: str) -> "IncomingFile":
        """A file to be written, by its relative name; see `Uploads.add` for what it raises."""
        path = self.files.joinpath(*safe_parts(name))
        with self._lock:
            self._require_open()
            if path not in self._sizes and len(self._sizes) + self._writing >= MOST_FILES:
                raise TooLargeError(
                    "the upload has too many files",
                    cause=f"At most {MOST_FILES} are taken.",
                    remedy="Give fewer studies at a time.",
                )
            self._writing += 1
        try:
            return IncomingFile(self, self._parts / uuid4().hex, path)
        except BaseException:
            self.dropped(0)
            raise

    @contextmanager
    def finishing(self) -> Iterator[None]:
        """No file is added meanwhile.

        Raises:
            ConflictError: files are being sent, or this goes on already.
        """
        with self._lock:
            self._require_open()
            if self._writing:
                raise ConflictError(
                    "files of this upload are still being sent",
                    remedy="Finish it when all are there.",
                )
            self._closed = True
        try:
            yield
        finally:
            self._closed = False

    def remove(self) -> None:
        """Remove all; files that are being sent are lost.

        Raises:
            ConflictError: it is being opened.
        """
        with self._lock:
            self._require_open()
        self.discard()

    def discard(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def take(self, size: int) -> None:
        """Count bytes before they are written.

        Raises:
            TooLargeError: the upload is too large with them.
            OutputError: the disk would be full.
        """
        with self._lock:
            if self._bytes + size > MOST_BYTES:
                raise TooLargeError(
                    "the upload is too large",
                    cause=f"At most {MOST_BYTES >> 30} GiB are taken.",
                    remedy="Give fewer studies at a time.",
                )
            self._bytes += size
        try:
            free = shutil.disk_usage(self.folder).free
        except OSError:
            return  # it was removed: writing tells
        if free < size + _RESERVE:
            raise disk_full("The disk is nearly full.")

    def written(self, path: Path, size: int) -> None:
        """A file is in its place; it may have replaced another."""
        with self._lock:
            self._writing -= 1
            self._bytes -= self._sizes.get(path, 0)
            self._sizes[path] = size

    def dropped(self, size: int) -> None:
        """A file will not come."""
        with self._lock:
            self._writing -= 1
            self._bytes -= size

    def _require_open(self) -> None:
        if self._closed:
            raise ConflictError(
                "this upload is being finished", remedy="Wait for it, or begin another one."
            )


class IncomingFile:
    """A file that comes piece by piece; unless it is kept, nothing of it stays."""

    def __init__(self, upload: Incoming, part: Path, path: Path) -> None:
        self._upload, self._part, self._path = upload, part, path
        self._size = 0
        self._over = False
        try:
            self._stream = part.open("xb", buffering=0)
        except OSError as error:
            raise disk_full(f"{error.strerror or error}.") from error

    def __enter__(self) -> "IncomingFile":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove it when it was not kept."""
        self._stream.close()
        if not self._over:
            self._over = True
            self._upload.dropped(self._size)
            with suppress(OSError):
                self._part.unlink()

    def write(self, data: bytes | bytearray) -> None:
        """Add bytes.

        Raises:
            TooLargeError: the file or the upload is too large with them.
            OutputError: the disk is full.
        """
        if self._size + len(data) > MOST_FILE_BYTES:
            raise TooLargeError(
                "the file is too large",
                cause=f"At most {MOST_FILE_BYTES >> 30} GiB are taken.",
                remedy="Give the studies as they are, not all in one archive.",
            )
        self._upload.take(len(data))
        self._size += len(data)
        left = memoryview(data)
        try:
            while left:
                left = left[self._stream.write(left) :]
        except OSError as error:
            raise disk_full(f"{error.strerror or error}.") from error

    def keep(self) -> None:
        """All is there: put it in its place.

        Raises:
            InputError: a folder of the upload has its name, or a file that of its folder.
            OutputError: the disk is full, or the upload was removed meanwhile.
        """
        self._stream.close()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._part.replace(self._path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            raise InputError(
                f"{self._path.name} is not taken",
                cause="The upload has a file and a folder of one name.",
                remedy="Rename one of them.",
            ) from error
        except OSError as error:
            if error.errno == errno.ENOENT:
                raise ConflictError("the upload was removed", remedy="Begin another one.") from None
            raise disk_full(f"{error.strerror or error}.") from error
        self._over = True
        self._upload.written(self._path, self._size)


def disk_full(cause: str) -> OutputError:
    """The error for a file that finds no room."""
    return OutputError(
        "the upload cannot be written: nothing of this file was kept",
        cause=cause,
        remedy="Free some space on the disk of the server, then send it again.",
    )
