"""A thin client of the viewer's interface, with the standard library alone.

It keeps the mask of a session up to date from the changed boxes, as the page does::

    client = Client("http://127.0.0.1:8765")
    session = client.open(client.studies()[0]["id"], "a reader")
    session.scribble("foreground", [[100, 120, 80]])
    session.mask  # uint8 [x, y, z]
"""

import http.client
import json
import zlib
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen
from uuid import uuid4

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError

__all__ = ["Client", "RefusedError", "RemoteSession"]

_BytesAndHeaders: TypeAlias = tuple[bytes, Mapping[str, str]]


class RefusedError(InputError):
    """The server refused; `status` is the HTTP status."""

    def __init__(
        self, what: str, *, cause: str | None = None, remedy: str | None = None, status: int = 0
    ) -> None:
        super().__init__(what, cause=cause, remedy=remedy)
        self.status = status


class Client:
    """A viewer's server."""

    def __init__(self, address: str, *, token: str | None = None, timeout_s: float = 120.0) -> None:
        """Talk to ``address``, such as ``http://127.0.0.1:8765``."""
        self._address = address.rstrip("/")
        self._token = token
        self._timeout = timeout_s

    def info(self) -> dict[str, Any]:
        """Version and segmenter of the server."""
        found: dict[str, Any] = self.json("GET", "/info")
        return found

    def studies(self) -> list[dict[str, Any]]:
        """Studies with their sessions."""
        found: list[dict[str, Any]] = self.json("GET", "/studies")
        return found

    def upload(self, paths: Iterable[Path | str]) -> list[dict[str, Any]]:
        """Send files and folders; the studies that the server found in them.

        Raises:
            RefusedError, ConnectionError, OSError: as `send`; nothing of it stays on the server.
        """
        files = [(file, name) for path in paths for file, name in _files(Path(path))]
        place = f"/uploads/{self.json('POST', '/uploads')['id']}"
        try:
            for file, name in files:
                self.send("PUT", f"{place}/files?{urlencode({'path': name})}", file)
            found: list[dict[str, Any]] = self.json("POST", f"{place}/finish")["studies"]
        except BaseException:
            with suppress(RefusedError, ConnectionError):
                self.bytes("DELETE", place)
            raise
        return found

    def open(self, study: str, reader: str) -> "RemoteSession":
        """The session of a reader on a study; a new one takes as long as the first mask."""
        state = self.json("POST", f"/studies/{study}/sessions", {"reader": reader})
        return RemoteSession(self, state)

    def resume(self, session: str) -> "RemoteSession":
        """A session by its id."""
        return RemoteSession(self, self.json("GET", f"/sessions/{session}"))

    def json(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Ask the interface, JSON both ways; ``path`` begins behind ``/api``.

        Raises:
            RefusedError: the server says no, and why.
            ConnectionError: it does not answer; asking again is safe for events with a key.
        """
        return json.loads(self.bytes(method, path, body)[0])

    def bytes(
        self, method: str, path: str, body: Mapping[str, Any] | None = None
    ) -> tuple[bytes, Mapping[str, str]]:
        """Ask the interface for a file: its bytes and the headers.

        Raises:
            RefusedError, ConnectionError: as `json`.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"} if data is not None else {}
        return self._ask(method, path, data, headers)

    def send(self, method: str, path: str, file: Path) -> Any:
        """Send a file as it is, without holding it in memory; the answer is JSON, or None.

        Raises:
            RefusedError, ConnectionError: as `json`.
            OSError: the file cannot be read.
        """
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(file.stat().st_size),
        }
        with file.open("rb") as body:
            answer = self._ask(method, path, body, headers)[0]
        return json.loads(answer) if answer else None

    def _ask(self, method: str, path: str, data: Any, headers: dict[str, str]) -> _BytesAndHeaders:
        if self._token is not None:
            headers["Authorization"] = f"Bearer {self._token}"
        request = Request(  # noqa: S310  (the user's own address)
            f"{self._address}/api{path}", data=data, headers=headers, method=method
        )
        try:
            with urlopen(request, timeout=self._timeout) as answer:  # noqa: S310
                return answer.read(), answer.headers
        except HTTPError as error:
            raise _refusal(error) from error
        except (URLError, http.client.HTTPException) as error:
            raise ConnectionError(f"{self._address} does not answer: {error}") from error


class RemoteSession:
    """One reader on one study, with the mask as this client has it."""

    def __init__(self, client: Client, state: dict[str, Any]) -> None:
        self.client = client
        self.state = state
        self.id: str = state["id"]
        self.revision = -1
        self.mask: NDArray[np.uint8] = np.zeros(state["study"]["shape"], dtype=np.uint8, order="F")
        self.reload()

    def reload(self) -> None:
        """Take the whole mask from the server."""
        data, headers = self.client.bytes("GET", f"/sessions/{self.id}/mask")
        self.mask[...] = _unpacked(data, self.mask.shape)
        self.revision = int(headers["X-Revision"])

    def scribble(self, label: str, points: ArrayLike, *, key: str | None = None) -> dict[str, Any]:
        """Draw voxels (n, 3); the mask is up to date when this returns."""
        return self.event(kind="scribble", label=label, points=np.asarray(points).tolist(), key=key)

    def scribble_mm(
        self, label: str, points: ArrayLike, *, key: str | None = None
    ) -> dict[str, Any]:
        """Draw at LPS mm (n, 3)."""
        return self.event(
            kind="scribble", label=label, points_mm=np.asarray(points).tolist(), key=key
        )

    def mark(self, kind: str, at: Sequence[int]) -> dict[str, Any]:
        """Accept, reject, lock or unlock the lesion at a voxel."""
        return self.event(kind=kind, at=[int(v) for v in at])

    def undo(self) -> dict[str, Any]:
        """Take the last action back."""
        return self.event(kind="undo")

    def redo(self) -> dict[str, Any]:
        """Bring back what was undone last."""
        return self.event(kind="redo")

    def start_from(self, path: Path | str, *, key: str | None = None) -> dict[str, Any]:
        """Go on from a mask made elsewhere: a DICOM SEG, NIfTI or MHA file.

        Raises:
            RefusedError, ConnectionError, OSError: as `Client.send`.
        """
        path = Path(path)
        query = {"name": path.name, "key": key or uuid4().hex, "revision": self.revision}
        answer: dict[str, Any] = self.client.send(
            "POST", f"/sessions/{self.id}/start?{urlencode(query)}", path
        )
        self._take(answer)
        return answer

    def event(self, *, key: str | None = None, **body: Any) -> dict[str, Any]:
        """Send any event; give the same ``key`` to send it again after a lost connection.

        Raises:
            RefusedError, ConnectionError: as `Client.json`.
        """
        sent = {**body, "key": key or uuid4().hex, "revision": self.revision}
        answer: dict[str, Any] = self.client.json("POST", f"/sessions/{self.id}/events", sent)
        self._take(answer)
        return answer

    def follow(self) -> bool:
        """Take what others did in this session; whether there was anything."""
        before = self.revision
        path = f"/sessions/{self.id}/changes?{urlencode({'since': before})}"
        self._take(self.client.json("GET", path))
        return self.revision != before

    def export(self, what: str) -> bytes:
        """A file of the session, such as ``session.json``."""
        return self.client.bytes("GET", f"/sessions/{self.id}/export/{what}")[0]

    def _take(self, answer: dict[str, Any]) -> None:
        self.state = {**self.state, **answer["state"]}
        revision, base, change = answer["revision"], answer["base"], answer["change"]
        if revision <= self.revision:
            return
        if base is not None and base > self.revision:
            self.reload()
            return
        if change is not None:
            box = tuple(map(slice, change["start"], change["stop"]))
            self.mask[box] = _unpacked(b64decode(change["data"]), self.mask[box].shape)
        self.revision = revision


def _files(path: Path) -> Iterator[tuple[Path, str]]:
    """Files to send, and the names under which they are sent: a folder keeps its own."""
    path = path.absolute()
    for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
        if not file.is_dir():
            yield file, file.relative_to(path.parent).as_posix()


def _unpacked(data: bytes, shape: tuple[int, ...]) -> NDArray[np.uint8]:
    return np.frombuffer(zlib.decompress(data), dtype=np.uint8).reshape(shape, order="F")


def _refusal(error: HTTPError) -> RefusedError:
    try:
        said = json.loads(error.read())
        return RefusedError(
            said["error"], cause=said["cause"], remedy=said["remedy"], status=error.code
        )
    except (ValueError, KeyError, TypeError):
        return RefusedError(f"the server answered {error.code}", status=error.code)
