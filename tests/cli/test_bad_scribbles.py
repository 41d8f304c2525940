"""Scribble files that cannot be, through both commands that read them."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Refused = Callable[..., str]


def _form(*points: object, **changes: object) -> str:
    content: dict[str, object] = {
        "version": {"major": 1, "minor": 0},
        "type": "Multiple points",
        "points": [{"point": point, "name": "tumor"} for point in points],
    }
    return json.dumps(content | changes)


BAD: dict[str, tuple[str | bytes, str]] = {
    "no JSON": ("point,x,y,z\n", "not valid JSON"),
    "empty": ("", "not valid JSON"),
    "cut short": (_form([1, 2, 3])[:-9], "not valid JSON"),
    "not UTF-8": (b'{"tumor": [], "background": [], "\xff": 1}', "not valid JSON"),
    "binary": (bytes(range(256)), "not valid JSON"),
    "a list": ("[[1, 2, 3]]", "a list"),
    "a number": ("7", "a number"),
    "null": ("null", "null"),
    "an object of nothing": ("{}", "points"),
    "floats": (_form([1, 2.5, 3]), "[1, 2.5, 3]"),
    "whole floats": (_form([1, 2.0, 3]), "[1, 2.0, 3]"),
    "NaN": (_form([1, float("nan"), 3]), "NaN"),
    "true": (_form([1, True, 3]), "true"),
    "text": (_form([1, "2", 3]), '"2"'),
    "two coordinates": (_form([1, 2]), "[1, 2]"),
    "four coordinates": (_form([1, 2, 3, 4]), "[1, 2, 3, 4]"),
    "outside along z": (_form([1, 2, 3], [25, 21, 18]), "points[1]"),
    "outside along x": (_form([26, 2, 3]), "(26, 22, 18)"),
    "negative": (_form([1, -2, 3]), "[1, -2, 3]"),
    "beyond 64 bits": (_form([1, 2, 10**30]), "points[0]"),
    "thousands of digits": (f'{{"tumor": [[1, 2, {"9" * 9999}]], "background": []}}', ""),
    "unknown name": (
        _form(points=[{"point": [1, 2, 3], "name": "liver"}]),
        '"liver"',
    ),
    "no name": (_form(points=[{"point": [1, 2, 3]}]), '"name"'),
    "points of another kind": (_form(points={"point": [1, 2, 3]}), "an object"),
    "another type": (_form(type="Polygon"), "Polygon"),
    "another version": (_form(version={"major": 2, "minor": 0}), "version"),
    "simple, unknown name": ('{"tumor": [], "background": [], "liver": []}', '"liver"'),
    "simple, one class": ('{"tumor": [[1, 2, 3]]}', '"background"'),
    "both forms": (json.dumps(json.loads(_form()) | {"tumor": [], "background": []}), "points"),
    "a key twice": ('{"tumor": [], "tumor": [], "background": []}', "twice"),
    "nested deeply": ('{"tumor": ' + "[" * 200_000 + "]" * 200_000 + "}", ""),
    "objects nested deeply": ('{"tumor": ' * 100_000 + "1" + "}" * 100_000, ""),
    "10^6 points": (f'{{"tumor": [{"[1,2,3]," * 999_999}[1,2,3]], "background": []}}', "1000000"),
    "larger than any": (b" " * (64 * 2**20 + 1), "64 MiB"),
}


@pytest.fixture
def clicks(tmp_path: Path) -> Path:
    return tmp_path / "scribbles a.b.json"


def _write(path: Path, content: str | bytes) -> None:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())


@pytest.mark.parametrize(("content", "says"), BAD.values(), ids=BAD)
def test_bad_scribbles_are_refused_by_segment(
    refused: Refused, files: Any, clicks: Path, tmp_path: Path, *, content: str | bytes, says: str
) -> None:
    _write(clicks, content)
    out = tmp_path / "out" / "mask.nii.gz"
    arguments = ("segment", "--pet", files.pet, "--scribbles", clicks, "--out", out)
    refused(*arguments, says=(clicks, says))


@pytest.mark.parametrize("name", ["no JSON", "floats", "outside along z", "nested deeply", "null"])
def test_bad_scribbles_are_refused_by_a_step_of_the_challenge(
    refused: Refused, small: Any, tmp_path: Path, name: str
) -> None:
    challenge = small.challenge(tmp_path / "input")
    content, says = BAD[name]
    _write(challenge / "lesion-clicks.json", content)
    arguments = ("grand-challenge", "--input", challenge, "--output", tmp_path / "out")
    refused(*arguments, says=(challenge / "lesion-clicks.json", says))


def test_a_scribble_file_that_is_none(
    refused: Refused, files: Any, clicks: Path, tmp_path: Path
) -> None:
    for bad in (clicks, tmp_path, clicks / "below", files.label):
        arguments = ("segment", "--pet", files.pet, "--scribbles", bad)
        refused(*arguments, "--out", tmp_path / "out.nii.gz", says=(bad,))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_scribble_file_that_may_not_be_read(
    refused: Refused, files: Any, clicks: Path, tmp_path: Path
) -> None:
    _write(clicks, _form([1, 2, 3]))
    clicks.chmod(0)
    arguments = ("segment", "--pet", files.pet, "--scribbles", clicks)
    refused(*arguments, "--out", tmp_path / "out.nii.gz", says=(clicks, "Permission denied"))


def test_the_most_points_are_accepted(
    cli: Callable[..., Any], files: Any, clicks: Path, tmp_path: Path
) -> None:
    """The limit is for mistakes, not for readers: 100,000 points are read and honoured."""
    clicks.write_text('{"tumor": [' + ",".join(["[1,2,3]"] * 100_000) + '], "background": []}')
    out = tmp_path / "mask.nii.gz"
    outcome = cli("segment", "--pet", files.pet, "--scribbles", clicks, "--out", out)
    assert outcome.code == 0, outcome.err
