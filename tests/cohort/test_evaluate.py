import csv
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.cohort import evaluate
from lesionloop.cohort.runs import RunResult
from lesionloop.errors import InputError, OutputError
from lesionloop.imaging import Study, read_label
from lesionloop.interaction import loop
from lesionloop.metrics import auc
from lesionloop.scribbles import STRATEGIES
from lesionloop.segmenters import SEGMENTERS
from lesionloop.segmenters.threshold import Threshold, ThresholdSession

DatasetMaker = Callable[..., Path]

COLUMNS = (
    "case", "segmenter", "strategy", "step", "dice", "dmm", "tp", "fp", "fn", "fpv_ml", "fnv_ml",
    "seconds",
)  # fmt: skip


def scores(out: Path) -> list[dict[str, str]]:
    with (out / "scores.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def timeless(out: Path) -> list[tuple[str, ...]]:
    """All columns of ``scores.csv`` but seconds."""
    return [tuple(v for k, v in row.items() if k != "seconds") for row in scores(out)]


def traces(out: Path) -> dict[str, Any]:
    """Every mask and points file by its place in the output."""
    found: dict[str, Any] = {}
    for path in sorted((out / "traces").rglob("step_*")):
        name = str(path.relative_to(out))
        if name.endswith(".json"):
            found[name] = json.loads(path.read_text())
        else:
            found[name] = np.packbits(read_label(path).mask()).tobytes()
    return found


def test_tables_traces_and_report(make_dataset: DatasetMaker, tmp_path: Path) -> None:
    out = tmp_path / "out"
    seen: list[tuple[str, int, int]] = []

    def on_result(result: RunResult, done: int, total: int) -> None:
        seen.append((result.run.files.name, done, total))

    evaluation = evaluate(
        make_dataset(),
        out,
        segmenters=["threshold", "propagate"],
        strategies=["random", "centerline"],
        steps=2,
        on_result=on_result,
    )
    rows = scores(out)
    assert tuple(rows[0]) == COLUMNS
    assert [(r["case"], r["segmenter"], r["strategy"], r["step"]) for r in rows] == [
        (case, segmenter, strategy, str(step))
        for case in ("psma_a.1 x", "psma_b")
        for segmenter in ("threshold", "propagate")
        for strategy in ("random", "centerline")
        for step in range(3)
    ]
    assert [done for _, done, _ in seen] == list(range(1, 9))
    assert (out / "report.html").stat().st_size > 1000
    for name in ("psma_a.1 x", "psma_b"):
        assert (out / "traces" / "threshold" / "random" / name / "step_2.nii.gz").is_file()
    assert not evaluation.failures

    summary = json.loads((out / "summary.json").read_text())
    assert (summary["mode"], summary["steps"], summary["seed"]) == ("protocol", 2, 42)
    assert len(summary["results"]) == 4
    for entry in summary["results"]:
        own = [
            [float(r["dice"]) for r in rows if (r["case"], r["segmenter"], r["strategy"]) == key]
            for case in ("psma_a.1 x", "psma_b")
            for key in [(case, entry["segmenter"], entry["strategy"])]
        ]
        areas = [auc(curve) for curve in own]
        assert entry["auc_dice"] == pytest.approx(np.mean(areas))
        assert entry["auc_dice_normalised"] == pytest.approx(np.mean(areas) / 2)
        assert entry["final_dice"] == pytest.approx(np.mean([curve[-1] for curve in own]))
        assert entry["cases"] == 2


def test_workers_make_no_difference(make_dataset: DatasetMaker, tmp_path: Path) -> None:
    dataset = make_dataset(("psma_a", "psma_b", "psma_c"))
    for workers in (1, 2):
        evaluate(dataset, tmp_path / str(workers), steps=2, workers=workers)
    assert timeless(tmp_path / "1") == timeless(tmp_path / "2")
    assert traces(tmp_path / "1") == traces(tmp_path / "2")


@dataclass
class Guard:
    """Stops the evaluation at the n-th prediction of the process."""

    left: int

    def __call__(self, segment: Any) -> Any:
        def guarded(*args: Any) -> Any:
            if self.left == 0:
                raise KeyboardInterrupt
            self.left -= 1
            return segment(*args)

        return guarded


@pytest.mark.parametrize("number", [1, 4])
def test_interrupted_at_any_prediction_it_finishes_as_if_it_had_not_been(
    make_dataset: DatasetMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    dataset = make_dataset()
    evaluate(dataset, tmp_path / "whole", segmenters=["threshold"], steps=3)
    with monkeypatch.context() as patch:
        guard = Guard(number)
        patch.setattr(loop._Loop, "_predict", guard(loop._Loop._predict))
        with pytest.raises(KeyboardInterrupt):
            evaluate(dataset, tmp_path / "cut", segmenters=["threshold"], steps=3)
    assert not (tmp_path / "cut" / "scores.csv").exists()
    evaluate(dataset, tmp_path / "cut", segmenters=["threshold"], steps=3)
    assert timeless(tmp_path / "cut") == timeless(tmp_path / "whole")
    assert traces(tmp_path / "cut") == traces(tmp_path / "whole")


#: `lesionloop evaluate` with each prediction slowed down, so that a kill falls between steps.
SLOWED = """
import sys, time
from lesionloop.interaction import loop
predict = loop._Loop._predict
def slow(*args):
    step = predict(*args)
    time.sleep(0.15)
    return step
loop._Loop._predict = slow
from lesionloop.cli import main
sys.argv = ["lesionloop", *sys.argv[1:]]
main()
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 here")
@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_for_real_the_next_run_finishes(
    make_dataset: DatasetMaker, tmp_path: Path, workers: str
) -> None:
    dataset = make_dataset()
    arguments = ["evaluate", str(dataset), "--segmenter", "propagate", "--workers", workers]
    evaluate(dataset, tmp_path / "whole", segmenters=["propagate"])
    out = tmp_path / "cut"
    process = subprocess.Popen(
        [sys.executable, "-c", SLOWED, *arguments, "--out", str(out)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 60
    while len(list(out.glob("traces/*/*/*/step_*.nii.gz"))) < 4 and process.poll() is None:
        assert time.monotonic() < deadline, "the evaluation wrote nothing"
        time.sleep(0.01)
    assert process.poll() is None, "the evaluation ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (out / "scores.csv").exists()
    evaluate(dataset, out, segmenters=["propagate"], workers=int(workers))
    assert timeless(out) == timeless(tmp_path / "whole")
    assert traces(out) == traces(tmp_path / "whole")
    assert not list(out.rglob(".lesionloop-*"))


def test_more_steps_go_on_where_the_last_run_ended(
    make_dataset: DatasetMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = make_dataset()
    evaluate(dataset, tmp_path / "five", segmenters=["threshold"], steps=5)
    evaluate(dataset, tmp_path / "grown", segmenters=["threshold"], steps=3)
    assert timeless(tmp_path / "grown") == [
        row for row in timeless(tmp_path / "five") if int(row[3]) <= 3
    ]
    calls = count_predictions(monkeypatch)
    evaluate(dataset, tmp_path / "grown", segmenters=["threshold"], steps=5)
    assert calls[0] == 2 * 2
    assert timeless(tmp_path / "grown") == timeless(tmp_path / "five")


def count_predictions(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    calls, predict = [0], loop._Loop._predict

    def counted(*args: Any) -> Any:
        calls[0] += 1
        return predict(*args)

    monkeypatch.setattr(loop._Loop, "_predict", counted)
    return calls


def test_what_changes_a_mask_starts_afresh_and_what_does_not_resumes(
    make_dataset: DatasetMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset, out = make_dataset(("psma_a",)), tmp_path / "out"
    settings: dict[str, Any] = {"segmenters": ["threshold"], "steps": 2}
    evaluate(dataset, out, **settings)
    calls = count_predictions(monkeypatch)
    evaluate(dataset, out, **settings)
    assert calls[0] == 0
    for change in ({"options": {"level_suv": 3.0}}, {"seed": 7}, {"mode": "reference"}):
        calls[0] = 0
        evaluate(dataset, out, **{**settings, **change})
        assert calls[0] == 3, change
    # Another way of naming the same folder.
    evaluate(dataset, out, **settings)
    calls[0] = 0
    monkeypatch.chdir(tmp_path)
    evaluate(Path("data"), out, **settings)
    assert calls[0] == 0


def test_a_corrupt_case_is_recorded_and_the_rest_is_scored(
    make_dataset: DatasetMaker, tmp_path: Path
) -> None:
    dataset = make_dataset(("psma_a", "psma_b", "psma_c"))
    pet = dataset / "imagesTr" / "psma_b_0001.nii.gz"
    pet.write_bytes(pet.read_bytes()[:200])
    for workers in (1, 2):
        out = tmp_path / str(workers)
        evaluation = evaluate(dataset, out, steps=1, workers=workers)
        assert [failed.run.files.name for failed in evaluation.failures] == ["psma_b"]
        assert {row["case"] for row in scores(out)} == {"psma_a", "psma_c"}
        summary = json.loads((out / "summary.json").read_text())
        (failure,) = summary["failures"]
        assert failure["case"] == "psma_b"
        assert str(pet) in failure["reason"]
        assert summary["results"][0]["cases"] == 2


def test_when_every_case_fails_the_reason_is_told(
    make_dataset: DatasetMaker, tmp_path: Path
) -> None:
    dataset = make_dataset(("psma_a",))
    pet = dataset / "imagesTr" / "psma_a_0001.nii.gz"
    pet.write_bytes(b"no image")
    with pytest.raises(InputError, match="no run has a result") as caught:
        evaluate(dataset, tmp_path / "out", steps=1)
    assert str(pet) in str(caught.value)


def test_a_label_on_another_grid_is_a_failure_of_its_case(
    make_dataset: DatasetMaker, tmp_path: Path
) -> None:
    dataset = make_dataset(("psma_a", "psma_b"))
    labels = dataset / "labelsTr"
    (labels / "psma_a.nii.gz").write_bytes((labels / "psma_b.nii.gz").read_bytes())
    evaluation = evaluate(dataset, tmp_path / "out", steps=1)
    (failed,) = evaluation.failures
    assert "not on the same grid" in str(failed.failure)


def test_reference_mode_skips_as_the_released_code_does(
    make_dataset: DatasetMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # By the path of the CT as given, folders included: the test's own folder must not count.
    make_dataset(("psma_a", "fdg_b", "psma_1984", "xfdgx"))
    make_dataset(("psma_a",), "a fdg folder")
    monkeypatch.chdir(tmp_path)
    evaluation = evaluate(Path("data"), Path("out"), mode="reference", steps=1)
    assert evaluation.skipped == ("fdg_b", "psma_1984", "xfdgx")
    assert {row["case"] for row in scores(Path("out"))} == {"psma_a"}
    assert json.loads(Path("out/summary.json").read_text())["skipped"] == list(evaluation.skipped)
    with pytest.raises(InputError, match="no run has a result") as caught:
        evaluate(Path("a fdg folder"), Path("none"), mode="reference", steps=1)
    assert "skipped" in str(caught.value)
    everything = evaluate(Path("data"), Path("all"), steps=1)
    assert len(everything.results) == 4


def test_default_steps_follow_the_mode(
    make_dataset: DatasetMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_dataset(("psma_a",))
    monkeypatch.chdir(tmp_path)
    for mode, predictions in (("protocol", 6), ("reference", 5)):
        evaluate(Path("data"), Path(mode), segmenters=["threshold"], mode=mode)  # type: ignore[arg-type]
        assert len(scores(Path(mode))) == predictions


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"segmenters": ["magic"]}, "unknown segmenter"),
        ({"options": {"levl": 3}}, "no option"),
        ({"strategies": ["scrawl"]}, "strategy 'scrawl'"),
        ({"mode": "strict"}, "mode 'strict'"),
        ({"steps": -1}, "steps"),
        ({"workers": 0}, "workers"),
        ({"engine": "steam"}, "engine 'steam'"),
    ],
)
def test_senseless_arguments_are_refused_before_any_work(
    make_dataset: DatasetMaker, tmp_path: Path, wrong: dict[str, Any], match: str
) -> None:
    with pytest.raises(InputError, match=re.escape(match)):
        evaluate(make_dataset(), tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_an_output_that_cannot_be_made_is_refused(
    make_dataset: DatasetMaker, tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError):
        evaluate(make_dataset(), tmp_path / "taken", steps=0)


def test_left_over_temporary_folders_are_removed(
    make_dataset: DatasetMaker, tmp_path: Path
) -> None:
    left = tmp_path / "out" / ".lesionloop-x"
    left.mkdir(parents=True)
    evaluate(make_dataset(("psma_a",)), tmp_path / "out", steps=0)
    assert not left.exists()


def test_every_strategy_and_segmenter_runs_on_pet_alone(
    make_dataset: DatasetMaker, tmp_path: Path
) -> None:
    dataset = make_dataset(("psma_a",), ct=False)
    evaluation = evaluate(
        dataset, tmp_path / "out", segmenters=sorted(SEGMENTERS), strategies=STRATEGIES, steps=1
    )
    assert not evaluation.failures
    assert len(scores(tmp_path / "out")) == len(SEGMENTERS) * len(STRATEGIES) * 2


def test_a_fault_of_ours_in_one_case_does_not_stop_the_others(
    make_dataset: DatasetMaker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = Threshold.open

    def faulty(self: Threshold, study: Study) -> ThresholdSession:
        if study.name == "psma_b":
            raise ZeroDivisionError("planted")
        return opened(self, study)

    monkeypatch.setattr(Threshold, "open", faulty)
    out = tmp_path / "out"
    evaluation = evaluate(make_dataset(), out, segmenters=["threshold"], steps=1)
    (failed,) = evaluation.failures
    assert failed.is_fault
    assert failed.failure == "ZeroDivisionError: planted"
    assert {row["case"] for row in scores(out)} == {"psma_a.1 x"}
    (told,) = json.loads((out / "summary.json").read_text())["failures"]
    assert told["case"] == "psma_b"

    with pytest.raises(RuntimeError, match="planted"):  # nothing to report: a traceback, exit 1
        evaluate(
            make_dataset(("psma_b",), "alone"), tmp_path / "b", segmenters=["threshold"], steps=1
        )


def test_thirds_give_every_case_one_strategy_fixed_by_its_name(
    make_dataset: DatasetMaker, tmp_path: Path
) -> None:
    names = tuple(f"case-{n}" for n in range(12))
    both = evaluate(
        make_dataset(names), tmp_path / "out", segmenters=["threshold"], strategies=["thirds"],
        steps=1,
    )  # fmt: skip
    found = {result.run.files.name: result.run.strategy for result in both.results}
    assert len(both.results) == 12
    assert set(found.values()) == set(STRATEGIES)
    fewer = evaluate(
        make_dataset(names[8:], "fewer"), tmp_path / "less", segmenters=["threshold"],
        strategies=["thirds"], steps=1,
    )  # fmt: skip
    for result in fewer.results:
        assert result.run.strategy == found[result.run.files.name]


def test_tables_of_cases_and_lesions(make_dataset: DatasetMaker, tmp_path: Path) -> None:
    """Each case holds a lesion with uptake and one without, which the first mask misses."""
    out = tmp_path / "out"
    evaluate(
        make_dataset(("fdg_a", "b")), out, segmenters=["propagate"],
        steps=5,
    )  # fmt: skip
    with (out / "cases.csv").open(newline="") as file:
        cases = {row["case"]: row for row in csv.DictReader(file)}
    assert list(cases) == ["b", "fdg_a"]
    assert cases["fdg_a"]["tracer"] == "fdg"
    assert cases["b"]["tracer"] == ""
    voxel_ml = 3.0 * 3.5 * 4.0 / 1000
    for row in cases.values():
        assert row["lesions"] == "2"
        assert float(row["volume_ml"]) == pytest.approx((7 * 7 * 6 + 3 * 4 * 3) * voxel_ml)
        assert float(row["largest_ml"]) == pytest.approx(7 * 7 * 6 * voxel_ml)
    with (out / "lesions.csv").open(newline="") as file:
        lesions = list(csv.DictReader(file))
    assert len(lesions) == 4
    for row in lesions:
        large = float(row["volume_ml"]) > 5
        assert (row["found_at"] == "0") == large
        assert (float(row["suv_max"]) > 5) == large
        assert (float(row["iou_first"]) >= 0.1) == large
    small = [row for row in lesions if row["found_at"] != "0"]
    assert {row["found_at"] for row in small} != {"-1"}
    found = {(row["case"], int(row["step"])): int(row["tp"]) for row in scores(out)}
    for row in small:
        at = int(row["found_at"])
        if at == -1:  # never
            assert {found[row["case"], step] for step in range(6)} == {1}
        else:
            assert (found[row["case"], at - 1], found[row["case"], at]) == (1, 2)
