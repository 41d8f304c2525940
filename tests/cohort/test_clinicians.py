"""Recorded sessions: what is read and refused, and what a replay gives."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop import SimulatedReader, load_segmenter, run_loop, write_mask
from lesionloop.cohort import recorded
from lesionloop.cohort.clinicians import replay_sessions
from lesionloop.cohort.reader_curves import carried_forward
from lesionloop.cohort.recorded import (
    RecordedSession,
    find_sessions,
    read_session,
    write_session,
)
from lesionloop.cohort.replaying import replay_session
from lesionloop.cohort.results import read_results
from lesionloop.datasets import CaseFiles, find_cases
from lesionloop.errors import InputError
from lesionloop.imaging import Grid
from lesionloop.ranking.agreement import intraclass_correlation
from lesionloop.scribbles import ScribbleSet

DatasetMaker = Callable[..., Path]
GRID = Grid((9, 8, 7), (1.0, 2.0, 3.0), (0.0, 0.0, 0.0))
NAMES = ("fdg_a.1 x", "b")

STROKES = [
    {"step": 1, "label": "foreground", "points": [[1, 2, 3], [1, 3, 3]]},
    {"step": 1, "label": "background", "points": [[5, 5, 5]]},
    {"step": 3, "label": "tumor", "points": [[8, 7, 6]]},
]


def wrote(path: Path, content: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_the_session_form(tmp_path: Path) -> None:
    path = wrote(tmp_path / "a.json", {"strokes": STROKES, "seconds": [3, None, 4.5]})
    session = read_session(path, GRID)
    assert [(s.step, s.label, s.points.tolist()) for s in session.scribbles] == [
        (1, "foreground", [[1, 2, 3], [1, 3, 3]]),
        (1, "background", [[5, 5, 5]]),
        (3, "foreground", [[8, 7, 6]]),
    ]
    assert session.steps == 3
    assert session.seconds[::2] == (3, 4.5)
    assert np.isnan(session.total_seconds)
    write_session(session, tmp_path / "again.json")
    again = read_session(tmp_path / "again.json")
    assert again.scribbles == session.scribbles
    np.testing.assert_array_equal(again.seconds, session.seconds)


def test_a_reader_may_accept_the_first_mask(tmp_path: Path) -> None:
    assert read_session(wrote(tmp_path / "a.json", {"strokes": []})).steps == 0
    assert read_session(wrote(tmp_path / "b.json", {"tumor": [], "background": []})).steps == 0


@pytest.mark.parametrize("form", ["simple", "grand-challenge"])
def test_a_scribble_file_is_one_step(tmp_path: Path, form: Any) -> None:
    drawn = ScribbleSet().add([[1, 2, 3]], "background").add([[4, 5, 6], [0, 0, 0]], "foreground")
    drawn.write(tmp_path / "a.json", form)
    session = read_session(tmp_path / "a.json", GRID)
    assert [(s.step, s.label, len(s)) for s in session.scribbles] == [
        (1, "foreground", 2),
        (1, "background", 1),
    ]


def test_a_folder_of_cumulative_files(tmp_path: Path) -> None:
    drawn = ScribbleSet()
    for step, (label, points) in enumerate(
        [("foreground", [[1, 1, 1]]), ("foreground", [[1, 1, 1], [2, 2, 2]]),
         ("background", [[3, 3, 3]])], start=1,
    ):  # fmt: skip
        drawn = drawn.add(points, label, step)  # type: ignore[arg-type]
    for step in range(6):
        drawn.up_to(step).write(tmp_path / f"step_{step}_scribbles.json", "simple")
    assert read_session(tmp_path, GRID).scribbles == drawn  # steps 4 and 5 add nothing
    (tmp_path / "step_0_scribbles.json").unlink()
    assert read_session(tmp_path, GRID).scribbles == drawn


def test_the_trace_of_a_loop_is_a_session(make_dataset: DatasetMaker, tmp_path: Path) -> None:
    study, label = find_cases(make_dataset())[0].read()
    reader = SimulatedReader(label.values, "random")
    trace = run_loop(load_segmenter("threshold"), study, reader, 4, tmp_path / "trace")
    assert read_session(tmp_path / "trace", study.grid).scribbles == trace.scribbles


def refused_content(**changes: Any) -> dict[str, Any]:
    return {"strokes": [{**STROKES[0], **changes}]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not valid JSON"),
        ("[1]", "not an object"),
        ("[" * 100_000, "nested too deeply"),
        ({"other": 1}, 'neither "points" nor'),
        ({"strokes": {}}, "not a list"),
        ({"strokes": [7]}, "strokes[0] is 7"),
        ({"strokes": [], "strokse": []}, "strokse"),
        ({"strokes": [], "version": 2}, '"version" is 2'),
        ({"strokes": [{"step": 1, "label": "tumor"}]}, 'no "points"'),
        (refused_content(label="lesion"), '"lesion"'),
        (refused_content(label=["tumor"]), "label of strokes[0]"),
        (refused_content(step=0), "step of strokes[0] is 0"),
        (refused_content(step=True), "step of strokes[0] is true"),
        (refused_content(step=1.0), "step of strokes[0] is 1.0"),
        (refused_content(step=10**9), "from 1 to 1000"),
        (refused_content(points=[]), "at least one point"),
        (refused_content(points=[[1, 2]]), "three whole numbers"),
        (refused_content(points=[[1, 2, 3.0]]), "three whole numbers"),
        (refused_content(points=[[1, 2, float("nan")]]), "three whole numbers"),
        (refused_content(points=[[1, 2, True]]), "three whole numbers"),
        (refused_content(points=[[1, 2, -1]]), "count from 0"),
        (refused_content(points=[[1, 2, 7]]), "outside the grid of (9, 8, 7)"),
        (refused_content(colour="red"), "colour"),
        ({"strokes": STROKES[::-1]}, "never go back"),
        ({"strokes": STROKES, "seconds": [1, 2]}, "2 entries for 3 steps"),
        ({"strokes": STROKES, "seconds": [1, 2, -3]}, "seconds[2] is -3"),
        ({"strokes": STROKES, "seconds": [1, 2, 10**400]}, "seconds[2] is"),
        ({"strokes": STROKES, "seconds": 5}, "not a list"),
    ],
)
def test_what_is_no_session(tmp_path: Path, content: Any, says: str) -> None:
    path = wrote(tmp_path / "bad.json", content)
    with pytest.raises(InputError) as caught:
        read_session(path, GRID)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_what_is_too_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recorded, "MAX_POINTS", 5)
    path = wrote(tmp_path / "many.json", {"strokes": STROKES[:2] * 2})
    with pytest.raises(InputError, match="more than 5 points"):
        read_session(path)
    monkeypatch.setattr("lesionloop.scribbles.formats.MAX_BYTES", 50)
    with pytest.raises(InputError, match="larger than"):
        read_session(path)


@pytest.mark.parametrize(
    ("files", "says"),
    [
        ({0: [], 2: [[1, 1, 1]]}, "steps are 0, 2"),
        ({2: []}, "steps are 2"),
        ({0: [[1, 1, 1]]}, "Step 0"),
        ({0: [], 1: [[1, 1, 1]], 2: [[2, 1, 1]]}, "do not begin with"),
        ({0: [], 1: [[1, 1, 1]], 2: []}, "do not begin with"),
    ],
)
def test_files_that_do_not_continue_each_other(tmp_path: Path, files: Any, says: str) -> None:
    for step, points in files.items():
        wrote(tmp_path / f"step_{step}_scribbles.json", {"tumor": points, "background": []})
    with pytest.raises(InputError, match=says):
        read_session(tmp_path)


def test_the_folder_of_sessions(tmp_path: Path) -> None:
    empty: dict[str, Any] = {"strokes": []}
    for name in ("b/x.1 y.json", "a/x.1 y.json", "a/z.json", "c/q.txt"):
        wrote(tmp_path / name, empty)
    wrote(tmp_path / "b" / "z" / "step_0_scribbles.json", {"tumor": [], "background": []})
    wrote(tmp_path / "b" / "w.nii.gz", "")
    wrote(tmp_path / "README", "")
    found = find_sessions(tmp_path)
    assert found.readers == ("a", "b")
    assert found.cases == ("x.1 y", "z")
    assert found.missing({"x.1 y", "z"}) == []
    assert [Path(path).name for path in found.ignored] == ["README", "q.txt"]
    assert [(f.case, f.session is None) for f in found.files if f.mask] == [("w", True)]
    (tmp_path / "a" / "z.json").unlink()
    assert find_sessions(tmp_path).missing({"z"}) == [("a", "z")]
    assert find_sessions(tmp_path).missing(()) == []
    wrote(tmp_path / "b" / "z.json", empty)
    with pytest.raises(InputError, match="case z twice"):
        find_sessions(tmp_path)
    with pytest.raises(InputError, match="there is no session"):
        find_sessions(tmp_path / "c")
    with pytest.raises(InputError, match="cannot read the folder"):
        find_sessions(tmp_path / "nowhere")


def record(
    case: CaseFiles, folder: Path, reader: str, strategy: str, steps: int, *, mask: bool = False
) -> RecordedSession:
    """What a simulated reader draws on the errors of ``threshold``."""
    study, label = case.read()
    simulated = SimulatedReader(label.values, strategy)
    trace = run_loop(load_segmenter("threshold"), study, simulated, steps)
    session = RecordedSession(trace.scribbles)
    write_session(session, folder / reader / f"{case.name}.json")
    if mask:
        assert trace.mask is not None
        write_mask(trace.mask, study, folder / reader / f"{case.name}.nii.gz")
    return session


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def data(make_dataset: DatasetMaker, tmp_path: Path) -> tuple[Path, Path]:
    """Two cases, two readers, sessions of 2 to 4 steps, all with own masks."""
    dataset, sessions = make_dataset(NAMES), tmp_path / "sessions"
    cases = {case.name: case for case in find_cases(dataset)}
    for number, name in enumerate(NAMES):
        record(cases[name], sessions, "a", "centerline", 2 + number, mask=True)
        record(cases[name], sessions, "b", "random", 4 - number, mask=True)
    return dataset, sessions


def test_the_segmenter_that_was_recorded_gives_its_masks_again(
    data: tuple[Path, Path], tmp_path: Path
) -> None:
    """So the scores of the replay are those of the loop, and the final masks the readers' own."""
    dataset, sessions = data
    out = tmp_path / "out"
    result = replay_sessions(dataset, sessions, out, segmenters=["threshold"])
    assert not result.has_failures
    for case in find_cases(dataset):
        study, label = case.read()
        for reader, strategy in (("a", "centerline"), ("b", "random")):
            steps = read_session(sessions / reader / f"{case.name}.json").steps
            simulated = SimulatedReader(label.values, strategy)
            trace = run_loop(load_segmenter("threshold"), study, simulated, steps)
            folder = out / "traces" / "threshold" / f"reader-{reader}" / case.name
            again = replay_session(
                load_segmenter("threshold"), study,
                read_session(sessions / reader / f"{case.name}.json"), reader, folder,
            )  # fmt: skip
            for one, two in zip(trace.steps, again.steps, strict=True):
                np.testing.assert_array_equal(one.mask, two.mask)
    found = {(r["case"], r["masks"]): r for r in rows(out / "agreement.csv")}
    assert len(found) == 4
    for case_name in NAMES:
        own, after = found[case_name, "own"], found[case_name, "after session"]
        assert (own["dice"], own["dmm"]) == (after["dice"], after["dmm"])
        assert (own["segmenter"], after["segmenter"]) == ("", "threshold")


def test_strokes_of_one_step_arrive_together(make_dataset: DatasetMaker, tmp_path: Path) -> None:
    """Three steps, the middle one empty: the mask stands; a cold start gives the same."""
    study, _ = find_cases(make_dataset())[0].read()
    strokes = ScribbleSet().add([[3, 16, 2]], "foreground", 1).add([[18, 13, 7]], "background", 1)
    session = RecordedSession(strokes.add([[4, 17, 3]], "foreground", 3))
    segmenter = load_segmenter("propagate")
    trace = replay_session(segmenter, study, session, "a", tmp_path / "t")
    masks = [step.mask for step in trace.steps]
    assert len(masks) == 4
    assert masks[1] is masks[2]
    for step, mask in zip((0, 1, 3), (masks[0], masks[1], masks[3]), strict=True):
        cold = load_segmenter("propagate").open(study).segment(session.scribbles.up_to(step))
        np.testing.assert_array_equal(mask, cold)
    stored = json.loads((tmp_path / "t" / "trace.json").read_text())
    assert [(s["step"], s["label"]) for s in stored["session"]] == [
        (1, "foreground"),
        (1, "background"),
        (3, "foreground"),
    ]
    assert read_session(tmp_path / "t").scribbles == session.scribbles


def test_a_replay_resumes(data: tuple[Path, Path], tmp_path: Path) -> None:
    dataset, sessions = data
    out = tmp_path / "out"
    replay_sessions(dataset, sessions, out, segmenters=["threshold"])
    before = (out / "scores.csv").read_bytes()
    folder = out / "traces" / "threshold" / "reader-a"
    kept = folder / "b" / "step_1.nii.gz"
    stamp = kept.stat().st_mtime_ns
    (folder / "b" / "step_2.nii.gz").unlink()
    shutil.rmtree(folder / NAMES[0])
    replay_sessions(dataset, sessions, out, segmenters=["threshold"])
    assert kept.stat().st_mtime_ns == stamp
    assert (folder / "b" / "step_2.nii.gz").is_file()
    without_time = [
        [line.rsplit(b",", 1)[0] for line in text.splitlines()]
        for text in (before, (out / "scores.csv").read_bytes())
    ]
    assert without_time[0] == without_time[1]
    changed = json.loads((sessions / "a" / "b.json").read_text())
    changed["strokes"][0]["points"] = [[0, 0, 0]]
    wrote(sessions / "a" / "b.json", changed)
    replay_sessions(dataset, sessions, out, segmenters=["threshold"])
    assert kept.stat().st_mtime_ns != stamp


def test_curves_are_carried_forward_and_averaged_over_readers_then_cases(
    data: tuple[Path, Path], tmp_path: Path
) -> None:
    """From the lines of scores.csv alone; the last case lacks a reader."""
    dataset, sessions = data
    (sessions / "b" / "b.json").unlink()
    out = tmp_path / "out"
    result = replay_sessions(dataset, sessions, out, segmenters=["threshold"])
    loops: dict[tuple[str, str], list[float]] = {}
    for row in rows(out / "scores.csv"):
        loops.setdefault((row["case"], row["strategy"]), []).append(float(row["dice"]))
    assert {key: len(value) for key, value in loops.items()} == {
        (NAMES[0], "reader:a"): 3, (NAMES[0], "reader:b"): 5, (NAMES[1], "reader:a"): 4,
    }  # fmt: skip
    long = {key: value + value[-1:] * (5 - len(value)) for key, value in loops.items()}
    first = (np.array(long[NAMES[0], "reader:a"]) + np.array(long[NAMES[0], "reader:b"])) / 2
    mean = (first + np.array(long[NAMES[1], "reader:a"])) / 2
    curves = {curve["reader"]: curve for curve in result.summary["curves"]}
    np.testing.assert_allclose(curves["mean of readers"]["dice"], mean)
    area = (mean[0] / 2 + mean[1:4].sum() + mean[4] / 2) / 4
    assert curves["mean of readers"]["auc_dice_normalised"] == pytest.approx(area)
    assert curves["mean of readers"]["carried"] == [0, 0, 0, 1, 2]
    assert (curves["a"]["cases"], curves["b"]["cases"]) == (2, 1)
    assert result.summary["missing_sessions"] == [{"reader": "b", "case": "b"}]
    assert result.summary["carried_forward"]["sessions"] == 2
    told = {(e["strategy"], e["cases_short"], e["steps"]) for e in result.summary["results"]}
    assert told == {("reader:a", 2, 5), ("reader:b", 0, 5)}
    table = [r for r in rows(out / "curves.csv") if r["reader"] == "mean of readers"]
    np.testing.assert_allclose([float(r["dice"]) for r in table], mean)
    page = (out / "clinicians.html").read_text()
    assert "carries its last value forward" in page
    assert "b: no session of b" in page


def test_carried_forward_by_hand() -> None:
    assert carried_forward([0.5, 0.25], 3).tolist() == [0.5, 0.25, 0.25, 0.25]
    assert carried_forward([0.5, 0.25, 0.125], 1).tolist() == [0.5, 0.25]
    np.testing.assert_array_equal(carried_forward([0.5, np.nan], 2), [0.5, np.nan, np.nan])


def test_agreement_in_areas(data: tuple[Path, Path], tmp_path: Path) -> None:
    dataset, sessions = data
    out = tmp_path / "out"
    names = ["threshold", "propagate"]
    result = replay_sessions(dataset, sessions, out, segmenters=names)
    scores = read_results([out])
    assert scores.strategies == ("reader:a", "reader:b")
    assert set(scores.algorithms) == set(names)
    assert result.summary["agreement"]["areas"][0]["rule"] == "loop"
    for entry in result.summary["agreement"]["areas"]:
        column = entry["metric"].split("_")[1]
        curve = scores.curves[column][scores.algorithms.index(entry["segmenter"])]
        areas = np.trapezoid(curve, axis=-1) / 4  # (cases, readers); 4 is the longest session
        difference = areas[:, 0] - areas[:, 1]
        assert entry["pairs"][0]["bias"] == pytest.approx(difference.mean())
        assert entry["pairs"][0]["spread"] == pytest.approx(difference.std(ddof=1))
        icc = intraclass_correlation(areas).agreement
        assert entry["icc"]["agreement"] == (None if np.isnan(icc) else pytest.approx(icc))


def test_own_errors_stand_beside_with_as_many_steps(
    data: tuple[Path, Path], tmp_path: Path
) -> None:
    """Reader a drew along the centre line on these very errors: own errors are his curve."""
    dataset, sessions = data
    shutil.rmtree(sessions / "b")
    out = tmp_path / "out"
    result = replay_sessions(
        dataset, sessions, out, segmenters=["threshold"], own_errors="centerline"
    )
    curves = {curve["reader"]: curve for curve in result.summary["curves"]}
    assert list(curves) == ["a", "mean of readers", "own errors, centerline"]
    for key in ("dice", "dmm", "auc_dice_normalised", "carried"):
        assert curves["own errors, centerline"][key] == curves["a"][key]
    scores = read_results([out])
    assert scores.strategies == ("centerline", "reader:a")
    np.testing.assert_array_equal(scores.curves["dice"][:, :, 0], scores.curves["dice"][:, :, 1])
    assert read_results([out / "reader-scores.csv"]).strategies == ("reader:a",)


def test_own_errors_are_cut_to_the_length_of_each_session(
    data: tuple[Path, Path], tmp_path: Path
) -> None:
    """From scores.csv: in the first case the readers made 2 and 4 steps, in the other 3 and 3."""
    dataset, sessions = data
    out = tmp_path / "out"
    result = replay_sessions(
        dataset, sessions, out, segmenters=["threshold"], own_errors="boundary"
    )
    own: dict[str, list[float]] = {}
    for row in rows(out / "scores.csv"):
        if row["strategy"] == "boundary":
            own.setdefault(row["case"], []).append(float(row["dice"]))
    first, other = own[NAMES[0]], own[NAMES[1]]
    assert (len(first), len(other)) == (5, 4)
    assert len(set(first)) == 5  # otherwise a wrong length would not show
    cut = np.array([*first[:3], first[2], first[2]])
    expected = ((cut + np.array(first)) / 2 + np.array([*other, other[3]])) / 2
    curve = next(c for c in result.summary["curves"] if c["kind"] == "own")
    np.testing.assert_allclose(curve["dice"], expected)
    assert curve["carried"] == [0, 0, 0, 1, 3]


def test_what_fails_is_told_and_the_rest_goes_on(data: tuple[Path, Path], tmp_path: Path) -> None:
    dataset, sessions = data
    wrote(sessions / "a" / "b.json", {"strokes": [{**STROKES[0], "points": [[99, 0, 0]]}]})
    wrote(sessions / "a" / "stranger.json", {"strokes": []})
    wrote(sessions / "b" / "b.nii.gz", "no image")
    out = tmp_path / "out"
    result = replay_sessions(dataset, sessions, out, segmenters=["threshold"], workers=2)
    assert result.has_failures
    assert not result.has_faults
    told = [(entry["case"], entry["strategy"]) for entry in result.summary["failures"]]
    assert told == [("b", "reader:a"), ("b", "own mask of b")]
    assert "outside the grid" in result.summary["failures"][0]["reason"]
    assert result.notes == ("no such case in the data set: stranger",)
    assert result.summary["missing_sessions"] == []
    assert {(r["case"], r["strategy"]) for r in rows(out / "scores.csv")} == {
        (NAMES[0], "reader:a"), (NAMES[0], "reader:b"), ("b", "reader:b"),
    }  # fmt: skip
    assert "outside the grid" in (out / "clinicians.html").read_text()


def test_nothing_at_all_is_an_error(data: tuple[Path, Path], tmp_path: Path) -> None:
    dataset, sessions = data
    arguments = (dataset, sessions, tmp_path / "out")
    programs = []
    for place in ("one", "two"):
        path = wrote(tmp_path / place / "run.sh", "#!/bin/sh\n")
        path.chmod(0o755)
        programs.append(f"command:{path}")
    with pytest.raises(InputError, match="no scribble strategy"):
        replay_sessions(*arguments, own_errors="x", segmenters=["threshold"])
    with pytest.raises(InputError, match="two segmenters have the same name"):
        replay_sessions(*arguments, segmenters=programs)
    for path in sessions.rglob("*.json"):
        wrote(path, {"strokes": 1})
    with pytest.raises(InputError, match="no session could be replayed"):
        replay_sessions(*arguments, segmenters=["threshold"])
    for path in sessions.rglob("*.json"):
        path.rename(path.with_name(f"other {path.name}"))
    with pytest.raises(InputError, match="is of a case of"):
        replay_sessions(*arguments, segmenters=["threshold"])


def test_lesion_free_cases_follow_two_named_rules(data: tuple[Path, Path], tmp_path: Path) -> None:
    """An instance of each: the reference of b is emptied; two empty masks agree."""
    dataset, sessions = data
    case = next(case for case in find_cases(dataset) if case.name == "b")
    study, label = case.read()
    assert case.label is not None
    write_mask(np.zeros_like(label.values, dtype=bool), study, case.label)
    for reader in ("a", "b"):
        write_mask(np.zeros(study.grid.shape, bool), study, sessions / reader / "b.nii.gz")
    out = tmp_path / "out"
    result = replay_sessions(dataset, sessions, out, segmenters=["threshold"])
    own = next(r for r in rows(out / "agreement.csv") if (r["case"], r["masks"]) == ("b", "own"))
    assert (own["lesion_free"], own["dice"], own["dmm"]) == ("True", "1.0", "nan")
    areas = result.summary["agreement"]["areas"]
    cases = {(e["metric"], e["rule"]): e["icc"]["cases"] for e in areas}
    assert cases == {
        ("auc_dice_normalised", "loop"): 2, ("auc_dice_normalised", "evaluator"): 1,
        ("auc_dmm_normalised", "loop"): 1, ("auc_dmm_normalised", "evaluator"): 1,
    }  # fmt: skip
    mean = next(m for m in result.summary["agreement"]["masks"] if m["masks"] == "own")
    assert (mean["cases"], mean["lesion_free"], mean["cases_without_dmm"]) == (2, 1, 1)
    assert mean["dice"] == pytest.approx((1 + mean["dice_with_lesions"]) / 2)
