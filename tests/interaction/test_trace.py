"""Traces on disk: whole at every moment, and continued from where they stand."""

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from lesionloop.errors import OutputError
from lesionloop.imaging import Grid, Provenance, Quantity, Study, Volume
from lesionloop.interaction import RecordedReader, SimulatedReader, Trace, TraceStep, run_loop
from lesionloop.interaction.trace import study_fingerprint
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters import load_segmenter

StudyMaker = Callable[..., Study]


class KilledError(Exception):
    """Stands for the end of the process."""


def die_after(step: int) -> Callable[[TraceStep], None]:
    def on_step(done: TraceStep) -> None:
        if done.step == step:
            raise KilledError

    return on_step


def assert_same(one: Trace, two: Trace) -> None:
    """Equal in all but seconds."""
    assert one.scribbles == two.scribbles
    assert len(one.steps) == len(two.steps)
    for a, b in zip(one.steps, two.steps, strict=True):
        assert (a.step, a.failure, a.scribble) == (b.step, b.failure, b.scribble)
        assert (a.mask is None) == (b.mask is None)
        if a.mask is not None:
            np.testing.assert_array_equal(a.mask, b.mask)


def assert_whole(folder: Path, trace: Trace) -> None:
    """The folder says what the trace says, read by other means than ours."""
    index = json.loads((folder / "trace.json").read_text())
    assert [entry["step"] for entry in index["steps"]] == [s.step for s in trace.steps]
    for step, entry in zip(trace.steps, index["steps"], strict=True):
        assert entry["failure"] == step.failure
        if step.failure is None and step.mask is not None:
            image = nibabel.load(folder / f"step_{step.step}.nii.gz")
            assert image.get_data_dtype() == np.uint8
            np.testing.assert_array_equal(np.asarray(image.dataobj) > 0, step.mask)
        points = json.loads((folder / f"step_{step.step}_scribbles.json").read_text())
        drawn = [s.scribble for s in trace.steps[: step.step + 1] if s.scribble]
        for key, label in (("tumor", "foreground"), ("background", "background")):
            assert points[key] == [p for s in drawn if s.label == label for p in s.points.tolist()]
    assert not list(folder.glob(".lesionloop-*"))


@pytest.fixture
def run(
    make_study: StudyMaker, painter: Any, reference: NDArray[np.bool_]
) -> Callable[..., tuple[Trace, int]]:
    """A function that runs the loop and tells how often the segmenter was asked."""

    def play(
        out: Path | None,
        steps: int = 5,
        *,
        study: Study | None = None,
        reader: Any = None,
        option: int = 0,
        fails_at: int | None = None,
        on_step: Any = None,
    ) -> tuple[Trace, int]:
        segmenter = painter(option=option, fails_at=fails_at)
        trace = run_loop(
            segmenter,
            study or make_study(),
            reader or SimulatedReader(reference),
            steps,
            out,
            on_step=on_step,
        )
        return trace, segmenter.calls

    return play


def test_the_folder_says_what_happened(run: Any, tmp_path: Path) -> None:
    trace, _ = run(tmp_path)
    assert_whole(tmp_path, trace)
    index = json.loads((tmp_path / "trace.json").read_text())
    assert index["case"] == "case 0"
    assert index["mode"] == "protocol"
    assert index["segmenter"]["name"] == "painter"
    assert index["reader"]["seed"] == 42
    assert "numpy" in index["versions"]


@pytest.mark.parametrize("killed", range(6))
def test_a_killed_loop_goes_on_behind_its_last_step(run: Any, tmp_path: Path, killed: int) -> None:
    whole, _ = run(None)
    with pytest.raises(KilledError):
        run(tmp_path, on_step=die_after(killed))
    again, calls = run(tmp_path)
    assert calls == 5 - killed  # the steps on disk are not computed again
    assert_same(again, whole)
    assert_whole(tmp_path, again)


@pytest.mark.parametrize("number", range(18))
def test_dying_at_any_write_loses_at_most_the_step_written(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    # Each of six steps writes three files; the process dies when it renames number ``number``.
    whole, _ = run(None)
    renames, real = [0], Path.replace

    def rename(self: Path, target: Path) -> Path:
        if renames[0] == number:
            raise KilledError
        renames[0] += 1
        return real(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", rename)
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)  # the dead do not tidy up
        with pytest.raises(KilledError):
            run(tmp_path)
    assert list(tmp_path.glob(".lesionloop-*"))
    again, calls = run(tmp_path)
    assert calls == 6 - number // 3
    assert_same(again, whole)
    assert_whole(tmp_path, again)


def test_a_finished_loop_is_read_back_and_nothing_is_computed(run: Any, tmp_path: Path) -> None:
    first, _ = run(tmp_path)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    again, calls = run(tmp_path)
    assert calls == 0
    assert_same(first, again)
    assert before == {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    assert [round(s.seconds, 4) for s in first.steps] == [s.seconds for s in again.steps]


def test_more_steps_go_on_and_fewer_are_a_part(run: Any, tmp_path: Path) -> None:
    run(tmp_path, 3)
    longer, calls = run(tmp_path, 5)
    assert calls == 2
    assert_same(longer, run(None, 5)[0])
    shorter, calls = run(tmp_path, 2)
    assert calls == 0
    assert_same(shorter, run(None, 2)[0])
    assert run(tmp_path, 5)[1] == 0  # looking at a part does not lose the rest


def changed(study: Study, what: str) -> Study:
    """The study with one thing changed that a segmenter can see."""
    values, grid = study.pet.values, study.grid
    if what == "a PET value":
        values = values.copy(order="K")
        values[13, 11, 8] += np.float32(0.001)
    if what == "the PET's type":
        values = values.astype(np.float64)
    if what == "the place":
        grid = replace(grid, origin=(5.0, -7.0, 11.5))
    ct = None
    if what == "a CT":
        ct = Volume(np.zeros(grid.shape, np.int16), grid, Quantity.HU)
    tracer = "psma" if what == "the tracer" else None
    return Study(Volume(values, grid, Quantity.SUV_BW), ct, study.name, tracer)


@pytest.mark.parametrize(
    "what", ["a PET value", "the PET's type", "the place", "a CT", "the tracer"]
)
def test_another_study_starts_afresh(
    run: Any, make_study: StudyMaker, tmp_path: Path, what: str
) -> None:
    run(tmp_path)
    study = changed(make_study(), what)
    trace, calls = run(tmp_path, study=study)
    assert calls == 6
    assert_same(trace, run(None, study=study)[0])
    assert_whole(tmp_path, trace)


def test_another_option_reader_or_version_starts_afresh(
    run: Any, reference: NDArray[np.bool_], tmp_path: Path
) -> None:
    run(tmp_path)
    assert run(tmp_path, option=1)[1] == 6
    for reader in (
        SimulatedReader(reference, seed=43),
        SimulatedReader(reference, "random"),
        SimulatedReader(reference, mode="reference"),
        SimulatedReader(np.roll(reference, 1, axis=0)),
        RecordedReader(ScribbleSet().add([[1, 1, 1]], "foreground")),
    ):
        trace, calls = run(tmp_path, reader=reader)
        assert calls > 0
        assert_same(trace, run(None, reader=reader)[0])
        assert_whole(tmp_path, trace)
        assert run(tmp_path, reader=reader)[1] == 0
    index = json.loads((tmp_path / "trace.json").read_text())
    index["versions"]["numpy"] = "0.1"
    (tmp_path / "trace.json").write_text(json.dumps(index))
    assert run(tmp_path, reader=reader)[1] > 0


def test_files_that_moved_are_no_other_study(
    run: Any, make_study: StudyMaker, tmp_path: Path
) -> None:
    study = make_study()
    here, there = (
        replace(study, provenance=Provenance(files={"pet": name})) for name in ("a/x", "/b/a/x")
    )
    run(tmp_path, study=here)
    assert run(tmp_path, study=there)[1] == 0


def test_a_restart_never_leaves_new_masks_under_the_old_list(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Killed right after the first mask of a changed run: the old run must not believe that mask.
    run(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(ScribbleSet, "write", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            run(tmp_path, option=1)
    again, calls = run(tmp_path)
    assert calls == 6
    assert_same(again, run(None)[0])


def test_a_shorter_restart_leaves_no_old_steps_behind(run: Any, tmp_path: Path) -> None:
    run(tmp_path)
    run(tmp_path, 2, option=1)
    assert sorted(path.name for path in tmp_path.glob("step_*.nii.gz")) == [
        f"step_{k}.nii.gz" for k in range(3)
    ]


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def flip_a_bit(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 4
    path.write_bytes(raw)


def other_grid(path: Path) -> None:
    image = nibabel.load(path)
    moved = image.affine.copy()
    moved[:3, 3] += 1
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj), moved), path)


def other_shape(path: Path) -> None:
    image = nibabel.load(path)
    nibabel.save(nibabel.Nifti1Image(np.asarray(image.dataobj)[1:], image.affine), path)


def not_an_image(path: Path) -> None:
    path.write_bytes(gzip.compress(b"nothing"))


@pytest.mark.parametrize(
    "damage", [Path.unlink, truncate, flip_a_bit, other_grid, other_shape, not_an_image]
)
@pytest.mark.parametrize("step", [0, 3, 5])
def test_a_damaged_step_is_made_again_with_all_that_follow(
    run: Any, tmp_path: Path, damage: Callable[[Path], None], step: int
) -> None:
    whole, _ = run(tmp_path)
    damage(tmp_path / f"step_{step}.nii.gz")
    again, calls = run(tmp_path)
    assert calls == 6 - step
    assert_same(again, whole)
    assert_whole(tmp_path, again)


def edit(entry: dict[str, Any], path: str, value: Any) -> None:
    *parents, last = path.split(".")
    for parent in parents:
        entry = entry[parent]
    entry[last] = value


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("step", 7),
        ("step", None),
        ("seconds", "long"),
        ("mask", "first"),
        ("mask", 99),
        ("scribble.label", "tumour"),
        ("scribble.points", []),
        ("scribble.points", [[1, 2]]),
        ("scribble.points", [[1, 2, 10**30]]),
        ("scribble.points", [[1, 2, 9]]),
        ("scribble.step", 0),
        ("scribble", {}),
        ("scribble", 3),
    ],
)
def test_an_entry_that_makes_no_sense_is_made_again(
    run: Any, tmp_path: Path, path: str, value: Any
) -> None:
    whole, _ = run(tmp_path)
    index = json.loads((tmp_path / "trace.json").read_text())
    edit(index["steps"][2], path, value)
    (tmp_path / "trace.json").write_text(json.dumps(index))
    again, calls = run(tmp_path)
    assert calls == 4
    assert_same(again, whole)


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "null", '{"steps": 3}', "{", "[" * 100_000, '{"steps": [1]}']
)
def test_a_list_that_is_none_starts_afresh(run: Any, tmp_path: Path, text: str) -> None:
    whole, _ = run(tmp_path)
    (tmp_path / "trace.json").write_text(text)
    again, calls = run(tmp_path)
    assert calls == 6
    assert_same(again, whole)


def test_entries_that_are_no_list_of_objects(run: Any, tmp_path: Path) -> None:
    run(tmp_path)
    index = json.loads((tmp_path / "trace.json").read_text())
    nonsense: list[Any] = [{}, [3], [None], ["x"], [[]]]
    for steps in nonsense:
        (tmp_path / "trace.json").write_text(json.dumps({**index, "steps": steps}))
        assert run(tmp_path)[1] == 6


@pytest.mark.parametrize("fails_at", range(5))
@pytest.mark.parametrize("killed", range(5))
def test_failures_in_reference_mode_are_resumed_as_they_were(
    run: Any, reference: NDArray[np.bool_], tmp_path: Path, fails_at: int, killed: int
) -> None:
    reader = SimulatedReader(reference, mode="reference")
    whole, _ = run(None, 4, reader=reader, fails_at=fails_at)
    with pytest.raises(KilledError):
        run(tmp_path, 4, reader=reader, fails_at=fails_at, on_step=die_after(killed))
    # Calls count anew after the restart: what is left of the plan to fail.
    left = fails_at - (killed + 1) if fails_at > killed else None
    again, _ = run(tmp_path, 4, reader=reader, fails_at=left)
    assert_same(again, whole)


def test_a_mask_of_another_shape_is_resumed_as_no_mask(
    make_study: StudyMaker, player: Any, reference: NDArray[np.bool_], tmp_path: Path
) -> None:
    study, reader = make_study(), SimulatedReader(reference, mode="reference")
    masks = [study.pet.values > 2, reference[:-1]]
    whole = run_loop(player(masks), study, reader, 4)
    with pytest.raises(KilledError):
        run_loop(player(masks), study, reader, 4, tmp_path, on_step=die_after(1))
    again = run_loop(player([]), study, reader, 4, tmp_path)
    assert_same(again, whole)
    assert again.mask is None


def test_a_replay_whose_scribbles_share_a_step_is_cut_right(run: Any, tmp_path: Path) -> None:
    # A recording from a challenge file has one step for both classes.
    recording = ScribbleSet().add([[1, 1, 1]], "foreground").add([[2, 2, 2]], "background", step=1)
    reader = RecordedReader(recording)
    run(tmp_path, 3, reader=reader)
    assert_same(run(tmp_path, 1, reader=reader)[0], run(None, 1, reader=reader)[0])


def test_left_over_temporary_folders_are_removed(run: Any, tmp_path: Path) -> None:
    left = tmp_path / ".lesionloop-abc" / "step_0.nii.gz"
    left.parent.mkdir()
    left.write_bytes(b"half")
    run(tmp_path, 1)
    assert not left.parent.exists()


def test_a_folder_that_is_a_file_is_refused(run: Any, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="taken"):
        run(tmp_path / "taken")


@pytest.mark.parametrize("name", ["propagate", "threshold"])
@pytest.mark.parametrize("killed", [0, 2, 4])
def test_a_cold_segmenter_goes_on_as_the_warm_one_would(
    make_study: StudyMaker, reference: NDArray[np.bool_], tmp_path: Path, name: str, killed: int
) -> None:
    reader = SimulatedReader(reference, "random")
    whole = run_loop(load_segmenter(name), make_study(), reader, 5)
    with pytest.raises(KilledError):
        run_loop(load_segmenter(name), make_study(), reader, 5, tmp_path, on_step=die_after(killed))
    assert_same(run_loop(load_segmenter(name), make_study(), reader, 5, tmp_path), whole)


def test_the_fingerprint_is_of_the_content_not_of_the_memory_order(make_study: StudyMaker) -> None:
    study = make_study()
    other = replace(
        study, pet=replace(study.pet, values=np.ascontiguousarray(study.pet.values)), name="b"
    )
    assert study_fingerprint(other) == study_fingerprint(study)
    seen = {
        study_fingerprint(changed(study, what))
        for what in ("a PET value", "the PET's type", "the place", "a CT", "the tracer", "nothing")
    }
    assert len(seen) == 6
    activity = replace(study, pet=replace(study.pet, quantity=Quantity.BQ_ML))
    assert study_fingerprint(activity) not in seen
    flipped = replace(study.grid, direction=(1, 0, 0, 0, -1, 0, 0, 0, 1))
    assert isinstance(flipped, Grid)
    assert study_fingerprint(replace(study, pet=replace(study.pet, grid=flipped))) not in seen
