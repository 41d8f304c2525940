"""Thinning of a 2-D shape to lines one pixel wide, as the scribble simulation of autoPET V does it.

It is the two-pass thinning of scikit-image, which deletes in 25 of the 256 neighbourhoods otherwise
than the textbook version of Zhang and Suen (CACM 27(3), 1984).
"""

import numpy as np
from numpy.typing import NDArray

__all__ = ["thin"]

#: Weight of each set neighbour (dx, dy) in a pixel's neighbourhood code.
_WEIGHTS = {
    (-1, -1): 1,
    (-1, 0): 2,
    (-1, 1): 4,
    (0, 1): 8,
    (1, 1): 16,
    (1, 0): 32,
    (1, -1): 64,
    (0, -1): 128,
}
_FIRST_ONLY = (3, 6, 11, 12, 14, 131, 134, 143, 159, 161, 194, 198, 207, 227, 231, 243)
_SECOND_ONLY = (24, 26, 56, 62, 63, 96, 104, 108, 126, 176, 192, 224, 248, 249, 252)
_BOTH_LOW = (7, 10, 15, 28, 30, 31, 40, 60, 112, 120, 124, 130, 135)
_BOTH_HIGH = (160, 193, 195, 199, 225, 240, 241)


def _table(codes: tuple[int, ...]) -> NDArray[np.bool_]:
    table = np.zeros(256, dtype=np.bool_)
    table[list(codes)] = True
    return table


_BOTH = _BOTH_LOW + _BOTH_HIGH
_PASSES = (_table(_FIRST_ONLY + _BOTH), _table(_SECOND_ONLY + _BOTH))


def thin(image: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Thin a shape until nothing changes; its outside counts as background.

    Args:
        image: bool [x, y].

    Returns:
        bool [x, y], a subset of ``image``. A 2 x 2 square keeps two pixels; some shapes vanish.

    Source: the neighbourhood codes of scikit-image's 2-D thinning, as autoPET V uses it.
    """
    # Not np.pad, which keeps the memory order of its input: `state` must be a view, y fastest.
    padded = np.zeros((image.shape[0] + 2, image.shape[1] + 2), dtype=np.bool_)
    padded[1:-1, 1:-1] = image
    state = padded.reshape(-1)
    step = np.array([dx * padded.shape[1] + dy for dx, dy in _WEIGHTS])
    weight = np.array(list(_WEIGHTS.values()), dtype=np.int64)

    pixels = np.flatnonzero(state)
    # What each pass has to look at: a pixel whose neighbours are as they were at the last look of
    # the same pass stays. So the work goes with the number of pixels, not with pixels times rounds.
    pending = [pixels, pixels]
    turn = 0
    while len(pending[0]) or len(pending[1]):
        look = pending[turn][state[pending[turn]]]
        code = state[look[:, None] + step] @ weight
        deleted = look[_PASSES[turn][code]]
        state[deleted] = False
        near = (deleted[:, None] + step).ravel()
        pending[turn] = np.unique(near)
        pending[1 - turn] = np.union1d(pending[1 - turn], near)
        turn = 1 - turn
    return padded[1:-1, 1:-1].copy()
