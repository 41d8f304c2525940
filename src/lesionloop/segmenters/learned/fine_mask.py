"""From logits on the working grid to a mask on the PET grid, only where something changed."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging.crop import Box
from lesionloop.imaging.working import IsotropicGrid

__all__ = ["FineMask"]

#: Working voxels per side of the blocks that are decided at once.
_BLOCK = 16

_Span = tuple[int, int]


class FineMask:
    """A mask on the PET grid that follows logits on the working grid.

    A PET voxel is lesion where the linear interpolation of the logits is above the threshold. It
    depends on the logits around it alone, so deciding anew the blocks whose logits changed gives
    what deciding all gives.

    Args:
        working: the working grid.
        threshold: logit.
        like: an array of the PET grid, whose memory order the mask takes.
        given: a mask on the PET grid, and the logits that stand for it: wherever the logits are
            still these, the mask is the given one to the voxel.
    """

    def __init__(
        self,
        working: IsotropicGrid,
        threshold: float,
        like: NDArray[np.generic],
        given: tuple[NDArray[np.bool_], NDArray[np.float32]] | None = None,
    ) -> None:
        self._working = working
        self._threshold = np.float32(threshold)
        self._given = given
        self._logits = np.full(working.shape, -np.inf, dtype=np.float32)
        self._mask: NDArray[np.bool_] = np.zeros_like(like, dtype=np.bool_)

    def follow(self, logits: NDArray[np.float32]) -> NDArray[np.bool_]:
        """The mask for these logits; it belongs to this object, callers copy it.

        Args:
            logits: [x, y, z] on the working grid; -inf where nothing can be.
        """
        changed = logits != self._logits
        previous, self._logits = self._logits, logits.copy()
        try:
            for block in self._blocks(changed):
                self._decide(block)
        except BaseException:
            # Undecided blocks must not pass for decided ones in the next call.
            self._logits = np.full_like(previous, np.nan)
            raise
        return self._mask

    def _blocks(self, changed: NDArray[np.bool_]) -> Iterator[tuple[_Span, _Span, _Span]]:
        """Blocks in which a PET voxel may look at a changed logit."""
        wide = changed
        for axis in range(3):
            starts = np.arange(0, wide.shape[axis], _BLOCK)
            # A voxel looks at most one working voxel beyond its block.
            near = np.zeros((len(starts), *np.delete(wide.shape, axis)), dtype=bool)
            for number, start in enumerate(starts):
                span = range(max(0, int(start) - 1), min(wide.shape[axis], int(start) + _BLOCK + 1))
                near[number] = wide.take(span, axis=axis).any(axis=axis)
            wide = np.moveaxis(near, 0, axis)
        for i, j, k in np.argwhere(wide):
            spans = [
                (int(b) * _BLOCK, min((int(b) + 1) * _BLOCK, n))
                for b, n in zip((i, j, k), self._working.shape, strict=True)
            ]
            yield spans[0], spans[1], spans[2]

    def _decide(self, block: tuple[_Span, _Span, _Span]) -> None:
        fine, part, origin = [], [], []
        for axis, (start, stop) in enumerate(block):
            size = self._working.fine_shape[axis]
            step = self._working.spacing_mm / self._working.fine_spacing[axis]
            # Voxels whose centre lies in the block: (i + 0.5) / step in [start, stop).
            low = int(np.ceil(start * step - 0.5))
            high = int(np.ceil(stop * step - 0.5))
            if stop == self._working.shape[axis]:
                high = size
            fine.append(slice(max(0, low), min(size, high)))
            part.append(slice(max(0, start - 1), stop + 1))
            origin.append(max(0, start - 1))
        box = (fine[0], fine[1], fine[2])
        if any(span.stop <= span.start for span in box):
            return
        near = self._logits[tuple(part)]
        corner = (origin[0], origin[1], origin[2])
        if self._given is not None:
            self._decide_beside_given(box, near, self._given[1][tuple(part)], corner)
            return
        if not (near > self._threshold).any():
            self._mask[box] = False
            return
        self._mask[box] = self._expand(near, box, corner) > self._threshold

    def _decide_beside_given(
        self,
        box: Box,
        near: NDArray[np.float32],
        before: NDArray[np.float32],
        corner: tuple[int, int, int],
    ) -> None:
        assert self._given is not None  # noqa: S101
        moved = near != before
        self._mask[box] = self._given[0][box]
        if moved.any():
            touched = self._working.expand(moved.astype(np.float32), box, corner) > 0
            inside = self._expand(near, box, corner) > self._threshold
            np.copyto(self._mask[box], inside, where=touched)

    def _expand(
        self, logits: NDArray[np.float32], box: Box, corner: tuple[int, int, int]
    ) -> NDArray[np.float32]:
        # -inf times a weight of 0 is no number; so low a logit never decides a voxel alone.
        return self._working.expand(np.maximum(logits, np.float32(-50)), box, corner)
