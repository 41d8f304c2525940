"""What every segmenter promises.

A segmenter is opened on a study and gives a session; the session gives the mask for *all* scribbles
so far. The mask is a pure function of the study and the two sets of scribble points: a cold process
that is handed all scribbles gives the same mask as the warm session did, and neither the order of
the points nor their division into strokes matters (the challenge's file keeps neither).
"""

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Study
from lesionloop.scribbles import ScribbleSet

__all__ = [
    "Repeatable", "Segmenter", "Session", "StartsFromMask", "StepFailureError", "WithoutPet",
    "honour", "needs_pet", "point_sets",
]  # fmt: skip


class StepFailureError(Exception):
    """An algorithm from outside failed at one step; the loop notes it and goes on without it."""


class Session(Protocol):
    """A segmenter at work on one study; may keep what it computed."""

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """Mask on the PET grid, bool [x, y, z], for all scribbles so far.

        Every foreground point is in it and every background point is out of it; a voxel that is
        both is foreground.

        Raises:
            InputError: a point is outside the grid.
        """
        ...


class Segmenter(Protocol):
    """Makes sessions. ``name`` is the registered name, ``identity`` all that decides the mask."""

    @property
    def name(self) -> str:
        """Registered name."""
        ...

    @property
    def identity(self) -> dict[str, object]:
        """Name, version, options and, for learned ones, the hash of the weights."""
        ...

    def open(self, study: Study) -> Session:
        """Start on a study.

        Raises:
            InputError: the study is not one that the segmenter can work on.
        """
        ...


@runtime_checkable
class StartsFromMask(Protocol):
    """A segmenter that can correct a mask made elsewhere, in place of its own first pass."""

    def open_from(self, study: Study, mask: NDArray[np.bool_]) -> Session:
        """Start on a study with a given mask; without scribbles the session gives just that.

        Args:
            study: what was scanned.
            mask: on its PET grid, bool [x, y, z]; the session keeps it and never changes it.

        Raises:
            InputError: the study is not one that the segmenter can work on.
        """
        ...


@runtime_checkable
class Repeatable(Protocol):
    """A session from which another one on the same study can begin without a first pass."""

    def afresh(self) -> Session:
        """A session as it was when it was opened; the two share what no stroke changes.

        Any thread may ask, also while this one is at work. The masks of the two are those that
        either would give alone.
        """
        ...


@runtime_checkable
class WithoutPet(Protocol):
    """A segmenter that may do without a PET, on studies of a CT alone."""

    @property
    def needs_pet(self) -> bool:
        """False when it works on the CT alone, as it is set up."""
        ...


def needs_pet(segmenter: Segmenter) -> bool:
    """Whether a segmenter needs a PET in SUV; all do that do not say otherwise."""
    return segmenter.needs_pet if isinstance(segmenter, WithoutPet) else True


def point_sets(
    scribbles: ScribbleSet, shape: tuple[int, int, int]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Foreground and background as ascending flat indices [x, y, z in C order], each point once.

    A voxel drawn as both is foreground: a reader who calls a voxel lesion must never find it
    missing, while a stray background voxel can be taken away by one more scribble.

    Raises:
        ValueError: a point is outside ``shape`` (callers check scribbles when they read them).
    """
    flat = [
        np.unique(np.ravel_multi_index(points.T, shape)).astype(np.intp)
        for points in (scribbles.foreground, scribbles.background)
    ]
    return flat[0], np.setdiff1d(flat[1], flat[0], assume_unique=True)


def honour(mask: NDArray[np.bool_], scribbles: ScribbleSet) -> NDArray[np.bool_]:
    """Set every background point to False, then every foreground point to True, in place."""
    mask[tuple(scribbles.background.T)] = False
    mask[tuple(scribbles.foreground.T)] = True
    return mask
