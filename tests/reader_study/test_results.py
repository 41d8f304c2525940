"""The results of a whole study, against figures worked out by hand."""

import csv
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from lesionloop.errors import InputError
from lesionloop.imaging import Grid, write_mask
from lesionloop.reader_study import Protocol, Reading, plan_readings
from lesionloop.reader_study.results import find_results, write_results
from lesionloop.reader_study.table import Kept

SHAPE = (12, 10, 8)
GRID = Grid(SHAPE, (2.0, 3.0, 4.0))
PROTOCOL = Protocol(
    title="Hand-made <study>", design="crossover", arms=("manual", "assisted"), seed=2,
    washout_days=0, readers=("A", "B"), cases=("x", "y", "z"), instructions="",
    arm_text={"manual": "", "assisted": ""},
)  # fmt: skip
#: Seconds that a reading took its reader, and the model.
ACTIVE = {"x": (50, 10), "y": (40, 20), "z": (30, 3)}


@dataclass(frozen=True)
class Said:
    number: int
    time: float
    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


def bar(length: int, y: int = 2) -> NDArray[np.bool_]:
    """Voxels in a row; 24 mm3 each."""
    mask = np.zeros(SHAPE, dtype=np.bool_)
    mask[1 : 1 + length, y, 3] = True
    return mask


def kept(reading: Reading, folder: Path) -> Kept:
    """A reading of known times: B takes twice as long as A; masks are bars of 8 and of 4 + 4."""
    manual, assisted = ACTIVE[reading.case]
    seconds = (manual if reading.arm == "manual" else assisted) * (1 + (reading.reader == "B"))
    wait = 0.0 if reading.arm == "manual" else 2.0
    half = seconds / 2
    events = [
        Said(1, 1e9, "open"),
        Said(2, 1e9 + wait + half, "scribble", {"label": "foreground"}),
        Said(3, 1e9 + wait + half + 1000, "pause"),  # idle
        Said(4, 1e9 + wait + half + 1500, "resume"),  # idle
        Said(5, 1e9 + wait + 1500 + 2 * half, "done", {"confidence": 3}),
    ]
    session = f"{reading.reader}{reading.position}"
    mask = bar(8) if reading.arm == "manual" or reading.reader == "A" else bar(4)
    write_mask(mask, GRID, folder / f"{session}.nii.gz")
    return Kept(session, events, {1: wait}, folder / f"{session}.nii.gz")


@pytest.fixture
def readings(tmp_path: Path) -> dict[Reading, Kept]:
    return {reading: kept(reading, tmp_path / "masks") for reading in plan_readings(PROTOCOL)}


def test_the_table_and_the_saving(readings: dict[Reading, Kept], tmp_path: Path) -> None:
    write_mask(bar(8) | bar(4, y=6), GRID, tmp_path / "labels" / "x.nii.gz")
    found = find_results(PROTOCOL, readings, references=tmp_path / "labels", resamples=2000)
    assert len(found.rows) == 12
    for row in found.rows:
        manual, assisted = ACTIVE[row.case]
        seconds = (manual if row.arm == "manual" else assisted) * (1 + (row.reader == "B"))
        assert row.active_s == pytest.approx(seconds)
        assert row.wait_s == (0 if row.arm == "manual" else 2)
        assert row.idle_s == pytest.approx(1500)
        assert (row.state, row.foreground, row.background, row.confidence) == ("done", 1, 0, 3)
        voxels = 8 if row.arm == "manual" or row.reader == "A" else 4
        assert row.mtv_ml == pytest.approx(voxels * 0.024)
        assert row.lesions == 1
        if row.case == "x":  # 12 voxels in two lesions, of which one is found
            assert row.dice == pytest.approx(2 * voxels / (voxels + 12))
            assert row.dmm == pytest.approx(2 / 3)
            assert (row.fpv_ml, row.fnv_ml) == pytest.approx((0, 4 * 0.024))
        else:
            assert np.isnan(row.dice)
    # Means of A and B: manual 75, 60, 45; assisted 15, 30, 4.5, and 2 s of waiting with it.
    saved = [1 - 17 / 75, 1 - 32 / 60, 1 - 6.5 / 45]
    assert list(found.saved.values()) == pytest.approx(saved)
    task, active = found.savings["task_s", "all"], found.savings["active_s", "all"]
    assert task.cases == 3
    assert task.median == pytest.approx(np.median(saved))
    assert active.median == pytest.approx(1 - 15 / 75)
    assert task.p == stats.wilcoxon([75, 60, 45], [17, 32, 6.5]).pvalue
    assert found.savings["active_s", "B"].median == pytest.approx(0.8)
    # A and B drew the same by hand; with assistance 8 voxels against 4 of them.
    dice = {(row.case, row.arm): row.dice for row in found.agreement}
    assert dice["y", "manual"] == 1.0
    assert dice["y", "assisted"] == pytest.approx(2 * 4 / 12)
    assert found.notes == ["no reference for y, z"]

    summary = write_results(found, tmp_path / "out", {"command": "lesionloop"})
    assert json.loads((tmp_path / "out" / "summary.json").read_text()) == summary
    assert summary["readings"] == {"done": 12, "open": 0, "waiting": 0}
    spreads = {(arm["arm"], arm["period"]): arm for arm in summary["arms"]}
    assert spreads["manual", None]["task_s"]["count"] == 6
    assert spreads["manual", None]["task_s"]["median"] == pytest.approx(55)
    with (tmp_path / "out" / "cases.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["idle_s"]) == pytest.approx(1500)
    with (tmp_path / "out" / "events.csv").open(newline="") as file:
        events = list(csv.DictReader(file))
    assert len(events) == 12 * 5
    total = sum(float(event["active_s"]) for event in events)
    assert total == pytest.approx(sum(row.active_s for row in found.rows))
    text = (tmp_path / "out" / "report.html").read_text()
    assert "Hand-made &lt;study&gt;" in text
    assert f"{np.median(saved):.1%}" in text


def test_a_study_in_the_middle(readings: dict[Reading, Kept], tmp_path: Path) -> None:
    """A pair counts when both arms are finished; what is not there is said, not filled in."""
    plan = plan_readings(PROTOCOL)
    few = {reading: readings[reading] for reading in plan if reading.period == 1}
    found = find_results(PROTOCOL, few)
    assert found.savings["task_s", "all"].cases == 0
    assert "6 of 12 readings are not finished" in found.notes
    assert {row.state for row in found.rows} == {"done", "waiting"}
    summary = write_results(found, tmp_path / "out", {})
    assert summary["saving"][0]["median"] is None
    # One more: a reader's own pair, whatever the other one did.
    more = next(r for r in plan if r.reader == "B" and r.period == 2)
    found = find_results(PROTOCOL, {**few, more: readings[more]})
    manual, assisted = ACTIVE[more.case]
    assert found.saved[more.case] == pytest.approx(1 - (2 * assisted + 2) / (2 * manual))
    assert found.savings["task_s", "all"].cases == 1


def test_nothing_at_all(tmp_path: Path) -> None:
    found = find_results(PROTOCOL, {})
    write_results(found, tmp_path / "out", {})
    assert (tmp_path / "out" / "report.html").is_file()
    with pytest.raises(InputError, match="no folder"):
        find_results(PROTOCOL, {}, references=tmp_path / "none")
