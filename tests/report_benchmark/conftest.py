"""A stand-in for a model: a real HTTP server on this machine, told beforehand how to behave."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tests.cli.conftest import cli, refused, small

#: What the tests of the command line have is used here as well.
__all__ = ["cli", "refused", "small"]


def chat(text: str | None, finish: str = "stop", **message: Any) -> bytes:
    """The body of an answer as a chat interface gives it."""
    choice = {"message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    return json.dumps({"choices": [choice], "usage": {"completion_tokens": 7}}).encode()


@dataclass
class Model:
    """How the server behaves, and what it was asked.

    Each request takes the next of ``script``; when there is none left, ``text`` is the answer.
    """

    text: str = "The liver shows increased FDG uptake."
    script: list[Callable[["Handler"], None]] = field(default_factory=list)
    asked: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    most_at_once: int = 0
    url: str = ""


class Handler(BaseHTTPRequestHandler):
    """Answers as the model's script says."""

    model: Model
    lock = threading.Lock()
    busy = 0

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.lock:
            type(self).busy += 1
            self.model.most_at_once = max(self.model.most_at_once, type(self).busy)
            self.model.asked.append(json.loads(body) | {"path": self.path})
            self.model.headers.append(dict(self.headers))
            self.model.times.append(time.monotonic())
            act = self.model.script.pop(0) if self.model.script else None
        try:
            if act is None:
                self.reply(200, chat(self.model.text))
            else:
                act(self)
        finally:
            with self.lock:
                type(self).busy -= 1

    def reply(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def reset(self) -> None:
        """End the connection without an answer, by a reset."""
        self.connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00"
        )
        self.connection.close()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def model() -> Iterator[Model]:
    """A model behind a server of its own."""
    found = Model()
    handler = type("OneHandler", (Handler,), {"model": found, "lock": threading.Lock(), "busy": 0})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    found.url = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield found
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """A folder with three records in English, each with one image."""
    folder = tmp_path / "bench"
    folder.mkdir()
    answers = {
        "p1": "Liver: increased uptake. Spleen: no abnormal uptake.",
        "p2": "Liver: no abnormal uptake. Brain: decreased uptake.",
        "p3": "Kidneys: no abnormal uptake. Gallbladder: absent uptake.",
    }
    lines = []
    for number, (patient, answer) in enumerate(answers.items()):
        Image.new("L", (4, 4), 40 * number).save(folder / f"{patient}.png")
        record = {
            "patient_id": patient, "task": "PET2Rep", "prompt_system": "You report.",
            "prompt_image_fuse": [f"{patient}.png"],
            "prompt_user_text": "See <image> and report.", "answer": answer,
        }  # fmt: skip
        lines.append(json.dumps(record) + "\n")
    (folder / "records.jsonl").write_text("".join(lines), encoding="utf-8")
    return folder
