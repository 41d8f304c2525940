"""A synthetic liver in four phases of contrast, with the movement between them known exactly.

For tests of label fusion and for trying the liver benchmark without data. The anatomy is given in
the frame of the phase without contrast; each other phase shows it shifted, turned and bent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.ndimage import gaussian_filter, map_coordinates

from lesionloop.imaging import Grid, Quantity, Volume

__all__ = ["PHASES", "LiverLesion", "LiverPhantom", "Movement", "make_liver"]

Points = NDArray[np.float64]

#: Phase to HU of liver, vessels and lesions; round figures of abdominal CT.
_HU = {
    "nocontrast": (55.0, 40.0, 35.0),
    "arterial": (70.0, 95.0, 110.0),
    "venous": (110.0, 170.0, 65.0),
    "delayed": (90.0, 115.0, 60.0),
}
#: In the order of their acquisition; the first is what the others are aligned to.
PHASES = tuple(_HU)
_NOISE_HU = 8.0


@dataclass(frozen=True)
class LiverLesion:
    """A ball: centre in mm of the reference phase, radius in mm, and the phases that show it."""

    centre_mm: tuple[float, float, float]
    radius_mm: float
    phases: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Movement:
    """Where the anatomy of a phase comes from: point q of the phase shows that at ``source(q)``.

    Args:
        turn: (3, 3) rotation about the middle.
        shift_mm: after it.
        bend_mm: amplitude of a smooth wave along each axis.
        wave_mm: its length.
        middle_mm: LPS mm.
    """

    turn: NDArray[np.float64] = field(default_factory=lambda: np.eye(3))
    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    bend_mm: float = 0.0
    wave_mm: float = 120.0
    middle_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)

    def source(self, points: ArrayLike) -> Points:
        """The anatomy's place, (n, 3) LPS mm, of points of the phase."""
        place = np.asarray(points, dtype=np.float64) - self.middle_mm
        turned = place @ self.turn.T + self.shift_mm
        phase = 2 * np.pi * turned / self.wave_mm
        bend = self.bend_mm * np.sin(np.roll(phase, 1, axis=-1))
        return np.asarray(turned + bend + self.middle_mm)

    def shown_at(self, points: ArrayLike) -> Points:
        """Where the phase shows anatomy at points (n, 3): the inverse of `source`, to 1e-6 mm."""
        wanted = np.asarray(points, dtype=np.float64)
        found = wanted.copy()
        for _ in range(200):
            off = wanted - self.source(found)
            found += off
            if np.abs(off).max(initial=0) < 1e-7:
                break
        return found


@dataclass(frozen=True, eq=False)
class LiverPhantom:
    """A case.

    Args:
        images: CT of each phase, HU.
        labels: of each phase, 0 outside, 1 liver, 2 lesion.
        movements: of each phase.
        lesions: all of them.
        combined: the reference's label with every lesion that two phases or more show.
    """

    images: Mapping[str, Volume]
    labels: Mapping[str, Volume]
    movements: Mapping[str, Movement]
    lesions: tuple[LiverLesion, ...]
    combined: Volume


def make_liver(
    seed: int,
    *,
    shape: tuple[int, int, int] = (96, 80, 60),
    spacing: tuple[float, float, float] = (3.0, 3.0, 3.0),
    lesions: int = 5,
    movement: float = 1.0,
) -> LiverPhantom:
    """Make a case.

    Args:
        seed: the same number, the same case.
        shape: voxels along x, y, z of every phase.
        spacing: mm.
        lesions: how many; each is shown by one to four phases.
        movement: 0 nothing moves, 1 as in a patient who breathes: shifts of some 10 mm, turns of
            some degrees, bends of 4 mm.
    """
    rng = np.random.default_rng(seed)
    grid = Grid(shape, spacing)
    size = np.array(shape) * spacing
    middle = grid.to_world((np.array(shape) - 1) / 2)
    texture = gaussian_filter(rng.normal(size=shape), 2.0)
    scene = _Scene(
        size, middle, texture / texture.std(), grid, _lesions(rng, lesions, size, middle)
    )
    movements = {
        name: Movement() if number == 0 else _movement(rng, movement, middle)
        for number, name in enumerate(PHASES)
    }
    images, labels = {}, {}
    for name, moved in movements.items():
        image, label = scene.shown(name, moved, rng)
        images[name] = Volume(image, grid, Quantity.HU, f"phantom {seed} {name}")
        labels[name] = Volume(label, grid, Quantity.LABEL, f"phantom {seed} {name} label")
    place = grid.to_world(np.indices(shape).reshape(3, -1).T)
    seen = [lesion for lesion in scene.lesions if len(lesion.phases) >= 2]
    combined = scene.label(place, seen).reshape(shape)
    return LiverPhantom(
        images, labels, movements, scene.lesions,
        Volume(combined, grid, Quantity.LABEL, f"phantom {seed} combined"),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Scene:
    size: NDArray[np.float64]
    middle: NDArray[np.float64]
    texture: NDArray[np.float64]
    grid: Grid
    lesions: tuple[LiverLesion, ...]

    def shown(
        self, phase: str, moved: Movement, rng: np.random.Generator
    ) -> tuple[NDArray[np.int16], NDArray[np.uint8]]:
        """Image and label of a phase."""
        shape = self.grid.shape
        place = moved.source(self.grid.to_world(np.indices(shape).reshape(3, -1).T))
        liver_hu, vessel_hu, lesion_hu = _HU[phase]
        label = self.label(place, [lesion for lesion in self.lesions if phase in lesion.phases])
        hu = np.full(len(place), -1000.0)
        hu[self._inside(place, (0.0, 0.0, 0.0), (0.47, 0.45, 2.0))] = -20.0
        hu[self._inside(place, (0.0, 0.3, 0.0), (0.06, 0.07, 2.0))] = 300.0
        hu[self._inside(place, (0.32, 0.1, 0.1), (0.09, 0.12, 0.2))] = liver_hu
        hu[label > 0] = liver_hu
        hu[(label > 0) & self._vessels(place)] = vessel_hu
        hu[label == 2] = lesion_hu
        fine = map_coordinates(self.texture, self.grid.to_index(place).T, order=1, mode="nearest")
        hu[hu > -900] += 6.0 * fine[hu > -900]
        hu += rng.normal(0, _NOISE_HU, len(place))
        image = np.clip(np.rint(hu), -1024, 3000).astype(np.int16).reshape(shape)
        return image, label.reshape(shape)

    def label(self, place: Points, lesions: list[LiverLesion]) -> NDArray[np.uint8]:
        """Label at points of the anatomy."""
        label = self._liver(place).astype(np.uint8)
        for lesion in lesions:
            away = np.linalg.norm(place - lesion.centre_mm, axis=1)
            label[away <= lesion.radius_mm] = 2
        return label

    def _liver(self, place: Points) -> NDArray[np.bool_]:
        right = self._inside(place, (-0.13, -0.02, 0.0), (0.2, 0.26, 0.32))
        left = self._inside(place, (0.06, -0.14, 0.08), (0.2, 0.12, 0.16))
        return right | left

    def _vessels(self, place: Points) -> NDArray[np.bool_]:
        part = (place - self.middle) / self.size
        trunk = np.hypot(part[:, 1] + 0.02, part[:, 2] - 0.25 * part[:, 0]) < 0.02
        branch = np.hypot(part[:, 0] + 0.12, part[:, 1] + 0.3 * part[:, 2]) < 0.018
        return np.asarray(trunk | branch)

    def _inside(
        self, place: Points, at: tuple[float, float, float], half: tuple[float, float, float]
    ) -> NDArray[np.bool_]:
        """Within an ellipsoid; place and half axes as shares of the scan's size."""
        part = ((place - self.middle) / self.size - at) / half
        return np.asarray((part**2).sum(axis=1) <= 1)


def _movement(rng: np.random.Generator, strength: float, middle: NDArray[np.float64]) -> Movement:
    from scipy.spatial.transform import Rotation  # noqa: PLC0415  (slow to import)

    turn = Rotation.from_euler("xyz", strength * rng.uniform(-3, 3, 3), degrees=True).as_matrix()
    x, y, z = strength * rng.uniform(-1, 1, 3) * (4, 4, 10)
    return Movement(
        np.asarray(turn), (x, y, z), 4.0 * strength, float(rng.uniform(110, 150)), tuple(middle)
    )


def _lesions(
    rng: np.random.Generator, count: int, size: NDArray[np.float64], middle: NDArray[np.float64]
) -> tuple[LiverLesion, ...]:
    """Balls in the right lobe that keep away from each other."""
    found: list[LiverLesion] = []
    for _ in range(1000):
        if len(found) == count:
            break
        radius = float(rng.uniform(0.03, 0.055) * size.min())
        at = middle + size * (np.array([-0.13, -0.02, 0.0]) + rng.uniform(-0.13, 0.13, 3))
        apart = (np.linalg.norm(at - o.centre_mm) - o.radius_mm - radius for o in found)
        if min(apart, default=np.inf) < 8.0:
            continue
        shown = 1 + len(found) % len(PHASES)
        phases = tuple(PHASES[i] for i in sorted(rng.permutation(len(PHASES))[:shown]))
        found.append(LiverLesion((float(at[0]), float(at[1]), float(at[2])), radius, phases))
    return tuple(found)
