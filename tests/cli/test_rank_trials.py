"""``lesionloop rank --scheme trials`` at the command line."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lesionloop.ranking.trials import BLOCKS, CaseRecord, write_records

Cli = Callable[..., Any]

METRICS = BLOCKS["combined"].metrics


def table(path: Path, rows: dict[tuple[str, str, str], float]) -> Path:
    """Values per centre: (team, centre, paradigm) -> all metrics, errors the other way round."""
    columns = [*METRICS, "voe", "rvd_k", "assd_k", "rmsd_k", "msd_k"]
    lines = ["team,centre,paradigm," + ",".join(columns)]
    for names, value in rows.items():
        metrics = [value] * 6 + [1 - value] * 5
        lines.append(",".join([*names, *map(str, metrics)]))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture
def tables(tmp_path: Path) -> Path:
    values = {"good": 0.8, "poor": 0.3, "model": 0.6}
    return table(
        tmp_path / "values.csv",
        {
            (team, centre, block): value - 0.1 * (block == "combined")
            for team, value in values.items()
            for centre in ("north", "south")
            for block in ("visible", "combined")
        },
    )


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A folder with a table of records in which one is better on most cases."""
    found = [
        CaseRecord(
            "task1", centre, name, f"{centre}{case}",
            tp0=hits, fp0=1, fn0=2 - hits, tp05=hits, fp05=1, fn05=2 - hits,
            intersection=40 * hits, volumes=200, dice=0.4 * hits,
            sum_dice=0.8 * hits, sum_jaccard=0.7 * hits, sum_voe=0.3 * hits, sum_rvd=0.1 * hits,
            sum_assd=hits, sum_rmsd=2 * hits, sum_msd=4 * hits, reference=100,
        )
        for centre in ("north", "south")
        for case in range(6)
        for name, hits in (("good", 2 - (case == 0)), ("poor", 1), ("<b>", 0))
    ]  # fmt: skip
    write_records(tmp_path / "team" / "case_records.csv", found)
    return tmp_path / "team"


def test_records_are_ranked_with_intervals(cli: Cli, records: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = cli("rank", "--scheme", "trials", records, "--out", out, "--resamples", 50, "--json")
    assert (done.code, done.err) == (0, "")
    found = json.loads(done.out)
    assert found == json.loads((out / "ranking.json").read_text())
    first, *_, last = found["ranking"]
    assert (first["competitor"], last["competitor"]) == ("good", "<b>")
    assert (first["place_low"], first["place"], last["place_high"]) == (1, 1, 3)
    assert first["places_without_centre"] == {"north": 1, "south": 1}
    assert found["resamples"] == 50
    assert set(found["not_reproducible"])
    with (out / "cells.csv").open() as file:
        cells = list(csv.DictReader(file))
    assert len(cells) == 6
    good = cells[0]
    assert float(good["recall_iou05"]) == pytest.approx(11 / 12)
    assert float(good["assd"]) == pytest.approx((11 + 9001 * 7) / 18)
    assert float(good["assd_low"]) <= float(good["assd"]) <= float(good["assd_high"])
    page = (out / "ranking.html").read_text()
    assert "<b>" not in page
    assert "&lt;b&gt;" in page
    assert {path.name for path in (out / "figures").iterdir()} == {
        "places-task1.svg",
        "ranks-task1.svg",
    }
    accepted = cli("rank", "--scheme", "trials", records, "--lesion-means", "accepted", "--json")
    assert json.loads(accepted.out)["cells"][0]["assd"] == 1


def test_tables_are_ranked_without_intervals(cli: Cli, tables: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    given = ("rank", "--scheme", "trials", tables, "--off-the-shelf", "model")
    done = cli(*given, "--out", out)
    assert done.code == 0
    assert done.out.index("good") < done.out.index("model") < done.out.index("poor")
    assert not (out / "figures").exists()
    found = json.loads((out / "ranking.json").read_text())
    assert [row["average_rank"] for row in found["ranking"]] == [1, 2, 3]
    assert found["ranking"][0]["combined/north_rank"] == 1
    assert "place_low" not in found["ranking"][0]
    assert found["cells"][0]["assd"] == pytest.approx(200)
    assert found["visible_minus_combined"]["north"]["teams"] == 2
    with (out / "centre_tests.csv").open() as file:
        assert {row["teams"] for row in csv.DictReader(file)} == {"2 and 2"}
    alone = json.loads(cli(*given, "--pool", "challenge", "--json").out)
    assert [row["competitor"] for row in alone["ranking"]] == ["good", "poor"]
    assert alone["outside_pool"] == ["model"]


def test_declared_ties_and_lesions(cli: Cli, tmp_path: Path) -> None:
    same = table(tmp_path / "same.csv", {(t, "x", "T1"): 0.5 for t in ("a", "b")})
    ties = tmp_path / "ties.csv"
    ties.write_text("block,centre,metric,better,worse\ntask1,x,voe,b,a\n")
    lesions = tmp_path / "lesions.csv"
    lesions.write_text("competitor,side,volume_mm3,matched\na,reference,50,1\n")
    out = tmp_path / "out"
    done = cli(
        "rank", "--scheme", "trials", same, "--tie-breaks", ties, "--lesions", lesions,
        "--out", out, "--json",
    )  # fmt: skip
    found = json.loads(done.out)
    assert [row["competitor"] for row in found["ranking"]] == ["b", "a"]
    assert found["ranking"][0]["average_rank"] == pytest.approx(1.5 - 0.5 / 11)
    assert found["size_strata_mm3"][0]["f1"] == 1
    assert "mm³" in (out / "ranking.html").read_text()


def test_penalties_are_rebuilt_from_counts(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "printed.csv"
    columns = [*METRICS, "voe", "rvd_k", "assd_k", "rmsd_k", "msd_k"]
    path.write_text(
        f"team,centre,{','.join(columns)}\n"
        "a,x,0.5,0.5,0.500,0.286,0.500,0.286,0.9,7.0,7.0,7.0,7.0\n"  # 2 of 4, 2 of 7
        "b,x,0.5,0.5,0.400,0.286,0.400,0.286,0.9,7.0,7.0,7.0,7.0\n"  # 2 of 5, 2 of 7
    )
    plain = json.loads(cli("rank", "--scheme", "trials", path, "--json").out)
    rebuilt = json.loads(
        cli("rank", "--scheme", "trials", path, "--rebuild-penalties", "--json").out
    )
    assert [row["assd"] for row in plain["cells"]] == [7000, 7000]
    assert [row["assd"] for row in rebuilt["cells"]] == pytest.approx([9001 * 7 / 9, 9001 * 0.8])


def test_bad_usage_is_said_in_a_line(cli: Cli, tables: Path, records: Path, tmp_path: Path) -> None:
    strange = tmp_path / "strange.csv"
    strange.write_text("a,b\n1,2\n")
    out = tmp_path / "out"
    for place, arguments, message in (
        (tables, ("--metric", "auc_dice"), "do not go with"),
        (tables, ("--pool", "some"), "unknown pool"),
        (tables, ("--pool", "challenge"), "needs the names"),
        (tables, ("--off-the-shelf", "modle"), "no competitor is named"),
        (tables, ("--missing", "zero"), "unknown rule for missing"),
        (tables, ("--ties", "max"), "unknown rule for ties"),
        (tables, ("--family", "none"), "unknown family"),
        (tables, ("--tie-breaks", tmp_path / "no.csv"), "cannot read"),
        (records, ("--lesion-means", "both"), "lesion means"),
        (records, ("--resamples", 0), "resamples"),
        (strange, (), "no table of the benchmark"),
        (tmp_path, (), "cannot read"),
    ):
        done = cli("rank", "--scheme", "trials", place, "--out", out, *arguments)
        assert (done.code, message in done.err) == (2, True), (arguments, done.err)
        assert not out.exists()
    done = cli("rank", tables, "--family", "all")
    assert done.code == 2
    assert "--family is an option of --scheme trials" in done.err
