"""Work in a process with limits: what comes back, and what is said when it goes beyond them."""

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lesionloop.errors import InputError, LesionLoopError, OutputError
from lesionloop.viewer import sandbox
from lesionloop.viewer.refusals import ConflictError, MissingError
from lesionloop.viewer.sandbox import run_limited

#: What the process may call in these tests, as a package of the program's name.
PROBES = """
import os
import signal
import sys
import time

from lesionloop.errors import InputError, OutputError
from lesionloop.viewer.refusals import MissingError


class SpecialError(InputError):
    pass


def echo(**values):
    print("a library that prints")
    return values


def refuse(kind):
    kinds = {"input": InputError, "output": OutputError, "missing": MissingError}
    raise kinds.get(kind, SpecialError)("what", cause="cause", remedy="remedy")


def fail():
    raise KeyError("Secret^Name")


def allocate(size):
    return len(bytearray(size))


def array(size):
    import numpy as np

    return int(np.ones(size, dtype=np.uint8).sum())


def burn():
    while True:
        pass


def sleep(pid_file=None):
    if pid_file:
        with open(pid_file, "w") as stream:
            stream.write(str(os.getpid()))
    time.sleep(60)


def crash(number):
    os.kill(os.getpid(), number)


def leave():
    os._exit(3)


def fill(path, size):
    with open(path, "wb") as stream:
        stream.write(bytes(size))


def environment():
    return dict(os.environ)


def endless():
    return "x" * (70 << 20)
"""
linux = pytest.mark.skipif(sys.platform != "linux", reason="limits as Linux has them")


@pytest.fixture(autouse=True)
def probes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions for the process to call, in a module beside the package's own."""
    # A path entry of its own, before the package is looked for: a package that extends it.
    folder = tmp_path / "path"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('lesionloop.probes', {str(folder)!r}"
        " + '/probes.py')\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "class Finder:\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        return spec if name == 'lesionloop.probes' else None\n"
        "sys.meta_path.insert(0, Finder())\n"
    )
    (folder / "probes.py").write_text(PROBES)
    monkeypatch.setenv("PYTHONPATH", str(folder))


def probe(name: str, limits: dict[str, Any] | None = None, **arguments: Any) -> Any:
    return run_limited(f"lesionloop.probes:{name}", arguments, **(limits or {}))


def test_arguments_and_results_pass() -> None:
    values: dict[str, Any] = {"text": "é\n", "list": [1, 2.5, None], "map": {"a": True}}
    assert probe("echo", **values) == values


@pytest.mark.parametrize(
    "task",
    ["os:system", "lesionloop", "lesionloop:x", "lesionloop.a:_b", "lesionloop.a:b.c",
     "lesionloop.a:b\n", "lesionloopx.a:b", "lesionloop..a:b"],
)  # fmt: skip
def test_only_functions_of_the_package(task: str) -> None:
    with pytest.raises(ValueError, match="no function of this package"):
        run_limited(task, {})


@pytest.mark.parametrize(
    ("kind", "comes_back"),
    [("input", InputError), ("output", OutputError), ("missing", MissingError), ("x", InputError)],
)
def test_refusals_come_back_as_they_were(kind: str, comes_back: type[LesionLoopError]) -> None:
    with pytest.raises(LesionLoopError) as refused:
        probe("refuse", kind=kind)
    error = refused.value
    assert type(error) is comes_back
    assert (error.what, error.cause, error.remedy) == ("what", "cause", "remedy")


def test_a_fault_is_told_without_its_words() -> None:
    with pytest.raises(InputError, match="cannot be opened") as refused:
        probe("fail")
    assert "KeyError in fail" in str(refused.value)
    assert "Secret" not in str(refused.value)


@linux
@pytest.mark.parametrize("name", ["allocate", "array"])
def test_memory_is_bounded(name: str) -> None:
    limits = {"memory_bytes": 1 << 30}
    assert probe(name, limits, size=1 << 20) == 1 << 20
    with pytest.raises(InputError, match="more than 1 GiB of memory"):
        probe(name, limits, size=1 << 30)


@linux
def test_computing_time_is_bounded() -> None:
    start = time.monotonic()
    with pytest.raises(InputError, match="more than 1 s of computing"):
        probe("burn", {"cpu_seconds": 1})
    assert time.monotonic() - start < 20


def test_time_is_bounded_and_the_process_ends(
    tmp_path: Path, process_ends: Callable[..., bool]
) -> None:
    file = tmp_path / "pid"
    with pytest.raises(InputError, match=r"more than 1\.5 s"):
        probe("sleep", {"wall_seconds": 1.5}, pid_file=str(file))
    assert process_ends(int(file.read_text()))


@linux
def test_written_files_are_bounded(tmp_path: Path) -> None:
    probe("fill", {"file_bytes": 1 << 20}, path=str(tmp_path / "a"), size=1 << 19)
    with pytest.raises(InputError, match="OSError"):
        probe("fill", {"file_bytes": 1 << 20}, path=str(tmp_path / "b"), size=1 << 21)


@linux
@pytest.mark.parametrize(
    ("number", "says"), [(11, "crashed .SIGSEGV"), (9, "want of memory"), (6, "crashed .SIGABRT")]
)
def test_crashes_are_told(number: int, says: str) -> None:
    with pytest.raises(InputError, match=says):
        probe("crash", number=number)


def test_an_end_without_an_answer_and_an_answer_without_end() -> None:
    with pytest.raises(InputError, match="exit code 3"):
        probe("leave")
    with pytest.raises(InputError, match="too much to tell"):
        probe("endless")


def test_it_can_be_cancelled(tmp_path: Path, process_ends: Callable[..., bool]) -> None:
    file = tmp_path / "pid"
    with pytest.raises(ConflictError, match="cancelled"):
        probe("sleep", {"cancelled": lambda: file.exists() and bool(file.read_text())},
              pid_file=str(file))  # fmt: skip
    assert process_ends(int(file.read_text()))


def test_it_knows_nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LESIONLOOP_TOKEN", "secret")
    found = probe("environment")
    assert "LESIONLOOP_TOKEN" not in found
    assert found["OMP_NUM_THREADS"] == "1"


def test_it_ends_with_the_server(tmp_path: Path, process_ends: Callable[..., bool]) -> None:
    """A server that is killed has no time to end anything."""
    import subprocess

    file = tmp_path / "pid"
    call = f"run_limited('lesionloop.probes:sleep', {{'pid_file': {str(file)!r}}})"
    server = subprocess.Popen(
        [sys.executable, "-c", f"from lesionloop.viewer.sandbox import run_limited; {call}"]
    )
    while not (file.exists() and file.read_text()):
        assert server.poll() is None
        time.sleep(0.05)
    server.kill()
    server.wait()
    assert process_ends(int(file.read_text()))


def test_several_at_a_time() -> None:
    results: list[Any] = []
    threads = [
        threading.Thread(target=lambda n=n: results.append(probe("echo", n=n))) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(result["n"] for result in results) == [0, 1, 2, 3]


def test_without_limits_of_the_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """A byte of memory would be too little for anything after it."""
    monkeypatch.setattr(sandbox, "resource", None)
    sandbox._limit({"memory": 1, "cpu": 1, "file": 1})
    assert len(bytearray(1 << 24)) == 1 << 24
