"""Clicks of the liver benchmark's interactive track: fixed beforehand, ten of each class at most.

Lesion clicks: up to ten components of the reference (26 neighbours), drawn by chance, one click
each on the voxel that is deepest inside; then, over the same components in turn, voxels of their
border by chance until there are ten. Background clicks: liver voxels without lesion, by chance.
Depth is in voxels, whatever the spacing. The clicks do not react to a prediction.

The rules are those of the released code; its drawings are not, for what its generator is asked,
and in which order, is not known.

File: ``{"lesion": [[x, y, z], ...], "background": [...]}``; some writers say "tumor" for "lesion".

Source: TriALS 2025 interactive track, released code (commit de701ea), rebuilt from its description.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import cc3d
import edt
import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError
from lesionloop.output import write_json
from lesionloop.scribbles.formats import check_point, load_json
from lesionloop.scribbles.scribble import ScribbleSet

__all__ = ["CLICKS", "Clicks", "read_clicks", "simulate_clicks", "write_clicks"]

#: Clicks of each class at most.
CLICKS: Final = 10

_Points = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Clicks:
    """Clicks of a case, in the order in which they are shown to a segmenter.

    Args:
        lesion: (n, 3) voxel indices x, y, z; none for a case without a lesion.
        background: (m, 3) voxel indices x, y, z.
    """

    lesion: _Points
    background: _Points

    def first(self, number: int) -> ScribbleSet:
        """The first clicks of each class: what a segmenter is given at step ``number``.

        Click ``k`` of both classes belongs to step ``k``; a class that has fewer has ended.
        """
        scribbles = ScribbleSet()
        for step in range(1, number + 1):
            if step <= len(self.lesion):
                scribbles = scribbles.add(self.lesion[step - 1 : step], "foreground", step)
            if step <= len(self.background):
                scribbles = scribbles.add(self.background[step - 1 : step], "background", step)
        return scribbles


def simulate_clicks(
    reference: ArrayLike, liver: ArrayLike, *, seed: int = 42, most_offset: int = 0
) -> Clicks:
    """Draw the clicks of a case.

    Args:
        reference: lesions [x, y, z]; above 0 is lesion.
        liver: [x, y, z] of the same shape; above 0 is liver, lesion or not.
        seed: of all drawings.
        most_offset: a lesion click is moved by 0 to so many voxels along each axis, by chance, and
            stays where it is when that leads out of the lesion.

    Raises:
        InputError: shapes differ, not three axes, or the offset is negative.
    """
    lesion, organ = np.asarray(reference) > 0, np.asarray(liver) > 0
    if lesion.ndim != 3 or lesion.shape != organ.shape:
        raise InputError(
            f"clicks need lesions and liver of one shape, not {lesion.shape} and {organ.shape}"
        )
    if most_offset < 0:
        raise InputError(f"the offset of clicks is 0 or more voxels, not {most_offset}")
    rng = np.random.default_rng(seed)
    clicks = _lesion_clicks(lesion, rng)
    if most_offset:
        clicks = _moved(clicks, lesion, rng, most_offset)
    free = np.flatnonzero(organ & ~lesion)
    drawn = rng.choice(free, size=min(CLICKS, free.size), replace=False)
    return Clicks(clicks, np.stack(np.unravel_index(drawn, organ.shape), axis=1).astype(np.int64))


def _lesion_clicks(lesion: NDArray[np.bool_], rng: np.random.Generator) -> _Points:
    labels = cc3d.connected_components(np.ascontiguousarray(lesion).view(np.uint8), connectivity=26)
    voxels = np.argwhere(labels)
    held = labels[tuple(voxels.T)]
    _, first = np.unique(held, return_index=True)
    numbers = held[np.sort(first)]  # in the order of a scan, x slowest
    if not numbers.size:
        return np.zeros((0, 3), dtype=np.int64)
    chosen = rng.choice(numbers, size=min(CLICKS, numbers.size), replace=False)
    parts = [_deepest_and_border(voxels[held == number]) for number in chosen]
    points = [deepest for deepest, _ in parts]
    for turn in range(CLICKS - len(points)):
        border = parts[turn % len(parts)][1]
        points.append(border[rng.integers(len(border))])
    return np.array(points, dtype=np.int64)


def _deepest_and_border(voxels: _Points) -> tuple[_Points, _Points]:
    """Of a component's voxels the one furthest inside, the first of equals, and those least so."""
    start = voxels.min(axis=0)
    box = np.zeros(voxels.max(axis=0) - start + 3, dtype=np.uint8)  # a margin of background
    inside = tuple((voxels - start + 1).T)
    box[inside] = 1
    depth = edt.edt(box)[inside]
    return voxels[depth.argmax()], voxels[depth == depth.min()]


def _moved(
    clicks: _Points, lesion: NDArray[np.bool_], rng: np.random.Generator, most: int
) -> _Points:
    moved = clicks + rng.integers(0, most + 1, size=clicks.shape)
    within = (moved < lesion.shape).all(axis=1)
    stays = np.logical_not(within)
    stays[within] = ~lesion[tuple(moved[within].T)]
    moved[stays] = clicks[stays]
    return moved


def read_clicks(path: Path, shape: tuple[int, int, int] | None = None) -> Clicks:
    """Read a file of clicks.

    Args:
        path: JSON file.
        shape: voxels along x, y, z; when given, clicks outside are refused.

    Raises:
        InputError: the file cannot be read, or does not hold clicks.
    """
    found = load_json(path)
    key = "tumor" if isinstance(found, dict) and "tumor" in found else "lesion"
    if not isinstance(found, dict) or set(found) != {key, "background"}:
        raise InputError(
            f"{path} holds no clicks",
            cause="It needs the two lists lesion and background.",
            remedy='As in {"lesion": [[1, 2, 3]], "background": []}.',
        )
    return Clicks(*(_points(path, name, found[name], shape) for name in (key, "background")))


def _points(path: Path, name: str, held: Any, shape: tuple[int, int, int] | None) -> _Points:
    if not isinstance(held, list) or len(held) > CLICKS:
        raise InputError(f"{path}: {name} is not a list of at most {CLICKS} clicks")
    for number, point in enumerate(held):
        check_point(path, f"{name} {number}", point, shape)
    return np.array(held, dtype=np.int64).reshape(-1, 3)


def write_clicks(path: Path, clicks: Clicks) -> None:
    """Write a file of clicks, whole or not at all.

    Raises:
        OutputError: the place cannot be written.
    """
    write_json(path, {"lesion": clicks.lesion.tolist(), "background": clicks.background.tolist()})
