"""A server whose segmenter holds still while a file is there: what a test does meanwhile is sure to
meet a computation. Run as a program: held_server.py DATA STATE PORT FILE."""

import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Study
from lesionloop.progress import tell
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.protocol import honour
from lesionloop.viewer.app import Exposure, create_app, protect
from lesionloop.viewer.server import listen, serve

LIMIT_S = 60.0


class Held:
    """Uptake above SUV 4, and the scribbles; told to wait by a file."""

    name = "held"
    identity: dict[str, object] = {"name": "held"}  # noqa: RUF012

    def __init__(self, hold: Path) -> None:
        self.hold = hold

    def open(self, study: Study) -> "HeldSession":
        self.wait()
        return HeldSession(self, study)

    def wait(self) -> None:
        end = time.monotonic() + LIMIT_S
        while self.hold.exists() and time.monotonic() < end:
            time.sleep(0.01)
            tell(0.5)


class HeldSession:
    def __init__(self, segmenter: Held, study: Study) -> None:
        self.segmenter, self.study = segmenter, study

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        if len(scribbles):
            self.segmenter.wait()
        return honour(np.asarray(self.study.pet.values > 4), scribbles)


def main() -> None:
    """Serve, and print the address when it is ready."""
    data, state, port, hold = sys.argv[1:]
    opened = listen("127.0.0.1", int(port))
    app = protect(create_app(Path(data), Path(state), segmenter=Held(Path(hold))), Exposure())

    def ready() -> None:
        sys.stdout.write(f"http://127.0.0.1:{opened.getsockname()[1]}\n")
        sys.stdout.flush()

    serve(app, opened, ready)


if __name__ == "__main__":
    main()
