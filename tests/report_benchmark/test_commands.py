"""The whole benchmark by its commands, with a model that copies the template."""

import json
from pathlib import Path
from typing import Any

import pytest

from lesionloop.report_benchmark.leaderboard import BASELINE
from lesionloop.report_benchmark.prompts import template_report


@pytest.mark.parametrize(
    ("language", "mode", "images"), [("zh", "fused", 3), ("en", "separate", 6)]
)
def test_a_model_that_copies_the_template_scores_as_the_template(  # noqa: PLR0917
    cli: Any, small: Any, model: Any, tmp_path: Path, language: str, mode: str, images: int
) -> None:
    dataset = small.dataset(tmp_path / "data", "fdg_a", "fdg_b", "fdg_c")
    reports = tmp_path / "reports"
    reports.mkdir()
    for number, name in enumerate(("fdg_a", "fdg_b", "fdg_c")):
        text = template_report(language).splitlines()
        text[12] = "肝脏:见FDG摄取增高。" if language == "zh" else "Liver: increased FDG uptake."
        (reports / f"{name}.txt").write_text("\n".join(text[number:]), encoding="utf-8")
    bench, out = tmp_path / "bench", tmp_path / "m.jsonl"
    run = cli(
        "report-benchmark", "prepare", dataset, reports, "--out", bench,
        "--language", language, "--mode", mode, "--height", 64,
    )  # fmt: skip
    assert run.code == 0, run.err
    model.text = template_report(language)
    asked = cli(
        "report-benchmark", "run", bench / "records.jsonl", "--out", out,
        "--url", model.url, "--model", "parrot", "--workers", 2, "--json",
    )  # fmt: skip
    assert asked.code == 0, asked.err
    assert json.loads(asked.out)["asked"] == 3
    kinds = [part["type"] for part in model.asked[0]["messages"][1]["content"]]
    assert kinds.count("image_url") == images
    assert template_report(language) in model.asked[0]["messages"][1]["content"][-1]["text"]
    scored = cli(
        "report-benchmark", "leaderboard", bench / "records.jsonl", f"parrot={out}",
        "--out", tmp_path / "board", "--resamples", 20, "--json",
    )  # fmt: skip
    assert scored.code == 0, scored.err
    board = json.loads(scored.out)
    rows = {row["name"]: row for row in board["rows"]}
    assert set(rows) == {BASELINE, "parrot"}
    assert rows["parrot"]["values"] == rows[BASELINE]["values"]
    assert rows["parrot"]["against_template"] == [0, 0, 0]
    assert rows["parrot"]["values"]["bleu_4"] > 0.5
    states = rows["parrot"]["efficacy"]["states"]
    assert (states["increased"]["fn"], states["increased"]["tp"]) == (3, 0)
    assert board["settings"]["language"] == language


def test_score_prints_the_template_beside_the_system(cli: Any, bench: Path) -> None:
    results = bench / "sys.jsonl"
    results.write_text(json.dumps({"subject_id": "p1", "llm_output": ["Liver: normal."]}) + "\n")
    run = cli("report-benchmark", "score", bench / "records.jsonl", results, "--resamples", 5)
    assert run.code == 0, run.err
    assert BASELINE in run.out
    assert "2 missing" in run.err
    assert "our choice" in run.err


def test_a_run_with_failures_says_so_and_goes_on(cli: Any, model: Any, bench: Path) -> None:
    arguments = (
        "report-benchmark", "run", bench / "records.jsonl", "--out", bench / "m.jsonl",
        "--url", model.url, "--model", "m", "--tries", 1,
    )  # fmt: skip
    model.script = [lambda handler: handler.reply(500, b"")]
    first = cli(*arguments)
    assert first.code == 2
    assert "1 of 3 records have no answer" in first.err
    assert "p1: no answer" in first.err
    second = cli(*arguments)
    assert second.code == 0
    assert "1 answers, 2 were there already" in second.err


def test_the_key_comes_from_the_environment_and_goes_nowhere_else(
    cli: Any, model: Any, bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LESIONLOOP_API_KEY", "very-secret")
    out = bench / "m.jsonl"
    run = cli(
        "-v", "report-benchmark", "run", bench / "records.jsonl", "--out", out,
        "--url", model.url, "--model", "m", "--json",
    )  # fmt: skip
    assert model.headers[0]["Authorization"] == "Bearer very-secret"
    assert "very-secret" not in run.out + run.err + out.read_text()


def test_what_is_refused(refused: Any, model: Any, bench: Path) -> None:
    records = bench / "records.jsonl"
    command = "report-benchmark"
    run = (command, "run", records, "--out", bench / "m.jsonl")
    refused(*run, says=("--model",))
    refused(*run, "--model", "none", says=("no folder",))
    refused(*run, "--model", "m", "--url", "nowhere", says=("address",))
    refused(*run, "--model", "m", "--url", model.url, "--temperature", 9, says=("sampling",))
    refused(*run, "--model", "m", "--url", model.url, "--device", "cpu", says=("--device",))
    refused(command, "score", records, bench / "none.jsonl", says=("none.jsonl",))
    (bench / "x.jsonl").touch()
    score = (command, "score", records, bench / "x.jsonl")
    refused(*score, "--tokens", "letters", says=("letters",))
    refused(*score, "--language", "de", says=("de",))
    refused(*score, "--impression", "maybe", says=("maybe",))
    board = (command, "leaderboard", records, "--out", bench / "board")
    refused(*board, "x.jsonl", says=("NAME=FILE",))
    refused(*board, f"a={bench}/x.jsonl", f"a={bench}/x.jsonl", says=("NAME=FILE",))
    prepare = (command, "prepare", bench, bench, "--out", bench / "o")
    refused(*prepare, "--mode", "both", says=("both",))
    refused(*prepare, "--slices", "a,b", says=("a,b",))
