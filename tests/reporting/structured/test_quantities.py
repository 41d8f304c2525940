"""Damaged quantities are refused with file and place."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lesionloop.errors import InputError
from lesionloop.reporting.structured.quantities import read_quantified

Make = Callable[..., Any]


@pytest.fixture
def folder(quantities: Make, a_lesion: Make, tmp_path: Path) -> Path:
    return Path(
        quantities(tmp_path / "q", organs={"liver": {"suv_mean": 2.0}}, lesions=[a_lesion("liver")])
    )


def test_what_was_written_is_read(folder: Path) -> None:
    study = read_quantified(folder)
    assert study.name == "case one"
    assert study.organs["liver"]["suv_mean"] == 2.0
    assert study.organs["liver"]["suv_max"] is None
    assert study.lesions[0]["organ"] == "liver"
    assert study.lesions[0]["volume_ml"] == 3.25


@pytest.mark.parametrize("name", ["burden.json", "lesions.csv", "organs.csv"])
def test_a_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(InputError, match=name):
        read_quantified(folder)


@pytest.mark.parametrize(
    ("name", "old", "new", "says"),
    [
        ("lesions.csv", "3.25", "wide", "volume_ml"),
        ("lesions.csv", "volume_ml", "volume", "no column volume_ml"),
        ("lesions.csv", "\n1,", "\n0,", "number its lesions"),
        ("lesions.csv", "\n1,", "\n1.5,", "number its lesions"),
        ("organs.csv", "liver,", "liver\n", "line 2"),
        ("organs.csv", "case one,liver", "case one,liver,,9,1,,,,,,,,,,,\ncase one,liver", "twice"),
        ("burden.json", "{", "[", "burden.json"),
        ("burden.json", '"lesions": 1', '"lesions": 2', "does not belong"),
        ("burden.json", '"lesions": 1', '"lesions": 1.0', "number of lesions"),
        ("burden.json", '"mtv_ml": 3.25', '"mtv_ml": NaN', "mtv_ml"),
        ("burden.json", '"mtv_ml": 3.25', '"mtv_ml": true', "mtv_ml"),
        ("burden.json", '"ok": true', '"ok": 1', "ok"),
        ("burden.json", '"blood_pool"', '"pool"', "blood_pool"),
        ("burden.json", '"fdg"', "[]", "tracer"),
        ("burden.json", '"case one"', "3", "study"),
    ],
)
def test_damage_is_refused(folder: Path, name: str, old: str, new: str, says: str) -> None:
    path = folder / name
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))
    with pytest.raises(InputError) as caught:
        read_quantified(folder)
    assert says in str(caught.value)
    assert str(folder) in str(caught.value)


def test_a_name_with_line_breaks_stays_on_its_line(folder: Path) -> None:
    path = folder / "burden.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "study": "a\n- Liver: 5 "}))
    assert read_quantified(folder).name == "a - Liver: 5"
