"""The network on boxes of any size: in one piece, or in tiles when memory asks for it."""

from itertools import product
from math import prod

import numpy as np
from numpy.typing import NDArray

from lesionloop.progress import tell
from lesionloop.segmenters.learned.network import Runtime

__all__ = ["MOST_VOXELS", "run_box"]

#: Voxels computed at once; about 0.5 kB of memory each.
MOST_VOXELS = 3_500_000
#: Voxels that tiles overlap on either side. A logit looks at more than that in theory; beyond it
#: the effect is too small to matter at the seam.
_HALO = 24
#: An axis is never cut into more pieces than this.
_MOST_PIECES = 24


def run_box(
    runtime: Runtime, inputs: NDArray[np.float32], multiple: int, padding: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Logits [x, y, z] of channels (channels, x, y, z) of any size.

    Args:
        runtime: computes the network.
        inputs: channels.
        multiple: sides that the network takes are multiples of this.
        padding: value of each channel beyond the box, (channels,).
    """
    shape = inputs.shape[1:]
    pieces = _pieces(shape, multiple)
    if pieces == (1, 1, 1):
        return _run(runtime, inputs, multiple, padding)
    result = np.empty(shape, dtype=np.float32)
    spans = [_spans(n, count) for n, count in zip(shape, pieces, strict=True)]
    for number, tile in enumerate(product(*spans)):
        tell(number / prod(pieces))
        wide = tuple(
            slice(max(0, start - _HALO), min(n, stop + _HALO))
            for (start, stop), n in zip(tile, shape, strict=True)
        )
        logits = _run(runtime, inputs[(slice(None), *wide)], multiple, padding)
        inner = tuple(
            slice(start - w.start, stop - w.start)
            for (start, stop), w in zip(tile, wide, strict=True)
        )
        result[tuple(slice(*span) for span in tile)] = logits[inner]
    return result


def _pieces(shape: tuple[int, ...], multiple: int) -> tuple[int, ...]:
    """Into how many pieces to cut each axis: the least work whose tiles fit into memory.

    Depends on the shape alone, so the logits of a box do too. Where no cut fits, the smallest
    tiles.
    """
    if prod(_side(n, 1, multiple) for n in shape) <= MOST_VOXELS:
        return (1,) * len(shape)
    choices = [
        [(count, _side(n, count, multiple)) for count in range(1, min(n, _MOST_PIECES) + 1)]
        for n in shape
    ]
    plans = [
        (prod(side for _, side in plan), tuple(count for count, _ in plan))
        for plan in product(*choices)
    ]
    fitting = [plan for plan in plans if plan[0] <= MOST_VOXELS]
    return min(fitting, key=lambda p: (p[0] * prod(p[1]), p[1]))[1] if fitting else min(plans)[1]


def _side(n: int, count: int, multiple: int) -> int:
    """Side of the largest tile, halo and padding included."""
    halos = 2 if count > 2 else count - 1  # the tiles at the ends have one
    side = min(n, -(-n // count) + halos * _HALO)
    return -(-side // multiple) * multiple


def _spans(n: int, count: int) -> list[tuple[int, int]]:
    core = -(-n // count)
    return [(start, min(start + core, n)) for start in range(0, n, core)]


def _run(
    runtime: Runtime, inputs: NDArray[np.float32], multiple: int, padding: NDArray[np.float32]
) -> NDArray[np.float32]:
    shape = inputs.shape[1:]
    sides = tuple(-(-n // multiple) * multiple for n in shape)
    if shape != sides:
        whole = np.empty((len(inputs), *sides), dtype=np.float32)
        whole[...] = padding.reshape(-1, 1, 1, 1)
        whole[:, : shape[0], : shape[1], : shape[2]] = inputs
        inputs = whole
    return runtime.run(inputs)[: shape[0], : shape[1], : shape[2]]
