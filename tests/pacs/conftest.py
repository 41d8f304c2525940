"""A real PACS: Orthanc with its DICOMweb plugin, from Debian's packages, on a port of its own.

When it is not installed the packages are fetched with apt and unpacked into the user's cache, which
needs no rights; where there is no apt the tests are skipped.
"""

import hashlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid
from tests.cli.conftest import cli
from tests.imaging.dicom.conftest import fdg, pet_header, write_series
from tests.viewer.conftest import start
from tests.viewer.conftest import write_case as write_viewer_case

from lesionloop.imaging.dicomweb import Pacs

_PACKAGES = ("orthanc", "orthanc-dicomweb")


#: What the tests of other folders have is used here as well.
__all__ = ["cli", "fdg", "pet_header", "start", "write_series"]


@pytest.fixture(scope="session")
def write_case() -> Callable[..., None]:
    """Write a case in the nnU-Net layout."""
    return write_viewer_case


@dataclass(frozen=True)
class Program:
    """Where Orthanc and its plugin are, and the environment that it needs."""

    orthanc: Path
    plugin: Path
    environment: dict[str, str] = field(default_factory=dict)


def _run(*command: str, folder: Path | None = None) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=300
    )
    return done.stdout


def _program() -> Program:
    """Orthanc, installed or unpacked.

    Raises:
        LookupError: there is none and it cannot be had.
    """
    installed = shutil.which("Orthanc", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if installed and (plugin := _plugin(Path("/usr"))):
        return Program(Path(installed), plugin)
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise LookupError("Orthanc is not installed, and there is no apt to fetch it with")
    try:
        root = _unpacked()
    except subprocess.SubprocessError as error:
        raise LookupError(f"Orthanc is not installed, and apt cannot fetch it: {error}") from error
    plugin = _plugin(root / "usr")
    libraries = {str(found.parent) for found in root.glob("usr/lib/**/lib*.so*")}
    dictionary = next(root.glob("usr/share/libdcmtk*/dicom.dic"), None)
    if plugin is None:
        raise LookupError("the package orthanc-dicomweb holds no plugin")
    environment = {"LD_LIBRARY_PATH": ":".join(sorted(libraries))}
    if dictionary is not None:
        environment["DCMDICTPATH"] = str(dictionary)
    return Program(root / "usr" / "sbin" / "Orthanc", plugin, environment)


def _plugin(usr: Path) -> Path | None:
    found = (*usr.glob("share/orthanc/plugins/*DicomWeb*"), *usr.glob("lib/orthanc/*DicomWeb*"))
    return next((path.resolve() for path in found if path.resolve().is_file()), None)


def _unpacked() -> Path:
    """A folder with the packages, and with those that they need and the machine lacks."""
    plan = _run("apt-get", "--simulate", "--no-install-recommends", "install", *_PACKAGES)
    names = sorted(line.split()[1] for line in plan.splitlines() if line.startswith("Inst "))
    if not set(_PACKAGES) <= set(names):  # half installed
        names = sorted({*names, *_PACKAGES})
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "lesionloop-tests"
    digest = hashlib.sha256(plan.encode()).hexdigest()[:12]
    root = cache / f"orthanc-{digest}"
    if root.is_dir():
        return root
    work = cache / f"orthanc-{os.getpid()}"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    _run("apt-get", "download", *names, folder=work)
    for package in work.glob("*.deb"):
        _run("dpkg-deb", "--extract", str(package), str(work / "root"))
    with suppress(OSError):  # another run was first
        (work / "root").rename(root)
    shutil.rmtree(work, ignore_errors=True)
    return root


class Orthanc:
    """A PACS that can be killed and started again on the same storage and port."""

    def __init__(self, program: Program, folder: Path, **settings: Any) -> None:
        self._program, self._folder = program, folder
        folder.mkdir(parents=True, exist_ok=True)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}/dicom-web"
        self.login: str | None = next(
            (f"{user}:{word}" for user, word in settings.get("RegisteredUsers", {}).items()), None
        )
        configuration = {
            "Name": "tests",
            "StorageDirectory": str(folder),
            "IndexDirectory": str(folder),
            "HttpPort": self.port,
            "RemoteAccessAllowed": False,
            "AuthenticationEnabled": False,
            "DicomServerEnabled": False,
            "DefaultEncoding": "Utf8",
            "Locale": "C.UTF-8",
            "Plugins": [str(program.plugin)],
            "DicomWeb": {"Enable": True, "Root": "/dicom-web/", "EnableWado": False},
            **settings,
        }
        self._configuration = folder / "orthanc.json"
        self._configuration.write_text(json.dumps(configuration), encoding="utf-8")
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> "Orthanc":
        log = (self._folder / "log").open("ab")
        with log:
            self.process = subprocess.Popen(
                [str(self._program.orthanc), str(self._configuration)],
                env={**os.environ, **self._program.environment},
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            try:
                urllib.request.urlopen(f"{self.url}/studies?limit=1", timeout=5)  # noqa: S310
            except urllib.error.HTTPError:  # asks for a password
                return self
            except OSError:
                assert self.process.poll() is None, (self._folder / "log").read_text()
                time.sleep(0.05)
            else:
                return self
        raise AssertionError((self._folder / "log").read_text())

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=30)

    def pause(self) -> None:
        """It keeps its connections and answers nothing."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def pacs(self, **options: Any) -> Pacs:
        return Pacs(self.url, login=self.login, **options)


@pytest.fixture(scope="session")
def program() -> Program:
    """Orthanc; skips where it cannot be had."""
    try:
        return _program()
    except LookupError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def orthancs(
    program: Program, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Orthanc]]:
    """Start PACSs; they are killed when the tests are over."""
    started: list[Orthanc] = []

    def make(**settings: Any) -> Orthanc:
        orthanc = Orthanc(program, tmp_path_factory.mktemp("orthanc"), **settings)
        started.append(orthanc)
        return orthanc.start()

    yield make
    for orthanc in started:
        orthanc.kill()


@pytest.fixture(scope="session")
def orthanc(orthancs: Callable[..., Orthanc]) -> Orthanc:
    """A PACS for all tests that do it no harm."""
    return orthancs()


@dataclass(frozen=True)
class Sample:
    """A DICOM PET/CT study on the disk."""

    uid: str
    folder: Path
    paths: tuple[Path, ...]


@pytest.fixture(scope="session")
def make_study(
    write_series: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., Sample]:
    """Write a small PET/CT with a hot ball in it; tags change all of its instances."""

    def make(**tags: Any) -> Sample:
        folder = tmp_path_factory.mktemp("dicom")
        uid = generate_uid()
        common = {
            "StudyInstanceUID": uid,
            "FrameOfReferenceUID": generate_uid(),
            "SpecificCharacterSet": "ISO_IR 192",
            "StudyDate": "20240110",
            "StudyTime": "090000",
            "StudyID": "1",
            "StudyDescription": "PET/CT",
            "AccessionNumber": "A1",
            "PatientBirthDate": "19500101",
            "PatientSex": "F",
            "ReferringPhysicianName": "",
            **tags,
        }
        shape = (24, 28, 26)
        away = np.indices(shape) - np.array((12, 14, 12)).reshape(3, 1, 1, 1)
        pet = np.full(shape, 400, dtype=np.int16)
        pet[(away**2).sum(axis=0) <= 9] = 30000

        def same_slope(_index: int, header: Dataset) -> None:
            header.RescaleSlope = "2"

        geometry = {"pixel": (4.0, 4.0), "step": 4.0}
        kinds = {
            "PT": {"stored": pet, "edit": same_slope},
            "CT": {"stored": np.full(shape, 1064, dtype=np.int16), "modality": "CT"},
        }
        paths: list[Path] = []
        for kind, options in kinds.items():
            paths += write_series(folder / kind, tags=common, **geometry, **options).paths
        return Sample(uid, folder, tuple(paths))

    return make


@pytest.fixture(scope="session")
def study(orthanc: Orthanc, make_study: Callable[..., Sample]) -> Sample:
    """A study that the shared PACS has."""
    made = make_study(
        PatientID="Ü-17", PatientName="Müller-Lüdenscheidt^Änne", StudyDate="20240110"
    )
    report = orthanc.pacs().store(made.paths)
    report.require_all()
    return made
