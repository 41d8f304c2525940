"""Scribbles: what a reader has drawn so far, in the order of drawing."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal, get_args

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.scribbles.formats import MAX_INDEX, Form, read_points, write_points

__all__ = ["Label", "Scribble", "ScribbleSet"]

#: Foreground marks lesion that the mask misses, background marks what is no lesion.
Label = Literal["foreground", "background"]


@dataclass(frozen=True, eq=False)
class Scribble:
    """Voxels that a reader marked in one go.

    Args:
        points: (n, 3) voxel indices x, y, z in the order drawn, n at least 1. Copied; the scribble
            holds them as int64 and read-only. Repeated points are allowed.
        label: "foreground" or "background".
        step: number of the correction that it belongs to, from 1; step 0 is the mask before any
            scribble.

    Raises:
        InputError: points are not whole numbers, not of shape (n, 3), none, or negative; or label
            or step is out of range.
    """

    points: NDArray[np.int64]
    label: Label
    step: int

    def __post_init__(self) -> None:
        if self.label not in get_args(Label):
            raise InputError(f'a scribble is "foreground" or "background", not {self.label!r}')
        step = self.step
        if isinstance(step, bool) or not isinstance(step, int | np.integer) or step < 1:
            raise InputError(f"the step of a scribble is a whole number from 1, not {step!r}")
        object.__setattr__(self, "step", int(step))
        object.__setattr__(self, "points", _checked(self.points))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Scribble):
            return NotImplemented
        return (self.label, self.step) == (other.label, other.step) and np.array_equal(
            self.points, other.points
        )

    def __hash__(self) -> int:
        return hash((self.label, self.step, self.points.tobytes()))

    def __len__(self) -> int:
        """Number of points."""
        return len(self.points)

    def __reduce__(self) -> tuple[object, ...]:
        # Through the constructor: a pickled array comes back writable.
        return (Scribble, (self.points, self.label, self.step))


@dataclass(frozen=True)
class ScribbleSet:
    """All scribbles so far; adding one gives a new set.

    Iteration gives the scribbles in the order added, ``len`` their number. Sets are equal when they
    hold the same scribbles in the same order.

    Args:
        scribbles: in chronological order: no step is lower than the one before.

    Raises:
        InputError: the steps go back.
    """

    scribbles: tuple[Scribble, ...] = ()

    def __post_init__(self) -> None:
        steps = [scribble.step for scribble in self.scribbles]
        for before, after in pairwise(steps):
            if after < before:
                raise InputError(
                    f"a scribble of step {after} cannot follow one of step {before}",
                    remedy="Scribbles are only ever appended; add them in the order drawn.",
                )

    def __iter__(self) -> Iterator[Scribble]:
        return iter(self.scribbles)

    def __len__(self) -> int:
        return len(self.scribbles)

    def add(self, points: ArrayLike, label: Label, step: int | None = None) -> "ScribbleSet":
        """Return a set with one more scribble.

        Args:
            points: (n, 3) voxel indices x, y, z, n at least 1.
            label: "foreground" or "background".
            step: not below the last one; by default one more than the last, 1 in an empty set.

        Raises:
            InputError: see `Scribble`; or the step goes back.
        """
        if step is None:
            step = self.scribbles[-1].step + 1 if self.scribbles else 1
        return ScribbleSet((*self.scribbles, Scribble(np.asarray(points), label, step)))

    @property
    def foreground(self) -> NDArray[np.int64]:
        """(n, 3) all foreground points x, y, z, oldest scribble first."""
        return self._points("foreground")

    @property
    def background(self) -> NDArray[np.int64]:
        """(n, 3) all background points x, y, z, oldest scribble first."""
        return self._points("background")

    def _points(self, label: Label) -> NDArray[np.int64]:
        none = np.empty((0, 3), dtype=np.int64)
        return np.concatenate([none, *(s.points for s in self.scribbles if s.label == label)])

    def up_to(self, step: int) -> "ScribbleSet":
        """Return the set as it was at ``step``: the scribbles of this and all earlier steps."""
        return ScribbleSet(tuple(s for s in self.scribbles if s.step <= step))

    def check(self, grid: Grid, *, source: str = "scribbles") -> None:
        """Refuse points outside a grid.

        Args:
            grid: the PET grid that the points index.
            source: file or other origin, for the message.

        Raises:
            InputError: names the first such point.
        """
        for scribble in self.scribbles:
            inside = grid.contains(scribble.points)
            if not inside.all():
                first = int(np.argmin(inside))
                raise InputError(
                    f"{source}: point {first} of the {scribble.label} scribble of step"
                    f" {scribble.step} is outside the grid",
                    cause=f"It is {scribble.points[first].tolist()}; the grid has"
                    f" {grid.shape} voxels along x, y, z, counted from 0.",
                    remedy="Points are voxel indices of the PET, not positions in mm.",
                )

    @staticmethod
    def read(path: Path | str, grid: Grid | None = None) -> "ScribbleSet":
        """Read a scribble file, in either JSON form.

        The file holds two lists of points and no order between them, no steps and no strokes. So
        the result has one scribble per class that has points, the foreground first, both of step 1;
        the points are in the order of the file.

        Args:
            path: `lesion-clicks.json` or the plain form, told apart by their content.
            grid: when given, points outside it are refused.

        Raises:
            InputError: the file cannot be read, is not of either form, or has points outside the
                grid; names the file and the entry.
        """
        scribbles = ScribbleSet()
        foreground, background = read_points(Path(path), None if grid is None else grid.shape)
        if len(foreground):
            scribbles = scribbles.add(foreground, "foreground", step=1)
        if len(background):
            scribbles = scribbles.add(background, "background", step=1)
        return scribbles

    def write(self, path: Path | str, form: Form = "grand-challenge") -> None:
        """Write a scribble file, whole or not at all: all foreground points, then all background.

        Steps are not kept, see `read`.

        Args:
            path: the JSON file.
            form: "grand-challenge" or "simple", see `lesionloop.scribbles.formats`.

        Raises:
            InputError: there is no such form, or there are more points than a file may hold.
            OutputError: the file cannot be written.
        """
        write_points(Path(path), self.foreground, self.background, form)


def _checked(points: ArrayLike) -> NDArray[np.int64]:
    """A read-only int64 copy."""
    given = np.asarray(points)
    if given.size == 0:
        raise InputError(
            "a scribble without points",
            remedy="Leave it out: a set without a scribble needs no empty one.",
        )
    if given.ndim != 2 or given.shape[1] != 3:
        raise InputError(f"scribble points have shape (n, 3), not {given.shape}")
    if given.dtype.kind not in "iu":
        raise InputError(
            f"scribble points are whole numbers, not {given.dtype}",
            remedy="They are voxel indices x, y, z; positions in mm go through Grid.to_index.",
        )
    wrong = ((given < 0) | (given > MAX_INDEX)).any(axis=1)
    if wrong.any():
        first = int(np.argmax(wrong))
        raise InputError(
            f"point {first} of a scribble is {given[first].tolist()}",
            cause="Voxel indices count from 0.",
        )
    copy = given.astype(np.int64, order="C", copy=True)
    copy.setflags(write=False)
    return copy
