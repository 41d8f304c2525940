"""``lesionloop evaluate-points``, and ``train`` with a recipe of the network of points."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.datasets import write_case
from lesionloop.imaging import Grid, Quantity, Study, Volume

Cli = Callable[..., Any]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two cases with one hot lesion each."""
    for number in (1, 2):
        grid = Grid((24, 20, 18), (4.0, 4.0, 4.0))
        suv = np.full(grid.shape, 0.5, np.float32)
        label = np.zeros(grid.shape, np.uint8)
        label[6:12, 7:12, 5 : 9 + number] = 1
        suv[label > 0] = 8
        study = Study(Volume(suv, grid, Quantity.SUV_BW), None, f"case{number}")
        write_case(study, tmp_path / "data", label=Volume(label, grid, Quantity.LABEL))
    return tmp_path / "data"


def test_scores_as_a_table_and_as_json(cli: Cli, dataset: Path, tmp_path: Path) -> None:
    arguments = (
        "evaluate-points",
        dataset,
        "--segmenter",
        "threshold",
        "--points",
        2,
        "--points",
        1,
    )
    outcome = cli(*arguments, "--out", tmp_path / "a", "--json")
    assert outcome.code == 0, outcome.err
    report = json.loads(outcome.out)
    assert [entry["points"] for entry in report["summary"]] == [1, 2]
    assert report["summary"][0]["objects"] == 2
    assert report["summary"][1]["dice_median"] > 0.9
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == [
        "dice.svg", "nsd.svg", "points.csv", "points.json",
    ]  # fmt: skip
    table = cli(*arguments, "--out", tmp_path / "b").out
    assert "dice median" in table


def test_usage_that_makes_no_sense(cli: Cli, dataset: Path, tmp_path: Path) -> None:
    for arguments in (
        ("--points", 0),
        ("--points", "1,two"),
        ("--target", "organ"),
        ("--crop", "middle"),
    ):
        outcome = cli("evaluate-points", dataset, "--out", tmp_path / "a", *arguments)
        assert outcome.code == 2
        assert not (tmp_path / "a").exists()
    big = cli("evaluate-points", dataset, "--out", tmp_path / "a", "--smallest-ml", 500)
    assert big.code == 2
    assert "no object" in big.err


def test_a_recipe_of_points_is_trained_and_its_weights_are_used(
    cli: Cli, dataset: Path, tmp_path: Path
) -> None:
    pytest.importorskip("torch")
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        'method = "seganypet"\nsteps = 2\nbatch = 1\nmicro_batch = 1\nspacing_mm = 4.0\n'
        'clicks = [1, 2]\n[[data]]\nkind = "studies"\nfolder = "data"\nexclude = ["case1"]\n'
    )
    out = tmp_path / "run"
    part = cli("train", recipe, "--out", out, "--device", "cpu", "--threads", 1, "--steps", 1)
    assert part.code == 0, part.err
    outcome = cli("train", recipe, "--out", out, "--device", "cpu", "--threads", 1, "--json")
    assert outcome.code == 0, outcome.err
    told = json.loads(outcome.out)
    assert told["steps"] == 2
    assert len(told["dice_by_click"]) == 5
    refused = cli("train", recipe, "--out", out, "--average-with", out)
    assert refused.code == 2
    assert "--average-with" in refused.err
    scored = cli(
        "evaluate-points", dataset, "--segmenter", f"seganypet:{out / 'network.pt'}",
        "--points", 1, "--out", tmp_path / "points", "--json",
    )  # fmt: skip
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["summary"][0]["objects"] == 2
