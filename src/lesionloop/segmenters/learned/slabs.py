"""The network on boxes of any size: in one piece, or in slabs when memory asks for it."""

import numpy as np
from numpy.typing import NDArray

from lesionloop.segmenters.learned.network import Runtime

__all__ = ["MOST_VOXELS", "run_box"]

#: Voxels computed at once; about 0.5 kB of memory each.
MOST_VOXELS = 3_000_000
#: Voxels that slabs overlap on either side. A logit looks at more than that in theory; beyond it
#: the effect is too small to matter at the seam.
_HALO = 24


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
    sides = [-(-n // multiple) * multiple for n in shape]
    axis = int(np.argmax(shape))
    across = int(np.prod(sides)) // sides[axis]
    longest = max(multiple, MOST_VOXELS // across // multiple * multiple)
    if sides[axis] <= longest:
        return _run(runtime, inputs, sides, padding)
    core = max(multiple, longest - 2 * _HALO)
    parts = []
    for start in range(0, shape[axis], core):
        stop = min(start + core, shape[axis])
        low, high = max(0, start - _HALO), min(shape[axis], stop + _HALO)
        part = inputs.take(range(low, high), axis=axis + 1)
        local = [-(-n // multiple) * multiple for n in part.shape[1:]]
        logits = _run(runtime, part, local, padding)
        parts.append(logits.take(range(start - low, stop - low), axis=axis))
    return np.concatenate(parts, axis=axis)


def _run(
    runtime: Runtime, inputs: NDArray[np.float32], sides: list[int], padding: NDArray[np.float32]
) -> NDArray[np.float32]:
    shape = inputs.shape[1:]
    if list(shape) != sides:
        whole = np.empty((len(inputs), *sides), dtype=np.float32)
        whole[...] = padding.reshape(-1, 1, 1, 1)
        whole[:, : shape[0], : shape[1], : shape[2]] = inputs
        inputs = whole
    return runtime.run(inputs)[: shape[0], : shape[1], : shape[2]]
