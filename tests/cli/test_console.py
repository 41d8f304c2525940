"""How commands speak: options, tables, JSON, progress."""

import json
import math
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lesionloop.cli import console
from lesionloop.errors import InputError

SCRIPT = (sys.executable, "-c", "from lesionloop.cli import main; main()")


def test_options_are_numbers_truths_or_text() -> None:
    pairs = ["level_suv=3", "percent=41.5", "smooth=true", "organ-map=a=b c.nii.gz", "name="]
    assert console.parse_options(pairs) == {
        "level_suv": 3,
        "percent": 41.5,
        "smooth": True,
        "organ_map": "a=b c.nii.gz",
        "name": "",
    }
    assert console.parse_options(None) == {}


@pytest.mark.parametrize("pair", ["level_suv", "=3", ""])
def test_options_without_name_or_value_are_refused(pair: str) -> None:
    with pytest.raises(InputError, match="NAME=VALUE"):
        console.parse_options([pair])


def test_json_is_strict(capsys: pytest.CaptureFixture[str]) -> None:
    value = {"nan": math.nan, "inf": [math.inf, 1.5], "path": Path("a b"), 3: (True, None, "é")}
    console.print_json(value)
    assert json.loads(capsys.readouterr().out) == {
        "nan": None,
        "inf": [None, 1.5],
        "path": "a b",
        "3": [True, None, "é"],
    }


def test_tables_are_not_cut(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "20")
    long = "1.2.826.0.1." * 20
    console.print_table(["uid", "value"], [[long, math.nan], ["[b]x[/b]", 0.25]])
    text = capsys.readouterr().out
    assert "…" not in text
    assert "".join(c for c in text if c.isdigit() or c == ".").startswith(long)
    assert "[b]x[/b]" in text
    assert "0.2500" in text


def test_progress_in_a_log_is_a_line_at_times(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("lesionloop.cli.console.time.monotonic", lambda: clock[0])
    with console.progress("drawing", None) as bar:
        for done in range(1, 26):
            clock[0] += 1.0
            bar.update(done, label=f"case {done}", total=25)
    captured = capsys.readouterr()
    assert captured.out == ""
    first, second = captured.err.splitlines()
    assert first == "drawing 10/25, about 15 s left: case 10"
    assert second == "drawing 20/25, about 5 s left: case 20"


def test_each_part_of_the_work_has_its_own_pace(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that goes on from step 600 of 1,000, after what took long to prepare."""
    clock = [0.0]
    monkeypatch.setattr("lesionloop.cli.console.time.monotonic", lambda: clock[0])
    with console.progress("training", None) as bar:
        for done in range(1, 5):
            clock[0] += 100.0
            bar.update(done, total=4)
        bar.update(600, total=1000)
        for done in range(601, 611):
            clock[0] += 1.0
            bar.update(done)
        clock[0] += 20.0
        bar.update(1, total=5)
    lines = capsys.readouterr().err.splitlines()
    assert lines[-2] == "training 610/1000, about 6 min left"
    assert lines[-1] == "training 1/5, about 80 s left"


@pytest.mark.parametrize(("each", "left"), [(0.9, "81 s"), (30.0, "45 min"), (3600.0, "90.0 h")])
def test_the_time_left_has_a_unit_that_reads_well(
    each: float, left: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = [0.0]
    monkeypatch.setattr("lesionloop.cli.console.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("lesionloop.cli.console._SECONDS_BETWEEN_LINES", 5.0)
    with console.progress("drawing", 100) as bar:
        clock[0] += 10 * each
        bar.update(10, label="x")
    assert capsys.readouterr().err == f"drawing 10/100, about {left} left: x\n"


def test_progress_at_a_terminal_is_a_bar_on_stderr(small: Any, tmp_path: Path) -> None:
    for name in ("a", "b"):
        small.write(tmp_path / "labels" / f"{name}.nii.gz", small.label())
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "COLUMNS")}
    done = subprocess.run(
        [*SCRIPT, "simulate", "--reference", tmp_path / "labels", "--strategy", "random",
         "--out", tmp_path / "out", "--json"],
        stdout=subprocess.PIPE, stderr=theirs, env=environment | {"TERM": "xterm"},
        check=True, timeout=60,
    )  # fmt: skip
    os.close(theirs)
    shown = os.read(ours, 65536).decode()
    os.close(ours)
    assert "drawing" in shown
    assert len(json.loads(done.stdout)) == 2
