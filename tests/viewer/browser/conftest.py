"""A real browser on a real server: Chromium of the system, pictures drawn by software."""

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lesionloop.viewer.page_files import PAGE

CHROMIUM = os.environ.get("LESIONLOOP_CHROMIUM") or next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
#: WebGL 2 without a graphics card; no sandbox, as tests often run as root.
FLAGS = [
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--enable-webgl",
    "--ignore-gpu-blocklist", "--no-sandbox",
]  # fmt: skip
PATIENCE_MS = 120_000
#: A breach of the content policy is a fault, whatever the browser writes to its console.
BREACHES = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`));"""
#: What a browser writes when a server is gone or refuses, as tests make it do.
EXPECTED = ("ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE", "status of")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, or the reason why not."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs chromium on the PATH, or LESIONLOOP_CHROMIUM")
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: make frontend")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


class HeldServer:
    """A server in a process of its own that computes while no file tells it to wait."""

    def __init__(self, data: Path, folder: Path) -> None:
        self.data, self.state, self.hold = data, folder / "state", folder / "hold"
        self.port, self.address = 0, ""
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> "HeldServer":
        """Start it, after the first time on the same port."""
        script = Path(__file__).with_name("held_server.py")
        self.process = subprocess.Popen(
            [sys.executable, script, self.data, self.state, str(self.port), self.hold],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        self.port = int(self.address.rsplit(":", 1)[1])
        return self

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=30)


@pytest.fixture
def held(data: Path, tmp_path: Path) -> Iterator[HeldServer]:
    """A server that waits when it is told to."""
    server = HeldServer(data, tmp_path).start()
    yield server
    server.kill()


@pytest.fixture
def page_of(browser: Any) -> Iterator[Callable[..., "Reading"]]:
    """Pages on servers; none has a fault when the test is over."""
    made: list[Reading] = []

    def make(address: str, **options: Any) -> Reading:
        made.append(Reading(browser, address, **options))
        return made[-1]

    yield make
    for reading in made:
        reading.page.context.close()
        assert reading.faults == []


class Reading:
    """A reader's page, its mouse and keys, and what the server has of the session."""

    def __init__(
        self, browser: Any, address: str, *, theme: str = "dark", reader: str = "AB"
    ) -> None:
        self.address, self.reader = address.rstrip("/"), reader
        context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme=theme)
        context.set_default_timeout(PATIENCE_MS)
        context.add_init_script(BREACHES)
        self.page = context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        # Another host, or a script that the content policy refuses, shows as a console error.
        self.page.on(
            "console",
            lambda said: (
                self.faults.append(said.text)
                if said.type == "error" and not any(text in said.text for text in EXPECTED)
                else None
            ),
        )
        self.asked: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))

    def open(self, study: str) -> None:
        """Open a study from the list; returns when the picture is there."""
        self.page.goto(self.address)
        self.page.get_by_label("Reader", exact=True).fill(self.reader)
        self.page.get_by_label(f"Open {study}").click()
        self.ready()

    def ready(self) -> None:
        """Wait until the picture is drawn."""
        self.page.wait_for_selector(".tools")
        self.page.wait_for_selector("[data-testid=picture][data-crosshair*=coronal]")
        self.settle()

    def settle(self) -> None:
        """Wait until nothing is on its way and all is drawn."""
        self.page.wait_for_selector(".reader[data-waiting='0']")
        before = b""
        for _ in range(60):  # drawing by software takes its time
            self.page.wait_for_timeout(250)
            now = self.page.locator(".glbox").screenshot()
            if now == before:
                return
            before = now

    def press(self, key: str) -> None:
        """Press a key and wait."""
        self.page.keyboard.press(key)
        self.settle()

    def hold(self, key: str) -> NDArray[np.uint8]:
        """The picture while a key is held."""
        self.page.keyboard.down(key)
        self.settle()
        picture = self.picture()
        self.page.keyboard.up(key)
        self.settle()
        return picture

    def crosshair(self, plane: str) -> tuple[float, float]:
        """Where the crosshair is in a plane, pixels of the page."""
        said = self.page.get_attribute("[data-testid=picture]", "data-crosshair")
        box = self.page.locator("[data-testid=picture]").bounding_box()
        x, y = json.loads(said)[plane]
        return box["x"] + x, box["y"] + y

    def draw(self, *points: tuple[float, float]) -> None:
        """Draw a stroke with the left button."""
        self.page.mouse.move(*points[0])
        self.page.mouse.down()
        for point in points[1:]:
            self.page.mouse.move(*point, steps=5)
        self.page.mouse.up()
        self.settle()

    def click(self, x: float, y: float) -> None:
        """Click into the picture."""
        self.page.mouse.click(x, y)
        self.settle()

    def voxel(self) -> tuple[int, ...]:
        """The voxel that the page reads out."""
        said = self.page.get_attribute("[data-testid=readout]", "data-voxel")
        return tuple(int(v) for v in said.split(","))

    def picture(self) -> NDArray[np.uint8]:
        """The page as it looks, [row, column, colour]."""
        return np.asarray(Image.open(BytesIO(self.page.screenshot())).convert("RGB"))

    @property
    def session(self) -> str:
        """The session's id."""
        return str(self.page.url).rsplit("/", 1)[1]

    def fetch(self, what: str) -> bytes:
        """Something of the session, asked of the server past the page."""
        address = f"{self.address}/api/sessions/{self.session}{what}"
        with urllib.request.urlopen(address) as answer:  # noqa: S310  (our own server)
            return bytes(answer.read())

    def state(self) -> dict[str, Any]:
        """The state that the server has."""
        return dict(json.loads(self.fetch("")))

    def mask(self) -> NDArray[np.uint8]:
        """The labels that the server has, [x, y, z]."""
        labels = np.frombuffer(zlib.decompress(self.fetch("/mask")), dtype=np.uint8)
        return labels.reshape(self.state()["study"]["shape"], order="F")
