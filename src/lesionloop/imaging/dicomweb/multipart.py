"""multipart/related (RFC 2387) as DICOMweb uses it, in pieces: nothing is held whole.

Taken apart is an answer with one instance; put together is a request with one instance.
"""

import io
import secrets
from collections.abc import Iterator
from email.message import Message
from pathlib import Path

from lesionloop.imaging.dicomweb.answer import BrokenError

__all__ = ["FilePart", "first_part", "media_type"]

#: What may lie before the first part, and the header of a part, bytes.
_MOST_AROUND = 1 << 16


def media_type(content_type: str) -> tuple[str, str | None]:
    """Media type in lower case and the boundary."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    return message.get_content_type(), boundary if isinstance(boundary, str) else None


def first_part(chunks: Iterator[bytes], boundary: str) -> Iterator[bytes]:
    """The body of the first part, in pieces.

    Raises:
        BrokenError: it ends before the part does, or is no multipart message.
    """
    reader = _Reader(chunks)
    delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
    for mark in (delimiter, b"\r\n\r\n"):
        if sum(map(len, reader.until(mark, _MOST_AROUND))) > _MOST_AROUND:
            raise BrokenError("Its answer is no multipart message.")
    yield from reader.until(delimiter)


class _Reader:
    """Bytes up to a mark, over the borders of the pieces they come in."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        # A mark begins with a line break, which the first line of a message has none before.
        self._held = bytearray(b"\r\n")

    def until(self, mark: bytes, most: int | None = None) -> Iterator[bytes]:
        """What is before the mark, which is taken too; stops beyond ``most`` bytes."""
        keep, given = len(mark) - 1, 0
        while True:
            at = self._held.find(mark)
            piece = bytes(self._held[: at if at >= 0 else max(0, len(self._held) - keep)])
            del self._held[: len(piece) + (len(mark) if at >= 0 else 0)]
            if piece:
                given += len(piece)
                yield piece
            if at >= 0 or (most is not None and given > most):
                return
            try:
                self._held += next(self._chunks)
            except StopIteration:
                raise BrokenError("Its answer broke off.") from None


class FilePart(io.RawIOBase):
    """A message with one file as its part, read as it is sent; its length is known before.

    Raises:
        OSError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        boundary = secrets.token_hex(16)
        self.content_type = f'multipart/related; type="application/dicom"; boundary={boundary}'
        head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
        size = path.stat().st_size
        self._file = path.open("rb")
        self._rest = [io.BytesIO(head), self._file, io.BytesIO(f"\r\n--{boundary}--\r\n".encode())]
        self._length = len(head) + size + len(boundary) + 8

    def __len__(self) -> int:
        """Bytes of the whole message."""
        return self._length

    def readable(self) -> bool:
        """Yes."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """The next bytes; empty at the end."""
        while self._rest:
            if found := self._rest[0].read(size):
                return found
            self._rest.pop(0)
        return b""

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()
