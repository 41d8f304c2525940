"""The two JSON forms of scribbles.

Grand Challenge: ``{"version": {"major": 1, "minor": 0}, "type": "Multiple points", "points":
[{"point": [x, y, z], "name": "tumor" | "background"}, ...]}``, with the tumour points first.

Simple: ``{"tumor": [[x, y, z], ...], "background": [...]}``.

Coordinates are voxel indices, whole numbers from 0. Inside a class the order is that of drawing;
neither form says which points were drawn together, nor in which order the classes took turns.

Source: autoPET V evaluation code and its container interface.
"""

import json
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.output import write_text

__all__ = [
    "MAX_BYTES", "MAX_INDEX", "MAX_POINTS", "Form", "check_point", "load_json", "read_points",
    "shorten", "write_points",
]  # fmt: skip

Form = Literal["grand-challenge", "simple"]

#: Points a file may hold, both classes together; a long session of a reader has a few thousand.
MAX_POINTS: Final = 100_000

#: Size a file may have: room for `MAX_POINTS` entries with generous blanks.
MAX_BYTES: Final = 64 * 2**20

#: Highest voxel index: no image format in use counts further along one axis.
MAX_INDEX: Final = 2**31 - 1

#: Classes as both forms name them, in the order of writing.
_NAMES: Final = ("tumor", "background")
_TYPE: Final = "Multiple points"
_VERSION: Final = {"major": 1, "minor": 0}

_Lists = dict[str, list[list[int]]]


def read_points(
    path: Path, shape: tuple[int, int, int] | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Read a file of either form, chosen by its content.

    Args:
        path: JSON file of at most `MAX_BYTES` and `MAX_POINTS`.
        shape: voxels along x, y, z; when given, points outside are refused.

    Returns:
        Foreground and background points, each (n, 3), in the order of the file.

    Raises:
        InputError: names the file and the entry that is wrong.
    """
    content = load_json(path)
    if not isinstance(content, dict):
        raise _refusal(path, f"The content is {_kind(content)}, not an object.")
    grand_challenge = "points" in content
    simple = any(name in content for name in _NAMES)
    if grand_challenge and simple:
        raise _refusal(path, 'It has "points" as well as "tumor" or "background".')
    if grand_challenge:
        lists = _read_grand_challenge(path, content, shape)
    elif simple:
        lists = _read_simple(path, content, shape)
    else:
        raise _refusal(path, 'It has neither "points" nor "tumor" and "background".')
    foreground, background = (
        np.array(lists[name], dtype=np.int64).reshape(-1, 3) for name in _NAMES
    )
    return foreground, background


def write_points(
    path: Path,
    foreground: NDArray[np.int64],
    background: NDArray[np.int64],
    form: Form = "grand-challenge",
) -> None:
    """Write both classes to a file, whole or not at all.

    Args:
        path: the file; its folder is made.
        foreground: (n, 3) voxel indices x, y, z.
        background: (n, 3) voxel indices x, y, z.
        form: "grand-challenge" or "simple".

    Raises:
        InputError: there is no such form, or there are more than `MAX_POINTS`.
        OutputError: the file cannot be written.
    """
    if form not in get_args(Form):
        raise InputError(
            f"there is no scribble form {form!r}",
            remedy=f"Choose one of {', '.join(get_args(Form))}.",
        )
    if len(foreground) + len(background) > MAX_POINTS:
        raise InputError(
            f"cannot write {path}",
            cause=f"There are {len(foreground) + len(background)} points; a file may hold"
            f" {MAX_POINTS}.",
        )
    lists = dict(zip(_NAMES, (foreground.tolist(), background.tolist()), strict=True))
    content: dict[str, Any] = lists
    if form == "grand-challenge":
        content = {
            "version": _VERSION,
            "type": _TYPE,
            "points": [
                {"point": point, "name": name} for name, points in lists.items() for point in points
            ],
        }
    write_text(path, json.dumps(content) + "\n")


def load_json(path: Path) -> Any:
    """Read a JSON file of at most `MAX_BYTES`, in which no key stands twice in an object.

    Raises:
        InputError: names the file and what is wrong.
    """
    try:
        # One byte more than allowed, whatever the size said before: the file may grow or be a pipe.
        with path.open("rb") as file:
            raw = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InputError(
            f"cannot read the scribbles {path}", cause=f"{error.strerror or error}."
        ) from error
    if len(raw) > MAX_BYTES:
        raise _refusal(path, f"It is larger than {MAX_BYTES // 2**20} MiB.")
    try:
        return json.loads(raw, object_pairs_hook=_object)
    except RecursionError as error:
        raise _refusal(path, "Its lists or objects are nested too deeply.") from error
    except ValueError as error:  # bad JSON, bad encoding, endless digits, repeated key
        raise _refusal(path, f"It is not valid JSON: {error}.") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice[:40]!r} is there twice in one object")
    return content


def _read_grand_challenge(
    path: Path, content: dict[str, Any], shape: tuple[int, int, int] | None
) -> _Lists:
    kind = content.get("type", _TYPE)
    if kind != _TYPE:
        raise _refusal(path, f'"type" is {shorten(kind)}, not "{_TYPE}".')
    version = content.get("version", _VERSION)
    if not isinstance(version, dict) or version.get("major") != _VERSION["major"]:
        raise _refusal(path, f'"version" is {shorten(version)}; 1.0 is known.')
    entries = _list(path, "points", content["points"])
    _check_number(path, len(entries))
    lists: _Lists = {name: [] for name in _NAMES}
    for index, entry in enumerate(entries):
        where = f"points[{index}]"
        if not isinstance(entry, dict):
            raise _refusal(path, f"{where} is {_kind(entry)}, not an object.")
        for key in ("point", "name"):
            if key not in entry:
                raise _refusal(path, f'{where} has no "{key}".')
        name = entry["name"]
        if name not in _NAMES:
            raise _refusal(
                path, f'The name of {where} is {shorten(name)}, not "tumor" or "background".'
            )
        check_point(path, where, entry["point"], shape)
        lists[name].append(entry["point"])
    return lists


def _read_simple(path: Path, content: dict[str, Any], shape: tuple[int, int, int] | None) -> _Lists:
    for name in _NAMES:
        if name not in content:
            raise _refusal(path, f'It has no "{name}"; a class without points is an empty list.')
    for name in content:
        if name not in _NAMES:
            raise _refusal(path, f'{shorten(name)} is neither "tumor" nor "background".')
    lists = {name: _list(path, name, content[name]) for name in _NAMES}
    _check_number(path, sum(len(points) for points in lists.values()))
    for name, points in lists.items():
        for index, point in enumerate(points):
            check_point(path, f"{name}[{index}]", point, shape)
    return lists


def check_point(path: Path, where: str, point: Any, shape: tuple[int, int, int] | None) -> None:
    """Refuse what is not a voxel index [x, y, z] of whole numbers.

    Args:
        path: file, for the message.
        where: entry of the file, for the message.
        point: as it was read.
        shape: voxels along x, y, z; when given, points outside are refused.

    Raises:
        InputError: names the file and the entry.
    """
    # type(...) is int: a bool is an int to isinstance.
    if type(point) is not list or len(point) != 3 or any(type(value) is not int for value in point):
        raise _refusal(path, f"{where} is {shorten(point)}, not three whole numbers [x, y, z].")
    if min(point) < 0 or max(point) > MAX_INDEX:
        raise _refusal(path, f"{where} is {shorten(point)}; voxel indices count from 0.")
    if shape is not None and any(value >= n for value, n in zip(point, shape, strict=True)):
        raise _refusal(
            path,
            f"{where} is {shorten(point)}, outside the grid of {shape} voxels along x, y, z,"
            " counted from 0.",
        )


def _check_number(path: Path, number: int) -> None:
    if number > MAX_POINTS:
        raise _refusal(path, f"It has {number} points; at most {MAX_POINTS} are allowed.")


def _list(path: Path, name: str, value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise _refusal(path, f'"{name}" is {_kind(value)}, not a list.')
    return value


def _refusal(path: Path, cause: str) -> InputError:
    return InputError(
        f"{path} is no scribble file",
        cause=cause,
        remedy="See the two JSON forms in the documentation of lesionloop.scribbles.formats.",
    )


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "a list", str: "a text", bool: "true or false"}
    return "null" if value is None else kinds.get(type(value), "a number")


def shorten(value: Any) -> str:
    """A value of a JSON file as a message can hold it."""
    try:
        text = json.dumps(value)
    except (RecursionError, ValueError):  # nested deeply, or a number of thousands of digits
        return _kind(value)
    return text if len(text) <= 60 else f"{text[:60]}..."
