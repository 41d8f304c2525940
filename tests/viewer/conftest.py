"""A viewer as its users meet it: a server in a process of its own, asked over the network."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.viewer.client import Client

SHAPE = (40, 36, 30)
SPACING = (4.0, 5.0, 6.0)


def ball(centre: tuple[int, int, int], radius: float) -> NDArray[np.bool_]:
    """Voxels within a radius, in voxels."""
    away = np.indices(SHAPE) - np.array(centre).reshape(3, 1, 1, 1)
    return np.asarray((away**2).sum(axis=0) <= radius**2)


#: Centres of the hot balls, by study.
LESIONS = [((12, 10, 9), (28, 24, 20)), ((20, 18, 15), (8, 28, 24)), ((30, 10, 6), (14, 22, 18))]


def pet(number: int = 0) -> NDArray[np.float32]:
    """SUV: a faint body with two hot balls in it."""
    rng = np.random.default_rng(number)
    values = (0.05 + 0.02 * rng.random(SHAPE)).astype(np.float32)
    values[3:37, 3:33, 2:28] += 0.8
    for at, hot in zip(LESIONS[number], (9.0, 7.0), strict=True):
        values[ball(at, 3.1)] = hot
    return values


def write_case(
    folder: Path, name: str, values: NDArray[Any], affine: NDArray[np.float64] | None = None
) -> None:
    """A case in the nnU-Net layout; ``affine`` is index to RAS mm, as NIfTI has it."""
    if affine is None:
        affine = np.diag([-SPACING[0], -SPACING[1], SPACING[2], 1.0])
    images = folder / "imagesTr"
    images.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values, affine), images / f"{name}_0001.nii.gz")
    ct = np.where(values > 0.5, 40, -1000).astype(np.int16)
    nib.save(nib.Nifti1Image(ct, affine), images / f"{name}_0000.nii.gz")


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three studies."""
    folder = tmp_path_factory.mktemp("data")
    for number in range(3):
        write_case(folder, f"fdg_case {number}", pet(number))
    return folder


class Server:
    """A server that can be killed and started again on the same state."""

    def __init__(self, data: Path, state: Path, *arguments: object, **environment: str) -> None:
        self.data, self.state = data, state
        self.arguments = arguments
        self.environment = {**os.environ, **environment}
        self.process: subprocess.Popen[str] | None = None
        self.address = ""
        self.said: list[str] = []

    def start(self) -> "Server":
        self.process = subprocess.Popen(
            [
                sys.executable, "-c", "from lesionloop.cli import main; main()", "serve",
                str(self.data), "--port", "0", "--state", str(self.state),
                *map(str, self.arguments),
            ],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=self.environment,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()
        assert self.address.startswith("http://"), self.process.communicate(timeout=30)
        # What it says is read all the time, so that it never waits for us.
        threading.Thread(target=self._listen, args=(self.process.stderr,), daemon=True).start()
        return self

    def _listen(self, stream: Any) -> None:
        self.said.extend(stream)

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def client(self, **options: Any) -> Client:
        return Client(self.address, **options)

    def stop(self, sent: signal.Signals = signal.SIGINT) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(sent)
        return self.process.wait(timeout=30)


@pytest.fixture(scope="session")
def start() -> Iterator[Callable[..., Server]]:
    """Start servers; they are ended when the tests are over."""
    started: list[Server] = []

    def make(data: Path, state: Path, *arguments: object, **environment: str) -> Server:
        server = Server(data, state, *arguments, **environment)
        started.append(server)
        return server.start()

    yield make
    for server in started:
        server.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def server(
    start: Callable[..., Server], data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """A server with the quick segmenter, for all tests that do it no harm."""
    return start(data, tmp_path_factory.mktemp("state"), "--segmenter", "propagate")
