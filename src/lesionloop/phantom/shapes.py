"""Shapes: solids in body millimetres that can say which points they hold.

A shape takes coordinate arrays that broadcast against each other, so that the same formula serves
a box of a grid (three thin arrays) and a list of points (three arrays of one length). Formulas are
closed forms; nothing here knows of voxels or tissues.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

__all__ = [
    "Box",
    "Capsule",
    "Domes",
    "Ellipsoid",
    "HalfSpace",
    "Intersection",
    "Profile",
    "Shape",
    "Vector",
    "Wobble",
    "rotation_to",
    "tube",
    "vector",
]

Coordinates = NDArray[np.floating[Any]]
Vector = tuple[float, float, float]
#: Lowest and highest corner, mm.
Box = tuple[Vector, Vector]

_ENDLESS = 1e6


class Shape(Protocol):
    """A solid."""

    @property
    def box(self) -> Box:
        """Corners, mm, of an axis-parallel box that holds the shape."""

    def contains(self, x: Coordinates, y: Coordinates, z: Coordinates) -> NDArray[np.bool_]:
        """Which points, mm, are inside; the arrays broadcast."""


@dataclass(frozen=True)
class Wobble:
    """Waves that dent an ellipsoid: its relative radius becomes 1 + sum a sin(k . q + phase).

    Args:
        amplitude: relative to the radius, (n,).
        wave: wave vectors in the ellipsoid's own units (radius 1), (n, 3).
        phase: radians, (n,).
    """

    amplitude: NDArray[np.float64]
    wave: NDArray[np.float64]
    phase: NDArray[np.float64]

    @classmethod
    def draw(
        cls,
        rng: np.random.Generator,
        strength: float,
        *,
        waves: int = 4,
        numbers: tuple[float, float] = (1.5, 4.5),
    ) -> "Wobble":
        """Draw waves; ``strength`` is the sum of amplitude times wave number.

        Below 1 the dented ellipsoid is star-shaped, so it is one piece: along a ray from the
        centre, radius minus limit rises at least as 1 - strength.
        """
        wave = rng.normal(size=(waves, 3))
        size = rng.uniform(*numbers, waves)
        wave *= (size / np.linalg.norm(wave, axis=1))[:, None]
        share = rng.dirichlet(np.full(waves, 3.0))
        return cls(strength * share / size, wave, rng.uniform(0, 2 * np.pi, waves))

    @property
    def reach(self) -> float:
        """Largest relative radius."""
        return 1.0 + float(self.amplitude.sum())

    def limit(self, u: Coordinates, v: Coordinates, w: Coordinates) -> Coordinates:
        """Relative radius at the points of the ellipsoid's own coordinates."""
        total: Coordinates = np.ones((), dtype=np.float32)
        for a, k, p in zip(self.amplitude, self.wave, self.phase, strict=True):
            total = total + a * np.sin(k[0] * u + k[1] * v + k[2] * w + p)
        return total


@dataclass(frozen=True)
class Ellipsoid:
    """Ellipsoid, turned and dented at will.

    Args:
        centre: mm.
        semi: semi-axes, mm.
        turn: rotation, (3, 3); column ``a`` is the direction of semi-axis ``a``.
        wobble: dents; None for a plain ellipsoid.
    """

    centre: Vector
    semi: Vector
    turn: NDArray[np.float64] | None = None
    wobble: Wobble | None = None

    @property
    def box(self) -> Box:
        reach = self.wobble.reach if self.wobble else 1.0
        turn = np.eye(3) if self.turn is None else self.turn
        half = reach * np.sqrt((turn**2 * np.square(self.semi)).sum(axis=1))
        return _box(np.subtract(self.centre, half), np.add(self.centre, half))

    @property
    def volume_ml(self) -> float:
        """Volume without dents, ml."""
        return float(4 / 3 * np.pi * np.prod(self.semi) / 1000)

    def scaled(self, factor: float) -> "Ellipsoid":
        """The same form, ``factor`` times as large about its centre."""
        a, b, c = self.semi
        return Ellipsoid(self.centre, (a * factor, b * factor, c * factor), self.turn, self.wobble)

    def contains(self, x: Coordinates, y: Coordinates, z: Coordinates) -> NDArray[np.bool_]:
        x, y, z = x - self.centre[0], y - self.centre[1], z - self.centre[2]
        if self.turn is None:
            u, v, w = x / self.semi[0], y / self.semi[1], z / self.semi[2]
        else:
            rows = (self.turn / np.array(self.semi)).T.tolist()
            u, v, w = (r[0] * x + r[1] * y + r[2] * z for r in rows)
        square = u * u + v * v + w * w
        if self.wobble is None:
            return np.asarray(square <= 1.0)
        return np.asarray(np.sqrt(square) <= self.wobble.limit(u, v, w))


@dataclass(frozen=True)
class Capsule:
    """Round-ended rod from ``start`` to ``end`` (mm) whose radius (mm) may change on the way."""

    start: Vector
    end: Vector
    radius: float
    end_radius: float

    @property
    def box(self) -> Box:
        ends = np.array([self.start, self.end])
        radii = np.array([[self.radius], [self.end_radius]])
        return _box((ends - radii).min(axis=0), (ends + radii).max(axis=0))

    def contains(self, x: Coordinates, y: Coordinates, z: Coordinates) -> NDArray[np.bool_]:
        dx, dy, dz = (e - s for s, e in zip(self.start, self.end, strict=True))
        x, y, z = x - self.start[0], y - self.start[1], z - self.start[2]
        length = max(dx * dx + dy * dy + dz * dz, 1e-9)
        t = np.clip((x * dx + y * dy + z * dz) / length, 0.0, 1.0)
        square = (x - t * dx) ** 2 + (y - t * dy) ** 2 + (z - t * dz) ** 2
        return np.asarray(square <= (self.radius + t * (self.end_radius - self.radius)) ** 2)


@dataclass(frozen=True)
class Profile:
    """Stack of superellipses along z: |x'/a|^n + |y'/b|^n <= 1, smooth between the knots.

    Args:
        knots: rows (z, centre x, half width, front y, back y) in mm, z falling or rising.
        power: n; 2 is an ellipse, more is boxier.
        inset: mm taken off all around (negative: added) in x and y.
    """

    knots: tuple[tuple[float, float, float, float, float], ...]
    power: float = 2.0
    inset: float = 0.0
    _curve: PchipInterpolator = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        table = np.array(sorted(self.knots))
        object.__setattr__(self, "_curve", PchipInterpolator(table[:, 0], table[:, 1:]))

    @property
    def box(self) -> Box:
        z, centre, half, front, back = np.array(self.knots).T
        half = half - self.inset
        low = ((centre - half).min(), front.min() + self.inset, z.min())
        return _box(low, ((centre + half).max(), back.max() - self.inset, z.max()))

    def contains(self, x: Coordinates, y: Coordinates, z: Coordinates) -> NDArray[np.bool_]:
        low, high = self.box[0][2], self.box[1][2]
        rows = self._curve(np.clip(z, low, high)).astype(np.float32)
        centre, half, front, back = np.moveaxis(rows, -1, 0)
        half = np.maximum(half - self.inset, 1e-3)
        depth = np.maximum((back - front) / 2 - self.inset, 1e-3)
        across = np.abs((x - centre) / half) ** np.float32(self.power)
        along = np.abs((y - (front + back) / 2) / depth) ** np.float32(self.power)
        return np.asarray((across + along <= 1.0) & ((z >= low) & (z <= high)))


@dataclass(frozen=True)
class HalfSpace:
    """Points on the side of a plane that ``normal`` points away from: normal . (p - point) <= 0."""

    point: Vector
    normal: Vector

    @property
    def box(self) -> Box:
        return _box(np.full(3, -_ENDLESS), np.full(3, _ENDLESS))

    def contains(self, x: Coordinates, y: Coordinates, z: Coordinates) -> NDArray[np.bool_]:
        a, b, c = self.normal
        offset = a * self.point[0] + b * self.point[1] + c * self.point[2]
        return np.asarray(a * x + b * y + c * z <= offset)


@dataclass(frozen=True)
class Domes:
    """What lies below the diaphragm: two paraboloid domes that meet under the heart.

    Args:
        right, left: height z of the tops, mm.
        apart: distance of each top from the midline, mm.
        back: y of the tops, mm.
        drop: how far the domes fall, mm, over ``reach`` mm sideways and to the front or back.
        saddle: the same sideways distance towards the midline, where the heart rests.
    """

    right: float
    left: float
    apart: float = 70.0
    back: float = 5.0
    drop: float = 72.0
    reach: tuple[float, float] = (56.0, 88.0)
    saddle: float = 105.0

    @property
    def box(self) -> Box:
        top = max(self.right, self.left)
        return ((-_ENDLESS, -_ENDLESS, -_ENDLESS), (_ENDLESS, _ENDLESS, top))

    def contains(self, x: Coordinates, y: Coordinates, z: Coordinates) -> NDArray[np.bool_]:
        # Tops differ between the sides; a smooth step over 4 cm avoids a cliff at the midline.
        top = self.right + (self.left - self.right) * (0.5 + 0.5 * np.tanh(x / 20.0))
        aside = np.abs(x) - self.apart
        scale = np.where(aside > 0, self.reach[0], self.saddle)
        height = top - self.drop * ((aside / scale) ** 2 + ((y - self.back) / self.reach[1]) ** 2)
        return np.asarray(z <= height)


@dataclass(frozen=True)
class Intersection:
    """Points that are in every one of the shapes."""

    parts: tuple[Shape, ...]

    @property
    def box(self) -> Box:
        boxes = np.array([part.box for part in self.parts])
        return _box(boxes[:, 0].max(axis=0), boxes[:, 1].min(axis=0))

    def contains(self, x: Coordinates, y: Coordinates, z: Coordinates) -> NDArray[np.bool_]:
        inside = self.parts[0].contains(x, y, z)
        for part in self.parts[1:]:
            inside = inside & part.contains(x, y, z)
        return inside


def tube(points: Sequence[Sequence[float]], radii: Sequence[float] | float) -> list[Shape]:
    """Capsules end to end along ``points``, mm, with one radius or one per point, mm."""
    if isinstance(radii, int | float):
        radii = [float(radii)] * len(points)
    corners = [(float(p[0]), float(p[1]), float(p[2])) for p in points]
    return [
        Capsule(corners[i], corners[i + 1], radii[i], radii[i + 1]) for i in range(len(points) - 1)
    ]


def vector(point: ArrayLike) -> Vector:
    """Three numbers as a tuple of floats."""
    x, y, z = np.asarray(point, dtype=float).tolist()
    return x, y, z


def rotation_to(axis: ArrayLike) -> NDArray[np.float64]:
    """Rotation, (3, 3), that takes the z axis to the direction of ``axis``."""
    third = np.asarray(axis, dtype=float)
    third = third / np.linalg.norm(third)
    helper = np.eye(3)[int(np.argmin(np.abs(third)))]
    first = np.cross(helper, third)
    first /= np.linalg.norm(first)
    return np.stack([first, np.cross(third, first), third], axis=1)


def _box(low: ArrayLike, high: ArrayLike) -> Box:
    return vector(low), vector(high)
