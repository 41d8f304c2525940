"""Containers: a program named docker on PATH plays the runtime, with real processes and files.

No container is started: what the runtime is asked for is checked, and the mounted folders are
handed to a real step of this package.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter
from lesionloop.segmenters.adapters.container import Container
from lesionloop.segmenters.protocol import StepFailureError

StudyMaker = Callable[..., Study]

#: Keeps what it was asked, knows one image, and runs a step where a container would.
RUNTIME = """#!{python}
import csv, json, os, subprocess, sys, time
words = sys.argv[1:]
with open({log!r}, "a") as log:
    log.write(json.dumps(words) + "\\n")
if words[:2] == ["image", "inspect"]:
    if os.environ.get("FAKE_DAEMON") == "down":
        sys.exit("Cannot connect to the daemon")
    if words[-1] != "tiny:1":
        sys.exit("No such image: " + words[-1])
    print("sha256:" + os.environ.get("FAKE_IMAGE", "abc"))
elif words[0] == "run":
    name = words[words.index("--name") + 1] if "--name" in words else "-"
    mode = os.environ.get("FAKE_MODE", "")
    if mode == "hang":
        # As with docker: what runs is no child of the program that was asked.
        child = subprocess.Popen(["sleep", "300"], start_new_session=True)
        open({log!r} + "." + name, "w").write(str(child.pid))
        time.sleep(300)
    if mode == "fail":
        sys.exit("no space in the container")
    mounts = {{}}
    for place, word in enumerate(words):
        if word == "--mount":
            parts = next(csv.reader([words[place + 1]]))
            facts = dict(part.split("=", 1) for part in parts if "=" in part)
            mounts[facts["target"]] = (facts["source"], "readonly" in parts)
        if word == "--bind":
            source, target, rights = words[place + 1].rsplit(":", 2)
            mounts[target] = (source, rights == "ro")
    assert mounts["/input"][1] and not mounts["/output"][1]
    for folder, rights in ((mounts["/input"][0], 0o005), (mounts["/output"][0], 0o007)):
        for top, _, files in os.walk(folder):
            assert os.stat(top).st_mode & rights == rights, top
            assert all(os.stat(os.path.join(top, f)).st_mode & 0o004 for f in files)
    from lesionloop.cli import main
    sys.argv = ["lesionloop", "grand-challenge", "--segmenter", "threshold",
                "--input", mounts["/input"][0], "--output", mounts["/output"][0]]
    main()
elif words[0] == "rm":
    try:
        os.kill(int(open({log!r} + "." + words[-1]).read()), 9)
    except OSError:
        sys.exit("no such container")
"""


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """A function that makes the only runtime on PATH, and gives the log of what it was asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def make(name: str) -> Path:
        log = tmp_path / f"{name}.log"
        path = folder / name
        path.write_text(RUNTIME.format(python=sys.executable, log=str(log)))
        path.chmod(0o755)
        return log

    return make


@pytest.fixture
def study(make_study: StudyMaker) -> Study:
    pet = np.full((16, 14, 12), 0.5, np.float32)
    pet[4:8, 4:8, 4:8] = 9.0
    return make_study(pet, ct=np.zeros(pet.shape, np.float32))


def asked(log: Path, first: str) -> list[list[str]]:
    calls = [json.loads(line) for line in log.read_text().splitlines()]
    return [call for call in calls if call[0] == first]


@pytest.mark.parametrize("name", ["docker", "podman"])
def test_a_container_gives_the_mask_of_the_step_in_it(
    study: Study, runtime: Callable[[str], Path], name: str
) -> None:
    log = runtime(name)
    outside = load_segmenter("container:tiny:1").open(study)
    inside = load_segmenter("threshold").open(study)
    scribbles = ScribbleSet().add([[12, 10, 9]], "foreground").add([[5, 5, 5]], "background")
    for points in (ScribbleSet(), scribbles):
        np.testing.assert_array_equal(outside.segment(points), inside.segment(points))
    runs = asked(log, "run")
    assert len(runs) == 2
    words = runs[0]
    for flag, value in (
        ("--network", "none"), ("--pull", "never"), ("--cap-drop", "ALL"),
        ("--security-opt", "no-new-privileges"), ("--memory", "30000000000"),
        ("--memory-swap", "30000000000"), ("--shm-size", "2000000000"),
    ):  # fmt: skip
        assert words[words.index(flag) + 1] == value
    assert words[-1] == "tiny:1"
    assert "--rm" in words
    assert not {"--privileged", "--gpus", "-v", "--env"} & set(words)
    names = [call[call.index("--name") + 1] for call in runs]
    assert len(set(names)) == 2
    # Nothing stays behind: every container is removed by its name, and every folder is gone.
    assert [call[-1] for call in asked(log, "rm")] == names
    sources = [word for word in words if "source=" in word]
    assert not any(Path(w.split("source=")[1].split(",")[0]).exists() for w in sources)


def test_an_image_file_runs_in_apptainer(
    study: Study, runtime: Callable[[str], Path], tmp_path: Path
) -> None:
    log = runtime("apptainer")
    image = tmp_path / "tiny.sif"
    image.write_bytes(b"image")
    segmenter = load_segmenter(f"container:{image}", memory_gb=4, gpu="yes")
    mask = segmenter.open(study).segment(ScribbleSet())
    np.testing.assert_array_equal(
        mask, load_segmenter("threshold").open(study).segment(ScribbleSet())
    )
    (words,) = asked(log, "run")
    assert words[words.index("--network") + 1] == "none"
    assert words[words.index("--memory") + 1] == "4000000000"
    assert {"--containall", "--net", "--nv"} <= set(words)
    before = segmenter.identity["content"]
    image.write_bytes(b"another image")
    assert segmenter.identity["content"] != before
    with pytest.raises(InputError, match="cannot read"):
        load_segmenter("container:docker://somewhere/tiny").open(study)


def test_a_container_that_hangs_is_removed_by_its_name(
    study: Study,
    runtime: Callable[[str], Path],
    monkeypatch: pytest.MonkeyPatch,
    process_ends: Callable[..., bool],
) -> None:
    log = runtime("docker")
    monkeypatch.setenv("FAKE_MODE", "hang")
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:/usr/bin:/bin")
    start = time.monotonic()
    with pytest.raises(StepFailureError, match="container took longer than 2 s"):
        load_segmenter("container:tiny:1", timeout_s=2).open(study).segment(ScribbleSet())
    assert time.monotonic() - start < 30
    name = asked(log, "rm")[-1][-1]
    child = int(Path(f"{log}.{name}").read_text())
    assert process_ends(child), "what ran in the container lives on"


def test_what_goes_wrong_is_told(
    study: Study, runtime: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(InputError, match="cannot run the container tiny:1") as caught:
        load_segmenter("container:tiny:1")
    assert "no docker or podman or apptainer or singularity" in str(caught.value)
    runtime("docker")
    with pytest.raises(InputError, match="No such image: other") as caught:
        load_segmenter("container:other").open(study)
    assert "nothing is downloaded" in str(caught.value)
    monkeypatch.setenv("FAKE_DAEMON", "down")
    with pytest.raises(InputError, match="Cannot connect to the daemon"):
        load_segmenter("container:tiny:1").open(study)
    monkeypatch.delenv("FAKE_DAEMON")
    monkeypatch.setenv("FAKE_MODE", "fail")
    with pytest.raises(StepFailureError, match="ended with 1: no space in the container"):
        load_segmenter("container:tiny:1").open(study).segment(ScribbleSet())


@pytest.mark.parametrize(
    ("name", "options", "match"),
    [
        ("container", {}, "needs what stands behind a colon"),
        ("container:", {}, "is not an image"),
        ("container:--privileged", {}, "is not an image"),
        ("container:tiny:1", {"runtime": "rkt"}, "option runtime"),
        ("container:tiny:1", {"runtime": "podman"}, "no podman on this machine"),
        ("container:tiny:1", {"timeout_s": 0}, "timeout_s"),
        ("container:tiny:1", {"memory_gb": -1}, "memory_gb"),
        ("container:tiny:1", {"shared_memory_gb": 0}, "shared_memory_gb"),
        ("container:tiny:1", {"gpu": "some"}, "gpu must be yes or no"),
        ("container:tiny:1", {"program": "sh"}, "no option 'program'"),
    ],
)
def test_senseless_options_are_refused(
    runtime: Callable[[str], Path], name: str, options: dict[str, Any], match: str
) -> None:
    runtime("docker")
    with pytest.raises(InputError, match=match):
        load_segmenter(name, **options)


def test_names_identity_and_commas(
    runtime: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    runtime("docker")
    container = Container("registry.local/team/tiny:1", memory_gb=0, gpu=True)
    assert container.name == "container-tiny-1"
    words = container.words("n", Path("/a,b/in"), Path("/out"))
    assert '"source=/a,b/in"' in words[words.index("--mount") + 1]
    assert "--memory" not in words
    assert words[words.index("--gpus") + 1] == "all"
    segmenter = load_segmenter("container:tiny:1")
    before = segmenter.identity
    assert json.loads(json.dumps(before)) == before
    monkeypatch.setenv("FAKE_IMAGE", "def")
    assert segmenter.identity["content"] != before["content"]
