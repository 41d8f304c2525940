"""``lesionloop demo``: the whole loop on a synthetic study."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]


@pytest.mark.slow
def test_the_demo_improves_a_mask_in_five_corrections(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "demo a.b"
    outcome = cli("demo", "--out", out)
    assert outcome.code == 0, outcome.err
    assert outcome.out.endswith(f"{out / 'report.html'}\n")
    assert (out / "report.html").stat().st_size > 10_000
    again = cli("demo", "--out", out, "--json")
    (result,) = json.loads(again.out)["results"]
    assert result["steps"] == 6
    assert result["final_dice"] > result["first_dice"]
    assert not list(out.rglob(".lesionloop-*"))
