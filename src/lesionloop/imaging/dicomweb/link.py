"""The link to a PACS: TLS, credentials, timeouts, retries, and errors that a user can act on.

`requests` carries it, not dicomweb-client: that holds whole instances and listings in memory
without a bound, sends a store again by itself, and drops the body that says what was not stored.
"""

import io
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, quote, urlencode

import requests

from lesionloop.errors import GatewayError, InputError
from lesionloop.imaging.dicomweb.answer import Answer, BrokenError, TooLargeError
from lesionloop.imaging.dicomweb.session import (
    BearerToken,
    StraightSession,
    address_parts,
    is_private,
)

__all__ = ["Limits", "Link", "never"]

#: Statuses of a server, or of a proxy before it, that is busy or restarting.
_BUSY = (429, 502, 503, 504)
#: Waits between the tries of a request that changes nothing, s.
_WAITS_S = (0.5, 1.5)
_CONNECT_S = 10.0

Taken = TypeVar("Taken")
Params = Mapping[str, str | int | list[str]]


@dataclass(frozen=True)
class Limits:
    """What no honest PACS exceeds; beyond it an answer is refused.

    Args:
        listing_bytes: a page of a listing.
        instance_bytes: an instance; a whole-body CT in one multi-frame object is below 1 GiB.
        study_bytes: all instances that are fetched of a study.
        instances: their number.
    """

    listing_bytes: int = 32 << 20
    instance_bytes: int = 4 << 30
    study_bytes: int = 32 << 30
    instances: int = 20_000


def never() -> bool:
    """For what cannot be cancelled."""
    return False


class Link:
    """Requests to one PACS. One thread at a time.

    Args:
        url: root of its DICOMweb services, such as https://pacs.example.org/dicom-web.
        token: sent as a bearer token.
        login: "user:password", sent as basic authentication.
        ca: file of the certificates to trust, PEM; None: those that are known.
        timeout_s: silence that is taken for an end, s.
        limits: of the answers.

    Raises:
        InputError: the address, the credentials or the file of certificates cannot be used.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        login: str | None = None,
        ca: Path | None = None,
        timeout_s: float = 30.0,
        limits: Limits | None = None,
    ) -> None:
        parts = _checked(url)
        self._root = url.rstrip("/")
        self.name = parts.netloc
        self.is_private = is_private(parts)
        self.limits = limits or Limits()
        self._timeout_s = timeout_s
        self._session = StraightSession()
        self._session.auth = _auth(token, login)
        # What is sent compressed could grow without a bound when it is unpacked.
        self._session.headers.update({"User-Agent": "lesionloop", "Accept-Encoding": "identity"})
        # Given with each request: in the session the environment would outweigh it.
        self._trusted = None if ca is None else str(ca)
        if ca is not None and not ca.is_file():
            raise InputError(
                f"cannot read the certificates {ca}",
                remedy="Give a file of the certificates to trust, in PEM form.",
            )

    def __enter__(self) -> "Link":
        """The link itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close its connections."""
        self._session.close()

    def get(
        self,
        path: str,
        take: Callable[[Answer], Taken],
        *,
        accept: str,
        params: Params | None = None,
        cancelled: Callable[[], bool] = never,
    ) -> Taken:
        """GET, tried again when the connection breaks or the server is busy.

        Args:
            path: below the root.
            take: makes something of the answer; called again for each try.
            accept: media type to ask for.
            params: of the query.
            cancelled: ends the waiting and the tries.

        Raises:
            GatewayError: no answer, a refusal, or an answer that is too large.
        """
        # What RFC 3986 lets stand stands: not every server decodes what it need not have encoded.
        query = urlencode(params or {}, doseq=True, safe="*?/:@!$'(),", quote_via=quote)
        address = f"{path}?{query}" if query else path
        for wait in (*_WAITS_S, None):
            try:
                with self._send("GET", address, headers={"Accept": accept}) as response:
                    if response.status_code not in _BUSY or wait is None:
                        self._require_good(response.status_code)
                        return take(Answer(response, self._timeout_s, cancelled))
            except BrokenError as error:
                if wait is None or cancelled():
                    raise self.gone(str(error)) from error
            except TooLargeError as error:
                raise self.nonsense("Its answer is larger than any honest one.") from error
            if wait is not None:
                _sleep(wait, cancelled)
        raise AssertionError("the last try returns or raises")

    def listing(self, path: str, params: Params) -> tuple[list[dict[str, Any]], bool]:
        """A listing (QIDO-RS) as DICOM JSON, and whether the server says that it left some out.

        Raises:
            GatewayError: as of `get`, or the answer is no DICOM JSON.
        """

        def take(answer: Answer) -> tuple[bytes, bool]:
            return answer.body(self.limits.listing_bytes), answer.has_warning

        body, cut = self.get(path, take, accept="application/dicom+json", params=params)
        return self.items(body), cut

    def items(self, body: bytes) -> list[dict[str, Any]]:
        """DICOM JSON as a list of data sets; an empty body is an empty list.

        Raises:
            GatewayError: it is something else.
        """
        if not body.strip():
            return []
        try:
            found = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise self.nonsense("Its answer is no JSON.") from error
        found = [found] if isinstance(found, dict) else found
        if not isinstance(found, list) or not all(isinstance(item, dict) for item in found):
            raise self.nonsense("Its answer is no list of data sets.")
        return found

    def post(self, path: str, body: io.RawIOBase, content_type: str) -> tuple[int, bytes]:
        """POST once, and give status and body of the answer, whatever they are.

        Raises:
            BrokenError: no answer that can be read: whether it was done is not known.
        """
        headers = {"Content-Type": content_type, "Accept": "application/dicom+json"}
        with self._send("POST", path, data=body, headers=headers) as response:
            answer = Answer(response, self._timeout_s, never)
            try:
                return answer.status, answer.body(self.limits.listing_bytes)
            except TooLargeError as error:
                raise BrokenError("Its answer is larger than any honest one.") from error

    def gone(self, cause: str) -> GatewayError:
        """The error that the PACS cannot be reached."""
        return GatewayError(
            f"the PACS at {self.name} does not answer",
            cause=cause,
            remedy="Check its address and that it runs, then try again.",
        )

    def nonsense(self, cause: str) -> GatewayError:
        """The error that the answer is not what DICOMweb says."""
        return GatewayError(
            f"what {self.name} answers cannot be used",
            cause=cause,
            remedy="Check that the address is the root of a DICOMweb service.",
        )

    def _send(self, method: str, path: str, **options: Any) -> requests.Response:
        """Send a request; the body of the answer is left to be read."""
        try:
            return self._session.request(
                method,
                f"{self._root}/{path}",
                stream=True,
                # It would take credentials, or patients, to where nobody meant them to go.
                allow_redirects=False,
                verify=self._trusted,
                timeout=(min(_CONNECT_S, self._timeout_s), self._timeout_s),
                **options,
            )
        except requests.exceptions.SSLError as error:
            raise GatewayError(
                f"the certificate of {self.name} is not trusted",
                cause=f"{_words(error)}.",
                remedy="Give the file of the certificates to trust with --ca.",
            ) from error
        except requests.RequestException as error:
            raise BrokenError(f"{_words(error)}.") from error

    def _require_good(self, status: int) -> None:
        if status in (200, 204, 206):
            return
        if status in (401, 403):
            raise GatewayError(
                f"the PACS at {self.name} refuses the credentials",
                cause=f"It answers {status}.",
                remedy="Set LESIONLOOP_DICOMWEB_TOKEN, or LESIONLOOP_DICOMWEB_LOGIN to"
                " user:password.",
            )
        if status in _BUSY:
            raise self.gone(f"It answers {status}: busy, or not running behind its proxy.")
        if 300 <= status < 400:
            raise self.nonsense("It sends on to another address: give that one.")
        raise self.nonsense(f"It answers {status}.")


def _checked(url: str) -> SplitResult:
    """The parts of an address that is safe to give as an argument."""
    parts = address_parts(
        url,
        whose="the PACS",
        remedy="Give the root of its DICOMweb services: https://pacs.example.org/dicom-web.",
    )
    if parts.username is not None or parts.password is not None:
        raise InputError(
            "the address of the PACS holds credentials",
            cause="Other users of the machine can see the arguments of a program.",
            remedy="Set LESIONLOOP_DICOMWEB_LOGIN to user:password instead.",
        )
    if parts.query or parts.fragment:
        raise InputError(
            "the address of the PACS cannot be used",
            cause="It has a query or a fragment.",
            remedy="Give the root of its DICOMweb services alone.",
        )
    return parts


def _auth(token: str | None, login: str | None) -> requests.auth.AuthBase:
    for name, value in (("token", token), ("login", login)):
        if value and not (value.isascii() and value.isprintable()):
            raise InputError(
                f"the {name} of the PACS cannot be sent",
                cause="It holds other than printable ASCII characters.",
                remedy="Check the variable that it is in.",
            )
    if token or not login:
        return BearerToken(token or None)
    user, colon, password = login.partition(":")
    if not colon:
        raise InputError(
            "the login of the PACS cannot be used",
            cause="It has no colon.",
            remedy="Set LESIONLOOP_DICOMWEB_LOGIN to user:password.",
        )
    return requests.auth.HTTPBasicAuth(user, password)


def _words(error: BaseException) -> str:
    """Why a request failed, without its address: that may hold a patient's name."""
    if isinstance(error, requests.ConnectTimeout):
        return "No connection came about in time"
    if isinstance(error, requests.Timeout):
        return "Nothing came in time"
    below: BaseException | None = error
    while below is not None:
        if isinstance(below, OSError) and below.errno is not None and below.strerror:
            return str(below.strerror)
        below = below.__cause__ or below.__context__
    return "The connection broke"


def _sleep(seconds: float, cancelled: Callable[[], bool]) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until and not cancelled():
        time.sleep(0.05)
