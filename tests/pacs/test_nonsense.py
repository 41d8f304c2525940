"""A server that answers with what no honest PACS would: refused, and nothing is left behind."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lesionloop.errors import GatewayError, InputError
from lesionloop.imaging.dicomweb import Limits, Pacs
from lesionloop.imaging.dicomweb.answer import BrokenError
from lesionloop.imaging.dicomweb.multipart import first_part, media_type
from lesionloop.imaging.dicomweb.values import is_uid

STUDY, SERIES, INSTANCE = "1.2.3", "1.2.3.4", "1.2.3.4.5"
DICOM_JSON = "application/dicom+json"
LIMITS = Limits(listing_bytes=200_000, instance_bytes=300_000, study_bytes=10**6, instances=50)

Answer = Callable[["Fake"], None]


class Fake(BaseHTTPRequestHandler):
    """Answers as the test says."""

    protocol_version = "HTTP/1.1"
    answers: dict[str, Answer]
    seen: list[tuple[str, str, str | None]]

    def _act(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.seen.append((self.command, self.path, self.headers.get("Authorization")))
        if length := int(self.headers.get("Content-Length") or 0):
            self.rfile.read(length)
        depth = path.strip("/").split("/")
        kind = {1: "studies", 3: "series", 5: "instances", 6: "instance"}.get(len(depth), "")
        answer = self.answers.get(f"{self.command} {kind}") or self.answers[kind]
        answer(self)

    do_GET = do_POST = _act  # noqa: N815

    def log_message(self, *_: object) -> None:
        """Nothing."""


def send(body: bytes, kind: str = DICOM_JSON, status: int = 200, **headers: str) -> Answer:
    def answer(fake: Fake) -> None:
        fake.send_response(status)
        fake.send_header("Content-Type", kind)
        fake.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            fake.send_header(name, value)
        fake.end_headers()
        fake.wfile.write(body)

    return answer


def endless(
    kind: str, piece: bytes = b" " * 65536, wait_s: float = 0.0, *, to: str | None = None
) -> Answer:
    def answer(fake: Fake) -> None:
        fake.send_response(200 if to is None else 302)
        fake.send_header("Content-Type", kind)
        if to is not None:
            fake.send_header("Location", to)
        fake.end_headers()
        fake.close_connection = True
        try:
            while True:
                fake.wfile.write(piece)
                fake.wfile.flush()
                time.sleep(wait_s)
        except OSError:  # nobody listens any more
            pass

    return answer


def listing(tag: str, *uids: Any, **more: Any) -> Answer:
    vr = "UI"
    return send(json.dumps([{tag: {"vr": vr, "Value": [uid]}, **more} for uid in uids]).encode())


PT = {"00080060": {"vr": "CS", "Value": ["PT"]}}


@pytest.fixture
def fake() -> Iterator[Callable[..., tuple[Pacs, type[Fake]]]]:
    """A PACS that answers requests for studies, series, instances and an instance as given."""
    servers: list[ThreadingHTTPServer] = []

    def make(timeout_s: float = 5.0, **answers: Answer) -> tuple[Pacs, type[Fake]]:
        whole = {
            "studies": listing("0020000D", STUDY),
            "series": listing("0020000E", SERIES, **PT),
            "instances": listing("00080018", INSTANCE),
            **{key.replace("_", " "): value for key, value in answers.items()},
        }
        handler = type("Handler", (Fake,), {"answers": whole, "seen": []})
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        url = f"http://127.0.0.1:{server.server_port}"
        return Pacs(url, timeout_s=timeout_s, limits=LIMITS), handler

    yield make
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "body",
    [
        b"<html>login</html>", b"\xff\xfe", b'"text"', b"3", b"null", b"[1, 2]", b'{"a": ',
        b"[" * 100_000, b"1" * 100_000, b'[{"0020000D": 3}]', b'[{"0020000D": {"Value": 3}}]',
        b'[{"0020000D": {"vr": "UI", "Value": ["../../x"]}}]',
        b'[{"0020000D": {"vr": "UI", "Value": [{"a": 1}]}}]',
        b'[{"0020000D": {"vr": "UI", "Value": ["' + b"1" * 65 + b'"]}}]',
    ],
)  # fmt: skip
def test_listings_that_are_none(fake: Callable[..., Any], body: bytes) -> None:
    pacs, _ = fake(studies=send(body))
    with pytest.raises(GatewayError, match="cannot be used"):
        pacs.find()


def test_odd_values_are_passed_over(fake: Callable[..., Any]) -> None:
    item = {
        "0020000D": {"vr": "UI", "Value": [STUDY]},
        "00080020": {"vr": "DA", "Value": ["<script>"]},
        "00100010": {"vr": "PN", "Value": [{"Alphabetic": "A\x00\x1b[31m^B" + "x" * 5000}]},
        "00100020": {"vr": "LO", "Value": [None]},
        "00081030": {"vr": "LO", "Value": "text"},
        "00201206": {"vr": "IS", "Value": ["-7"]},
        "00201208": {"vr": "IS", "Value": [1e400]},
    }
    pacs, _ = fake(studies=send(json.dumps([item]).encode()))
    (study,) = pacs.find().studies
    assert (study.date, study.patient_id, study.description) == ("", "", "")
    assert (study.series, study.instances) == (None, None)
    assert study.patient_name.startswith("A[31m^B")
    assert len(study.patient_name) <= 200


@pytest.mark.parametrize("what", ["studies", "series", "instances"])
def test_endless_listings(fake: Callable[..., Any], what: str, tmp_path: Path) -> None:
    pacs, _ = fake(**{what: endless(DICOM_JSON)})
    began = time.monotonic()
    with pytest.raises(GatewayError, match="cannot be used"):
        pacs.find() if what == "studies" else pacs.fetch(STUDY, tmp_path / "out")
    assert time.monotonic() - began < 5


def test_a_listing_that_drips(fake: Callable[..., Any]) -> None:
    pacs, handler = fake(timeout_s=0.3, studies=endless(DICOM_JSON, b" ", 0.02))
    with pytest.raises(GatewayError, match="does not answer") as caught:
        pacs.find()
    assert "too slowly" in str(caught.value)
    assert len(handler.seen) == 3


def test_pages_without_end(fake: Callable[..., Any], tmp_path: Path) -> None:
    numbers = iter(range(10**9))

    def more(handler: Fake) -> None:
        uids = [f"1.2.{next(numbers)}" for _ in range(20)]
        body = json.dumps([{"00080018": {"Value": [uid]}} for uid in uids]).encode()
        send(body, Warning="299 there is more")(handler)

    pacs, _ = fake(instances=more)
    with pytest.raises(GatewayError, match="cannot be used") as caught:
        pacs.fetch(STUDY, tmp_path / "out")
    assert "more than 50" in str(caught.value)


def test_uids_that_are_paths(fake: Callable[..., Any], tmp_path: Path) -> None:
    for uid in ("../../../etc/cron.d/x", "1.2/../3", "..", ".", "1..2", "1.2.", "", "1\n", "１"):  # noqa: RUF001
        for what, tag in (("series", "0020000E"), ("instances", "00080018")):
            pacs, handler = fake(**{what: listing(tag, uid, **PT)})
            with pytest.raises(GatewayError, match="cannot be used"):
                pacs.fetch(STUDY, tmp_path / "out")
            assert not any("etc" in path for _, path, _ in handler.seen)
    assert list(tmp_path.iterdir()) == []


def part(body: bytes) -> Answer:
    return send(
        b"--x\r\nContent-Type: application/dicom\r\n\r\n" + body + b"\r\n--x--",
        'multipart/related; type="application/dicom"; boundary=x',
    )


MULTIPART = "multipart/related; boundary=x"


@pytest.mark.parametrize(
    "answer",
    [
        part(b""), part(b"nonsense"), part(b"\0" * 128 + b"DICM" + b"\xff" * 500),
        send(b"no parts", MULTIPART), send(b"--x\r\n\r\ncut off", MULTIPART),
        send(b"<html>", "text/html"), send(b"", MULTIPART), send(b"", "application/dicom"),
        send(b"x" * 400_000, "application/dicom"), endless("application/dicom"),
        endless(MULTIPART), endless(MULTIPART, b"--x\r\n\r\n" + b"a" * 1000),
        endless(MULTIPART, b"--x\r\nA: b"), send(b"", status=500),
        send(b"", status=302, Location="http://127.0.0.1:1/elsewhere"),
    ],
)  # fmt: skip
def test_instances_that_are_none(fake: Callable[..., Any], answer: Answer, tmp_path: Path) -> None:
    pacs, _ = fake(instance=answer)
    with pytest.raises(GatewayError):
        pacs.fetch(STUDY, tmp_path / "out")
    assert not list(tmp_path.rglob("*.*"))


def test_another_instance_than_was_asked_for(
    fake: Callable[..., Any], make_study: Callable[..., Any], tmp_path: Path
) -> None:
    pacs, _ = fake(instance=part(make_study().paths[0].read_bytes()))
    with pytest.raises(GatewayError) as caught:
        pacs.fetch(STUDY, tmp_path / "out")
    assert "another instance" in str(caught.value)
    assert not list(tmp_path.rglob("*.*"))


def _answer_next(answers: Iterator[Answer], handler: Fake) -> None:
    next(answers)(handler)


def test_a_busy_server_is_asked_again(fake: Callable[..., Any]) -> None:
    answers = iter([send(b"", status=503), send(b"", status=429), send(b"[]")])
    pacs, handler = fake(studies=lambda handler: _answer_next(answers, handler))
    assert pacs.find().studies == ()
    assert len(handler.seen) == 3


def said(uid: str, failed: int | None = None, warning: int | None = None) -> bytes:
    item: dict[str, Any] = {"00081155": {"vr": "UI", "Value": [uid]}}
    if failed is not None:
        item["00081197"] = {"vr": "US", "Value": [failed]}
    if warning is not None:
        item["00081196"] = {"vr": "US", "Value": [warning]}
    tag = "00081199" if failed is None else "00081198"
    return json.dumps({tag: {"vr": "SQ", "Value": [item]}}).encode()


def test_what_a_store_answers(fake: Callable[..., Any], make_study: Callable[..., Any]) -> None:
    """One file a request; each answer is believed only as far as it names the object."""
    paths = make_study().paths[:1]
    uid = _uid(paths[0])
    for answer, there, stored, reason in (
        (send(said(uid)), False, True, None),
        (send(said(uid, warning=0xB000), status=202), False, True, "values of it were changed"),
        (send(said(uid, failed=0xA700), status=409), False, False, "out of resources"),
        (send(said(uid, failed=0x0110), status=202), False, False, "failure while"),
        (send(said(uid, failed=0x0111), status=409), False, True, "it was there already"),
        (send(said("1.2.3")), False, False, "it answers 200"),
        (send(b""), True, True, None),
        (send(b"<xml/>", "application/dicom+xml"), True, True, None),
        (send(b"<xml/>", "application/dicom+xml"), False, False, "it answers 200"),
        (send(b"", status=413), False, False, "it answers 413"),
        (send(b"", status=503), True, False, "it answers 503"),
    ):
        known = listing("00080018", uid) if there else send(b"[]")
        pacs, handler = fake(POST_studies=answer, instances=known)
        report = pacs.store(paths)
        assert bool(report.stored) is stored, reason
        assert [m for m, *_ in handler.seen].count("POST") == 1  # never twice by itself
        if stored:
            assert (report.stored[0].warning or "").startswith(reason or "")
            report.require_all()
        else:
            assert reason in report.refused[0].reason
            with pytest.raises(GatewayError, match="not everything"):
                report.require_all()


def _uid(path: Path) -> str:
    from pydicom import dcmread

    return str(dcmread(path, stop_before_pixels=True).SOPInstanceUID)


def test_only_whole_dicom_files_are_sent(
    fake: Callable[..., Any], make_study: Callable[..., Any], tmp_path: Path
) -> None:
    pacs, handler = fake()
    (tmp_path / "text.dcm").write_text("no DICOM")
    for path in (tmp_path / "text.dcm", tmp_path / "missing.dcm", tmp_path):
        with pytest.raises(InputError, match=path.name):
            pacs.store([make_study().paths[0], path])
    assert handler.seen == []


def test_names_go_encoded_and_credentials_in_the_header(fake: Callable[..., Any]) -> None:
    _, handler = fake()
    pacs, handler = fake(studies=send(b"[]"))
    pacs.find(patient_name="Müller & Söhne^Änne", patient_id="1/2", date_from="2024-02-29")
    exact, wide = (parse_qs(urlsplit(path).query) for _, path, _ in handler.seen)
    assert exact["PatientName"] == ["Müller & Söhne^Änne*"]
    assert exact["PatientID"] == ["1/2"]
    assert exact["StudyDate"] == ["20240229-"]
    assert exact["ModalitiesInStudy"] == ["PT"]
    assert wide["PatientName"] == ["M*ller*S*hne*nne*"]
    assert {auth for *_, auth in handler.seen} == {None}
    pacs, handler = fake()
    Pacs(f"http://{pacs.name}", token="t0ken").find()  # noqa: S106
    Pacs(f"http://{pacs.name}", login="me:w:ord").find()
    assert [auth for *_, auth in handler.seen] == ["Bearer t0ken", "Basic bWU6dzpvcmQ="]


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("ftp://host", {}), ("host/dicom-web", {}), ("http://", {}), ("http://host:99999", {}),
        ("http://me:secret@host", {}), ("http://host?a=b", {}), ("http://[::1", {}),
        ("http://host", {"token": "a\nb"}), ("http://host", {"login": "nocolon"}),
        ("http://host", {"ca": Path("/nowhere.pem")}),
    ],
)  # fmt: skip
def test_addresses_and_credentials_that_cannot_be(url: str, options: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        Pacs(url, **options)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "asked",
    [
        {"patient_id": "a\\b"}, {"patient_name": "a\x00"}, {"patient_name": "a" * 65},
        {"date_from": "2024-02-30"}, {"date_to": "1.2.2024"},
        {"date_from": "2024-02-02", "date_to": "2024-02-01"},
    ],
)  # fmt: skip
def test_searches_that_cannot_be(fake: Callable[..., Any], asked: dict[str, Any]) -> None:
    pacs, handler = fake()
    with pytest.raises(InputError):
        pacs.find(**asked)
    assert handler.seen == []


def test_a_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    import ssl
    import subprocess

    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    made = subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out",
         certificate, "-days", "2", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost"],
        capture_output=True, check=False,
    )  # fmt: skip
    if made.returncode:
        pytest.skip("openssl cannot make a certificate here")
    handler = type("Handler", (Fake,), {"answers": {"studies": send(b"[]")}, "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"https://localhost:{server.server_port}"
    with pytest.raises(GatewayError, match="not trusted") as caught:
        Pacs(url).find()
    assert "--ca" in str(caught.value)
    assert Pacs(url, ca=certificate).find().studies == ()
    server.shutdown()
    server.server_close()


@given(st.text(max_size=80))
def test_a_uid_can_name_a_file(value: str) -> None:
    if is_uid(value):
        assert Path(f"{value}.dcm").name == f"{value}.dcm"
        assert set(value) <= set("0123456789.")
        assert ".." not in value


@given(
    body=st.binary(max_size=300),
    head=st.sampled_from([b"", b"Content-Type: application/dicom", b"A: b\r\nC: d"]),
    preamble=st.sampled_from([b"", b"text before\r\n"]),
    cuts=st.lists(st.integers(0, 500), max_size=12),
)
def test_a_part_survives_any_cutting(
    body: bytes, head: bytes, preamble: bytes, cuts: list[int]
) -> None:
    boundary = "bOund"
    if b"\r\n--bOund" in b"\r\n" + body:
        return
    head = b"\r\n" + head if head else head
    message = preamble + b"--bOund" + head + b"\r\n\r\n" + body + b"\r\n--bOund--\r\n"
    places = sorted({0, len(message), *(c for c in cuts if c < len(message))})
    pieces = [message[a:b] for a, b in pairwise(places)]
    assert b"".join(first_part(iter(pieces), boundary)) == body
    cut = message[: message.rindex(b"\r\n--bOund--") + 5]
    with pytest.raises(BrokenError):
        list(first_part(iter([cut]), boundary))


def test_media_types() -> None:
    kind = 'Multipart/Related; type="application/dicom"; boundary="a b=c"; start=x'
    assert media_type(kind) == ("multipart/related", "a b=c")
    assert media_type("application/dicom") == ("application/dicom", None)


def test_a_redirect_is_not_followed_and_its_body_not_read(fake: Any) -> None:
    """An endless body behind a redirect: refused at once, and the password stays here."""
    pacs, handler = fake(studies=endless(DICOM_JSON, to="/series"))
    start = time.monotonic()
    with pytest.raises(GatewayError):
        pacs.find()
    assert time.monotonic() - start < 4
    assert all(path.startswith("/studies") for _, path, _ in handler.seen)
