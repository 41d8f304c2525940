"""Boxes of voxels: slices along x, y, z."""

from math import prod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.imaging.crop import Box

__all__ = ["Box", "box_around", "grow", "hull", "merge_boxes", "overlap", "place_in", "within"]


def box_around(points: NDArray[np.int64], margin: ArrayLike, shape: tuple[int, ...]) -> Box:
    """Smallest box around points (n, 3) plus ``margin`` voxels per axis, cut at the grid."""
    low = np.maximum(points.min(axis=0) - np.asarray(margin), 0)
    high = np.minimum(points.max(axis=0) + np.asarray(margin) + 1, shape)
    x, y, z = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    return (x, y, z)


def within(points: NDArray[np.int64], box: Box) -> NDArray[np.int64]:
    """Those of points (n, 3) that are in the box, counted from its corner."""
    low = np.array([s.start for s in box])
    high = np.array([s.stop for s in box])
    inside = ((points >= low) & (points < high)).all(axis=1)
    return np.asarray(points[inside] - low)


def overlap(a: Box, b: Box) -> bool:
    """Whether two boxes share a voxel."""
    return all(p.start < q.stop and q.start < p.stop for p, q in zip(a, b, strict=True))


def hull(a: Box, b: Box) -> Box:
    """Smallest box around two boxes."""
    x, y, z = (slice(min(p.start, q.start), max(p.stop, q.stop)) for p, q in zip(a, b, strict=True))
    return (x, y, z)


def grow(box: Box, margin: ArrayLike, shape: tuple[int, ...]) -> Box:
    """The box and ``margin`` voxels more on every side (one number or one per axis), cut at the
    grid.
    """
    margins = np.broadcast_to(np.asarray(margin, dtype=int), 3).tolist()
    x, y, z = (
        slice(max(s.start - m, 0), min(s.stop + m, n))
        for s, m, n in zip(box, margins, shape, strict=True)
    )
    return (x, y, z)


def place_in(inner: Box, outer: Box) -> Box:
    """The box ``inner`` counted from the corner of ``outer``, which holds it."""
    x, y, z = (
        slice(i.start - o.start, i.stop - o.start) for i, o in zip(inner, outer, strict=True)
    )
    return (x, y, z)


def merge_boxes(boxes: list[Box]) -> list[Box]:
    """Boxes that cover the same voxels and more; two are joined where one hull is less work."""
    merged: list[Box] = []
    for box in boxes:
        current = box
        while True:
            partner = next((other for other in merged if _worth_joining(other, current)), None)
            if partner is None:
                break
            merged.remove(partner)
            current = hull(partner, current)
        merged.append(current)
    return merged


def _worth_joining(a: Box, b: Box) -> bool:
    return _size(hull(a, b)) <= _size(a) + _size(b)


def _size(box: Box) -> int:
    return prod(s.stop - s.start for s in box)
