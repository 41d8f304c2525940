"""The JSON forms of scribbles, and what is refused."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lesionloop.scribbles.formats as module
from lesionloop.errors import InputError
from lesionloop.scribbles.formats import MAX_POINTS, read_points, write_points

POINT = {"point": [1, 2, 3], "name": "tumor"}
FOREGROUND = np.array([[5, 4, 3], [0, 0, 0], [5, 4, 3]])
BACKGROUND = np.array([[1, 2, 3]])


def challenge(*entries: Any, **more: Any) -> dict[str, Any]:
    head = {"version": {"major": 1, "minor": 0}, "type": "Multiple points"}
    return {**head, "points": list(entries), **more}


def test_writes_the_grand_challenge_form(tmp_path: Path) -> None:
    path = tmp_path / "lesion-clicks.json"
    write_points(path, FOREGROUND, BACKGROUND)
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "version": {"major": 1, "minor": 0},
        "type": "Multiple points",
        "points": [
            {"point": [5, 4, 3], "name": "tumor"},
            {"point": [0, 0, 0], "name": "tumor"},
            {"point": [5, 4, 3], "name": "tumor"},
            {"point": [1, 2, 3], "name": "background"},
        ],
    }


def test_writes_the_simple_form(tmp_path: Path) -> None:
    path = tmp_path / "simple.json"
    write_points(path, FOREGROUND, BACKGROUND, "simple")
    assert json.loads(path.read_text(encoding="utf-8")) == {
        "tumor": [[5, 4, 3], [0, 0, 0], [5, 4, 3]],
        "background": [[1, 2, 3]],
    }


def test_refuses_to_write_an_unknown_form_or_too_much(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'csv'"):
        write_points(tmp_path / "a.json", FOREGROUND, BACKGROUND, "csv")  # type: ignore[arg-type]
    many = np.zeros((MAX_POINTS, 3), dtype=np.int64)
    with pytest.raises(InputError, match="cannot write"):
        write_points(tmp_path / "a.json", many, BACKGROUND)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("form", ["grand-challenge", "simple"])
def test_the_largest_file_can_be_read_again(tmp_path: Path, form: Any) -> None:
    many = np.random.default_rng(0).integers(0, 2**31, size=(MAX_POINTS, 3))
    write_points(tmp_path / "many.json", many[:70_000], many[70_000:], form)
    foreground, background = read_points(tmp_path / "many.json")
    np.testing.assert_array_equal(foreground, many[:70_000])
    np.testing.assert_array_equal(background, many[70_000:])


def read(tmp_path: Path, content: Any, shape: tuple[int, int, int] | None = None) -> Any:
    path = tmp_path / "clicks.json"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content if isinstance(content, str) else json.dumps(content), "utf-8")
    return read_points(path, shape)


def test_classes_may_be_mixed_and_keep_their_order(tmp_path: Path) -> None:
    mixed = challenge(
        {"point": [9, 9, 9], "name": "background"},
        POINT,
        {"point": [0, 0, 0], "name": "background"},
        {"point": [0, 1, 0], "name": "tumor", "probability": 0.5},
    )
    foreground, background = read(tmp_path, mixed)
    assert foreground.tolist() == [[1, 2, 3], [0, 1, 0]]
    assert background.tolist() == [[9, 9, 9], [0, 0, 0]]


def test_version_and_type_may_be_absent_and_a_byte_order_mark_present(tmp_path: Path) -> None:
    foreground, _ = read(tmp_path, json.dumps({"points": [POINT]}).encode("utf-8-sig"))
    assert foreground.tolist() == [[1, 2, 3]]


REFUSED: list[tuple[Any, str]] = [
    ("", "not valid JSON"),
    ("{", "not valid JSON"),
    (b"\xff\xfe\xfa{", "not valid JSON"),
    ("[" * 200_000, "nested too deeply"),
    ('{"points": [' + "9" * 5000 + "]}", "JSON|number"),
    ([], "a list, not an object"),
    (None, "null, not an object"),
    (True, "true or false, not an object"),
    ({}, "neither"),
    ({"version": {"major": 1, "minor": 0}, "type": "Multiple points"}, "neither"),
    ({"points": [], "tumor": []}, "as well as"),
    ({"points": None}, '"points" is null'),
    ({"points": {}}, '"points" is an object'),
    (challenge(type="Single point"), '"type" is "Single point"'),
    (challenge(version={"major": 2, "minor": 0}), '"version" is'),
    (challenge(version="1.0"), '"version" is "1.0"'),
    (challenge(POINT, [1, 2, 3]), r"points\[1\] is a list"),
    (challenge(POINT, {"point": [1, 2, 3]}), r'points\[1\] has no "name"'),
    (challenge(POINT, {"name": "tumor"}), r'points\[1\] has no "point"'),
    (challenge({"point": [1, 2, 3], "name": "Tumor"}), r'name of points\[0\] is "Tumor"'),
    (challenge({"point": [1, 2, 3], "name": None}), r"name of points\[0\] is null"),
    (challenge({"point": [1, 2, 3], "name": ["tumor"]}), r"name of points\[0\]"),
    (challenge({"point": [1, 2], "name": "tumor"}), r"points\[0\] is \[1, 2\], not three"),
    (challenge({"point": [1, 2, 3, 4], "name": "tumor"}), r"points\[0\]"),
    (challenge({"point": [1, 2, 3.0], "name": "tumor"}), r"points\[0\] is \[1, 2, 3.0\]"),
    (challenge({"point": [1, 2, True], "name": "tumor"}), r"points\[0\]"),
    (challenge({"point": [1, 2, "3"], "name": "tumor"}), r"points\[0\]"),
    (challenge({"point": [1, 2, None], "name": "tumor"}), r"points\[0\]"),
    (challenge({"point": "123", "name": "tumor"}), r"points\[0\]"),
    ('{"points": [{"point": [1, 2, NaN], "name": "tumor"}]}', r"points\[0\]"),
    ('{"points": [{"point": [1, 2, 1e2], "name": "tumor"}]}', r"points\[0\]"),
    (challenge(POINT, {"point": [1, -2, 3], "name": "background"}), r"points\[1\] is \[1, -2, 3\]"),
    (challenge({"point": [10**12, 2, 3], "name": "tumor"}), r"points\[0\]"),
    ({"tumor": [[1, 2, 3]]}, 'no "background"'),
    ({"background": []}, 'no "tumor"'),
    ({"tumor": [], "background": [], "liver": []}, '"liver" is neither'),
    ({"tumor": {}, "background": []}, '"tumor" is an object'),
    ({"tumor": [[1, 2, 3], [1, 2, 3.5]], "background": []}, r"tumor\[1\] is \[1, 2, 3.5\]"),
    ({"tumor": [], "background": [[0, 0, 0], [0, 0, -1]]}, r"background\[1\]"),
    ('{"tumor": [[1, 2, 3]], "tumor": [], "background": []}', "'tumor' is there twice"),
]


@pytest.mark.parametrize(("content", "message"), REFUSED)
def test_refuses_and_names_file_and_entry(tmp_path: Path, content: Any, message: str) -> None:
    with pytest.raises(InputError, match=message) as info:
        read(tmp_path, content)
    assert str(tmp_path / "clicks.json") in info.value.what


def test_refuses_points_outside_the_grid(tmp_path: Path) -> None:
    inside = challenge(POINT, {"point": [3, 0, 0], "name": "tumor"})
    assert len(read(tmp_path, inside, (4, 3, 4))[0]) == 2
    with pytest.raises(InputError, match=r"points\[1\] is \[3, 0, 0\], outside the grid of"):
        read(tmp_path, inside, (3, 3, 4))
    with pytest.raises(InputError, match=r"background\[0\] is \[0, 0, 4\], outside"):
        read(tmp_path, {"tumor": [], "background": [[0, 0, 4]]}, (3, 3, 4))


@pytest.mark.parametrize("simple", [True, False])
def test_refuses_too_many_points(tmp_path: Path, simple: bool) -> None:
    number = MAX_POINTS + 1
    half = number // 2
    content: Any = challenge(*[POINT] * number)
    if simple:
        content = {"tumor": [[0, 0, 0]] * half, "background": [[0, 0, 0]] * (number - half)}
    with pytest.raises(InputError, match="100001 points"):
        read(tmp_path, content)


def test_refuses_a_large_file_before_parsing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_BYTES", 2**20)
    assert read(tmp_path, json.dumps({"points": []}).ljust(2**20))[0].shape == (0, 3)
    with pytest.raises(InputError, match="larger than 1 MiB"):
        read(tmp_path, json.dumps({"points": []}).ljust(2**20 + 1))


def test_refuses_what_cannot_be_opened(tmp_path: Path) -> None:
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(InputError, match="cannot read the scribbles"):
            read_points(path)
