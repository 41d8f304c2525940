"""``lesionloop compare``: recipes of both methods, trained and measured alike."""

import csv
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lesionloop.cohort import phantom_data
from lesionloop.datasets import write_case
from lesionloop.datasets.nnunet import find_cases
from lesionloop.imaging import Grid, Quantity, Study, Volume
from lesionloop.phantom import make_phantom

Cli = Callable[..., Any]

RECIPE = """
steps = 3
batch = 1
pool = 1
patch = 16
widths = [4, 8]
[[data]]
kind = "procedural"
count = 1
"""
POINTS = """
method = "seganypet"
steps = 2
batch = 1
micro_batch = 1
spacing_mm = 4.0
clicks = [1, 2]
[[data]]
kind = "studies"
folder = "data"
exclude = ["case1"]
"""


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


def test_recipes_of_both_methods_and_a_ready_segmenter(
    cli: Cli, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("onnx")
    from lesionloop.training import comparison

    few = partial(comparison.train_candidate, patches=2)
    monkeypatch.setattr(comparison, "train_candidate", few)
    for name, text in (("small", RECIPE), ("points", POINTS)):
        (tmp_path / f"{name}.toml").write_text(text)
    out = tmp_path / "out"
    arguments = ("compare", tmp_path / "small.toml", tmp_path / "points.toml", "--on", dataset,
                 "--out", out, "--segmenter", "threshold", "--points", "2,1", "--steps", 2,
                 "--device", "cpu", "--threads", 1)  # fmt: skip
    outcome = cli(*arguments, "--untrained", "--json")
    assert outcome.code == 0, outcome.err
    networks = {entry["name"]: entry for entry in json.loads(outcome.out)["networks"]}
    assert list(networks) == [
        "small", "small-untrained", "points", "points-untrained", "threshold",
    ]  # fmt: skip
    assert [entry["steps"] for entry in networks.values()] == [2, 0, 2, 0, None]
    assert networks["small"]["parameters_million"] > 0.001
    assert networks["small"]["training_seconds"] > 0
    assert networks["threshold"]["parameters_million"] is None
    for entry in networks.values():
        assert [(score["points"], score["objects"]) for score in entry["scores"]] == [
            (1, 2), (2, 2),
        ]  # fmt: skip
        assert entry["first_seconds"] > 0
    with (out / "comparison.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [(row["network"], row["points"]) for row in rows[:3]] == [
        ("small", "1"), ("small", "2"), ("small-untrained", "1"),
    ]  # fmt: skip
    assert rows[-1]["parameters_million"] == "nan"
    last = networks["threshold"]["scores"][-1]
    assert float(rows[-1]["dice_median"]) == last["dice_median"] > 0.9
    figure = (out / "dice.svg").read_text()
    assert all(f">{name}</text>" in figure for name in networks)
    assert {path.name for path in (out / "threshold" / "points").iterdir()} == {
        "dice.svg", "nsd.svg", "points.csv", "points.json",
    }  # fmt: skip

    # Again: what is trained stays as it is; a higher last step is trained.
    weights = [out / name / "network.pt" for name in ("small", "points")]
    before = [path.stat().st_mtime_ns for path in weights]
    outcome = cli(*arguments)
    assert outcome.code == 0, outcome.err
    assert "small-untrained" not in outcome.out
    assert "Dice 2" in outcome.out
    assert [path.stat().st_mtime_ns for path in weights] == before
    outcome = cli("compare", tmp_path / "small.toml", "--on", dataset, "--out", out,
                  "--points", 1, "--device", "cpu", "--threads", 1, "--json")  # fmt: skip
    assert json.loads(outcome.out)["networks"][0]["steps"] == 3
    assert weights[0].stat().st_mtime_ns > before[0]
    (tmp_path / "small.toml").write_text("seed = 9\n" + RECIPE)
    outcome = cli("compare", tmp_path / "small.toml", "--on", dataset, "--out", out)
    assert (outcome.code, "another recipe" in outcome.err) == (2, True)


def test_phantoms_are_made_once(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small = partial(make_phantom, spacing=(9.0, 9.0, 9.0), shape=(40, 40, 50), lesions=2)
    monkeypatch.setattr(
        phantom_data,
        "make_phantom",
        lambda *, seed, tracer, field_mm: small(seed=seed, tracer=tracer),  # noqa: ARG005
    )
    out = tmp_path / "out"
    arguments = ("compare", "--on", "phantoms", "--phantoms", 2, "--out", out, "--segmenter",
                 "threshold", "--target", "lesions", "--points", "1")  # fmt: skip
    outcome = cli(*arguments)
    assert outcome.code == 0, outcome.err
    cases = find_cases(out / "phantoms")
    assert [case.name for case in cases] == ["fdg_phantom_900", "psma_phantom_901"]
    before = [case.pet.stat().st_mtime_ns for case in cases]
    assert cli(*arguments).code == 0
    assert [case.pet.stat().st_mtime_ns for case in cases] == before
    assert cli(*arguments, "--phantoms", 0).code == 2


def test_what_makes_no_sense_is_refused(refused: Callable[..., str], tmp_path: Path) -> None:
    pytest.importorskip("torch")
    (tmp_path / "a").mkdir()
    for folder in (tmp_path, tmp_path / "a"):
        (folder / "one.toml").write_text(RECIPE)
    phantoms = ("--on", "phantoms", "--out", tmp_path / "out")
    one = tmp_path / "one.toml"
    refused("compare", *phantoms, says=("nothing to compare",))
    refused("compare", one, tmp_path / "a" / "one.toml", *phantoms, says=("one have one name",))
    refused("compare", one, *phantoms, "--points", "1;3", says=("1;3", "1,3,5"))
    refused("compare", one, *phantoms, "--points", "0,1", says=("ascend",), one_line=True)
    refused("compare", one, *phantoms, "--target", "values", says=("values", "lesions"))
    refused("compare", one, *phantoms, "--steps", "0", says=("--steps",), one_line=True)
    refused("compare", one, *phantoms, "--segmenter", "magic", says=("magic",))
    refused("compare", one, "--on", tmp_path / "none", "--out", tmp_path / "out", says=("none",))
    refused("compare", tmp_path / "b.toml", *phantoms, says=("b.toml",))
    one.write_text(RECIPE.replace("patch = 16", 'patch = 16\narchitecture = "unet"'))
    refused("compare", one, *phantoms, says=("architecture is 'unet'", "swinunetr"))
