"""The three ways in which the simulated reader of autoPET V draws on a component.

Random numbers come from Python's Mersenne twister, seeded anew for every scribble, so the same
component always gives the same scribble.

Source of all rules: autoPET V evaluation code, scribble simulation.
"""

import random
from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lesionloop.errors import InputError
from lesionloop.scribbles.components import Component
from lesionloop.scribbles.paths import farthest_pair, shortest_path
from lesionloop.scribbles.thinning import thin

__all__ = ["STRATEGIES", "draw_boundary", "draw_centerline", "draw_random", "require_strategy"]

#: Steps to the eight neighbours (dx, dy) in the order in which a boundary is followed.
_AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


def draw_random(component: Component, seed: int) -> NDArray[np.int64]:
    """Draw a straight line between two random pixels, where it lies in the component.

    Returns:
        (n, 2) pixels x, y of the slice, sorted by x, then y. A single pixel gives itself.
    """
    pixels = np.argwhere(component.image)
    if len(pixels) < 2:
        return pixels + component.origin
    generator = random.Random(seed)  # noqa: S311 (a reproducible reader, no secret)
    first, second = (pixels[_below(generator, len(pixels))].tolist() for _ in range(2))
    inside = [point for point in _line(*first, *second) if component.image[point]]
    return _sorted(np.array(inside, dtype=np.int64)) + component.origin


def draw_boundary(component: Component, seed: int) -> NDArray[np.int64]:
    """Follow the inner boundary from a random pixel, over a fifth of its length at most.

    The boundary are the pixels with a 4-neighbour outside the component; the border of the image
    itself makes no boundary. The walk takes at most max(2, a fifth) steps, each to the first
    neighbour on the boundary that was not visited yet, and stops where there is none.

    Returns:
        (n, 2) pixels x, y of the slice, sorted by x, then y; the whole component when fewer than
        two pixels are on the boundary.
    """
    boundary = _inner_boundary(component)
    pixels = np.argwhere(boundary)
    if len(pixels) < 2:
        return np.argwhere(component.image) + component.origin
    generator = random.Random(seed)  # noqa: S311 (a reproducible reader, no secret)
    x, y = pixels[_below(generator, len(pixels))].tolist()
    free = np.pad(boundary, 1)
    walk = []
    for _ in range(max(2, len(pixels) // 5) + 1):
        walk.append((x, y))
        free[x + 1, y + 1] = False
        ahead = [(x + dx, y + dy) for dx, dy in _AROUND if free[x + dx + 1, y + dy + 1]]
        if not ahead:
            break
        x, y = ahead[0]
    return _sorted(np.array(walk, dtype=np.int64)) + component.origin


def draw_centerline(component: Component, seed: int) -> NDArray[np.int64]:
    """Follow the skeleton between its two ends, without the outer tenths of a long path.

    The component is thinned, the largest part of the skeleton kept, and its two pixels that are
    farthest apart in a straight line are joined by a shortest path. Of a path of more than ten
    pixels the positions from a tenth up to nine tenths stay.

    Args:
        component: the component to draw on.
        seed: not used; all strategies have the same arguments.

    Returns:
        (n, 2) pixels x, y of the slice, sorted by x, then y; the whole component when the skeleton
        has fewer than two pixels.
    """
    del seed
    part = _largest_part(thin(component.image))
    if np.count_nonzero(part) < 2:
        return np.argwhere(component.image) + component.origin
    path = shortest_path(part, *farthest_pair(part))
    n = len(path)
    if n > 10:
        path = path[n // 10 : 9 * n // 10]
    return _sorted(path) + component.origin


STRATEGIES: Final = ("centerline", "random", "boundary")
"""Names of the ways to draw, as `simulate_scribble` takes them."""

_DRAW: Final = dict(zip(STRATEGIES, (draw_centerline, draw_random, draw_boundary), strict=True))


def require_strategy(name: str) -> Callable[[Component, int], NDArray[np.int64]]:
    """Return the function that draws; it takes a component and a seed, and gives (n, 2) pixels.

    Raises:
        InputError: there is no strategy of this name.
    """
    if name not in _DRAW:
        raise InputError(
            f"there is no scribble strategy {name!r}",
            remedy=f"Choose one of {', '.join(STRATEGIES)}.",
        )
    return _DRAW[name]


def _below(generator: random.Random, n: int) -> int:
    """Draw an index in [0, n).

    Spelled out, because Python promises the same bits in every version, not the same `randrange`.
    """
    bits = n.bit_length()
    drawn = generator.getrandbits(bits)
    while drawn >= n:
        drawn = generator.getrandbits(bits)
    return drawn


def _line(x1: int, y1: int, x2: int, y2: int) -> Iterator[tuple[int, int]]:
    """Pixels of a straight line (Bresenham, integers only); not symmetric in its ends."""
    ends = ((x1, x2), (y1, y2))
    length = [abs(b - a) for a, b in ends]
    sign = [1 if b > a else -1 for a, b in ends]
    lead = 0 if length[0] > length[1] else 1
    other = 1 - lead
    here = [x1, y1]
    error = 2 * length[other] - length[lead]
    for _ in range(length[lead]):
        yield here[0], here[1]
        while error >= 0:
            here[other] += sign[other]
            error -= 2 * length[lead]
        here[lead] += sign[lead]
        error += 2 * length[other]
    yield x2, y2


def _inner_boundary(component: Component) -> NDArray[np.bool_]:
    """Pixels with a 4-neighbour that is in the slice and not in the component, bool [x, y]."""
    image = component.image
    padded = np.pad(image, 1)
    # Beyond the border of the slice there are no neighbours, hence none outside the component.
    for axis, (low, n) in enumerate(zip(component.origin, component.slice_shape, strict=True)):
        lines = np.moveaxis(padded, axis, 0)
        if low == 0:
            lines[0] = True
        if low + image.shape[axis] == n:
            lines[-1] = True
    surrounded = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return image & ~surrounded


def _largest_part(image: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest 8-connected part; among equals the one with the first pixel by x, then y."""
    # Labels count up in that order, and argmax takes the first of equal sizes.
    label, number = ndimage.label(image, structure=np.ones((3, 3)))
    if number < 2:
        return image
    return np.asarray(label == 1 + int(np.argmax(np.bincount(label.ravel())[1:])))


def _sorted(points: NDArray[np.int64]) -> NDArray[np.int64]:
    return points[np.lexsort((points[:, 1], points[:, 0]))]
