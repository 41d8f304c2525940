"""Lesions: where they grow, how large, how hot and of what form.

A lesion is a dented ellipsoid in LPS mm, so the same lesions come out on every grid. It keeps a
distance from the others, so that each is one component of the reference.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lesionloop.errors import InputError
from lesionloop.phantom.person import Tracer
from lesionloop.phantom.scene import Scene
from lesionloop.phantom.shapes import Box, Ellipsoid, Wobble
from lesionloop.phantom.tissues import Tissue
from lesionloop.phantom.uptake import Uptake

__all__ = ["LARGEST_ML", "SMALLEST_ML", "Filled", "Lesion", "grow_lesions", "partial_volume"]

SMALLEST_ML = 0.3
LARGEST_ML = 60.0

#: Points of a cube, per side, that stand for a voxel when its partial volume is measured.
_SUBVOXELS = 4

#: A box of voxels, and how much of each a shape fills.
Filled = tuple[tuple[slice, slice, slice], NDArray[np.float32]]


@dataclass(frozen=True)
class Lesion:
    """One lesion.

    Args:
        site: where it grows, e.g. "liver".
        shape: its surface, LPS mm.
        suv: uptake of its living part before blur.
        core: surface of a dead centre; None for a solid lesion.
        hu: CT number.
    """

    site: str
    shape: Ellipsoid
    suv: float
    core: Ellipsoid | None
    hu: float

    @property
    def volume_ml(self) -> float:
        """Volume of the ellipsoid without its dents, ml."""
        return self.shape.volume_ml


@dataclass(frozen=True)
class _Site:
    name: str
    hosts: tuple[Tissue, ...]  # the centre lies in one of these
    box: Box  # body mm; mirrored to the other side when `paired`
    largest_ml: float
    hu: tuple[float, float]
    paired: bool = False
    share: float = 0.5  # how much of the lesion may at most lie outside the hosts


_T = Tissue
_SOFT = (_T.FAT, _T.MUSCLE, _T.CONNECTIVE, _T.VISCERAL_FAT, _T.BLOOD)
_BONES = (_T.BONE, _T.MARROW)
_TRUNK: Box = ((-140, -120, -560), (140, 120, 0))

_SITES = {
    "lung": _Site("lung", (_T.LUNG,), _TRUNK, 60, (20, 50), share=0.3),
    "hilum": _Site(
        "hilum", (*_SOFT, _T.LUNG), ((18, -12, -125), (50, 34, -72)), 60, (25, 55), paired=True
    ),
    "mediastinum": _Site("mediastinum", _SOFT, ((-22, -52, -110), (26, 24, -25)), 25, (25, 55)),
    "liver": _Site("liver", (_T.LIVER,), _TRUNK, 50, (30, 55), share=0.15),
    "bone": _Site("bone", _BONES, ((-150, -120, -640), (150, 120, 110)), 15, (80, 600), share=0.6),
    "neck node": _Site(
        "neck node", _SOFT, ((22, -40, 12), (52, 30, 84)), 8, (30, 55), paired=True
    ),
    "armpit node": _Site(
        "armpit node", _SOFT, ((126, -40, -110), (160, 30, -50)), 10, (30, 55), paired=True
    ),
    "retroperitoneal node": _Site(
        "retroperitoneal node", _SOFT, ((-42, -36, -400), (42, 20, -270)), 20, (30, 50)
    ),
    "pelvic node": _Site(
        "pelvic node", _SOFT, ((40, -40, -530), (76, 50, -430)), 10, (30, 50), paired=True
    ),
    "groin node": _Site(
        "groin node", _SOFT, ((50, -75, -600), (90, -45, -545)), 8, (30, 50), paired=True
    ),
    "prostate": _Site("prostate", (_T.PROSTATE,), ((-25, -10, -600), (25, 35, -530)), 8, (35, 55)),
    "soft tissue": _Site(
        "soft tissue", (_T.MUSCLE,), ((-170, -110, -680), (170, 110, 40)), 60, (30, 55)
    ),
}  # fmt: skip

_WEIGHTS: dict[str, dict[str, float]] = {
    "fdg": {
        "lung": 5, "hilum": 3, "mediastinum": 3, "liver": 3, "bone": 4, "neck node": 2,
        "armpit node": 2, "retroperitoneal node": 2, "pelvic node": 1, "groin node": 1,
        "soft tissue": 1,
    },
    "psma": {
        "bone": 7, "pelvic node": 4, "retroperitoneal node": 4, "prostate": 2, "lung": 1,
        "mediastinum": 1, "liver": 1, "neck node": 1, "groin node": 1,
    },
}  # fmt: skip

#: A lesion does not swallow an organ that readers would miss.
_NEVER = frozenset(
    {_T.AIR, _T.TABLE, _T.AIRWAY, _T.BLADDER, _T.RENAL_CORTEX, _T.RENAL_PELVIS, _T.URETER,
     _T.GREY_MATTER, _T.WHITE_MATTER, _T.MYOCARDIUM, _T.PAROTID, _T.SUBMANDIBULAR, _T.CORD}
)  # fmt: skip


def grow_lesions(
    count: int,
    scene: Scene,
    uptake: Uptake,
    *,
    tracer: Tracer,
    field: Box,
    rng: np.random.Generator,
    gap_mm: float = 12.0,
) -> tuple[Lesion, ...]:
    """Place lesions in plausible sites, apart from each other and whole inside the field.

    Volumes are drawn evenly on a log scale between 0.3 ml and what the site holds (60 ml at most);
    a lesion that finds no room is drawn again, smaller after each failure. SUV is drawn between 3
    and 25, but at least twice what the surroundings take up.

    Args:
        count: number of lesions, 0 or more.
        scene: the body.
        uptake: of the same patient; decides what stands out.
        tracer: decides the sites.
        field: corners of the field of view, LPS mm.
        rng: source of all draws.
        gap_mm: least distance between the spheres around two lesions.

    Raises:
        InputError: ``count`` is negative, or the field has no room for so many.
    """
    if count < 0:
        raise InputError(f"a phantom cannot have {count} lesions", remedy="Ask for 0 or more.")
    lesions: list[Lesion] = []
    weights = _WEIGHTS[tracer]
    names = list(weights)
    chance = np.array([weights[name] for name in names]) / sum(weights.values())
    failures = 0
    while len(lesions) < count:
        site = _SITES[names[int(rng.choice(len(names), p=chance))]]
        largest = max(site.largest_ml * 0.94**failures, 2 * SMALLEST_ML)
        volume = float(np.exp(rng.uniform(np.log(SMALLEST_ML), np.log(largest))))
        lesion = _try_site(
            site, volume, scene, uptake, field=field, others=lesions, rng=rng, gap_mm=gap_mm
        )
        if lesion is not None:
            lesions.append(lesion)
            failures = 0
            continue
        failures += 1
        if failures > 150:
            raise InputError(
                f"no room for {count} lesions: {len(lesions)} were placed",
                cause="They keep a distance, and the field shows only a part of the body.",
                remedy="Ask for fewer lesions or a larger field.",
            )
    return tuple(lesions)


def partial_volume(
    shape: Ellipsoid, axes: Sequence[NDArray[np.floating]], spacing: Sequence[float]
) -> Filled:
    """How much of each voxel a shape fills, measured with 4 x 4 x 4 points per voxel.

    Args:
        shape: LPS mm.
        axes: rising LPS mm of the voxel centres along x, y, z.
        spacing: mm.

    Returns:
        The box of voxels that the shape touches, and the filled share in it, float32 [x, y, z]
        from 0 to 1. Both are empty when the shape lies outside the grid.
    """
    low, high = shape.box
    spans, fine = [], []
    offsets = (np.arange(_SUBVOXELS) + 0.5) / _SUBVOXELS - 0.5
    for axis, step, lo, hi in zip(axes, spacing, low, high, strict=True):
        start = int(np.searchsorted(axis, lo - step / 2))
        stop = max(start, int(np.searchsorted(axis, hi + step / 2)))
        spans.append(slice(start, stop))
        fine.append((axis[start:stop, None] + offsets * step).ravel())
    inside = shape.contains(fine[0][:, None, None], fine[1][None, :, None], fine[2][None, None, :])
    n = _SUBVOXELS
    size = [length // n for length in inside.shape]
    blocks = inside.reshape(size[0], n, size[1], n, size[2], n)
    return (spans[0], spans[1], spans[2]), blocks.mean(axis=(1, 3, 5), dtype=np.float32)


def _try_site(
    site: _Site,
    volume_ml: float,
    scene: Scene,
    uptake: Uptake,
    *,
    field: Box,
    others: list[Lesion],
    rng: np.random.Generator,
    gap_mm: float,
) -> Lesion | None:
    """One lesion at the first of some random places of the site that suits it."""
    low, high = np.array(site.box, dtype=float)
    spots = rng.uniform(low, high, (600, 3))
    if site.paired:
        spots[:, 0] *= rng.choice((-1.0, 1.0), len(spots))
    spots = (spots - scene.centre) * scene.scale + scene.centre
    stretch = rng.uniform(0.78, 1.28, 3) if volume_ml > 1.0 else rng.uniform(0.9, 1.1, 3)
    stretch /= stretch.prod() ** (1 / 3)
    radius = (volume_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    semi = radius * stretch
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    wobble = Wobble.draw(rng, float(rng.uniform(0.3, 0.8)))
    reach = float(semi.max() * wobble.reach)
    hot = float(np.exp(rng.uniform(np.log(3.0), np.log(25.0))))
    hu = float(rng.uniform(*site.hu))
    dead = float(rng.uniform(0.45, 0.65)) if volume_ml > 8 and rng.random() < 0.4 else 0.0
    for spot in _suitable(
        spots, site, scene, field=field, others=others, reach=reach, gap_mm=gap_mm
    ):
        ball = spot + reach * 0.85 * _BALL
        tissues = scene.tissue_at(ball)
        outside = ~np.isin(tissues, site.hosts)
        if np.isin(tissues, list(_NEVER)).any() or outside.mean() > site.share:
            continue
        around = float(np.quantile(uptake.suv[tissues], 0.8))
        shape = Ellipsoid(
            (float(spot[0]), float(spot[1]), float(spot[2])),
            (float(semi[0]), float(semi[1]), float(semi[2])),
            turn,
            wobble,
        )
        core = shape.scaled(dead) if dead else None
        return Lesion(site.name, shape, max(hot, min(2.0 * around, 25.0)), core, hu)
    return None


def _suitable(
    spots: NDArray[np.float64],
    site: _Site,
    scene: Scene,
    *,
    field: Box,
    others: list[Lesion],
    reach: float,
    gap_mm: float,
) -> NDArray[np.float64]:
    """Spots in a host tissue, inside the field and away from the other lesions; 12 at most."""
    low, high = np.array(field)
    good = ((spots - reach >= low) & (spots + reach <= high)).all(axis=1)
    for other in others:
        half = (np.array(other.shape.box[1]) - np.array(other.shape.box[0])) / 2
        far = np.linalg.norm(spots - np.array(other.shape.centre), axis=1)
        good &= far >= reach + np.linalg.norm(half) + gap_mm
    spots = spots[good]
    hosts = np.isin(scene.tissue_at(spots), site.hosts) if len(spots) else np.zeros(0, dtype=bool)
    return spots[hosts][:12]


def _ball_points() -> NDArray[np.float64]:
    """Points spread evenly over a ball of radius 1, (120, 3): golden spirals on four shells."""
    n = 30
    k = np.arange(n) + 0.5
    polar, turn = np.arccos(1 - 2 * k / n), np.pi * (1 + 5**0.5) * k
    shell = np.stack(
        [np.cos(turn) * np.sin(polar), np.sin(turn) * np.sin(polar), np.cos(polar)], axis=1
    )
    return np.concatenate([shell * r for r in (0.4, 0.65, 0.85, 1.0)])


_BALL = _ball_points()
