"""``lesionloop rank`` at the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]

HEAD = "case,segmenter,strategy,step,dice,dmm,tp,fp,fn,fpv_ml,fnv_ml,seconds\n"


def results(tmp_path: Path) -> Path:
    rows = [
        f"x_{c}_{c},{name},random,{step},{value},{value},1,0,0,0,0,1"
        for name, value in (("low", 0.3), ("high", 0.9))
        for c in range(3)
        for step in range(2)
    ]
    (tmp_path / "scores.csv").write_text(HEAD + "\n".join(rows) + "\n")
    return tmp_path


def test_the_best_comes_first(cli: Cli, tmp_path: Path) -> None:
    out = tmp_path / "ranking"
    done = cli("rank", results(tmp_path), "--out", out, "--resamples", 20, "--json")
    assert done.code == 0
    found = json.loads(done.out)
    assert [entry["algorithm"] for entry in found["algorithms"]] == ["high", "low"]
    assert (out / "ranking.html").exists()
    told = cli("rank", results(tmp_path), "--resamples", 20)
    assert told.code == 0
    assert told.out.index("high") < told.out.index("low")


def test_bad_usage_is_said_in_a_line(cli: Cli, tmp_path: Path) -> None:
    place = results(tmp_path)
    for arguments, message in (
        (("--scheme", "best"), "unknown scheme"),
        (("--metric", "auc_dice=x"), "not NAME=WEIGHT"),
        (("--metric", "f7"), "unknown metric"),
        (("--ties", "max"), "unknown rule for ties"),
        (("--lesion-free", "no"), "unknown rule 'no'"),
        (("--resamples", 0), "resamples"),
        (("--centres", tmp_path / "no.csv"), "cannot read"),
    ):
        out = tmp_path / "out"
        done = cli("rank", place, "--out", out, *arguments)
        assert done.code == 2
        assert message in done.err
        assert not out.exists()
    assert cli("rank", tmp_path / "nowhere").code == 2
