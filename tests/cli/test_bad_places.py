"""Places that cannot be read or written: nothing is left behind, whatever happens."""

import errno
import os
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.cohort import simulation
from lesionloop.errors import OutputError
from lesionloop.imaging import files as image_files

#: The program as a process of its own.
SCRIPT = (sys.executable, "-c", "from lesionloop.cli import main; main()")

Cli = Callable[..., Any]
Refused = Callable[..., str]


def _writers(files: Any, dataset: Path, challenge: Path, dicom: Path) -> dict[str, Any]:
    """Every command that writes, as a function of the place it is given."""
    segment = ("segment", "--pet", files.pet, "--ct", files.ct)
    label = ("simulate", "--reference", files.label, "--strategy", "random")
    folder = ("simulate", "--reference", dataset / "labelsTr", "--strategy", "random")
    return {
        "segment nii.gz": lambda out: (*segment, "--out", out / "mask.nii.gz"),
        "segment nii": lambda out: (*segment, "--out", out / "mask.nii"),
        "segment mha": lambda out: (*segment, "--out", out / "mask.mha"),
        "segment dcm": lambda out: ("segment", "--dicom", dicom, "--out", out / "mask.dcm"),
        "simulate": lambda out: (*label, "--out", out / "c.json"),
        "simulate prediction": lambda out: (
            (*label, "--prediction", files.mask, "--out", out / "c.json")
        ),
        "simulate folder": lambda out: (*folder, "--heat-maps", "--out", out),
        "grand-challenge": lambda out: ("grand-challenge", "--input", challenge, "--output", out),
        "convert": lambda out: ("convert", dataset, out),
        "convert dicom": lambda out: ("convert", dicom, out),
        "evaluate": lambda out: ("evaluate", dataset, "--steps", "1", "--out", out),
        "demo": lambda out: ("demo", "--out", out),
    }


WRITERS = (
    "segment nii.gz", "segment nii", "segment mha", "segment dcm", "simulate",
    "simulate prediction", "simulate folder", "grand-challenge", "convert", "convert dicom",
    "evaluate", "demo",
)  # fmt: skip


@pytest.fixture
def writer(
    request: pytest.FixtureRequest,
    files: Any,
    small: Any,
    tmp_path: Path,
    write_series: Callable[..., Any],
) -> Callable[[Path], tuple[object, ...]]:
    """The arguments of one of the writing commands, for a place."""
    dataset = small.dataset(tmp_path / "dataset")
    challenge = small.challenge(tmp_path / "input")
    write_series(tmp_path / "dicom")
    command: Callable[[Path], tuple[object, ...]] = _writers(
        files, dataset, challenge, tmp_path / "dicom"
    )[request.param]
    return command


@contextmanager
def _mounted(folder: Path, options: str) -> Iterator[None]:
    """A small file system of its own on a folder; skips where that is not allowed."""
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("mounting a small file system needs root")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], check=False, capture_output=True
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted: {done.stderr.decode().strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """A folder that may not be written; root may write everywhere but on a read-only disk."""
    if os.geteuid() == 0:
        with _mounted(folder, "ro,size=64k"):
            yield
        return
    folder.chmod(0o500)
    try:
        yield
    finally:
        folder.chmod(0o700)


all_writers = pytest.mark.parametrize("writer", WRITERS, indirect=True)


@all_writers
def test_a_place_below_a_file(refused: Refused, writer: Any, files: Any) -> None:
    refused(*writer(files.mask / "out"), says=(files.mask,))


@all_writers
@pytest.mark.skipif(not Path("/proc/self").exists(), reason="there is no /proc here")
def test_a_place_where_nothing_can_be_made(refused: Refused, writer: Any) -> None:
    refused(*writer(Path("/proc/lesionloop/out")), says=("/proc/lesionloop",))


@all_writers
def test_a_place_that_may_not_be_written(refused: Refused, writer: Any, tmp_path: Path) -> None:
    place = tmp_path / "locked"
    place.mkdir()
    with _locked(place):
        refused(*writer(place / "out"), says=(place,))
        refused(*writer(place), says=(place,))


@pytest.mark.parametrize("name", ["mask.nii.gz", "mask.nii", "mask.mha", "mask.dcm"])
def test_a_folder_in_place_of_the_mask(
    refused: Refused, files: Any, tmp_path: Path, write_series: Callable[..., Any], name: str
) -> None:
    taken = tmp_path / name
    taken.mkdir()
    write_series(tmp_path / "dicom")
    source = ("--dicom", tmp_path / "dicom") if name.endswith("dcm") else ("--pet", files.pet)
    refused("segment", *source, "--out", taken, says=(taken, "a folder of this name"))


@pytest.mark.parametrize("name", ["mask", "mask.png", "mask.nii.gz.txt", "mask.nrrd", ".gz", "a."])
def test_an_unknown_ending(refused: Refused, files: Any, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    refused("segment", "--pet", files.pet, "--out", out, says=(out, ".nii.gz, .nii, .mha"))
    clicks = ("simulate", "--reference", files.label, "--strategy", "random", "--out", out)
    refused(*clicks, says=(out, ".json"))
    refused(*clicks, "--prediction", files.mask, says=(out, ".json"))


def test_a_seg_without_its_series(refused: Refused, files: Any, tmp_path: Path) -> None:
    out = tmp_path / "mask.dcm"
    refused("segment", "--pet", files.pet, "--out", out, says=(out, "--dicom"))


def test_missing_files_and_folders_in_place_of_files(
    refused: Refused, files: Any, tmp_path: Path
) -> None:
    out = tmp_path / "out" / "x.nii.gz"
    clicks = ("--strategy", "random", "--out", tmp_path / "out" / "x.json")
    looped = tmp_path / "loop.nii.gz"
    looped.symlink_to(looped)
    dangling = tmp_path / "dangling.nii.gz"
    dangling.symlink_to(tmp_path / "nowhere.nii.gz")
    long = tmp_path / f"{'x' * 300}.nii.gz"
    for bad in (tmp_path / "nowhere.nii.gz", tmp_path / "in", looped, dangling, long):
        refused("segment", "--pet", bad, "--out", out, says=(bad,))
        refused("segment", "--pet", files.pet, "--ct", bad, "--out", out, says=(bad,))
        refused("score", "--prediction", bad, "--reference", files.label, says=(bad,))
        refused("score", "--prediction", files.mask, "--reference", bad, says=(bad,))
        refused("simulate", "--prediction", bad, "--reference", files.label, *clicks, says=(bad,))
    for bad in (tmp_path / "nowhere", files.pet, tmp_path / "in", tmp_path / ("x" * 300)):
        refused("convert", bad, tmp_path / "out", says=(bad,))
        refused("evaluate", bad, "--out", tmp_path / "out", says=(bad,))
        refused("grand-challenge", "--input", bad, "--output", tmp_path / "out", says=(bad,))
    for bad in (tmp_path / "nowhere", tmp_path):
        refused("simulate", "--reference", bad, *clicks, says=(bad,))


def test_a_file_that_may_not_be_read(
    refused: Refused, files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Simulated, for root may read everything: the system refuses to open the PET."""
    opened = Path.open

    def refuse(self: Path, *arguments: Any, **options: Any) -> Any:
        if self in (files.pet, files.label):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return opened(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", refuse)
    monkeypatch.setattr(image_files, "read_nifti", refuse)
    for bad, arguments in (
        (files.pet, ("segment", "--pet", files.pet, "--out", tmp_path / "out" / "m.mha")),
        (files.label, ("score", "--prediction", files.label, "--reference", files.label)),
    ):
        refused(*arguments, says=(bad, "Permission denied", "permissions"))


def test_a_folder_that_may_not_be_looked_into(
    refused: Refused, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What no reader foresaw: still one message and exit code 2."""

    locked = tmp_path / "locked" / "a"
    exists = Path.exists

    def refuse(self: Path) -> bool:
        if self == locked:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return exists(self)

    monkeypatch.setattr(Path, "exists", refuse)
    arguments = ("score", "--prediction", locked, "--reference", locked)
    refused(*arguments, says=(locked, "Permission denied"))


@contextmanager
def _no_file_larger_than(size: int) -> Iterator[None]:
    """The system refuses to let any file grow further, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def noisy(small: Any, tmp_path: Path, write_series: Callable[..., Any]) -> Path:
    """A data set, an input of the challenge and DICOM whose masks do not compress well."""
    generator = np.random.default_rng(4)
    shape = (60, 50, 40)
    pet = generator.exponential(3.0, shape).astype(np.float32)
    label = np.zeros(shape, dtype=np.uint8)
    for x, y in np.ndindex(3, 2):  # six lesions, so that their scribbles are long
        label[20 * x : 20 * x + 18, 25 * y : 25 * y + 22, 5:35] = 1
    for path, values in (
        ("set/imagesTr/a_0001.nii.gz", pet),
        ("set/labelsTr/a.nii.gz", label),
        ("input/images/pet/a.mha", pet),
    ):
        small.write(tmp_path / path, values)
    stored = generator.integers(0, 20_000, (40, 50, 60)).astype(np.int16)
    write_series(tmp_path / "dicom", stored=stored)
    return tmp_path


def _large_outputs(noisy: Path, out: Path) -> dict[str, tuple[object, ...]]:
    """Commands whose first file is larger than 4 kB, and nothing else."""
    fixed = ("--segmenter", "threshold", "--option", "level_suv=3")
    pet = noisy / "set" / "imagesTr" / "a_0001.nii.gz"
    draw = ("simulate", "--reference", noisy / "set" / "labelsTr", "--components", "6")
    return {
        "nii.gz": ("segment", "--pet", pet, *fixed, "--out", out / "mask.nii.gz"),
        "nii": ("segment", "--pet", pet, *fixed, "--out", out / "mask.nii"),
        "mha": ("segment", "--pet", pet, *fixed, "--out", out / "mask.mha"),
        "dcm": ("segment", "--dicom", noisy / "dicom", *fixed, "--out", out / "mask.dcm"),
        "challenge": ("grand-challenge", "--input", noisy / "input", *fixed, "--output", out),
        "convert": ("convert", noisy / "dicom", out),
        "simulate": (*draw, "--strategy", "boundary", "--out", out),
    }


FULL = ("nii.gz", "nii", "mha", "dcm", "challenge", "convert", "simulate")


@pytest.mark.parametrize("what", FULL)
def test_a_full_disk(cli: Cli, noisy: Path, what: str) -> None:
    out = noisy / "out" / "new"
    arguments = _large_outputs(noisy, out)[what]
    with _no_file_larger_than(4096):
        outcome = cli(*arguments)
    _check_full(outcome, out, "File too large")
    assert not (noisy / "out").exists()
    assert cli(*arguments).code == 0


@pytest.mark.parametrize("what", FULL)
def test_a_full_disk_leaves_the_earlier_result(cli: Cli, noisy: Path, what: str) -> None:
    out = noisy / "out"
    arguments = _large_outputs(noisy, out)[what]
    assert cli(*arguments).code == 0
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    assert before
    with _no_file_larger_than(4096):
        _check_full(cli(*arguments), out, "File too large")
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("what", FULL)
def test_a_disk_that_is_really_full(cli: Cli, noisy: Path, what: str) -> None:
    disk = noisy / "disk"
    disk.mkdir()
    with _mounted(disk, "size=4k"):
        outcome = cli(*_large_outputs(noisy, disk / "out")[what])
        _check_full(outcome, disk, "No space left on device")
        assert list(disk.iterdir()) == []


def _check_full(outcome: Any, out: Path, says: str) -> None:
    assert outcome.code == 2, outcome.err
    assert outcome.out == ""
    *notes, first, cause, remedy = outcome.err.rstrip("\n").split("\n")
    assert all(line.startswith(("note: ", "SUV = ", "dicom: ")) for line in notes)
    assert first.startswith(f"lesionloop: cannot write {out}")
    assert cause == f"  {says}."
    assert "Free some space" in remedy


def test_results_that_cannot_be_printed(files: Any) -> None:
    """A full disk behind stdout: one message, no second complaint when Python ends."""
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full here")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*SCRIPT, "score", "--prediction", files.mask, "--reference", files.label],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "lesionloop: cannot read or write the results\n  No space left on device.\n"
    )


def test_a_mask_that_fails_to_be_written_halfway(
    cli: Cli, files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends the writing, an interrupt too: the unfinished file goes."""
    for ending, code in (
        (OSError(errno.ENOSPC, "No space left on device"), 2),
        (KeyboardInterrupt(), 130),
    ):

        def fail(_values: Any, _grid: Any, path: Path, ending: BaseException = ending) -> None:
            path.write_bytes(b"half a mask")
            raise ending

        monkeypatch.setattr(image_files, "write_nifti", fail)
        out = tmp_path / "new" / "deep" / "mask.nii.gz"
        outcome = cli("segment", "--pet", files.pet, "--out", out)
        assert outcome.code == code
        assert "Traceback" not in outcome.err
        assert not (tmp_path / "new").exists()


def test_maps_that_fail_take_their_scribbles_along(
    cli: Cli, files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A case is whole or absent: its JSON is not left without its second map."""
    write = image_files.write_volume

    def fail_at_the_second(volume: Any, path: Path) -> None:
        if path.name.endswith("_0003.nii.gz"):
            raise OutputError(f"cannot write {path}", cause="No space left on device.")
        write(volume, path)

    monkeypatch.setattr(simulation, "write_volume", fail_at_the_second)
    arguments = ("simulate", "--reference", files.label.parent, "--strategy", "random")
    outcome = cli(*arguments, "--heat-maps", "--out", tmp_path / "new" / "out")
    assert outcome.code == 2
    assert not (tmp_path / "new").exists()


def test_bad_places_are_found_before_the_work(
    refused: Refused, files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for a segmentation that cannot be written: the PET is not even opened."""
    monkeypatch.setattr(image_files, "read_nifti", lambda _path: time.sleep(99))
    out = files.mask / "below a file"
    refused("segment", "--pet", files.pet, "--out", out / "mask.nii.gz", says=(out,))
