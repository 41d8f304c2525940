"""Windows that follow an object beyond the first one.

The paper slides its window with half an overlap when the mask reaches the border of the crop, and
says no more. Here: breadth first, over neighbours whose shared face has more than a few foreground
cells; a neighbour is told what the windows so far found where it overlaps them; logits are merged
by a mean with Gaussian weights; of the result, what hangs together with the first windows' masks
or with a click stays. An object that does not touch the border gets the first window's logits as
they are.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import label

__all__ = ["OUTSIDE", "Region", "Windows", "grow"]

Cell = tuple[int, int, int]
Logits = NDArray[np.float32]

#: Logit of cells that no window covers, or that belong to other things.
OUTSIDE = np.float32(-10.0)

#: Width of the weights' Gaussian, in sides of a window (the usual one of sliding windows).
_SIGMA = 0.125


@dataclass(frozen=True)
class Windows:
    """How windows lie.

    Args:
        side: cells along a side; windows move by half of it.
        field: cells of the field along each axis, from cell 0 on; foreground outside is not
            followed.
        border: a face with more foreground cells than this is followed.
        most: windows at most, seeds not counted.
    """

    side: int
    field: Cell
    border: int
    most: int


@dataclass(frozen=True)
class Region:
    """Logits where windows have looked.

    Args:
        start: first cell.
        logits: [x, y, z]; `OUTSIDE` where no window was.
        windows: the first cell of every window, in the order in which they were decoded.
        cut: the mask goes on beyond the last window that was allowed.
    """

    start: Cell
    logits: Logits
    windows: tuple[Cell, ...]
    cut: bool


def grow(
    seeds: Sequence[Cell],
    decode: Callable[[Cell, Logits | None], Logits],
    windows: Windows,
    clicks: Sequence[Cell] = (),
) -> Region:
    """Decode the seeds and the neighbours that the mask grows into.

    Args:
        seeds: first cells of the windows to begin with.
        decode: logits of a window given its first cell and, but for seeds, the logits found so far
            there, 0 where nothing was found.
        windows: how they lie.
        clicks: cells of foreground clicks.
    """
    found: dict[Cell, Logits] = {}
    queue, seen, cut = deque(seeds), set(seeds), False
    while queue:
        start = queue.popleft()
        found[start] = decode(start, None if start in seeds else _merged(found, start, windows)[0])
        for neighbour in _neighbours(start, _merged(found, start, windows)[0], windows):
            if neighbour in seen:
                continue
            if len(seen) - len(seeds) >= windows.most:
                cut = True
                continue
            seen.add(neighbour)
            queue.append(neighbour)
    region = _whole(found, windows)
    if len(found) > len(seeds):
        _keep_connected(region, seeds, found, clicks)
    return Region(*region, tuple(found), cut)


def _neighbours(start: Cell, logits: Logits, windows: Windows) -> list[Cell]:
    """Windows half a side further along each axis and way in which the mask reaches the face."""
    result = []
    mask = logits > 0
    for axis in range(3):
        inside = windows.field[axis]
        cells = np.arange(start[axis], start[axis] + windows.side)
        mask = mask & ((cells >= 0) & (cells < inside)).reshape(
            [-1 if a == axis else 1 for a in range(3)]
        )
    for axis, way in product(range(3), (-1, 1)):
        beyond = start[axis] - 1 if way < 0 else start[axis] + windows.side
        face = mask.take(0 if way < 0 else -1, axis=axis)
        if 0 <= beyond < windows.field[axis] and face.sum() > windows.border:
            moved = list(start)
            moved[axis] += way * (windows.side // 2)
            result.append((moved[0], moved[1], moved[2]))
    return result


def _merged(found: dict[Cell, Logits], start: Cell, windows: Windows) -> tuple[Logits, Logits]:
    """Weighted mean of the logits in a window, and the sum of the weights; 0 where none was."""
    return _mean(found, start, (windows.side,) * 3)


def _whole(found: dict[Cell, Logits], windows: Windows) -> tuple[Cell, Logits]:
    """First cell and logits of the box around all windows."""
    starts = np.array(list(found))
    low, high = starts.min(axis=0), starts.max(axis=0) + windows.side
    first = (int(low[0]), int(low[1]), int(low[2]))
    if len(found) == 1:
        return first, next(iter(found.values())).copy()
    x, y, z = (int(n) for n in high - low)
    logits, weights = _mean(found, first, (x, y, z))
    logits[weights == 0] = OUTSIDE
    return first, logits


def _mean(found: dict[Cell, Logits], start: Cell, shape: Cell) -> tuple[Logits, Logits]:
    total = np.zeros(shape, dtype=np.float32)
    weights = np.zeros(shape, dtype=np.float32)
    for other, logits in found.items():
        here, there = [], []
        for axis in range(3):
            shift = other[axis] - start[axis]
            low, high = max(0, shift), min(shape[axis], shift + logits.shape[axis])
            here.append(slice(low, high))
            there.append(slice(low - shift, high - shift))
        if any(part.stop <= part.start for part in here):
            continue
        weight = _gaussian(logits.shape[0])[tuple(there)]
        total[tuple(here)] += weight * logits[tuple(there)]
        weights[tuple(here)] += weight
    return np.divide(total, weights, out=total, where=weights > 0), weights


@lru_cache(maxsize=4)
def _gaussian(side: int) -> Logits:
    """Weights of a window, 1 in its middle."""
    place = (np.arange(side) - (side - 1) / 2) / (side * _SIGMA)
    line = np.exp(-0.5 * np.square(place))
    cube: Logits = (line[:, None, None] * line[:, None] * line).astype(np.float32)
    return cube


def _keep_connected(
    region: tuple[Cell, Logits],
    seeds: Sequence[Cell],
    found: dict[Cell, Logits],
    clicks: Sequence[Cell],
) -> None:
    """Take away what touches neither the seeds' masks nor a click, in place."""
    start, logits = region
    labels, _ = label(logits > 0, structure=np.ones((3, 3, 3)))
    kept = [labels[tuple(np.subtract(cell, start))] for cell in clicks]
    for seed in seeds:
        own = found[seed]
        box = tuple(slice(a - b, a - b + n) for a, b, n in zip(seed, start, own.shape, strict=True))
        kept.extend(np.unique(labels[box][own > 0]).tolist())
    strange = (labels > 0) & ~np.isin(labels, kept)
    logits[strange] = OUTSIDE
