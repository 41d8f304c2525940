"""``lesionloop replay`` as a command; the replay itself is tested where it lives."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]

STROKES = [
    {"step": 1, "label": "foreground", "points": [[7, 14, 5]]},
    {"step": 2, "label": "background", "points": [[18, 6, 12], [18, 7, 12]]},
]


@pytest.fixture
def sessions(tmp_path: Path) -> Path:
    folder = tmp_path / "sessions"
    for reader, case, strokes in (("a", "x", 2), ("b", "x", 1), ("a", "y", 1)):
        path = folder / reader / f"{case}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"strokes": STROKES[:strokes]}))
    return folder


def test_tables_report_and_traces(cli: Cli, small: Any, sessions: Path, tmp_path: Path) -> None:
    dataset, out = small.dataset(tmp_path / "dataset", "x", "y"), tmp_path / "out"
    outcome = cli("replay", dataset, sessions, "--segmenter", "threshold", "--out", out,
                  "--own-errors", "random")  # fmt: skip
    assert outcome.code == 0, outcome.err
    assert outcome.err == "no session of b for y\n"
    assert "2 of 3 replays ended before step 2 and carry their last value forward" in outcome.out
    assert outcome.out.endswith(f"{out / 'clinicians.html'}\n")
    with (out / "scores.csv").open(newline="") as table:
        found = [(r["case"], r["strategy"], int(r["step"])) for r in csv.DictReader(table)]
    assert found == [
        *(("x", "reader:a", n) for n in range(3)),
        *(("x", "reader:b", n) for n in range(2)),
        *(("x", "random", n) for n in range(3)),
        *(("y", "reader:a", n) for n in range(2)),
        *(("y", "random", n) for n in range(2)),
    ]
    assert (out / "traces" / "threshold" / "reader-a" / "x" / "step_2.nii.gz").is_file()
    assert not list(out.rglob(".lesionloop-*"))


def test_rank_reads_it(cli: Cli, small: Any, sessions: Path, tmp_path: Path) -> None:
    dataset, out = small.dataset(tmp_path / "dataset", "x", "y"), tmp_path / "out"
    arguments = ("--segmenter", "threshold", "--segmenter", "propagate", "--json")
    outcome = cli("replay", dataset, sessions, *arguments, "--out", out)
    assert outcome.code == 0, outcome.err
    assert json.loads(outcome.out) == json.loads((out / "summary.json").read_text())
    ranked = cli("rank", out, "--json", "--resamples", 10)
    assert ranked.code == 0, ranked.err
    found = json.loads(ranked.out)
    assert found["strategies"] == ["reader:a", "reader:b"]
    assert found["carried_forward"] == 4
    assert [entry["missing_cases"] for entry in found["algorithms"]] == [0, 0]


def test_a_session_that_fails_does_not_stop_the_others(
    cli: Cli, small: Any, sessions: Path, tmp_path: Path
) -> None:
    dataset, out = small.dataset(tmp_path / "dataset", "x", "y"), tmp_path / "out"
    bad = sessions / "b" / "x.json"
    bad.write_text('{"strokes": [{"step": 1, "label": "tumor", "points": [[1, 2, 3.5]]}]}')
    outcome = cli("replay", dataset, sessions, "--segmenter", "threshold", "--out", out)
    assert outcome.code == 2
    assert f"{bad} is no session" in outcome.err
    assert "1 failure; see summary.json" in outcome.err
    assert json.loads((out / "summary.json").read_text())["failures"][0]["case"] == "x"


def test_an_algorithm_from_outside_that_crashes_scores_zero(
    cli: Cli, small: Any, sessions: Path, tmp_path: Path
) -> None:
    dataset, out = small.dataset(tmp_path / "dataset", "x"), tmp_path / "out"
    program = tmp_path / "run.sh"
    program.write_text("#!/bin/sh\nexit 3\n")
    program.chmod(0o755)
    outcome = cli("replay", dataset, sessions, "--segmenter", f"command:{program}", "--out", out,
                  "--json")  # fmt: skip
    assert outcome.code == 0, outcome.err
    curves = json.loads(outcome.out)["curves"]
    assert {value for curve in curves for value in curve["dice"]} == {0}


def test_bad_usage_leaves_nothing(
    refused: Callable[..., str], small: Any, sessions: Path, tmp_path: Path
) -> None:
    dataset, out = small.dataset(tmp_path / "dataset", "x"), tmp_path / "out"
    rest = ("--out", out, "--segmenter", "threshold")
    refused("replay", dataset, tmp_path / "no", *rest, says=("cannot read the folder",))
    refused("replay", dataset, dataset, *rest, says=("there is no session",))
    refused("replay", dataset, sessions, *rest, "--own-errors", "x", says=("no scribble strategy",))
    refused("replay", dataset, sessions, *rest, "--workers", 0, says=("--workers is at least 1",))
