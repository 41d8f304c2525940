"""Who is refused: wrong names, other sites, no token, too much, paths that lead elsewhere."""

import asyncio
import http.client
import socket
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from lesionloop.errors import InputError
from lesionloop.viewer import security
from lesionloop.viewer.client import Client, RefusedError
from lesionloop.viewer.refusals import TooLargeError
from lesionloop.viewer.security import MOST_BODY, allowed_names, check_exposure, is_loopback

Start = Callable[..., Any]
TOKEN = "a-token-that-nobody-guesses"  # noqa: S105  (only here)


def ask(
    address: str, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """A request as it is, nothing tidied up on the way."""
    place = urlsplit(address)
    connection = http.client.HTTPConnection(str(place.hostname), place.port, timeout=20)
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    sent = {"Host": place.netloc, **{k.replace("_", "-"): v for k, v in headers.items()}}
    if body is not None:
        sent.setdefault("Content-Length", str(len(body)))
        sent.setdefault("Content-Type", "application/json")
    for name, value in sent.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    result = answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    connection.close()
    return result


@pytest.fixture(scope="module")
def guarded(start: Start, data: Path, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server that asks for a token."""
    state = tmp_path_factory.mktemp("guarded")
    return start(data, state, "--segmenter", "propagate", LESIONLOOP_TOKEN=TOKEN)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", "", "[", "a b"]
)
def test_a_foreign_host_is_refused(server: Any, host: str) -> None:
    status, _, body = ask(server.address, "GET", "/api/studies", Host=host)
    assert (status, b"not known by that name" in body) == (421, True) or status == 400


def test_known_hosts_are_answered(server: Any) -> None:
    port = urlsplit(server.address).port
    for host in (f"localhost:{port}", "127.0.0.1", f"LOCALHOST:{port}", "[::1]:8765"):
        assert ask(server.address, "GET", "/api/info", Host=host)[0] == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://[bad"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec_Fetch_Site": "cross-site"},
        {"Sec_Fetch_Site": "same-site"},
    ],
)
def test_a_post_from_another_site_is_refused(server: Any, headers: dict[str, str]) -> None:
    study = server.client().studies()[0]["id"]
    path = f"/api/studies/{study}/sessions"
    status, _, _ = ask(server.address, "POST", path, b'{"reader": "x"}', **headers)
    assert status == 403


def test_a_form_of_another_site_is_refused(server: Any) -> None:
    """What a form can send without asking first is of no JSON type."""
    study = server.client().studies()[0]["id"]
    path = f"/api/studies/{study}/sessions"
    status, _, _ = ask(server.address, "POST", path, b'{"reader": "x"}', Content_Type="text/plain")
    assert status == 422


def test_other_sites_cannot_read_but_may_link(server: Any) -> None:
    site = "cross-site"
    assert ask(server.address, "GET", "/api/studies", Sec_Fetch_Site=site)[0] == 403
    assert ask(server.address, "GET", "/", Sec_Fetch_Site=site)[0] == 200
    origin = server.address.rstrip("/")
    path = f"/api/studies/{server.client().studies()[0]['id']}/sessions"
    status, _, _ = ask(
        server.address, "POST", path, b'{"reader": "x"}',
        Origin=origin, Sec_Fetch_Site="same-origin",
    )  # fmt: skip
    assert status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/../pyproject.toml", "/..%2f..%2fpyproject.toml", "/assets/../../app.py",
        "/%2e%2e/app.py", "//etc/passwd", "/..\\app.py", "/app.py", "/assets/%00", "/" + "a" * 5000,
        "/api/studies/..%2f..%2f/pet.nii.gz", "/api/studies/%2e%2e/pet.nii.gz",
        "/api/sessions/..%2f/mask", "/api/nothing", "/api/sessions/x/export/..%2fsessions.sqlite",
    ],
)  # fmt: skip
def test_no_path_leads_elsewhere(server: Any, path: str) -> None:
    status, _, body = ask(server.address, "GET", path)
    assert status in (400, 404), path
    assert b"lesionloop." not in body
    assert b"root:" not in body


def test_bodies_are_limited(server: Any) -> None:
    study = server.client().studies()[0]["id"]
    path = f"/api/studies/{study}/sessions"
    status, _, _ = ask(server.address, "POST", path, b"{}", Content_Length=str(MOST_BODY + 1))
    assert status == 413
    place = urlsplit(server.address)
    with socket.create_connection((place.hostname, place.port), timeout=20) as raw:
        head = f"POST {path} HTTP/1.1\r\nHost: {place.netloc}\r\nTransfer-Encoding: chunked\r\n\r\n"
        raw.sendall(head.encode())
        chunk = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        try:
            for _ in range(MOST_BODY // 0x10000 + 2):
                raw.sendall(chunk)
        except OSError:
            pass  # refused before all was sent
        assert raw.recv(100).split(b" ")[1] == b"413"
    assert server.client().info()


def in_a_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end, in a thread of its own: the browser keeps a loop running in this one."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, work).result()


@pytest.mark.parametrize(
    ("method", "path", "whole"),
    [("PUT", "/api/uploads/x/files", False), ("POST", "/api/sessions/x/start", False),
     ("POST", "/api/uploads/x/files", True), ("PUT", "/api/uploads/x/y/files", True),
     ("PUT", "/api/uploads//files", True), ("POST", "/api/sessions/x/events", True)],
)  # fmt: skip
def test_files_are_passed_on_as_they_come(
    method: str, path: str, whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of any other body nothing is seen before it is known to be small."""
    monkeypatch.setattr(security, "MOST_FILES", [(w, 100) for w, _ in security.MOST_FILES])
    pieces = iter([b"x" * 40] * 4)
    seen: list[int] = []
    taken: list[int] = []

    async def receive() -> dict[str, Any]:
        taken.append(1)
        piece = next(pieces, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        while (message := await receive())["more_body"]:
            seen.append(len(taken))
            assert message["body"]

    async def send(_message: Any) -> None:
        pass

    scope = {"type": "http", "method": method, "path": path, "headers": []}
    layer = security.BodyLayer(app, 1000)
    if whole:
        in_a_loop(layer(scope, receive, send))
        assert seen == [5] * 4
        return
    with pytest.raises(TooLargeError, match="too large"):
        in_a_loop(layer(scope, receive, send))
    assert seen == [1, 2]


def test_a_token_is_asked_for(guarded: Any) -> None:
    for path in ("/", "/api/info", "/api/openapi.json", "/assets/x.js"):
        status, headers, _ = ask(guarded.address, "GET", path)
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
    for wrong in ("", "Bearer", f"Bearer {TOKEN}x", f"Basic {TOKEN}", "Bearer é"):
        assert ask(guarded.address, "GET", "/api/info", Authorization=wrong)[0] == 401
    for wrong in ("lesionloop=", f"lesionloop={TOKEN}", "lesionloop", "=;=,"):
        assert ask(guarded.address, "GET", "/api/info", Cookie=wrong)[0] == 401
    assert guarded.client(token=TOKEN).studies()
    with pytest.raises(RefusedError) as refused:
        guarded.client(token="wrong").studies()  # noqa: S106
    assert refused.value.status == 401


def test_the_login_gives_a_cookie(guarded: Any) -> None:
    status, headers, _ = ask(guarded.address, "GET", f"/login?token={TOKEN}")
    assert (status, headers["location"]) == (303, "/")
    cookie = headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    held = cookie.split(";")[0]
    assert ask(guarded.address, "GET", "/api/info", Cookie=f"other=1; {held}")[0] == 200
    assert ask(guarded.address, "GET", "/login?token=wrong")[0] == 401
    assert ask(guarded.address, "GET", "/login")[0] == 401
    secure = ask(guarded.address, "GET", f"/login?token={TOKEN}", X_Forwarded_Proto="https")
    assert secure[1]["set-cookie"].endswith("; Secure")
    assert not any(TOKEN in line for line in guarded.said)


def test_every_answer_says_what_a_browser_may_do(server: Any, guarded: Any) -> None:
    for address, path in (
        (server.address, "/"), (server.address, "/api/info"), (server.address, "/nothing"),
        (guarded.address, "/"),
    ):  # fmt: skip
        headers = ask(address, "GET", path)[1]
        policy = headers["content-security-policy"]
        scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
        assert "unsafe-inline" not in scripts
        assert "'unsafe-eval'" not in scripts
        assert "frame-ancestors 'none'" in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "server" not in headers


def test_outside_of_loopback_a_token_is_needed() -> None:
    for host in ("0.0.0.0", "192.168.1.5", "example.org", "::"):  # noqa: S104
        assert not is_loopback(host)
        with pytest.raises(InputError, match="no token"):
            check_exposure(host, None)
        check_exposure(host, TOKEN)
    for host in ("127.0.0.1", "::1", "localhost", "127.9.9.9"):
        assert is_loopback(host)
        check_exposure(host, None)
    with pytest.raises(InputError, match="too short"):
        check_exposure("127.0.0.1", "short")
    assert "viewer.example.org" in allowed_names("0.0.0.0", ["Viewer.Example.ORG"])  # noqa: S104
    assert socket.gethostname().lower() not in allowed_names("127.0.0.1") - {"localhost"}


def test_a_client_without_a_server() -> None:
    with pytest.raises(ConnectionError):
        Client("http://127.0.0.1:9").info()
