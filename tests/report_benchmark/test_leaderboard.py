"""The leaderboard: order, intervals, the template beside all, and its files."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.report_benchmark.board_files import write_board
from lesionloop.report_benchmark.evaluation import Choices, evaluate_systems
from lesionloop.report_benchmark.extract import RuleExtractor
from lesionloop.report_benchmark.leaderboard import BASELINE, Board
from lesionloop.report_benchmark.records import ResultRecord
from lesionloop.report_benchmark.scoring import COLUMNS, Settings, score_system, summarise
from lesionloop.report_benchmark.vocabulary import read_vocabulary

REFERENCES = {
    "p1": "Liver: increased uptake. Spleen: no abnormal uptake.",
    "p2": "Liver: no abnormal uptake. Brain: decreased uptake.",
    "p3": "Kidneys: no abnormal uptake. Gallbladder: absent uptake.",
}
VOCABULARY = read_vocabulary()


def results(folder: Path, name: str, texts: dict[str, str]) -> Path:
    path = folder / f"{name}.jsonl"
    path.write_text("".join(ResultRecord(p, text).line() for p, text in texts.items()))
    return path


def board(bench: Path, resamples: int = 50) -> Board:
    systems = {
        "copy": results(bench, "copy", REFERENCES),
        "silent": results(bench, "silent", dict.fromkeys(REFERENCES, "")),
        "half": results(bench, "half", {"p1": REFERENCES["p1"], "p2": "I'm sorry, I can't."}),
    }
    return evaluate_systems(bench / "records.jsonl", systems, Choices(), resamples=resamples)


def test_order_and_the_template_beside_all(bench: Path) -> None:
    found = board(bench)
    assert [row.name for row in found.rows] == ["copy", "half", BASELINE, "silent"]
    copy, half, template, silent = found.rows
    for name in (*COLUMNS[2:], "bleu_4"):
        assert copy.values[name] == pytest.approx(1), name
    assert copy.values["cider"] == pytest.approx(10)
    assert silent.values["overall"] == 0
    assert template.against_template == (0, 0, 0)
    assert copy.against_template[0] == pytest.approx(
        copy.values["overall"] - template.values["overall"]
    )
    assert half.failures == {"missing": 1, "empty": 0, "truncated": 0, "refused": 1}
    assert silent.failures["empty"] == 3


def test_intervals_are_repeatable_and_hold_the_value(bench: Path) -> None:
    first, second = board(bench), board(bench)
    assert first.rows[1].intervals == second.rows[1].intervals
    for row in first.rows:
        low, high = row.intervals["rouge_l"]
        assert low - 1e-9 <= row.values["rouge_l"] <= high + 1e-9
    assert np.isnan(board(bench, resamples=0).rows[0].intervals["overall"]).all()


def test_weights_are_repeated_patients() -> None:
    texts = {"p1": REFERENCES["p1"], "p2": "Liver: increased uptake.", "p3": "Kidneys."}
    settings = Settings("words", stem=True)

    def scores(patients: list[str]) -> dict[str, float]:
        references = {f"{n}": REFERENCES[p] for n, p in enumerate(patients)}
        found = {f"{n}": ResultRecord(f"{n}", texts[p]) for n, p in enumerate(patients)}
        made = score_system(
            "s", found, references,
            settings=settings, extractor=RuleExtractor(), vocabulary=VOCABULARY,
        )  # fmt: skip
        return summarise(made)

    whole = score_system(
        "s", {p: ResultRecord(p, text) for p, text in texts.items()}, REFERENCES,
        settings=settings, extractor=RuleExtractor(), vocabulary=VOCABULARY,
    )  # fmt: skip
    drawn = summarise(whole, np.array([2, 1, 0]))
    repeated = scores(["p1", "p1", "p2"])
    for name in (*COLUMNS, "overall", "bleu_1"):  # CIDEr counts documents of the whole set
        assert drawn[name] == pytest.approx(repeated[name]), name


def test_files(bench: Path) -> None:
    out = bench / "board"
    found = board(bench)
    write_board(out, found, facts={"command": "lesionloop <x>"})
    content = json.loads((out / "leaderboard.json").read_text())
    assert [row["name"] for row in content["rows"]] == [row.name for row in found.rows]
    assert content["settings"]["tokens"].startswith("words")
    assert "our choice" in content["settings"]["not published by the paper"]
    with (out / "leaderboard.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["overall"]) == found.rows[0].values["overall"]
    markdown = (out / "leaderboard.md").read_text()
    assert markdown.count("\n| ") == 5
    assert "seed 1" in markdown
    html = (out / "leaderboard.html").read_text()
    assert "lesionloop &lt;x&gt;" in html
    assert BASELINE in html


def test_names_from_outside_are_text(bench: Path) -> None:
    path = results(bench, "x", REFERENCES)
    name = "=<b>|x"
    made = evaluate_systems(bench / "records.jsonl", {name: path}, Choices(), resamples=0)
    write_board(bench / "board", made, facts={})
    assert "<b>" not in (bench / "board" / "leaderboard.html").read_text()
    assert "\n'=<b>|x," in "\n" + (bench / "board" / "leaderboard.csv").read_text()
    assert "=<b>\\|x" in (bench / "board" / "leaderboard.md").read_text()


def test_the_impression_can_be_left_out_of_both(bench: Path) -> None:
    texts = {p: text + "\nImpression: photopenic spleen." for p, text in REFERENCES.items()}
    path = results(bench, "x", texts)
    kept = evaluate_systems(bench / "records.jsonl", {"x": path}, Choices(), resamples=0)
    choices = Choices(impression="drop")
    dropped = evaluate_systems(bench / "records.jsonl", {"x": path}, choices, resamples=0)
    assert kept.rows[0].values["ce_precision"] < 1
    assert dropped.rows[0].values["ce_precision"] == 1


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (ResultRecord("other", "x"), "has the patient|have the patient"),
        (ResultRecord("p1", "x", "another reference"), "another reference"),
    ],
)
def test_results_of_other_records_are_refused(bench: Path, line: ResultRecord, says: str) -> None:
    path = bench / "x.jsonl"
    path.write_text(line.line())
    with pytest.raises(InputError, match=says):
        evaluate_systems(bench / "records.jsonl", {"x": path}, Choices(), resamples=0)


@pytest.mark.parametrize(
    "options", [{"resamples": -1}, {"level": 1.0}, {"seed": -1}, {"resamples": 10**6}]
)
def test_bad_bootstrap(bench: Path, options: dict[str, float]) -> None:
    path = results(bench, "x", REFERENCES)
    with pytest.raises(InputError, match="bootstrap"):
        evaluate_systems(bench / "records.jsonl", {"x": path}, Choices(), **options)  # type: ignore[arg-type]


def test_a_system_may_not_take_the_template_s_name(bench: Path) -> None:
    path = results(bench, "x", REFERENCES)
    with pytest.raises(InputError, match="may not be called"):
        evaluate_systems(bench / "records.jsonl", {BASELINE: path}, Choices(), resamples=0)
