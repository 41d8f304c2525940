"""Scribbles and sets of them."""

import pickle
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.scribbles import Label, Scribble, ScribbleSet

GRID = Grid(shape=(7, 6, 5), spacing=(2.0, 3.0, 4.0))


def three() -> ScribbleSet:
    return (
        ScribbleSet()
        .add([[1, 2, 3], [1, 2, 4]], "foreground")
        .add([[0, 0, 0]], "background")
        .add([[6, 5, 4]], "foreground")
    )


def test_an_empty_set() -> None:
    empty = ScribbleSet()
    assert len(empty) == 0
    assert list(empty) == []
    assert empty.foreground.shape == empty.background.shape == (0, 3)
    assert empty.foreground.dtype == np.int64
    assert empty == ScribbleSet()


def test_adding_gives_a_new_set_and_counts_steps() -> None:
    first = ScribbleSet().add([[1, 2, 3]], "foreground")
    second = first.add([[3, 2, 1]], "background")
    assert (len(first), len(second)) == (1, 2)
    assert [scribble.step for scribble in second] == [1, 2]
    assert [scribble.label for scribble in second] == ["foreground", "background"]
    assert [s.step for s in second.add([[0, 0, 0]], "foreground", step=7)] == [1, 2, 7]


def test_classes_keep_the_order_of_drawing() -> None:
    assert three().foreground.tolist() == [[1, 2, 3], [1, 2, 4], [6, 5, 4]]
    assert three().background.tolist() == [[0, 0, 0]]


def test_repeated_points_stay() -> None:
    assert len(ScribbleSet().add([[1, 1, 1], [1, 1, 1]], "foreground").foreground) == 2


def test_points_are_a_read_only_copy() -> None:
    points = np.array([[1, 2, 3]], dtype=np.uint16)
    (scribble,) = ScribbleSet().add(points, "foreground")
    points[0, 0] = 9
    assert scribble.points.tolist() == [[1, 2, 3]]
    assert scribble.points.dtype == np.int64
    with pytest.raises(ValueError, match="read-only"):
        scribble.points[0, 0] = 5


def test_equality_looks_at_points_label_step_and_order() -> None:
    assert three() == three()
    assert hash(three()) == hash(three())
    assert three() != three().up_to(2)
    one = Scribble(np.array([[1, 2, 3]]), "foreground", 1)
    assert one != Scribble(np.array([[1, 2, 4]]), "foreground", 1)
    assert one != Scribble(np.array([[1, 2, 3]]), "background", 1)
    assert one != Scribble(np.array([[1, 2, 3]]), "foreground", 2)
    assert one != "scribble"


def test_survives_pickle_and_stays_read_only() -> None:
    copy = pickle.loads(pickle.dumps(three()))  # noqa: S301
    assert copy == three()
    assert not next(iter(copy)).points.flags.writeable


def test_up_to_a_step() -> None:
    assert len(three().up_to(0)) == 0
    assert [s.step for s in three().up_to(2)] == [1, 2]
    assert three().up_to(99) == three()


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([], "without points"),
        (np.empty((0, 3), dtype=int), "without points"),
        ([1, 2, 3], "shape"),
        ([[1, 2]], "shape"),
        ([[1.0, 2.0, 3.0]], "whole numbers"),
        ([[True, False, True]], "whole numbers"),
        ([["1", "2", "3"]], "whole numbers"),
        ([[10**30, 0, 0]], "whole numbers"),
        ([[0, 0, 0], [0, -1, 0]], r"point 1 .*\[0, -1, 0\]"),
        ([[2**40, 0, 0]], "point 0"),
    ],
)
def test_refuses_points(points: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        ScribbleSet().add(points, "foreground")


@pytest.mark.parametrize("step", [0, -1, 1.0, True, "1"])
def test_refuses_steps(step: Any) -> None:
    with pytest.raises(InputError, match="step"):
        ScribbleSet().add([[0, 0, 0]], "foreground", step=step)


def test_refuses_a_step_that_goes_back() -> None:
    with pytest.raises(InputError, match="step 1 cannot follow one of step 3"):
        three().add([[0, 0, 0]], "foreground", step=1)
    assert len(three().add([[0, 0, 0]], "foreground", step=3)) == 4


def test_refuses_a_label() -> None:
    with pytest.raises(InputError, match="'tumor'"):
        ScribbleSet().add([[0, 0, 0]], cast("Label", "tumor"))


def test_check_names_the_first_point_outside() -> None:
    three().check(GRID)
    outside = three().add([[0, 0, 0], [1, 6, 1], [9, 9, 9]], "background")
    with pytest.raises(
        InputError, match=r"clicks\.json: point 1 of the background.*step 4"
    ) as info:
        outside.check(GRID, source="clicks.json")
    assert "[1, 6, 1]" in str(info.value)
    assert "(7, 6, 5)" in str(info.value)


@pytest.mark.parametrize("form", ["grand-challenge", "simple"])
def test_a_file_keeps_points_but_not_steps(tmp_path: Path, form: Any) -> None:
    path = tmp_path / "a.b c" / "clicks.json"
    three().write(path, form)
    read = ScribbleSet.read(path, GRID)
    assert read.foreground.tolist() == three().foreground.tolist()
    assert read.background.tolist() == three().background.tolist()
    assert [(s.label, s.step) for s in read] == [("foreground", 1), ("background", 1)]


@pytest.mark.parametrize("form", ["grand-challenge", "simple"])
def test_an_empty_set_makes_a_file(tmp_path: Path, form: Any) -> None:
    ScribbleSet().write(tmp_path / "none.json", form)
    assert ScribbleSet.read(str(tmp_path / "none.json")) == ScribbleSet()


def test_reading_checks_the_grid(tmp_path: Path) -> None:
    three().write(tmp_path / "s.json")
    with pytest.raises(InputError, match=r"s\.json") as info:
        ScribbleSet.read(tmp_path / "s.json", Grid(shape=(7, 6, 4), spacing=(1.0, 1.0, 1.0)))
    assert "points[1]" in str(info.value)
