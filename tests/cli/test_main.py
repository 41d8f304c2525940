"""The command line as a process: speed, help, exit codes, interrupts."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.cli import segment

Cli = Callable[..., Any]

SCRIPT = (sys.executable, "-c", "from lesionloop.cli import main; main()")
COMMANDS = (
    "demo", "inspect", "convert", "dataset", "segment", "simulate", "evaluate", "evaluate-points",
    "replay", "rank", "score", "fuse", "liver-score", "liver-clicks", "quantify", "report",
    "metabolic-network", "train", "serve", "grand-challenge",
)  # fmt: skip


def _run(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*SCRIPT, *map(str, arguments)],
        check=False, capture_output=True, text=True, timeout=120, **options,
    )  # fmt: skip


def _best_seconds(*command: str) -> float:
    times = []
    for _ in range(5):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def test_help_and_import_are_quick() -> None:
    """The budget is 0.5 s on a quiet machine; twice that here, for a busy one."""
    assert _best_seconds(*SCRIPT, "--help") < 1.0
    assert _best_seconds(sys.executable, "-c", "import lesionloop") < 1.0


@pytest.mark.parametrize("statement", ["import lesionloop", "import lesionloop.cli"])
def test_heavy_packages_wait_until_they_are_used(statement: str) -> None:
    heavy = ("numpy", "scipy", "SimpleITK", "pydicom", "highdicom", "nibabel", "cc3d", "edt", "PIL")
    code = f"{statement}; import sys; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60
    )
    assert done.stdout == "[]\n"


def test_the_installed_command() -> None:
    """The script that installation puts beside Python, and the module, are the same program."""
    script = Path(sys.executable).with_name("lesionloop")
    if not script.exists():
        pytest.skip("lesionloop is not installed as a script")
    done = subprocess.run([script, "--version"], check=True, capture_output=True, text=True)
    assert done.stdout == f"{version('lesionloop')}\n"


def test_version(cli: Cli) -> None:
    outcome = cli("--version")
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == f"{version('lesionloop')}\n"


def test_help_lists_every_command(cli: Cli) -> None:
    for option in ("--help", "-h"):
        outcome = cli(option)
        assert (outcome.code, outcome.err) == (0, "")
        assert "Usage: lesionloop [OPTIONS] COMMAND" in outcome.out
        for command in COMMANDS:
            assert re.search(rf"\b{command}\b", outcome.out)


@pytest.mark.parametrize("command", COMMANDS)
def test_the_help_of_each_command_shows_examples(cli: Cli, command: str) -> None:
    outcome = cli(command, "--help")
    assert (outcome.code, outcome.err) == (0, "")
    assert f"Usage: lesionloop {command}" in outcome.out
    examples = outcome.out[outcome.out.index("Example") :]
    assert f"lesionloop {command}" in examples


def test_without_arguments_help_is_shown(cli: Cli) -> None:
    outcome = cli()
    assert outcome.code == 2
    assert "Usage: lesionloop" in outcome.out + outcome.err


def test_a_real_process_refuses_with_one_message(files: Any, tmp_path: Path) -> None:
    """As the tests in this process see it, and nothing that only appears outside of them."""
    bad = tmp_path / "text.nii.gz"
    bad.write_text("not an image\n")
    for arguments in (
        ("segment", "--pet", bad, "--out", tmp_path / "out" / "mask.mha"),
        ("score", "--prediction", bad, "--reference", files.label),
    ):
        done = _run(*arguments)
        assert done.returncode == 2
        assert done.stdout == ""
        first, *rest = done.stderr.rstrip("\n").split("\n")
        assert first == f"lesionloop: cannot read {bad}"
        assert len(rest) == 2
        assert all(line.startswith("  ") for line in rest)
    assert not (tmp_path / "out").exists()


def test_a_fault_of_ours_shows_its_traceback_and_exits_with_1(files: Any, tmp_path: Path) -> None:
    out = tmp_path / "new" / "mask.mha"
    code = (
        "from lesionloop.cli import main; import lesionloop.imaging.files as f\n"
        "def fault(path): return 1 / 0\n"
        "f.read_nifti = fault\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "segment", "--pet", files.pet, "--out", out],
        check=False, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback")
    assert done.stderr.endswith("ZeroDivisionError: division by zero\n")
    assert not (tmp_path / "new").exists()


def test_a_fault_that_looks_like_the_system_is_not_hidden(
    cli: Cli, files: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An OSError that no system call made has no errno: it is a fault of ours."""

    def fault(*_: object) -> None:
        raise OSError("made up")

    monkeypatch.setattr(segment, "parse_options", fault)
    with pytest.raises(OSError, match="made up"):
        cli("segment", "--pet", files.pet, "--out", tmp_path / "mask.mha")


def test_a_reader_that_goes_away_is_no_fault(files: Any) -> None:
    """As in ``lesionloop score ... | head -0``: quiet, exit code 1."""
    arguments = ("score", "--prediction", files.mask, "--reference", files.label, "--json")
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        [*SCRIPT, *map(str, arguments)],
        stdout=write_end, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
    )  # fmt: skip
    os.close(write_end)
    assert done.returncode == 1
    assert done.stderr == ""


def _start(*arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [*SCRIPT, *map(str, arguments)],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


@pytest.mark.parametrize(("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupt_leaves_nothing(tmp_path: Path, sent: signal.Signals, code: int) -> None:
    """Ctrl-C, and what `docker stop` sends, while the demo is at work."""
    out = tmp_path / "demo"
    process = _start("demo", "--out", out)
    assert process.stderr is not None
    assert process.stderr.readline().startswith("making a synthetic study")
    time.sleep(0.5)
    process.send_signal(sent)
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == code
    assert stdout == ""
    assert "Traceback" not in stderr
    assert not list(tmp_path.rglob(".lesionloop-*"))
    assert not out.exists()


def test_an_interrupt_ends_the_workers_too(small: Any, tmp_path: Path) -> None:
    """A terminal sends Ctrl-C to all processes; waiting jobs are dropped, no worker complains."""
    labels, out = tmp_path / "labels", tmp_path / "out"
    noise = (np.random.default_rng(1).random((150, 140, 130)) < 0.03).astype(np.uint8)
    for number in range(60):
        small.write(labels / f"case {number:02d}.nii", noise)
    process = _start("simulate", "--reference", labels, "--strategy", "random",
                     "--workers", 2, "--heat-maps", "--out", out)  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(out.glob("*_0003.nii.gz")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGINT)
    start = time.monotonic()
    stdout, stderr = process.communicate(timeout=60)
    assert time.monotonic() - start < 10
    assert process.returncode == 130
    assert stdout == ""
    assert "Traceback" not in stderr, stderr
    assert not list(out.rglob(".lesionloop-*"))
    cases = len(list(out.glob("*.json")))
    assert cases < 60
    assert len(list(out.glob("*_0002.nii.gz"))) == len(list(out.glob("*_0003.nii.gz"))) == cases


def test_one_bad_label_stops_the_workers(cli: Cli, small: Any, tmp_path: Path) -> None:
    labels, out = tmp_path / "labels", tmp_path / "out"
    for number in range(4):
        small.write(labels / f"case {number}.nii.gz", small.label())
    bad = labels / "case 2.nii.gz"
    bad.write_bytes(bad.read_bytes()[:-8])
    outcome = cli("simulate", "--reference", labels, "--strategy", "random",
                  "--workers", 2, "--out", out)  # fmt: skip
    assert outcome.code == 2
    assert outcome.err.startswith(f"lesionloop: cannot read {bad}\n")
    assert not list(tmp_path.rglob(".lesionloop-*"))


def test_odd_names_links_and_relative_places(
    cli: Cli, small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [
        "a.b c_0001",
        "Ünïcode 患者 é",
        "semi;colon&amp",
        "-leading",
        "x.nii.gz.nii",
        "~",
        "..a",
    ]
    monkeypatch.chdir(tmp_path)
    for name in names:
        small.write(Path("in") / f"{name}_0001.nii.gz", small.pet())
        out = Path("out") / f"{name}.nii.gz"
        pet = Path("in") / f"{name}_0001.nii.gz"
        outcome = cli("segment", "--pet", pet, "--out", out, "--json")
        assert outcome.code == 0, outcome.err
        assert json.loads(outcome.out)["case"] == name
        assert out.is_file()
    (tmp_path / "link.nii.gz").symlink_to(Path("in") / "a.b c_0001_0001.nii.gz")
    (tmp_path / "linked").symlink_to("out")
    outcome = cli("segment", "--pet", "link.nii.gz", "--out", "linked/new/../m.mha")
    assert outcome.code == 0, outcome.err
    assert (tmp_path / "out" / "m.mha").is_file()
    assert not list(tmp_path.rglob(".lesionloop-*"))


def test_an_output_that_is_a_link_is_replaced(cli: Cli, files: Any, tmp_path: Path) -> None:
    """The rename replaces the link, not what it points to."""
    target, link = tmp_path / "precious.nii.gz", tmp_path / "mask.nii.gz"
    target.write_text("precious")
    link.symlink_to(target)
    assert cli("segment", "--pet", files.pet, "--out", link).code == 0
    assert target.read_text() == "precious"
    assert link.is_file()
    assert not link.is_symlink()


def test_verbose_says_more_on_stderr_only(cli: Cli, files: Any) -> None:
    arguments = ("score", "--prediction", files.mask, "--reference", files.label, "--json")
    assert cli("--verbose", *arguments).out == cli(*arguments).out
