"""Normalised surface distance (NSD): the share of two surfaces that lie within a tolerance.

The surface runs between voxel centres. Every cube of 2 x 2 x 2 centres that holds both kinds of
voxels has a piece of it, an area in mm² that follows from which of its corners are inside; the
piece counts as being at the middle of the cube. Areas, not counts, are summed, so that a finer
spacing along one axis does not give the surfaces across that axis more weight.
"""

from collections.abc import Sequence
from functools import lru_cache
from itertools import product

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.errors import InputError
from lesionloop.metrics.box import crop_to_foreground
from lesionloop.metrics.empty import value_when_empty

__all__ = ["surface_dice"]

_Point = tuple[float, float, float]

_CORNERS: tuple[tuple[int, int, int], ...] = tuple(
    (x, y, z) for x, y, z in product((0, 1), repeat=3)
)
#: Distances are rounded: one that is the tolerance on paper must not fall out.
_ROUNDING = 1 + 1e-9


def surface_dice(
    prediction: ArrayLike,
    reference: ArrayLike,
    spacing: Sequence[float],
    *,
    tolerance_mm: float = 1.0,
) -> float:
    """Return the share of both surfaces, by area, that is within a tolerance of the other.

    NaN when both masks are empty, 0.0 when one is (see ``lesionloop.metrics.empty``).

    Args:
        prediction: [x, y, z], any numbers; above 0 is lesion.
        reference: [x, y, z] of the same shape.
        spacing: mm along x, y, z.
        tolerance_mm: 0 or more.

    Raises:
        InputError: the shapes differ, or the spacing or the tolerance is out of range.

    Source:
        Nikolov et al., Clinically applicable segmentation of head and neck anatomy, J Med
        Internet Res 2021; 23(7):e26151. Pieces of surface: marching cubes (Lorensen and Cline,
        1987) with corners of polygons in the middle of edges.
    """
    sides = tuple(float(side) for side in spacing)
    if len(sides) != 3 or not all(np.isfinite(side) and side > 0 for side in sides):
        raise InputError(f"a spacing is three numbers of mm above 0, not {tuple(spacing)}")
    if not (np.isfinite(tolerance_mm) and tolerance_mm >= 0):
        raise InputError(f"a tolerance is 0 mm or more, not {tolerance_mm}")
    one, two = (values > 0 for values in crop_to_foreground(prediction, reference))
    fixed = value_when_empty("nsd", reference_empty=not two.any(), prediction_empty=not one.any())
    if fixed is not None:
        return fixed
    areas = _areas((sides[0], sides[1], sides[2]))
    first, second = (_pieces(mask, areas) for mask in (one, two))
    scale = np.asarray(sides)
    within = sum(
        float(area[_near(place * scale, other * scale, tolerance_mm)].sum())
        for (place, area), (other, _) in ((first, second), (second, first))
    )
    return within / float(first[1].sum() + second[1].sum())


def _pieces(
    mask: NDArray[np.bool_], areas: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Index (n, 3) of each cube with surface, and its area (n,), mm²."""
    inside = np.pad(mask, 1).astype(np.uint8)
    shape = tuple(n - 1 for n in inside.shape)
    code = np.zeros(shape, dtype=np.uint8)
    for bit, corner in enumerate(_CORNERS):
        part = tuple(slice(at, at + n) for at, n in zip(corner, shape, strict=True))
        code |= inside[part] << bit
    places = np.argwhere((code != 0) & (code != 255))
    return places, areas[code[tuple(places.T)]]


def _near(
    start: NDArray[np.float64], goal: NDArray[np.float64], tolerance_mm: float
) -> NDArray[np.bool_]:
    """Which places (n, 3) have one of the goals (m, 3) within the tolerance, (n,)."""
    # Heavy, and only those who ask for distances need it.
    from scipy.spatial import cKDTree  # noqa: PLC0415

    reach = max(tolerance_mm * _ROUNDING, 1e-9)
    tree = cKDTree(goal, balanced_tree=False, compact_nodes=False)
    return np.asarray(np.isfinite(tree.query(start, distance_upper_bound=reach)[0]))


@lru_cache(maxsize=32)
def _areas(spacing: _Point) -> NDArray[np.float64]:
    """Area (256,) of surface in a cube by its code: bit n is corner n of ``_CORNERS``, mm²."""
    table = np.zeros(256)
    for code in range(1, 255):
        for loop in _loops(code):
            corners = np.array(loop) * spacing
            arms = corners[1:] - corners[0]
            across = np.cross(arms[:-1], arms[1:])
            table[code] += float(np.linalg.norm(across, axis=1).sum()) / 2
    table.setflags(write=False)
    return table


def _loops(code: int) -> list[list[_Point]]:
    """The polygons of a code, corners in order, in units of the cube's sides."""
    joined: dict[_Point, list[_Point]] = {}
    for axis, end in product(range(3), (0, 1)):
        for one, other in _face_lines(code, axis, end):
            joined.setdefault(one, []).append(other)
            joined.setdefault(other, []).append(one)
    loops = []
    left = set(joined)
    while left:
        start = min(left)
        loop, here, before = [start], start, None
        left.discard(start)
        while True:
            ahead = [point for point in joined[here] if point != before] or joined[here]
            here, before = ahead[0], here
            if here == start:
                break
            loop.append(here)
            left.discard(here)
        loops.append(loop)
    return loops


def _face_lines(code: int, axis: int, end: int) -> list[tuple[_Point, _Point]]:
    """Where the polygons cross one face of the cube: lines between middles of its edges."""
    ring = []
    for one, two in ((0, 0), (0, 1), (1, 1), (1, 0)):
        corner = [one, two]
        corner.insert(axis, end)
        ring.append((corner[0], corner[1], corner[2]))
    inside = [bool(code >> _CORNERS.index(corner) & 1) for corner in ring]
    middles = [_middle(ring[n], ring[(n + 1) % 4]) for n in range(4)]
    crossed = [n for n in range(4) if inside[n] != inside[(n + 1) % 4]]
    if len(crossed) == 4:
        # Two corners inside, across from each other: they are kept apart.
        return [(middles[n - 1], middles[n]) for n in range(4) if inside[n]]
    return [(middles[crossed[0]], middles[crossed[1]])] if crossed else []


def _middle(one: tuple[int, int, int], other: tuple[int, int, int]) -> _Point:
    x, y, z = ((a + b) / 2 for a, b in zip(one, other, strict=True))
    return x, y, z
