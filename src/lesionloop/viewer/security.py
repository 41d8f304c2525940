"""Who may ask, from where, and how much: one small ASGI layer for each idea.

- `HostLayer`: only under the names that the server is known by (against DNS rebinding).
- `OriginLayer`: nothing that another site's page asked for (against cross-site requests).
- `TokenLayer`: a token, when there is one, as a bearer or as the cookie that `/login` gives.
- `BodyLayer`: bodies up to a size; files up to a larger one.
- `HeaderLayer`: what a browser may do with the answers.
"""

import hmac
import json
import re
import socket
from collections.abc import Iterable
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from ipaddress import ip_address
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lesionloop.errors import InputError
from lesionloop.viewer.refusals import TooLargeError

__all__ = [
    "COOKIE", "MOST_BODY", "MOST_FILES", "BodyLayer", "HeaderLayer", "HostLayer", "OriginLayer",
    "TokenLayer", "allowed_names", "check_exposure", "is_loopback",
]  # fmt: skip

#: Bytes of a request's body: room for the points of a scribble.
MOST_BODY: Final = 8 << 20
#: Bytes of bodies that are files, by method and path: of an upload, and a mask to start from.
MOST_FILES: Final = (
    (re.compile("PUT /api/uploads/[^/]+/files"), 4 << 30),
    (re.compile("POST /api/sessions/[^/]+/start"), 512 << 20),
)
_SMALLER: Final = "Send a smaller file."
COOKIE: Final = "lesionloop"
_SHORTEST_TOKEN: Final = 16
_SAFE: Final = ("GET", "HEAD", "OPTIONS")
#: All of it our own and nothing inline; NiiVue holds the picture of its letters as data.
_POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
_HEADERS: Final = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own and reaches nobody else."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def check_exposure(host: str, token: str | None) -> None:
    """Refuse to be reached from outside without a token.

    Raises:
        InputError: no token, or one that can be guessed.
    """
    if token is not None and len(token) < _SHORTEST_TOKEN:
        raise InputError(
            "the token is too short",
            cause=f"It has {len(token)} characters; less than {_SHORTEST_TOKEN} can be guessed.",
            remedy='Make one with: python -c "import secrets; print(secrets.token_urlsafe())".',
        )
    if not is_loopback(host) and token is None:
        raise InputError(
            f"{host} can be reached by others, and there is no token",
            cause="Whoever reaches the server could see and change everything.",
            remedy="Give --token or LESIONLOOP_TOKEN, and put a proxy with TLS in front:"
            " see docs/viewer.md.",
        )


def allowed_names(host: str, more: Iterable[str] = ()) -> frozenset[str]:
    """The names by which a server that listens on ``host`` may be asked for, in lower case."""
    names = {host.strip("[]"), "localhost", "127.0.0.1", "::1", *more}
    if not is_loopback(host):
        names |= {socket.gethostname(), socket.getfqdn()}
    return frozenset(name.lower() for name in names)


class HostLayer:
    """Answers only under known names; on other than loopback, under any IP address as well."""

    def __init__(self, app: ASGIApp, names: frozenset[str], *, any_address: bool = False) -> None:
        self._app, self._names, self._any_address = app, names, any_address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 421."""
        if scope["type"] != "http" or self._known(Headers(scope=scope).get("host", "")):
            await self._app(scope, receive, send)
            return
        await _refuse(
            send, 421, "this server is not known by that name",
            cause="The Host header names another one.",
            remedy="Use the address that the server printed, or allow the name: --allow-host.",
        )  # fmt: skip

    def _known(self, host: str) -> bool:
        try:
            name = (urlsplit(f"//{host}").hostname or "").lower()
        except ValueError:
            return False
        return name in self._names or (self._any_address and _is_address(name))


class OriginLayer:
    """Refuses what the page of another site asks for."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 403."""
        if scope["type"] == "http" and not self._allowed(scope):
            await _refuse(
                send, 403, "this was asked for by the page of another site",
                cause="Its Origin or Sec-Fetch-Site is not this server.",
                remedy="Use the viewer's own page.",
            )  # fmt: skip
            return
        await self._app(scope, receive, send)

    def _allowed(self, scope: Scope) -> bool:
        headers = Headers(scope=scope)
        site = headers.get("sec-fetch-site", "none").lower()
        if scope["method"] in _SAFE:
            # Links from elsewhere may lead to the page, but nothing of the interface.
            return not scope["path"].startswith("/api") or site in ("none", "same-origin")
        origin = headers.get("origin")
        _, _, place = (origin or "").lower().partition("://")
        same = origin is None or place == headers.get("host", "").lower()
        return same and site in ("none", "same-origin")


class TokenLayer:
    """Asks for the token; `/login?token=` gives a cookie for it that scripts cannot read."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token.encode()
        # The cookie is not the token: it does not open the interface of another server.
        self._cookie = hmac.new(self._token, b"lesionloop cookie", sha256).hexdigest()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, log in, or answer 401."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == "/login" and scope["method"] == "GET":
            await self._login(scope, send)
        elif self._knows(Headers(scope=scope)):
            await self._app(scope, receive, send)
        else:
            await _refuse(
                send, 401, "this server wants a token",
                cause="There is none, or it is not the right one.",
                remedy="Open /login?token=... once with the token that the server was given.",
                extra=[(b"www-authenticate", b"Bearer")],
            )  # fmt: skip

    def _knows(self, headers: Headers) -> bool:
        kind, _, given = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return hmac.compare_digest(given.strip().encode(), self._token)
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        held = cookies.get(COOKIE)
        return held is not None and hmac.compare_digest(held.value.encode(), self._cookie.encode())

    async def _login(self, scope: Scope, send: Send) -> None:
        query = parse_qs(scope["query_string"].decode("latin-1"))
        given = query.get("token", [""])[0].encode()
        if not hmac.compare_digest(given, self._token):
            await _refuse(send, 401, "this is not the token", remedy="Ask who started the server.")
            return
        headers = Headers(scope=scope)
        secure = scope["scheme"] == "https" or headers.get("x-forwarded-proto") == "https"
        cookie = f"{COOKIE}={self._cookie}; Path=/; HttpOnly; SameSite=Strict; Max-Age=86400"
        await _answer(
            send, 303, b"",
            [(b"location", b"/"), (b"set-cookie", (cookie + "; Secure" * secure).encode())],
        )  # fmt: skip


class BodyLayer:
    """Refuses bodies above a size, by what they say and by what comes.

    Most are taken whole before they are passed on. Files (see `MOST_FILES`) are passed on as they
    come; one that becomes too large raises `TooLargeError` where it is read.
    """

    def __init__(self, app: ASGIApp, most: int = MOST_BODY) -> None:
        self._app, self._most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer 413."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        asked = f"{scope['method']} {scope['path']}"
        of_file = next((most for where, most in MOST_FILES if where.fullmatch(asked)), None)
        most = self._most if of_file is None else of_file
        declared = Headers(scope=scope).get("content-length", "")
        if declared.isdigit() and int(declared) > most:
            await self._too_large(send, most)
        elif of_file is None:
            await self._whole(scope, receive, send)
        else:
            await self._app(scope, _counted(receive, most), send)

    async def _whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        parts: list[Message] = []
        size = 0
        while True:  # small by the bound: taken whole, so that too much is answered, not cut off
            message = await receive()
            parts.append(message)
            size += len(message.get("body", b""))
            if size > self._most:
                await self._too_large(send, self._most)
                return
            if message["type"] != "http.request" or not message.get("more_body", False):
                break
        waiting = iter(parts)

        async def replay() -> Message:
            return next(waiting, None) or await receive()

        await self._app(scope, replay, send)

    async def _too_large(self, send: Send, most: int) -> None:
        remedy = "Send scribbles of fewer points." if most == self._most else _SMALLER
        await _refuse(
            send, 413, "the request is too large",
            cause=f"At most {most} bytes are taken.",
            remedy=remedy,
            extra=[(b"connection", b"close")],
        )  # fmt: skip


def _counted(receive: Receive, most: int) -> Receive:
    """The same messages, until their bodies are more than ``most`` bytes together."""
    size = 0

    async def counted() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > most:
            raise TooLargeError(
                "the file is too large",
                cause=f"At most {most} bytes are taken.",
                remedy=_SMALLER,
            )
        return message

    return counted


class HeaderLayer:
    """Adds to every answer what a browser may do with it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=message.setdefault("headers", []))
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, with_headers)


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


async def _refuse(
    send: Send,
    status: int,
    error: str,
    *,
    cause: str | None = None,
    remedy: str | None = None,
    extra: Iterable[tuple[bytes, bytes]] = (),
) -> None:
    body = json.dumps({"error": error, "cause": cause, "remedy": remedy}).encode()
    await _answer(send, status, body, [(b"content-type", b"application/json"), *extra])


async def _answer(send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})
