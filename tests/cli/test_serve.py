"""``lesionloop serve``: what it refuses before it listens, and that it ends when told."""

import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
Refused = Callable[..., str]


@pytest.fixture
def data(small: Any, tmp_path: Path) -> Path:
    folder: Path = small.dataset(tmp_path / "data")
    return folder


def test_bad_places(refused: Refused, data: Path, tmp_path: Path) -> None:
    state = ("--state", tmp_path / "state")
    refused("serve", tmp_path / "none", *state, "--port", 0, says=("none", "no such folder"))
    refused("serve", data, "--state", data / "labelsTr" / "fdg_a.b c.nii.gz",
            "--port", 0, says=("fdg_a.b c.nii.gz",))  # fmt: skip
    refused("serve", data, *state, "--segmenter", "nonesuch", says=("nonesuch", "propagate"))


def test_a_port_that_is_taken(refused: Refused, data: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused("serve", data, "--state", tmp_path / "s", "--port", port, says=(port, "--port"))
    refused("serve", data, "--port", 70000, says=("70000",))


def test_others_need_a_token(refused: Refused, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LESIONLOOP_TOKEN", raising=False)
    refused("serve", data, "--host", "0.0.0.0", says=("no token", "TLS"))  # noqa: S104
    refused("serve", data, "--token", "short", says=("too short",))


@pytest.mark.parametrize("missing", ["fastapi", "uvicorn"])
def test_without_the_extra(
    refused: Refused, data: Path, monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in list(sys.modules):
        if name.startswith(("lesionloop.viewer", missing)):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    refused("serve", data, says=(missing, "lesionloop[serve]"))


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_it_says_its_address_and_ends_when_told(
    data: Path, tmp_path: Path, sent: signal.Signals, code: int
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", "from lesionloop.cli import main; main()", "serve", str(data),
         "--state", str(tmp_path / "state"), "--port", "0", "--segmenter", "propagate"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    process.send_signal(sent)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (code, "")
    assert "Traceback" not in err
    assert str(tmp_path / "state") in err
    assert (tmp_path / "state" / "sessions.sqlite").exists()


def test_an_empty_folder_is_served(tmp_path: Path) -> None:
    """Studies can come by upload or from a PACS."""
    (tmp_path / "empty").mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", "from lesionloop.cli import main; main()", "serve",
         str(tmp_path / "empty"), "--state", str(tmp_path / "state"), "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "no study" in err
