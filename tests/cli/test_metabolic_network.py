"""``lesionloop metabolic-network`` at the command line."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

Cli = Callable[..., Any]

ORGANS = ("brain", "liver", "spleen", "heart", "pancreas", "strange_organ")


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    """Uptake and covariates of 60 subjects; liver and spleen go together."""
    rng = np.random.default_rng(1)
    values = 3 + 0.3 * rng.normal(size=(60, 6))
    values[:, 2] = values[:, 1] + 0.1 * rng.normal(size=60)
    organs = ["study,organ,suv_mean,suv_peak"]
    people = ["subject,group,age"]
    for n, row in enumerate(values):
        organs += [f"p{n:02d},{o},{v},{2 * v}" for o, v in zip(ORGANS, row, strict=True)]
        people.append(f"p{n:02d},{'ab'[n % 2]},{50 + n % 7}")
    (tmp_path / "organs.csv").write_text("\n".join(organs) + "\n")
    (tmp_path / "people.csv").write_text("\n".join(people) + "\n")
    return tmp_path / "organs.csv", tmp_path / "people.csv"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_one_network(cli: Cli, tables: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = cli("metabolic-network", tables[0], "--out", out, "--bootstrap", 20, "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert found == json.loads((out / "summary.json").read_text())
    assert found["subjects"] == 60
    assert found["networks"]["all"]["bootstrap"]["resamples"] == 20
    edges = rows(out / "edges.csv")
    assert len(edges) == 15
    assert [(e["organ_a"], e["organ_b"]) for e in edges if e["edge"] == "1"] == [
        ("liver", "spleen")
    ]
    matrix = {row["organ"]: row for row in rows(out / "matrix.csv")}
    assert float(matrix["spleen"]["liver"]) == float(matrix["liver"]["spleen"]) > 0.9
    assert [row["organ"] for row in rows(out / "nodes.csv")] == list(ORGANS)
    assert sorted(path.name for path in (out / "figures").iterdir()) == ["body.svg", "matrix.svg"]
    report = (out / "report.html").read_text()
    assert "liver, spleen" in report
    assert "<script" not in report


def test_groups_reference_and_parquet(cli: Cli, tables: tuple[Path, Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("metabolic-network", tables[0], "--covariates", tables[1], "--out", out)
    quick = ("--bootstrap", 10, "--permutations", 20)
    grouped = ("--groups", "group", "--reference", "a")
    done = cli(*words, *quick, *grouped, "--parquet", "--density", 0.2)
    assert done.code == 0, done.err
    assert "matrix distance" in done.out
    assert "Regressed out of every organ: age" in done.err
    assert {row["network"] for row in rows(out / "edges.csv")} == {"a", "b"}
    difference = rows(out / "difference.csv")
    assert len(difference) == 15
    assert len(rows(out / "individuals.csv")) == 60
    stored = parquet.read_table(out / "difference.parquet").to_pylist()
    assert stored[3]["p_family"] == float(difference[3]["p_family"])
    # The same command gives the same files, to the byte.
    before = {path.name: path.read_bytes() for path in out.glob("*.csv")}
    assert cli(*words, *quick, *grouped, "--parquet", "--density", 0.2).code == 0
    assert before == {path.name: path.read_bytes() for path in out.glob("*.csv")}
    # What another run does not write does not stay behind.
    (out / "figures" / "body-scan.svg").write_text("mine")
    assert cli(*words, *quick).code == 0
    assert not list(out.glob("*.parquet"))
    assert not (out / "difference.csv").exists()
    names = sorted(path.name for path in (out / "figures").iterdir())
    assert names == ["body-scan.svg", "body.svg", "matrix.svg"]


def test_the_lasso_is_partial_by_default(
    cli: Cli, tables: tuple[Path, Path], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    words = ("metabolic-network", tables[0], "--out", out, "--estimator", "glasso", "--json")
    found = json.loads(cli(*words, "--bootstrap", 3).out)
    assert found["kind"] == "partial"
    assert found["networks"]["all"]["shrinkage"] > 0
    found = json.loads(cli(*words, "--bootstrap", 0, "--no-partial").out)
    assert found["kind"] == "correlation"


def test_bad_input_is_said_in_a_line(
    refused: Callable[..., str], tables: tuple[Path, Path], tmp_path: Path
) -> None:
    organs, people = tables
    out = tmp_path / "out"
    words = ("metabolic-network", organs, "--out", out)
    refused(*words, "--density", 0.2, "--least-r", 0.6, says=("exclude each other",))
    refused(*words, "--density", 2, says=("above 0 and at most 1",), one_line=True)
    refused(*words, "--estimator", "best", says=("best", "ledoit-wolf"))
    refused(*words, "--value", "sum", says=("'sum'", "liver-ratio"))
    refused(*words, "--organ", "tail", says=("tail", "brain"))
    refused(*words, "--groups", "group", says=("--covariates",))
    refused(*words, "--covariates", people, "--groups", "arm", says=("people.csv", "'arm'"))
    refused(*words, "--covariates", people, "--reference", "a", says=("'a'", "not given"))
    refused("metabolic-network", tmp_path / "none.csv", "--out", out, says=("none.csv",))
    few = tmp_path / "few.csv"
    few.write_text("".join(organs.read_text().splitlines(keepends=True)[: 1 + 6 * 9]))
    refused("metabolic-network", few, "--out", out, says=("9 subjects", "12", "ledoit-wolf"))
