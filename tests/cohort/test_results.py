"""Stored scores of several algorithms brought together, and their ranking."""

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lesionloop.cohort.results import centres_of, read_results
from lesionloop.cohort.standings import rank_results
from lesionloop.cohort.strata import strata_of
from lesionloop.errors import InputError

COLUMNS = (
    "case", "segmenter", "strategy", "step", "dice", "dmm", "tp", "fp", "fn", "fpv_ml", "fnv_ml",
    "seconds",
)  # fmt: skip
NAN = float("nan")

#: (case, segmenter, strategy, Dice per step, DMM per step)
Loop = tuple[str, str, str, Sequence[float], Sequence[float]]


def write(folder: Path, *loops: Loop) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "scores.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        for case, segmenter, strategy, dice, dmm in loops:
            for step, (d, m) in enumerate(zip(dice, dmm, strict=True)):
                volume = 10.0 * (1 - d)
                writer.writerow(
                    [case, segmenter, strategy, step, d, m, 1, 0, 0, volume, volume, 0.1]
                )
    return folder


def two_teams(tmp_path: Path) -> list[Path]:
    good = write(
        tmp_path / "a",
        ("x_1_1", "good", "random", [0.5, 1.0], [0.5, 1.0]),
        ("x_2_2", "good", "random", [0.4, 0.8], [0.4, 0.8]),
        ("y_3_3", "good", "random", [1.0, 1.0], [NAN, NAN]),
    )
    poor = write(
        tmp_path / "b",
        ("x_1_1", "poor", "random", [0.2, 0.4], [0.2, 0.4]),
        ("y_3_3", "poor", "random", [0.0, 0.0], [NAN, NAN]),
    )
    return [good, poor]


def test_values_are_areas_ends_and_worst_ones_where_nothing_was_given_in(tmp_path: Path) -> None:
    scores = read_results(two_teams(tmp_path))
    assert scores.algorithms == ("good", "poor")
    assert scores.cases == ("x_1_1", "x_2_2", "y_3_3")
    np.testing.assert_array_equal(scores.lesion_free, [False, False, True])
    np.testing.assert_array_equal(scores.missing, [[0, 0, 0], [0, 1, 0]])
    table = scores.table()
    np.testing.assert_allclose(table.values["auc_dice"], [[0.75, 0.6, 1.0], [0.3, 0, 0]])
    np.testing.assert_allclose(table.values["auc_dmm"], [[0.75, 0.6, NAN], [0.3, 0, NAN]])
    np.testing.assert_allclose(table.values["final_dice"], [[1, 0.8, 1], [0.4, 0, 0]])
    np.testing.assert_allclose(table.values["fpv_ml"], [[0, 2, 0], [6, 2, 10]])
    assert scores.table(empty="evaluator").cases == ("x_1_1", "x_2_2")
    assert scores.mean_curve("dice", 1) == pytest.approx([0.2 / 3, 0.4 / 3])


def test_strategies_of_a_case_are_averaged_and_a_missing_one_counts_as_worst(
    tmp_path: Path,
) -> None:
    place = write(
        tmp_path / "a",
        ("c", "one", "random", [0.2, 0.4], [0.2, 0.4]),
        ("c", "one", "boundary", [0.6, 0.8], [0.6, 0.8]),
        ("c", "two", "random", [0.5, 0.5], [0.5, 0.5]),
    )
    table = read_results([place]).table()
    np.testing.assert_allclose(table.values["auc_dice"], [[0.5], [0.25]])
    np.testing.assert_array_equal(table.missing, [[False], [True]])


def test_thirds_are_not_missing_in_the_other_strategies(tmp_path: Path) -> None:
    place = write(
        tmp_path / "a",
        ("c", "one", "random", [0.2], [0.2]),
        ("d", "one", "boundary", [0.6], [0.6]),
    )
    assert not read_results([place]).missing.any()


def test_a_loop_that_ended_early_carries_its_last_value_forward(tmp_path: Path) -> None:
    place = write(
        tmp_path / "a",
        ("c", "long", "reader-1", [0.0, 0.5, 1.0], [0.0, 0.5, 1.0]),
        ("c", "short", "reader-1", [0.4, 0.8], [0.4, 0.8]),
    )
    scores = read_results([place])
    assert scores.carried == 1
    np.testing.assert_allclose(scores.table().values["auc_dice"], [[1.0], [1.4]])


def test_segmenters_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    for name in ("first", "second"):
        write(tmp_path / name, ("c", "default", "random", [0.5], [0.5]))
    scores = read_results([tmp_path / "first", tmp_path / "second" / "scores.csv"])
    assert scores.algorithms == ("first/default", "second/default")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("case,step\n", "no column 'segmenter'"),
        (",".join(COLUMNS) + "\n", "there are no scores"),
        (",".join(COLUMNS) + "\nc,s,r,0,x,1,1,1,1,1,1,1\n", "line 2: not a row of scores"),
        (",".join(COLUMNS) + "\nc,s,r,1,1,1,1,1,1,1,1,1\n", "steps are not 0, 1, 2"),
        (",".join(COLUMNS) + "\n" + "c,s,r,0,1,1,1,1,1,1,1,1\n" * 2, "stands twice"),
    ],
)
def test_damaged_tables_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "scores.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_results([tmp_path])


def test_centres_from_names_and_files(tmp_path: Path) -> None:
    assert centres_of(["fdg_ukt_1", "psma_lmu_2"], "name") == ["fdg_ukt", "psma_lmu"]
    assert centres_of(["a"], None) is None
    path = tmp_path / "centres.csv"
    path.write_text("case,centre\na,north\nb,south\n")
    assert centres_of(["b", "a"], str(path)) == ["south", "north"]
    with pytest.raises(InputError, match="no centre for 1 cases, the first is c"):
        centres_of(["a", "c"], str(path))
    with pytest.raises(InputError, match="cannot read"):
        centres_of(["a"], str(tmp_path / "none.csv"))


def test_the_ranking_is_written_in_all_forms_and_repeats(tmp_path: Path) -> None:
    places = two_teams(tmp_path)
    out = tmp_path / "out"
    out.mkdir()
    result = rank_results(places, out, centres="name", resamples=50)
    assert [entry["algorithm"] for entry in result["algorithms"]] == ["good", "poor"]
    assert result["algorithms"][1]["missing_cases"] == 1
    assert result["lesion_free_cases"] == 1
    assert result["places_with_lesions_only"] == {"good": 1, "poor": 2}
    assert json.loads((out / "ranking.json").read_text()) == result
    with (out / "ranking.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["place"] for row in rows] == ["1", "2"]
    page = (out / "ranking.html").read_text()
    for anchor in ("result", "sure", "curves", "cases", "pairs", "robust", "failures", "facts"):
        assert f'id="{anchor}"' in page
    assert "poor: no result for x_2_2" in page
    assert "<script" not in page
    figures = sorted(path.name for path in (out / "figures").iterdir())
    assert "blobs.svg" in figures
    assert 'xmlns="http://www.w3.org/2000/svg"' in (out / "figures/blobs.svg").read_text()
    again = rank_results(places, None, centres="name", resamples=50)
    assert again == result


def test_names_from_outside_are_no_markup(tmp_path: Path) -> None:
    place = write(tmp_path / "a", ("<b>c</b>", "<script>x</script>", "random", [0.5], [0.5]))
    out = tmp_path / "out"
    out.mkdir()
    rank_results([place], out, resamples=10)
    page = (out / "ranking.html").read_text()
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<script" not in (out / "figures/blobs.svg").read_text()


def test_the_worst_cases_are_shown_as_far_as_there_are_pictures(tmp_path: Path) -> None:
    png = make_png()
    place = write(
        tmp_path / "a",
        ("fine", "good", "random", [0.9, 1.0], [1.0, 1.0]),
        ("worst", "good", "random", [0.0, 0.3], [0.5, 1.0]),
        ("../../../outside", "good", "random", [0.0, 0.1], [0.5, 1.0]),
        ("case", "../../outside", "random", [0.0, 0.1], [0.5, 1.0]),
        ("no picture", "good", "random", [0.0, 0.0], [0.5, 1.0]),
    )
    for case, content in (
        ("good/random/worst", png), ("good/random/fine", b"<svg>"),
        ("good/random/../../../outside", png), ("../../outside/random/case", png),
    ):  # fmt: skip
        folder = place / "traces" / case
        folder.mkdir(parents=True)
        (folder / "last.png").write_bytes(content)
    out = tmp_path / "out"
    out.mkdir()
    rank_results([place], out, resamples=10)
    page = (out / "ranking.html").read_text()
    assert page.count("data:image/png;base64,") == 1
    assert "good: worst, random, Dice 0.30" in page


def make_png() -> bytes:
    file = io.BytesIO()
    Image.new("L", (3, 2)).save(file, "PNG")
    return file.getvalue()


def test_strata_are_read_from_the_folders_and_shown(tmp_path: Path) -> None:
    places = two_teams(tmp_path)
    (places[0] / "cases.csv").write_text(
        "case,tracer,lesions,volume_ml,suv_max,largest_ml\n"
        "x_1_1,fdg,1,5.0,4.0,5.0\nx_2_2,psma,7,150.0,20.0,90.0\ny_3_3,psma,0,0.0,nan,0.0\n"
    )
    scores = read_results(places)
    found = strata_of(scores.cases, ["p", "p", "q"], scores.rows)
    assert {kind: list(strata) for kind, strata in found.items()} == {
        "centre": ["p", "q"],
        "tracer": ["FDG", "PSMA"],
        "lesion volume": ["0 to 10 ml", "from 100 ml"],
        "highest SUV in a lesion": ["0 to 5", "from 15"],
        "number of lesions": ["1 to 2", "from 6"],
    }
    np.testing.assert_array_equal(found["tracer"]["PSMA"], [False, True, True])
    assert not any(strata[name][2] for kind, strata in found.items() for name in strata
                   if kind not in ("centre", "tracer"))  # fmt: skip
    out = tmp_path / "out"
    out.mkdir()
    rank_results(places, out, resamples=10)
    assert "AUC-Dice by lesion volume" in (out / "ranking.html").read_text()
    (places[0] / "cases.csv").write_text(
        "case,tracer,lesions,volume_ml,suv_max,largest_ml\nx_1_1,fdg,many,5.0,4.0,5.0\n"
    )
    with pytest.raises(InputError, match="not a row of a case"):
        read_results(places)
