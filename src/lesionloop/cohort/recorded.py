"""Recorded sessions: what a reader drew on a case, as files.

A session is an ordered list of strokes, each with its step; several strokes may share a step, and
step 0 is the mask before any of them. It is read from

- the session form: ``{"version": 1, "strokes": [{"step": 1, "label": "foreground", "points":
  [[x, y, z], ...]}, ...], "seconds": [12.5, ...]}``, where ``seconds`` (per step, null where it was
  not taken) may be missing and a label may also be "tumor";
- a scribble file in either form of ``lesionloop.scribbles.formats``: one step with all its points;
- a folder of ``step_<k>_scribbles.json`` as a trace holds them, each with all points so far: what a
  file adds to the one before is the step.
"""

import json
import re
from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import nan
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.imaging.names import entries_of, image_ending, strip_ending
from lesionloop.output import finite, write_text
from lesionloop.scribbles import Scribble, ScribbleSet
from lesionloop.scribbles.formats import (
    MAX_POINTS,
    check_point,
    load_json,
    read_points,
    shorten,
)
from lesionloop.scribbles.scribble import Label

__all__ = [
    "MAX_STEPS", "ReaderFiles", "RecordedSession", "SessionFolder", "find_sessions", "read_session",
    "write_session",
]  # fmt: skip

#: Steps that a session may have; each costs a run of the segmenter.
MAX_STEPS: Final = 1000

#: A time above this is no time of a reader.
_LONGEST_S: Final = 1e7

_LABELS: Final[dict[str, Label]] = {
    "foreground": "foreground",
    "tumor": "foreground",
    "background": "background",
}
_KEYS: Final = ("version", "strokes", "seconds", "comment")
_STROKE_KEYS: Final = ("step", "label", "points")
_STEP_FILE: Final = re.compile(r"step_(0|[1-9]\d{0,5})_scribbles\.json")


@dataclass(frozen=True)
class RecordedSession:
    """What a reader drew on one case.

    Args:
        scribbles: the strokes in order, with their steps; none when the reader accepted the first
            mask.
        source: file or folder, for messages.
        seconds: the reader's time for each step, (steps,), s; NaN where it was not taken. Empty
            when no time was taken at all.

    Raises:
        InputError: more than `MAX_STEPS` steps, or times of another number of steps.
    """

    scribbles: ScribbleSet
    source: str = "session"
    seconds: tuple[float, ...] = field(default=())

    def __post_init__(self) -> None:
        if self.steps > MAX_STEPS:
            raise _refusal(self.source, f"It has {self.steps} steps; at most {MAX_STEPS} are read.")
        if self.seconds and len(self.seconds) != self.steps:
            raise _refusal(
                self.source, f'"seconds" has {len(self.seconds)} entries for {self.steps} steps.'
            )

    @property
    def steps(self) -> int:
        """The last step at which something was drawn; 0 without strokes.

        Nothing is drawn at a step in between that no stroke has: the mask stands.
        """
        return self.scribbles.scribbles[-1].step if self.scribbles.scribbles else 0

    @property
    def total_seconds(self) -> float:
        """The reader's time, s; NaN unless it was taken for every step."""
        return float(sum(self.seconds)) if self.seconds else nan


def read_session(path: Path | str, grid: Grid | None = None) -> RecordedSession:
    """Read a session in any of the three forms, told apart by its content.

    Args:
        path: JSON file, or folder of ``step_<k>_scribbles.json``.
        grid: when given, points outside it are refused.

    Raises:
        InputError: names the file and the entry that is wrong.
    """
    path = Path(path)
    shape = None if grid is None else grid.shape
    if path.is_dir():
        return RecordedSession(_read_steps(path, shape), str(path))
    content = load_json(path)
    if not isinstance(content, dict) or "strokes" not in content:
        foreground, background = read_points(path, shape)
        both = (_stroke(foreground, "foreground", 1), _stroke(background, "background", 1))
        return RecordedSession(ScribbleSet(tuple(s for s in both if s)), str(path))
    _check_keys(path, "The session", content, _KEYS)
    version = content.get("version", 1)
    if type(version) is not int or version != 1:
        raise _refusal(path, f'"version" is {shorten(version)}; 1 is known.')
    scribbles = _read_strokes(path, content["strokes"], shape)
    return RecordedSession(scribbles, str(path), _read_seconds(path, content.get("seconds")))


def write_session(session: RecordedSession, path: Path | str) -> None:
    """Write the session form, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    content: dict[str, Any] = {
        "version": 1,
        "strokes": [
            {"step": stroke.step, "label": stroke.label, "points": stroke.points.tolist()}
            for stroke in session.scribbles
        ],
    }
    if session.seconds:
        content["seconds"] = [finite(value) for value in session.seconds]
    write_text(Path(path), json.dumps(content) + "\n")


@dataclass(frozen=True)
class ReaderFiles:
    """What a folder holds of one reader and one case.

    Args:
        reader, case: names.
        session: JSON file or folder of steps; None when there is none.
        mask: the reader's own final mask; None when there is none.
    """

    reader: str
    case: str
    session: Path | None = None
    mask: Path | None = None


@dataclass(frozen=True)
class SessionFolder:
    """All sessions of a folder.

    Args:
        readers: names, ascending.
        files: by reader, then by case.
        ignored: entries that are neither session nor mask.
    """

    readers: tuple[str, ...]
    files: tuple[ReaderFiles, ...]
    ignored: tuple[str, ...] = ()

    @property
    def cases(self) -> tuple[str, ...]:
        """Cases with a session of at least one reader, ascending."""
        return tuple(sorted({entry.case for entry in self.files if entry.session is not None}))

    def missing(self, cases: Container[str]) -> list[tuple[str, str]]:
        """Reader and case where another reader has a session of the case and this one none.

        Args:
            cases: those of the data set; others do not count.
        """
        there = {(entry.reader, entry.case) for entry in self.files if entry.session is not None}
        pairs = [(reader, case) for reader in self.readers for case in self.cases if case in cases]
        return [pair for pair in pairs if pair not in there]


def find_sessions(folder: Path | str) -> SessionFolder:
    """Look for ``<folder>/<reader>/<case>.json`` (or a folder ``<case>``), and ``<case>.nii.gz``.

    Nothing is read yet. Hidden entries are passed over.

    Raises:
        InputError: no such folder, no session in it, or two of one reader and case.
    """
    folder = Path(folder)
    readers = [entry for entry in _entries(folder) if entry.is_dir()]
    ignored = [str(entry) for entry in _entries(folder) if not entry.is_dir()]
    files: list[ReaderFiles] = []
    for place in readers:
        sessions: dict[str, Path] = {}
        masks: dict[str, Path] = {}
        for entry in _entries(place):
            if entry.is_dir() and any(_STEP_FILE.fullmatch(f.name) for f in _entries(entry)):
                _add(sessions, entry.name, entry)
            elif entry.is_file() and entry.suffix == ".json":
                _add(sessions, entry.name.removesuffix(".json"), entry)
            elif entry.is_file() and image_ending(entry):
                _add(masks, strip_ending(entry), entry)
            else:
                ignored.append(str(entry))
        files += [
            ReaderFiles(place.name, case, sessions.get(case), masks.get(case))
            for case in sorted({*sessions, *masks})
        ]
    if not any(entry.session for entry in files):
        raise InputError(
            f"there is no session in {folder}",
            cause="There is no file <reader>/<case>.json and no folder of steps.",
            remedy="See docs/clinicians.md for the layout.",
        )
    names = tuple(sorted({entry.reader for entry in files if entry.session is not None}))
    return SessionFolder(names, tuple(files), tuple(ignored))


def _add(found: dict[str, Path], case: str, path: Path) -> None:
    if case in found:
        raise InputError(
            f"{path.parent} holds case {case} twice",
            cause=f"{found[case].name} and {path.name}.",
            remedy="Remove one of them.",
        )
    found[case] = path


def _entries(folder: Path) -> list[Path]:
    return [path for path in entries_of(folder) if not path.name.startswith(".")]


def _read_strokes(path: Path, strokes: Any, shape: tuple[int, int, int] | None) -> ScribbleSet:
    if not isinstance(strokes, list):
        raise _refusal(path, '"strokes" is not a list.')
    read: list[Scribble] = []
    total, before = 0, 1
    for number, stroke in enumerate(strokes):
        where = f"strokes[{number}]"
        if not isinstance(stroke, dict):
            raise _refusal(path, f"{where} is {shorten(stroke)}, not an object.")
        _check_keys(path, where, stroke, _STROKE_KEYS)
        lacking = [key for key in _STROKE_KEYS if key not in stroke]
        if lacking:
            raise _refusal(path, f'{where} has no "{lacking[0]}".')
        step, label, points = (stroke[key] for key in _STROKE_KEYS)
        if type(step) is not int or not before <= step <= MAX_STEPS:
            raise _refusal(
                path,
                f"The step of {where} is {shorten(step)}; steps are whole numbers from 1 to"
                f" {MAX_STEPS} and never go back.",
            )
        if not isinstance(label, str) or label not in _LABELS:
            raise _refusal(
                path, f'The label of {where} is {shorten(label)}, not "foreground" or "background".'
            )
        if not isinstance(points, list) or not points:
            raise _refusal(path, f"The points of {where} are not a list of at least one point.")
        total += len(points)
        if total > MAX_POINTS:
            raise _refusal(path, f"It has more than {MAX_POINTS} points.")
        try:
            for index, point in enumerate(points):
                check_point(path, f"{where}.points[{index}]", point, shape)
        except InputError as error:
            raise _refusal(path, error.cause or error.what) from error
        read.append(Scribble(np.array(points, dtype=np.int64), _LABELS[label], step))
        before = step
    return ScribbleSet(tuple(read))


def _read_seconds(path: Path, seconds: Any) -> tuple[float, ...]:
    if seconds is None:
        return ()
    if not isinstance(seconds, list):
        raise _refusal(path, '"seconds" is not a list with a number for each step.')
    for number, value in enumerate(seconds):
        known = type(value) in (int, float) and 0 <= value <= _LONGEST_S
        if value is not None and not known:
            raise _refusal(path, f"seconds[{number}] is {shorten(value)}, not a time.")
    return tuple(nan if value is None else float(value) for value in seconds)


def _read_steps(folder: Path, shape: tuple[int, int, int] | None) -> ScribbleSet:
    """Strokes from files that each hold all points so far."""
    found = {}
    for path in _entries(folder):
        match = _STEP_FILE.fullmatch(path.name)
        if match:
            found[int(match[1])] = path
    numbers = sorted(found)
    if not numbers or numbers[0] > 1 or any(b - a != 1 for a, b in pairwise(numbers)):
        raise _refusal(folder, f"Its steps are {_listed(numbers)}, not 0, 1, 2 and so on.")
    if numbers[-1] > MAX_STEPS:
        raise _refusal(folder, f"It has {numbers[-1]} steps; at most {MAX_STEPS} are read.")
    drawn: list[Scribble] = []
    labels: tuple[Label, Label] = ("foreground", "background")
    before = {label: np.empty((0, 3), dtype=np.int64) for label in labels}
    for number in numbers:
        path = found[number]
        for label, points in zip(labels, read_points(path, shape), strict=True):
            known = len(before[label])
            if not np.array_equal(points[:known], before[label]):
                raise _refusal(
                    path,
                    f"Its {label} points do not begin with those of the step before.",
                )
            if len(points) > known and number == 0:
                raise _refusal(path, "Step 0 is the mask before any scribble, and it has points.")
            stroke = _stroke(points[known:], label, number)
            drawn += [stroke] if stroke else []
            before[label] = points
    return ScribbleSet(tuple(drawn))


def _stroke(points: NDArray[np.int64], label: Label, step: int) -> Scribble | None:
    return Scribble(points, label, step) if len(points) else None


def _check_keys(path: Path, where: str, content: dict[str, Any], known: Sequence[str]) -> None:
    for key in content:
        if key not in known:
            raise _refusal(path, f"{where} has the key {shorten(key)}; known are {known}.")


def _listed(numbers: Sequence[int]) -> str:
    text = ", ".join(map(str, numbers[:12]))
    return f"{text} and more" if len(numbers) > 12 else text


def _refusal(source: Path | str, cause: str) -> InputError:
    return InputError(
        f"{source} is no session",
        cause=cause,
        remedy="See docs/clinicians.md for the forms of a session.",
    )
