"""Scribbles for training, drawn from a reference label alone.

Foreground scribbles lie in a few randomly chosen lesions, background scribbles in a few parts of
the shell around all lesions. The scribbles that autoPET V published for its training studies were
made this way, with the strategy "centerline".
"""

import random
from typing import Any

import cc3d
import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.imaging.grid import Grid
from lesionloop.scribbles.components import Component, require_mask
from lesionloop.scribbles.scribble import Label, ScribbleSet
from lesionloop.scribbles.strategies import require_strategy

__all__ = ["SHELL_VOXELS", "heat_maps", "training_scribbles"]

#: Thickness of the shell around the lesions in which background scribbles are drawn.
SHELL_VOXELS = 2


def training_scribbles(
    label: NDArray[Any], strategy: str, *, components: int = 5, seed: int = 42
) -> ScribbleSet:
    """Draw scribbles in some lesions of a label, and in the shell around the lesions.

    Lesions are 26-connected. Some are drawn at random without replacement; each gets a scribble on
    all its pixels of the slice in which it has most (lowest slice among equals). The shell, two
    voxels thick by faces, is treated in the same way.

    Args:
        label: array [x, y, z]; voxels other than 0 are lesion. Components are numbered by their
            first voxel, x fastest, whatever the memory order.
        strategy: "centerline", "random" or "boundary".
        components: lesions, and parts of the shell, to draw on at most.
        seed: of the choice of components and of each scribble.

    Returns:
        One foreground and one background scribble, both of step 1, their points sorted by x, y, z;
        no scribbles for an empty label.

    Raises:
        InputError: the label is not 3-D, ``components`` is below 1, or there is no such strategy.

    Source: autoPET V, simulated scribbles of the training data.
    """
    require_mask(label, "label")
    require_strategy(strategy)
    if components < 1:
        raise InputError(f"the number of components is at least 1, not {components}")
    scribbles = ScribbleSet()
    box = _box(label, margin=SHELL_VOXELS)
    if box is None:
        return scribbles
    # x-fastest whatever the label is: cc3d numbers components in memory order.
    lesions = np.asfortranarray(label[box] != 0)
    shell = lesions
    for _ in range(SHELL_VOXELS):
        shell = _dilated(shell)
    shell = shell & ~lesions
    origin = np.array([part.start for part in box])
    plane = (label.shape[0], label.shape[1])
    sides: tuple[tuple[NDArray[np.bool_], Label], ...]
    sides = ((lesions, "foreground"), (shell, "background"))
    for mask, side in sides:
        points = _draw_on_some(mask, strategy, components, seed, origin=origin, plane=plane)
        if len(points):  # a label that fills the volume has no shell
            scribbles = scribbles.add(points, side, step=1)
    return scribbles


def heat_maps(
    scribbles: ScribbleSet, shape: tuple[int, int, int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the foreground and the background heat map: 1 at scribble voxels, 0 elsewhere.

    These are the input channels `_0002` and `_0003` of the autoPET V baseline (its sigma is 0).
    Maps with a width are in `lesionloop.scribbles.guidance`.

    Args:
        scribbles: all scribbles so far. A voxel that both classes hold is 1 in both maps.
        shape: voxels along x, y, z.

    Returns:
        Two float32 arrays [x, y, z], x-fastest.

    Raises:
        InputError: a point is outside; the baseline drops such points without a word.
    """
    scribbles.check(Grid(shape, spacing=(1.0, 1.0, 1.0)))
    maps = []
    for points in (scribbles.foreground, scribbles.background):
        values = np.zeros(shape, dtype=np.float32, order="F")
        values[tuple(points.T)] = 1.0
        maps.append(values)
    return maps[0], maps[1]


def _box(label: NDArray[Any], margin: int) -> tuple[slice, slice, slice] | None:
    """The box of all foreground, widened and cut at the border of the volume."""
    in_rows = np.any(label, axis=0)  # [y, z]
    if not in_rows.any():
        return None
    y, z = (np.flatnonzero(in_rows.any(axis=axis)) for axis in (1, 0))
    inside = label[:, y[0] : y[-1] + 1, z[0] : z[-1] + 1]
    x = np.flatnonzero(inside.any(axis=(1, 2)))
    x_box, y_box, z_box = (
        slice(max(0, int(index[0]) - margin), min(n, int(index[-1]) + 1 + margin))
        for index, n in zip((x, y, z), label.shape, strict=True)
    )
    return x_box, y_box, z_box


def _dilated(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The mask and all voxels that share a face with it."""
    grown = mask.copy(order="K")
    for axis in range(3):
        # Moving the axis to the front gives views, so the sums below land in `grown`.
        into, source = np.moveaxis(grown, axis, 0), np.moveaxis(mask, axis, 0)
        into[1:] |= source[:-1]
        into[:-1] |= source[1:]
    return grown


def _draw_on_some(
    mask: NDArray[np.bool_],
    strategy: str,
    components: int,
    seed: int,
    *,
    origin: NDArray[np.int64],
    plane: tuple[int, int],
) -> NDArray[np.int64]:
    """Points of the whole volume, (n, 3), sorted and each once."""
    draw = require_strategy(strategy)
    label, number = cc3d.connected_components(
        mask.astype(np.uint8, order="K"), connectivity=26, return_N=True
    )
    z, y, x = np.nonzero(mask.T)
    component_of = label.T[z, y, x]
    generator = random.Random(seed)  # noqa: S311 (a reproducible choice, no secret)
    chosen = generator.sample(range(1, number + 1), min(components, number))
    drawn = [np.empty((0, 3), dtype=np.int64)]
    for component in chosen:
        voxels = np.flatnonzero(component_of == component)
        best = int(np.argmax(np.bincount(z[voxels])))
        voxels = voxels[z[voxels] == best]
        pixels = draw(_component(x[voxels] + origin[0], y[voxels] + origin[1], plane), seed)
        drawn.append(np.column_stack([pixels, np.full(len(pixels), best + origin[2])]))
    return np.unique(np.concatenate(drawn), axis=0)


def _component(x: NDArray[np.int64], y: NDArray[np.int64], plane: tuple[int, int]) -> Component:
    """The pixels of one slice, in one piece or several, as something to draw on."""
    low_x, low_y = int(x.min()), int(y.min())
    image = np.zeros((int(x.max()) - low_x + 1, int(y.max()) - low_y + 1), dtype=np.bool_)
    image[x - low_x, y - low_y] = True
    return Component(image, (low_x, low_y), 0, plane)
