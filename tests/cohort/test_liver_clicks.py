"""The interactive track over a data set: against the loop and the scores by hand, resumed, told."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from tests.cohort.liver_program import liver_case, program

from lesionloop.cohort.click_tables import CLICK_COLUMNS, write_click_scores
from lesionloop.cohort.liver_clicks import ClickJob, ClickOptions, click_case, load_ct_segmenter
from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Quantity, Study, Volume, read_label, read_volume, write_volume
from lesionloop.imaging.study import ct_study
from lesionloop.metrics import voxel_dice
from lesionloop.scribbles.clicks import read_clicks, simulate_clicks, write_clicks
from lesionloop.segmenters import load_segmenter


def test_a_case_by_hand(tmp_path: Path) -> None:
    case = liver_case(tmp_path / "data", "c1", lesions=2)
    out = tmp_path / "out"
    options = ClickOptions(program(tmp_path), keep_masks=True)
    outcome = click_case(ClickJob(case, out, options))
    assert outcome.record is not None, outcome.problem
    label = read_label(case.labels["venous"])
    reference = label.values == 2
    clicks = read_clicks(out / "clicks" / "c1_clicks.json", label.grid.shape)
    expected = simulate_clicks(reference, label.values)
    np.testing.assert_array_equal(clicks.lesion, expected.lesion)
    np.testing.assert_array_equal(clicks.background, expected.background)
    dice = []
    for number in range(11):
        mask = read_label(out / "masks" / "c1" / f"c1_{number}.nii.gz")
        assert mask.grid.agrees_with(label.grid)
        assert set(np.unique(mask.values)) <= {0, 1}
        dice.append(voxel_dice(mask.values, reference))
    steps = outcome.record["steps"]
    assert [step["clicks"] for step in steps] == list(range(11))
    np.testing.assert_allclose([step["dice"] for step in steps], dice, atol=1e-12)
    assert (steps[0]["dice"], steps[0]["assd"], steps[0]["msd"]) == (0.0, 9001.0, 9001.0)
    size = reference.sum()
    # A click in each ball finds the whole of both; then each click only adds a wrong voxel.
    np.testing.assert_allclose(dice[2:], [2 * size / (2 * size + n) for n in range(2, 11)])
    strict, official = outcome.record["curve"]["strict"], outcome.record["curve"]["official"]
    assert strict["auc"]["dice"] == pytest.approx(np.trapezoid(dice))
    by_name = [dice[int(name)] for name in sorted(map(str, range(11)))]
    assert official["auc"]["dice"] == pytest.approx(np.trapezoid(by_name))
    assert (strict["final"]["dice"], official["final"]["dice"]) == (dice[10], dice[9])


def test_what_was_done_is_kept_and_what_changed_is_not(tmp_path: Path) -> None:
    case = liver_case(tmp_path / "data", "c1", lesions=1)
    out = tmp_path / "out"
    name = program(tmp_path)
    first = click_case(ClickJob(case, out, ClickOptions(name, keep_masks=True)))
    again = click_case(ClickJob(case, out, ClickOptions(name, keep_masks=True)))
    assert (first.resumed, again.resumed) == (False, True)
    assert again.record == json.loads(json.dumps(first.record))
    program(tmp_path, strict=True)  # the same name, another program
    changed = click_case(ClickJob(case, out, ClickOptions(name)))
    assert not changed.resumed
    assert changed.record is not None
    failures = [step["failure"] for step in changed.record["steps"]]
    assert "no click yet" in failures[0]
    assert failures[1:] == [None] * 10
    assert changed.record["steps"][0]["dice"] == 0
    assert not (out / "masks" / "c1").exists()  # those of the other run


def test_given_clicks(tmp_path: Path) -> None:
    case = liver_case(tmp_path / "data", "c1", lesions=1)
    label = read_label(case.labels["venous"])
    clicks = simulate_clicks(label.values == 2, label.values, seed=7)
    folder = tmp_path / "given"
    folder.mkdir()
    options = ClickOptions(program(tmp_path), clicks=folder)
    missing = click_case(ClickJob(case, tmp_path / "out", options))
    assert "c1 has no clicks" in (missing.problem or "")
    write_clicks(folder / "c1_clicks.json", clicks)
    assert click_case(ClickJob(case, tmp_path / "out", options)).record is not None
    shown = read_clicks(tmp_path / "out" / "clicks" / "c1_clicks.json")
    np.testing.assert_array_equal(shown.lesion, clicks.lesion)
    (folder / "c1_clicks.json").write_text('{"lesion": [[99, 0, 0]], "background": []}')
    outside = click_case(ClickJob(case, tmp_path / "out", options))
    assert "c1_clicks.json" in (outside.problem or "")
    assert not outside.is_fault


def test_an_empty_reference_is_not_defined_and_left_out_of_the_means(tmp_path: Path) -> None:
    options = ClickOptions(program(tmp_path))
    out = tmp_path / "out"
    records = []
    for name, lesions in (("c1", 1), ("c2", 0)):
        case = liver_case(tmp_path / "data", name, lesions=lesions, images="imagesTs")
        found = click_case(ClickJob(case, out, options)).record
        assert found is not None
        records.append(found)
    assert records[1]["curve"] is None
    assert (records[1]["lesion_clicks"], records[1]["background_clicks"]) == (0, 10)
    report = write_click_scores(out, records[::-1], {"c3": "why"}, {"seed": 42}, "official")
    assert report == json.loads((out / "clicks.json").read_text())
    assert (report["scored"], report["without_lesion"]) == (1, ["c2"])
    assert report["failed"] == {"c3": "why"}
    official = records[0]["curve"]["official"]
    assert report["means"]["official"]["ASD@AUC"] == official["auc"]["assd"]
    assert report["means"]["strict"]["DSC@AUC"] == records[0]["curve"]["strict"]["auc"]["dice"]
    assert list(report["means"]["strict"]) == list(CLICK_COLUMNS)
    assert report["cases"][0]["values"]["MSD@Final"] == official["final"]["msd"]
    rows = list(csv.DictReader((out / "clicks.csv").open()))
    assert [(row["case"], row["clicks"]) for row in rows] == [
        (name, str(number)) for name in ("c1", "c2") for number in range(11)
    ]
    assert {row["dice"] for row in rows[11:]} == {"nan"}
    assert "<svg" in (out / "curve.svg").read_text()
    nothing = write_click_scores(out, [], {}, {})
    assert nothing["means"]["strict"]["DSC@AUC"] is None


def test_cases_that_cannot_be_run(tmp_path: Path) -> None:
    name = program(tmp_path)
    case = liver_case(tmp_path / "data", "c1", lesions=1)
    job = ClickJob(case, tmp_path / "out", ClickOptions(name, phase="arterial"))
    assert "no CT of the phase arterial" in (click_case(job).problem or "")
    label = read_label(case.labels["venous"])
    write_volume(Volume(label.values * 3, label.grid, Quantity.LABEL), case.labels["venous"])
    wrong = click_case(ClickJob(case, tmp_path / "out", ClickOptions(name)))
    assert "holds the values 0, 3, 6" in (wrong.problem or "")
    other = Grid(label.grid.shape, (3.0, 3.5, 5.5))
    write_volume(Volume(label.values, other, Quantity.LABEL), case.labels["venous"])
    moved = click_case(ClickJob(case, tmp_path / "out", ClickOptions(name)))
    assert "not on the same grid" in (moved.problem or "")
    (tmp_path / "run.py").write_text("#!/bin/sh\necho broken >&2; exit 4\n")
    case = liver_case(tmp_path / "data", "c1", lesions=1)
    broken = click_case(ClickJob(case, tmp_path / "out", ClickOptions(name)))
    assert "c1 got no mask" in (broken.problem or "")
    assert "broken" in (broken.problem or "")
    assert not broken.is_fault
    assert not (tmp_path / "out" / "cases").exists()


@pytest.mark.parametrize("name", ["default", "propagate", "threshold"])
def test_segmenters_of_pet_are_refused_before_and_at_the_study(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot segment a CT alone") as caught:
        load_ct_segmenter(name)
    assert "command:PROGRAM" in str(caught.value)
    case = liver_case(tmp_path, "c1", lesions=1)
    study = ct_study(read_volume(case.images["venous"], Quantity.HU), name="c1")
    assert not study.has_pet
    with pytest.raises(InputError, match="c1 is a CT without a PET"):
        load_segmenter(name).open(study)


def test_a_ct_that_is_none() -> None:
    pet = Volume(np.ones((4, 4, 4), np.float32), Grid((4, 4, 4), (1.0, 1.0, 1.0)), Quantity.SUV_BW)
    study = Study(pet, None, "x")
    with pytest.raises(InputError, match="is no CT but suv_bw"):
        ct_study(study.pet, name="x")
    bad = np.zeros((4, 4, 4), np.float32)
    bad[1, 2, 3] = np.nan
    with pytest.raises(InputError, match="NaN or infinite"):
        ct_study(Volume(bad, study.grid, Quantity.HU), name="x")
    assert study.has_pet
