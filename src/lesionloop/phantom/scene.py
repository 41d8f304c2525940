"""A scene: shapes of tissue painted one over the other, like a picture from back to front."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lesionloop.phantom.shapes import Shape
from lesionloop.phantom.tissues import Tissue

__all__ = ["Piece", "Scene"]


@dataclass(frozen=True)
class Piece:
    """A shape of one tissue; with ``over``, it replaces only those tissues."""

    shape: Shape
    tissue: Tissue
    over: frozenset[Tissue] | None = None


@dataclass
class Scene:
    """Pieces in the order in which they are painted, and how large the person is.

    Args:
        scale: size of this person relative to the body in which the shapes are written, along
            x, y, z.
        centre: the point, mm, that scaling leaves where it is.
    """

    scale: tuple[float, float, float] = (1.0, 1.0, 1.0)
    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    pieces: list[Piece] = field(default_factory=list)

    def add(
        self, shapes: Shape | Iterable[Shape], tissue: Tissue, over: Iterable[Tissue] | None = None
    ) -> None:
        """Paint one shape or several on top of what is there."""
        limit = None if over is None else frozenset(over)
        several = shapes if isinstance(shapes, Iterable) else [shapes]
        self.pieces.extend(Piece(shape, tissue, limit) for shape in several)

    def to_body(self, axis: int, position: NDArray[np.floating]) -> NDArray[np.float32]:
        """Coordinates along ``axis`` in the body's own mm, from LPS mm."""
        centre = self.centre[axis]
        return np.asarray((position - centre) / self.scale[axis] + centre, dtype=np.float32)

    def paint(
        self, x: NDArray[np.floating], y: NDArray[np.floating], z: NDArray[np.floating]
    ) -> NDArray[np.uint8]:
        """Tissue of each voxel of a grid.

        Args:
            x, y, z: rising LPS mm of the voxel centres, (nx,), (ny,), (nz,).

        Returns:
            uint8 [x, y, z], x fastest in memory; values are `Tissue`.
        """
        axes = [self.to_body(a, p) for a, p in enumerate((x, y, z))]
        # Painted as (z, y, x) so that the innermost loop runs along memory.
        labels = np.zeros((len(z), len(y), len(x)), dtype=np.uint8)
        for piece in self.pieces:
            low, high = piece.shape.box
            spans = [
                slice(
                    int(np.searchsorted(axis, lo, "left")), int(np.searchsorted(axis, hi, "right"))
                )
                for axis, lo, hi in zip(axes, low, high, strict=True)
            ]
            if any(s.stop <= s.start for s in spans):
                continue
            inside = piece.shape.contains(
                axes[0][spans[0]][None, None, :],
                axes[1][spans[1]][None, :, None],
                axes[2][spans[2]][:, None, None],
            )
            _stamp(labels[spans[2], spans[1], spans[0]], inside, piece)
        return labels.T

    def tissue_at(self, points: NDArray[np.floating]) -> NDArray[np.uint8]:
        """Tissue, (n,), at LPS points, (n, 3), mm: what `paint` gives a voxel centred there."""
        x, y, z = (self.to_body(a, points[:, a]) for a in range(3))
        labels = np.zeros(len(points), dtype=np.uint8)
        for piece in self.pieces:
            low, high = piece.shape.box
            near = np.flatnonzero(
                (x >= low[0]) & (x <= high[0]) & (y >= low[1]) & (y <= high[1])
                & (z >= low[2]) & (z <= high[2])
            )  # fmt: skip
            if not len(near):
                continue
            some = labels[near]
            _stamp(some, piece.shape.contains(x[near], y[near], z[near]), piece)
            labels[near] = some
        return labels


def _stamp(labels: NDArray[np.uint8], inside: NDArray[np.bool_], piece: Piece) -> None:
    if piece.over is not None:
        allowed = np.zeros(256, dtype=bool)
        allowed[list(piece.over)] = True
        inside = inside & allowed[labels]
    labels[inside] = piece.tissue
