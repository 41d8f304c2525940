"""What a server answers, taken in pieces: its size and its pace are bounded."""

import time
from collections.abc import Callable, Iterator

import requests
import urllib3

__all__ = ["Answer", "BrokenError", "TooLargeError"]

_CHUNK = 1 << 18
#: Slower than this on average, after the timeout, is as good as silent, bytes/s.
_SLOWEST = 4096


class BrokenError(Exception):
    """The answer broke off or stalled: worth another try. Its text is the cause for the user."""


class TooLargeError(Exception):
    """The answer is larger than any honest one."""


class Answer:
    """An answer whose body has not been read yet.

    Args:
        response: of a request that streams.
        timeout_s: what it may lag behind the slowest pace, s.
        cancelled: asked between pieces.
    """

    def __init__(
        self, response: requests.Response, timeout_s: float, cancelled: Callable[[], bool]
    ) -> None:
        self._response = response
        self._timeout_s = timeout_s
        self._cancelled = cancelled

    @property
    def status(self) -> int:
        """HTTP status."""
        return self._response.status_code

    @property
    def content_type(self) -> str:
        """Content-Type as sent; empty when there is none."""
        return self._response.headers.get("Content-Type", "")

    @property
    def has_warning(self) -> bool:
        """Whether there is a Warning header: results were left out (PS3.18 8.3.4.4)."""
        return "Warning" in self._response.headers

    @property
    def has_end(self) -> bool:
        """Whether a body that is cut off would be noticed."""
        headers = self._response.headers
        return "Content-Length" in headers or "chunked" in headers.get("Transfer-Encoding", "")

    def chunks(self, most_bytes: int) -> Iterator[bytes]:
        """The body in pieces.

        Raises:
            BrokenError: it broke off, is too slow, or was cancelled.
            TooLargeError: it is larger than ``most_bytes``.
        """
        began, taken = time.monotonic(), 0
        try:
            # What is there, and no waiting for a full piece: else a drip would never be noticed.
            while chunk := self._response.raw.read1(_CHUNK, decode_content=True):
                taken += len(chunk)
                if taken > most_bytes:
                    raise TooLargeError
                if time.monotonic() - began > self._timeout_s + taken / _SLOWEST:
                    raise BrokenError("Its answer comes too slowly.")
                if self._cancelled():
                    raise BrokenError("It was cancelled.")
                yield chunk
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise BrokenError("Its answer broke off.") from error

    def body(self, most_bytes: int) -> bytes:
        """All of the body; errors as of `chunks`."""
        return b"".join(self.chunks(most_bytes))
