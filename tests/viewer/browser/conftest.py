"""A real browser on a real server: Chromium of the system, pictures drawn by software."""

import json
import shutil
import urllib.request
import zlib
from collections.abc import Iterator
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from lesionloop.viewer.page_files import PAGE

CHROMIUM = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
#: WebGL 2 without a graphics card; no sandbox, as tests often run as root.
FLAGS = [
    "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--enable-webgl",
    "--ignore-gpu-blocklist", "--no-sandbox",
]  # fmt: skip
PATIENCE_MS = 120_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """Chromium, or the reason why not."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs chromium on the PATH")
    if not (PAGE / "index.html").is_file():
        pytest.skip("the page is not built: make frontend")
    with playwright.sync_playwright() as running:
        chromium = running.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


class Reading:
    """A reader's page, its mouse and keys, and what the server has of the session."""

    def __init__(
        self, browser: Any, address: str, *, theme: str = "dark", reader: str = "AB"
    ) -> None:
        self.address, self.reader = address.rstrip("/"), reader
        context = browser.new_context(viewport={"width": 1280, "height": 800}, color_scheme=theme)
        context.set_default_timeout(PATIENCE_MS)
        self.page = context.new_page()
        self.faults: list[str] = []
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        # Another host, or a script that the content policy refuses, shows as a console error.
        self.page.on(
            "console",
            lambda said: (
                self.faults.append(said.text)
                if said.type == "error" and "ERR_CONNECTION_REFUSED" not in said.text
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
