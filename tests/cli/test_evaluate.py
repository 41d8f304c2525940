"""``lesionloop evaluate`` as a command; the loop itself is tested where it lives."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]


def test_tables_report_and_traces(cli: Cli, small: Any, tmp_path: Path) -> None:
    dataset = small.dataset(tmp_path / "dataset", "fdg_a.b c", "psma_d")
    out = tmp_path / "out"
    outcome = cli("evaluate", dataset, "--segmenter", "threshold", "--strategy", "random",
                  "--steps", 2, "--out", out)  # fmt: skip
    assert (outcome.code, outcome.err) == (0, "")
    assert "AUC-Dice" in outcome.out
    assert outcome.out.endswith(f"{out / 'report.html'}\n")
    with (out / "scores.csv").open(newline="") as table:
        rows = list(csv.DictReader(table))
    assert [(row["case"], row["step"]) for row in rows] == [
        (case, str(step)) for case in ("fdg_a.b c", "psma_d") for step in range(3)
    ]
    assert (out / "traces" / "threshold" / "random" / "psma_d" / "step_2.nii.gz").is_file()
    assert not list(out.rglob(".lesionloop-*"))


def test_json_is_the_summary(cli: Cli, small: Any, tmp_path: Path) -> None:
    dataset = small.dataset(tmp_path / "dataset")
    arguments = ("evaluate", dataset, "--segmenter", "threshold", "--steps", 1)
    outcome = cli(*arguments, "--out", tmp_path / "out", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    assert json.loads(outcome.out) == json.loads((tmp_path / "out" / "summary.json").read_text())


def test_all_strategies_and_several_segmenters(cli: Cli, small: Any, tmp_path: Path) -> None:
    dataset = small.dataset(tmp_path / "dataset")
    arguments = ("--segmenter", "threshold", "--segmenter", "propagate", "--strategy", "all")
    outcome = cli("evaluate", dataset, *arguments, "--steps", 1, "--out", tmp_path / "o", "--json")
    assert outcome.code == 0, outcome.err
    results = json.loads(outcome.out)["results"]
    assert {(result["segmenter"], result["strategy"]) for result in results} == {
        (segmenter, strategy)
        for segmenter in ("threshold", "propagate")
        for strategy in ("centerline", "random", "boundary")
    }


def test_a_case_that_fails_does_not_stop_the_others(cli: Cli, small: Any, tmp_path: Path) -> None:
    """It is said at once, listed in the summary, and the exit code tells."""
    dataset = small.dataset(tmp_path / "dataset", "a", "b")
    bad = dataset / "imagesTr" / "a_0001.nii.gz"
    bad.write_bytes(bad.read_bytes()[:-8])
    arguments = ("evaluate", dataset, "--segmenter", "threshold", "--steps", 1)
    outcome = cli(*arguments, "--out", tmp_path / "out", "--json")
    assert outcome.code == 2
    assert f"cannot read {bad}" in outcome.err
    assert "1 run failed" in outcome.err
    summary = json.loads(outcome.out)
    assert [failure["case"] for failure in summary["failures"]] == ["a"]
    assert summary["results"][0]["cases"] == 1


def test_a_second_run_goes_on_where_the_first_was(cli: Cli, small: Any, tmp_path: Path) -> None:
    dataset = small.dataset(tmp_path / "dataset", "a", "b")
    arguments = ("evaluate", dataset, "--segmenter", "threshold", "--out", tmp_path / "out")
    assert cli(*arguments).code == 0
    before = (tmp_path / "out" / "scores.csv").read_bytes()
    for trace in ("a/step_3.nii.gz", "b/trace.json"):
        (tmp_path / "out" / "traces" / "threshold" / "centerline" / trace).unlink()
    assert cli(*arguments).code == 0
    after = (tmp_path / "out" / "scores.csv").read_bytes()

    def untimed(table: bytes) -> list[list[str]]:
        return [row[:-1] for row in csv.reader(table.decode().splitlines())]

    assert untimed(after) == untimed(before)
