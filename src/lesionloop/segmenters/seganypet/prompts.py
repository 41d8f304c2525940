"""What a window's decoder is given."""

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from lesionloop.segmenters.seganypet.growth import Logits

__all__ = ["Prompts"]

_Triple = tuple[int, int, int]


class Prompts:
    """Points in a window, and what was drawn there.

    Args:
        places: (n, 3) in voxels of the window.
        positive: (n,) bool.
        drawn: (2, side, side, side), drawn foreground and background; None for a network that sees
            points alone.
    """

    def __init__(
        self,
        places: NDArray[np.float64],
        positive: NDArray[np.bool_],
        drawn: NDArray[np.bool_] | None = None,
    ) -> None:
        self.places = np.ascontiguousarray(places, dtype=np.float32)
        self.positive = np.ascontiguousarray(positive)
        self.drawn = drawn

    def digest(self, start: _Triple, previous: Logits | None) -> bytes:
        """All that decides the logits of a window."""
        hashed = blake2b(digest_size=16)
        hashed.update(repr((start, len(self.places))).encode())
        for part in (self.places, self.positive, self.drawn, previous):
            hashed.update(b"-" if part is None else np.ascontiguousarray(part).tobytes())
        return hashed.digest()
