"""Boxes of voxels: slices along x, y, z."""

from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Box", "box_around", "hull", "merge_boxes", "overlap", "within"]

Box: TypeAlias = tuple[slice, slice, slice]


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


def merge_boxes(boxes: list[Box]) -> list[Box]:
    """Boxes joined until no two overlap."""
    merged: list[Box] = []
    for box in boxes:
        current = box
        while hits := [other for other in merged if overlap(other, current)]:
            merged = [other for other in merged if not overlap(other, current)]
            for other in hits:
                current = hull(current, other)
        merged.append(current)
    return merged
