"""``lesionloop train`` as a command."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

Cli = Callable[..., Any]

RECIPE = """
steps = 3
patch = 16
pool = 2
widths = [4, 8]
[[data]]
kind = "procedural"
count = 2
"""


def test_a_recipe_becomes_weights_that_segment(cli: Cli, small: Any, tmp_path: Path) -> None:
    recipe, out = tmp_path / "tiny.toml", tmp_path / "run"
    recipe.write_text(RECIPE)
    outcome = cli("train", recipe, "--out", out, "--steps", 2, "--device", "cpu")
    assert outcome.code == 0
    assert "2 steps" in outcome.out
    outcome = cli("train", recipe, "--out", out, "--json", "--device", "cpu")
    assert outcome.code == 0
    assert "going on from step 2 of 3" in outcome.err
    assert json.loads(outcome.out)["steps"] == 3
    assert {"checkpoint.pt", "log.csv", "network.json", "network.onnx", "network.pt",
            "progress.html", "tissues"} == {path.name for path in out.iterdir()}  # fmt: skip
    both = tmp_path / "both"
    recipe.write_text(f"seed = 5{RECIPE}")
    outcome = cli("train", recipe, "--out", both, "--average-with", out, "--device", "cpu")
    assert outcome.code == 0
    facts = json.loads((both / "network.json").read_text())
    assert [entry["steps"] for entry in facts["averaged_with"]] == [3]
    numbers = []
    for folder in (out, both):
        graph = onnx.load(folder / "network.onnx").graph
        numbers.append(sum(math.prod(tensor.dims) for tensor in graph.initializer))
    assert numbers[1] > 1.9 * numbers[0]  # constants are shared
    outcome = cli("train", recipe, "--out", tmp_path / "no", "--average-with", tmp_path / "none")
    assert (outcome.code, "none/network.json" in outcome.err) == (2, True)
    dataset = small.dataset(tmp_path / "dataset")
    outcome = cli("evaluate", dataset, "--segmenter", "default", "-o", f"weights={both}",
                  "--steps", 1, "--out", tmp_path / "scores")  # fmt: skip
    assert outcome.code == 0


def test_what_is_wrong_is_said_in_one_line(cli: Cli, tmp_path: Path) -> None:
    recipe = tmp_path / "tiny.toml"
    recipe.write_text(RECIPE.replace("steps", "stepps"))
    outcome = cli("train", recipe, "--out", tmp_path / "run")
    assert outcome.code == 2
    assert "no entry 'stepps'" in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "run").exists()
    outcome = cli("train", tmp_path / "none.toml", "--out", tmp_path / "run")
    assert (outcome.code, "none.toml" in outcome.err) == (2, True)
