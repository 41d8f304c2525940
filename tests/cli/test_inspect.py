"""``lesionloop inspect``: what a DICOM folder holds."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Cli = Callable[..., Any]
Writer = Callable[..., Any]


@pytest.fixture
def study(tmp_path: Path, write_series: Writer) -> dict[str, Any]:
    return {
        "AC": write_series(tmp_path / "study" / "deep" / "er" / "ac"),
        "NAC": write_series(
            tmp_path / "study" / "nac",
            tags={"SeriesDescription": "PET WB NAC", "CorrectedImage": ["DECY"]},
        ),
        "CT": write_series(tmp_path / "study" / "ct", modality="CT", count=9, step=2.0),
    }


def test_the_table_shows_every_series_and_the_choice(
    cli: Cli, study: dict[str, Any], tmp_path: Path
) -> None:
    outcome = cli("inspect", tmp_path / "study")
    assert (outcome.code, outcome.err) == (0, "")
    for words in (
        ("PT", "PET WB AC", "7 x 6", "3 x 2 x 4", "BQML", "DECY ATTN SCAT", "yes"),
        ("PT", "PET WB NAC", "not chosen", "attenuation corrected"),
        ("CT", "CT WB", "9", "3 x 2 x 2", "yes"),
    ):
        for word in words:
            assert word in outcome.out


def test_nothing_is_cut_off_however_long(
    cli: Cli, study: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    outcome = cli("inspect", tmp_path / "study")
    assert "…" not in outcome.out


def test_json_lists_the_series(cli: Cli, study: dict[str, Any], tmp_path: Path) -> None:
    outcome = cli("inspect", tmp_path / "study", "--json")
    assert (outcome.code, outcome.err) == (0, "")
    rows = {row["uid"]: row for row in json.loads(outcome.out)}
    assert set(rows) == {series.uid for series in study.values()}
    assert rows[study["AC"].uid]["chosen"] is True
    assert rows[study["NAC"].uid]["chosen"] is False
    assert rows[study["CT"].uid]["spacing"] == [3.0, 2.0, 2.0]


def test_what_is_wrong_is_said_in_its_row(cli: Cli, study: dict[str, Any], tmp_path: Path) -> None:
    study["AC"].paths[2].unlink()
    outcome = cli("inspect", tmp_path / "study", "--json")
    assert outcome.code == 0
    rows = {row["uid"]: row for row in json.loads(outcome.out)}
    assert "slices are missing" in rows[study["AC"].uid]["why"]


def test_no_patient_is_named(cli: Cli, study: dict[str, Any], tmp_path: Path) -> None:
    """The factory's patient is called Secret^Name."""
    for options in ((), ("--json",)):
        assert "Secret" not in cli("inspect", tmp_path / "study", *options).out
