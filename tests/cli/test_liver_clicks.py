"""``lesionloop liver-clicks``: processes, what is told, resumed, refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.cohort.liver_program import liver_case, program

Cli = Callable[..., Any]


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    """Two cases, and one without its label."""
    folder = tmp_path / "data"
    for name in ("c1", "c2", "lacking"):
        liver_case(folder, name, lesions=1)
    (folder / "labelsTr" / "lacking" / "lacking_venous.nii.gz").unlink()
    return folder


def test_in_processes_resumed_and_told(cli: Cli, dataset: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = ("liver-clicks", dataset, "--segmenter", program(tmp_path), "--out", out)
    outcome = cli(*words, "--workers", 2, "--keep-masks", "--json")
    assert outcome.code == 2, outcome.err  # one case lacks its label
    report = json.loads(outcome.out)
    assert report == json.loads((out / "clicks.json").read_text())
    assert "lacking has no label of the phase venous" in report["failed"]["lacking"]
    assert "lacking has no label" in outcome.err
    assert [entry["case"] for entry in report["cases"]] == ["c1", "c2"]
    means = report["means"]["strict"]
    assert means["DSC@Final"] == pytest.approx(
        sum(entry["values"]["DSC@Final"] for entry in report["cases"]) / 2
    )
    assert report["segmenter"]["name"] == "command-run.py"
    assert sorted(path.name for path in out.iterdir()) == [
        "cases", "clicks", "clicks.csv", "clicks.json", "curve.svg", "masks",
    ]  # fmt: skip
    assert len(list((out / "masks" / "c2").iterdir())) == 11

    before = (out / "cases" / "c1.json").stat().st_mtime_ns
    again = cli(*words, "--keep-masks", "--case", "c1", "--case", "c2", "--mode", "official")
    assert again.code == 0, again.err
    assert (out / "cases" / "c1.json").stat().st_mtime_ns == before
    assert "mean of 2" in again.out
    assert "DSC@AUC" in again.out
    shown = report["means"]["official"]["DSC@AUC"]
    assert f"{shown:.4f}" in again.out


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--segmenter", "default"), "default cannot segment a CT alone"),
        (("--segmenter", "seganypet"), "needs what stands behind a colon"),
        (("--segmenter", "command:./nothing"), "there is no program"),
        (("--phase", "portal"), "unknown phase 'portal'"),
        (("--mode", "paper"), "unknown mode 'paper'"),
        (("--case", "nobody"), "there is no case 'nobody'"),
        (("--clicks", "nowhere"), "there is no folder nowhere"),
    ],
)
def test_what_is_refused_before_any_work(
    cli: Cli, dataset: Path, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    given = words if "--segmenter" in words else ("--segmenter", program(tmp_path), *words)
    outcome = cli("liver-clicks", dataset, "--out", tmp_path / "out", *given)
    assert (outcome.code, outcome.out) == (2, "")
    assert says in outcome.err
    assert not (tmp_path / "out").exists()


def test_no_data_set(cli: Cli, tmp_path: Path) -> None:
    words = ("--segmenter", program(tmp_path), "--out", tmp_path / "out")
    outcome = cli("liver-clicks", tmp_path, *words)
    assert outcome.code == 2
    assert "no case in" in outcome.err
    assert not (tmp_path / "out").exists()
