"""Networks that are to see what they were trained on: windows of one size, blended."""

from itertools import product

import numpy as np
from numpy.typing import NDArray

from lesionloop.progress import tell
from lesionloop.segmenters.boxes import Box
from lesionloop.segmenters.learned.network import Runtime

__all__ = ["run_windows", "widened"]

#: Share of a window that its neighbour covers as well: that of MONAI's sliding windows. nnU-Net
#: takes a half, which costs eight times the volume.
_OVERLAP = 0.25
#: Width of the Gaussian by which a voxel counts, as a share of the window (nnU-Net, Isensee et al.
#: 2021): what a network says of the border of its window is worth less.
_SIGMA = 0.125
#: Counts at least so much, so that every voxel is decided.
_LEAST = 1e-4


def widened(box: Box, window: int, shape: tuple[int, ...]) -> Box:
    """The box, grown around its middle to ``window`` voxels per side as far as the grid allows."""
    sides = []
    for side, n in zip(box, shape, strict=True):
        length = max(side.stop - side.start, min(window, n))
        start = side.start - (length - (side.stop - side.start)) // 2
        start = min(max(start, 0), n - length)
        sides.append(slice(start, start + length))
    return sides[0], sides[1], sides[2]


def run_windows(
    runtime: Runtime, inputs: NDArray[np.float32], window: int, padding: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Logits [x, y, z] of channels (channels, x, y, z) of any size.

    Args:
        runtime: computes the network.
        inputs: channels.
        window: voxels per side of what the network is shown.
        padding: value of each channel beyond the box, (channels,).
    """
    shape = inputs.shape[1:]
    whole = np.empty((len(inputs), *(max(n, window) for n in shape)), dtype=np.float32)
    whole[...] = padding.reshape(-1, 1, 1, 1)
    whole[:, : shape[0], : shape[1], : shape[2]] = inputs
    weight = _weight(window)
    total = np.zeros(whole.shape[1:], dtype=np.float32)
    weights = np.zeros_like(total)
    corners = list(product(*(_starts(n, window) for n in whole.shape[1:])))
    for number, corner in enumerate(corners):
        tell(number / len(corners))
        x, y, z = (slice(start, start + window) for start in corner)
        total[x, y, z] += weight * runtime.run(whole[:, x, y, z])
        weights[x, y, z] += weight
    return np.asarray((total / weights)[: shape[0], : shape[1], : shape[2]])


def _starts(n: int, window: int) -> list[int]:
    """First voxels of the fewest windows that cover an axis with the overlap, evenly spread."""
    count = 1 + int(np.ceil((n - window) / (window * (1 - _OVERLAP))))
    return [round(start) for start in np.linspace(0, n - window, count)]


def _weight(window: int) -> NDArray[np.float32]:
    away = (np.arange(window) - (window - 1) / 2) / (_SIGMA * window)
    bell = np.exp(-(away**2) / 2)
    weight = bell[:, None, None] * bell[:, None] * bell
    return np.asarray(np.maximum(weight, _LEAST), dtype=np.float32)
