"""Scores by points: which points are given, to whom, and what is written."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.cohort import point_scores
from lesionloop.cohort.point_scores import PointOptions, evaluate_points, score_case_points
from lesionloop.datasets.nnunet import find_cases
from lesionloop.errors import InputError
from lesionloop.imaging import Study
from lesionloop.scribbles import ScribbleSet

DatasetMaker = Callable[..., Path]


class Cube:
    """A segmenter that paints 5 x 5 x 5 voxels around foreground points."""

    name = "cube"
    identity: dict[str, object] = {"name": "cube"}  # noqa: RUF012

    def __init__(self) -> None:
        self.shapes: list[tuple[int, ...]] = []
        self.calls: list[ScribbleSet] = []

    def open(self, study: Study) -> Any:
        self.shapes.append(study.grid.shape)
        self.study = study
        return self

    def segment(self, scribbles: ScribbleSet) -> np.ndarray:
        self.calls.append(scribbles)
        mask = np.zeros(self.study.grid.shape, bool)
        for x, y, z in scribbles.foreground:
            mask[max(x - 2, 0) : x + 3, max(y - 2, 0) : y + 3, max(z - 2, 0) : z + 3] = True
        mask[tuple(scribbles.background.T)] = False
        return mask


def test_every_point_is_where_the_last_mask_was_wrong(make_dataset: DatasetMaker) -> None:
    (case,) = find_cases(make_dataset(("one",)))
    reference = case.read()[1].mask()
    model = Cube()
    rows = score_case_points(model, case, PointOptions(points=(1, 2, 4)))
    assert [(row.asked, row.points, row.target) for row in rows] == [
        (1, 1, "all"), (2, 2, "all"), (4, 4, "all"),
    ]  # fmt: skip
    assert model.shapes == [(26, 22, 15)]
    mask = np.zeros_like(reference)
    replay = Cube()
    replay.open(case.read()[0])
    for number, shown in enumerate(model.calls):
        newest = shown.scribbles[-1]
        assert len(shown) == number + 1
        ((x, y, z),) = newest.points
        assert mask[x, y, z] != reference[x, y, z]
        assert (newest.label == "foreground") == reference[x, y, z]
        mask = replay.segment(shown)
    both = np.count_nonzero(mask & reference)
    assert rows[-1].dice == pytest.approx(
        2 * both / (np.count_nonzero(mask) + np.count_nonzero(reference))
    )


def test_lesions_are_objects_of_their_own_and_small_ones_can_be_left_out(
    make_dataset: DatasetMaker,
) -> None:
    (case,) = find_cases(make_dataset(("one",)))
    rows = score_case_points(Cube(), case, PointOptions(points=(1,), target="lesions"))
    assert sorted(round(row.volume_ml, 3) for row in rows) == [
        round(n * 0.042, 3) for n in (3 * 4 * 3, 7 * 7 * 6)
    ]
    kept = PointOptions(points=(1,), target="lesions", smallest_ml=2.0)
    assert [row.target for row in score_case_points(Cube(), case, kept)] == [
        row.target for row in rows if row.volume_ml > 2
    ]


def test_the_oracle_shows_the_surroundings_of_the_reference_alone(
    make_dataset: DatasetMaker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(point_scores, "_CROP_MM", 30.0)
    (case,) = find_cases(make_dataset(("one",)))
    study, label = case.read()
    model = Cube()
    options = PointOptions(points=(1, 2), target="lesions", crop="oracle", smallest_ml=5.0)
    (one, _) = score_case_points(model, case, options)
    # The lesion 4:11, 5:12, 4:10 has its middle at 7.5, 8.5, 7 (x 3, 3.5, 4 mm).
    assert model.shapes in ([(10, 9, 8)], [(10, 8, 8)])
    crop = model.study
    corner = crop.grid.origin
    start = study.grid.to_index(corner).round().astype(int)
    inside = tuple(slice(a, a + n) for a, n in zip(start, crop.grid.shape, strict=True))
    assert np.array_equal(crop.pet.values, study.pet.values[inside])
    assert crop.ct is not None
    assert one.volume_ml == pytest.approx(7 * 7 * 6 * 0.042)
    assert label.mask()[inside].sum() == 7 * 7 * 6


def test_nothing_is_asked_of_a_segmenter_that_is_right(make_dataset: DatasetMaker) -> None:
    (case,) = find_cases(make_dataset(("one",)))
    reference = case.read()[1].mask()

    class Right(Cube):
        def segment(self, scribbles: ScribbleSet) -> np.ndarray:
            self.calls.append(scribbles)
            return reference.copy()

    model = Right()
    rows = score_case_points(model, case, PointOptions(points=(1, 3, 5)))
    assert [(row.points, row.dice, row.nsd) for row in rows] == [(1, 1.0, 1.0)] * 3
    assert len(model.calls) == 1


def test_files_and_summary(make_dataset: DatasetMaker, tmp_path: Path) -> None:
    out = tmp_path / "out"
    seen: list[tuple[str, int, int]] = []
    data = make_dataset()
    report = evaluate_points(
        data, out, segmenter="threshold", options=PointOptions(points=(1, 3)),
        on_case=lambda *done: seen.append(done),
    )  # fmt: skip
    assert [done for _, done, _ in seen] == [1, 2]
    with (out / "points.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    stored = json.loads((out / "points.json").read_text())
    assert stored["summary"] == report["summary"]
    assert [entry["points"] for entry in stored["summary"]] == [1, 3]
    for entry in stored["summary"]:
        values = [float(row["dice"]) for row in rows if int(row["asked"]) == entry["points"]]
        assert entry["objects"] == 2
        assert entry["dice_median"] == pytest.approx(np.median(values))
        assert entry["dice_q1"] == pytest.approx(np.quantile(values, 0.25))
    for name in ("dice", "nsd"):
        text = (out / f"{name}.svg").read_text()
        assert text.startswith('<svg xmlns="http://www.w3.org/2000/svg" ')
        assert "median" in text
    again = evaluate_points(
        data, tmp_path / "again", segmenter="threshold", options=PointOptions(points=(1, 3))
    )
    assert [entry["dice_median"] for entry in again["summary"]] == [
        entry["dice_median"] for entry in report["summary"]
    ]


@pytest.mark.parametrize(
    "options", [{"points": ()}, {"points": (3, 1)}, {"points": (0,)}, {"target": "organ"},
                {"crop": "centre"}, {"rule": "best"}],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputError):
        PointOptions(**options)
