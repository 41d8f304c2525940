"""Tissue maps from organ maps of real patients.

Organ maps such as TotalSegmentator's hold a dozen organs and nothing between them. The organs stay
where they are; body outline, fat, muscle, skeleton, vessels and bowel are invented around them, by
seed, plausibly rather than correctly: a network that learns from them must not rely on them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import (
    binary_dilation,
    center_of_mass,
    distance_transform_edt,
    find_objects,
    gaussian_filter,
    gaussian_filter1d,
    label,
)
from scipy.spatial import ConvexHull, QhullError

from lesionloop.errors import InputError
from lesionloop.imaging import read_label
from lesionloop.imaging.orientation import to_lps
from lesionloop.imaging.working import IsotropicGrid
from lesionloop.phantom.tissue_maps import MAP_SPACING_MM, StoredTissues
from lesionloop.phantom.tissues import ORGANS, Tissue

__all__ = ["anatomy_tissue_map", "prepare_anatomies", "tissue_map"]

_ORGAN = {name: number for number, name in ORGANS.items()}
_MM = MAP_SPACING_MM

Labels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


def anatomy_tissue_map(path: Path, *, seed: int) -> StoredTissues:
    """Tissue map of one file ``NAME.nii.gz``; a name that begins with psma is a PSMA patient.

    Raises:
        InputError: it cannot be read, or holds no organ.
    """
    image = read_label(path)
    organs = np.asarray(image.values, dtype=np.uint8)
    working = IsotropicGrid.of(image.grid, MAP_SPACING_MM)
    # The majority of each cube; the maps are finer than 4 mm along most axes.
    best = np.full(working.shape, 0.5, dtype=np.float32)
    coarse = np.zeros(working.shape, dtype=np.uint8)
    for organ in ORGANS:
        if not (organs == organ).any():
            continue
        share = working.sample((organs == organ).astype(np.float32))
        coarse[share >= best] = organ
        np.maximum(best, share, out=best)
    turned = np.asarray(to_lps(coarse, image.grid.direction), dtype=np.uint8)
    name = path.name.removesuffix(".gz").removesuffix(".nii")
    tracer = "psma" if name.lower().startswith("psma") else "fdg"
    turned = _without_specks(turned)
    if not turned.any():
        raise InputError(f"{path} holds none of the organs 1 to {max(ORGANS)}")
    return StoredTissues(tissue_map(_cropped(turned), seed=seed), tracer, name)


def _without_specks(organs: Labels) -> Labels:
    """Without parts where their organ cannot be, and small ones far from the rest of it.

    A bladder's uptake in the head would teach a network that a lesion there is none.
    """
    kept = organs.copy()
    lungs = np.flatnonzero((organs == _ORGAN["lung"]).any(axis=(0, 1)))
    if len(lungs):
        middle = int(lungs[0] + lungs[-1]) // 2
        upper, lower = kept[:, :, middle:], kept[:, :, :middle]
        upper[np.isin(upper, [_ORGAN["bladder"], _ORGAN["prostate"]])] = 0
        lower[np.isin(lower, [_ORGAN["brain"], _ORGAN["head glands"]])] = 0
    for organ in ORGANS:
        parts, count = label(kept == organ)
        if count < 2:
            continue
        sizes = np.bincount(parts.ravel())[1:]
        boxes = [np.array([(s.start, s.stop) for s in box]) for box in find_objects(parts)]
        largest = boxes[int(sizes.argmax())]
        for number, box in enumerate(boxes):
            gap = np.maximum(0, np.maximum(largest[:, 0] - box[:, 1], box[:, 0] - largest[:, 1]))
            if sizes[number] < 0.05 * sizes.max() and np.linalg.norm(gap) * _MM > 60:
                kept[parts == number + 1] = 0
    return kept


def _cropped(organs: Labels) -> Labels:
    """Without most of the air at the sides; the outline needs 90 mm around the organs."""
    spans = []
    for axis in range(2):
        found = np.flatnonzero(organs.any(axis=tuple({0, 1, 2} - {axis})))
        margin = round(90 / _MM)
        spans.append(slice(max(0, int(found[0]) - margin), int(found[-1]) + margin + 1))
    return np.ascontiguousarray(organs[spans[0], spans[1]])


def prepare_anatomies(folder: Path, out: Path, *, seed: int) -> Iterator[str]:
    """Tissue maps of all organ maps of a folder; those already there stay. Yields each name.

    Raises:
        InputError: there is none, or one is damaged.
    """
    paths = sorted(folder.glob("*.nii.gz"))
    if not paths:
        raise InputError(f"no organ maps (*.nii.gz) in {folder}")
    for number, path in enumerate(paths):
        name = path.name.removesuffix(".nii.gz")
        target = out / f"{name}.npz"
        if not target.exists():
            anatomy_tissue_map(path, seed=seed * 100_003 + number).write(target)
        yield name


@dataclass
class _Body:
    """A body being built, at 4 mm; axes x left, y back, z head."""

    organs: Labels
    rng: np.random.Generator
    tissues: Labels = field(init=False)
    inside: Mask = field(init=False)
    depth: NDArray[np.float32] = field(init=False)

    def __post_init__(self) -> None:
        self.inside = _outline(self.organs, self.rng)
        self.depth = (distance_transform_edt(self.inside) * _MM).astype(np.float32)
        self.tissues = np.zeros_like(self.organs)

    def organ(self, name: str) -> Mask:
        """Where an organ is."""
        return np.asarray(self.organs == _ORGAN[name])

    def put(self, where: Mask, tissue: Tissue, *over: Tissue) -> None:
        """Paint a tissue; only over some, when given. Organs of the map are painted last."""
        where = where & self.inside
        if over:
            where = where & np.isin(self.tissues, over)
        self.tissues[where] = tissue

    def levels(self, *names: str) -> tuple[int, int] | None:
        """Lowest and highest slice that holds one of the organs."""
        found = np.isin(self.organs, [_ORGAN[name] for name in names]).any(axis=(0, 1))
        slices = np.flatnonzero(found)
        return (int(slices[0]), int(slices[-1])) if len(slices) else None


def tissue_map(organs: Labels, *, seed: int) -> Labels:
    """Invent the rest of a body around its organs.

    Args:
        organs: uint8 [x, y, z] on 4 mm cubes, x to the left, y to the back, z to the head; labels
            of `ORGANS`.
        seed: of what is invented.

    Returns:
        uint8 of the same shape, values of `Tissue`.
    """
    rng = np.random.default_rng(seed)
    body = _Body(organs, rng)
    _soft_tissue(body)
    _bowel(body)
    _vessels_and_airways(body)
    _skeleton(body)
    _organs(body)
    _ureters(body)
    return body.tissues


def _outline(organs: Labels, rng: np.random.Generator) -> Mask:
    """The body: per slice the hull of the organs near it, grown; limbs where no organ is."""
    nx, ny, nz = organs.shape
    margin = rng.uniform(22, 45) / _MM
    height = np.full((nx, ny, nz), np.nan, dtype=np.float32)
    held = np.flatnonzero(organs.any(axis=(0, 1)))
    reach = round(48 / _MM)
    for z in held:
        near = np.asarray(organs[:, :, max(0, z - reach) : z + reach + 1].any(axis=2))
        brain_only = np.isin(organs[:, :, z], (0, _ORGAN["brain"])).all()
        hull = _hull(near)
        signed = distance_transform_edt(hull) - distance_transform_edt(~hull)
        height[:, :, z] = signed + (3.0 if brain_only else margin)
    _fill_gaps(height, held, ends_in_head=bool((organs[:, :, held[-1]] == _ORGAN["brain"]).any()))
    _widen_hips(organs, height, int(held[0]))
    smooth = gaussian_filter1d(height, 24 / _MM, axis=2, mode="nearest")
    trunk = smooth > 0
    if (organs[:, :, held[-1]] == _ORGAN["brain"]).any():
        trunk[:, :, int(held[-1]) + round(16 / _MM) :] = False
    body = trunk | _legs(trunk, held, rng)
    return np.asarray(gaussian_filter(body.astype(np.float32), 1.2) > 0.5)


def _fill_gaps(height: NDArray[np.float32], held: NDArray[np.intp], *, ends_in_head: bool) -> None:
    """Slices between organs take the mean of their neighbours; neck and legs get thinner."""
    for z in range(height.shape[2]):
        if z in held:
            continue
        above, below = held[held > z], held[held < z]
        if len(above) and len(below):
            share = (z - below[-1]) / (above[0] - below[-1])
            # A neck is thinner than both its ends.
            thin = 10 * min(share, 1 - share) * min(1.0, (above[0] - below[-1]) * _MM / 120)
            mixed = (1 - share) * height[:, :, below[-1]] + share * height[:, :, above[0]]
            height[:, :, z] = mixed - thin
        else:
            nearest = above[0] if len(above) else below[-1]
            away = abs(int(nearest) - z)
            # Over a brain the head closes like a dome; other cuts go on, a little thinner.
            slope = (2.0 if ends_in_head else 0.16) if len(below) else 0.0
            height[:, :, z] = height[:, :, nearest] - slope * away


def _widen_hips(organs: Labels, height: NDArray[np.float32], lowest: int) -> None:
    """The trunk stays about as wide below the liver as it is there; bladders alone are small."""
    liver = np.argwhere(organs == _ORGAN["liver"])
    if len(liver) < 1000:
        return
    level = int(np.median(liver[:, 2]))
    section = np.argwhere(height[:, :, level] > 0)
    low, high = section.min(axis=0), section.max(axis=0)
    x, y = np.ogrid[: height.shape[0], : height.shape[1]]
    semi = (high - low) / 2 * (0.98, 0.9)
    middle = (low + high) / 2
    ellipse = np.sqrt(((x - middle[0]) / semi[0]) ** 2 + ((y - middle[1]) / semi[1]) ** 2)
    bulge = ((1 - ellipse) * semi.min()).astype(np.float32)[:, :, None]
    end = max(0, lowest - round(110 / _MM))
    part = height[:, :, end:level]
    np.maximum(part, bulge, out=part, where=np.isfinite(part))


def _hull(mask: Mask) -> Mask:
    points = np.argwhere(mask)
    try:
        sides = ConvexHull(points).equations
    except (QhullError, ValueError):
        return np.asarray(binary_dilation(mask, iterations=2))
    x, y = np.ogrid[: mask.shape[0], : mask.shape[1]]
    inside = np.ones(mask.shape, dtype=bool)
    for a, b, offset in sides:
        # The corners lie on their sides but for rounding.
        inside &= a * x + b * y + offset < 1e-9
    return inside


def _legs(trunk: Mask, held: NDArray[np.intp], rng: np.random.Generator) -> Mask:
    """Two thighs below the lowest organ, which the trunk's continuation gives way to."""
    lowest = int(held[0])
    crotch = lowest - round(rng.uniform(60, 110) / _MM)
    legs = np.zeros_like(trunk)
    if crotch <= 0:
        return legs
    section = np.argwhere(trunk[:, :, lowest])
    if not len(section):
        return legs
    (x0, y0), (x1, y1) = section.min(axis=0), section.max(axis=0)
    x, y = np.ogrid[: trunk.shape[0], : trunk.shape[1]]
    for z in range(crotch):
        taper = 1 - 0.35 * min(1.0, (crotch - z) * _MM / 700)
        for side in (0.26, 0.74):
            centre = x0 + side * (x1 - x0)
            semi = max(3.0, 0.23 * (x1 - x0) * taper), max(3.0, 0.34 * (y1 - y0) * taper)
            legs[:, :, z] |= ((x - centre) / semi[0]) ** 2 + (
                (y - (y0 + y1) / 2) / semi[1]
            ) ** 2 < 1
        trunk[:, :, z] = False
    return legs


def _soft_tissue(body: _Body) -> None:
    rng = body.rng
    fat = rng.uniform(6, 26)
    wall = fat + rng.uniform(14, 32)
    body.put(body.inside, Tissue.FAT)
    body.put(body.depth > fat, Tissue.MUSCLE)
    thorax, abdomen = body.levels("lung"), body.levels("liver", "kidneys", "bladder", "spleen")
    z = np.arange(body.organs.shape[2])[None, None, :]
    if abdomen is not None:
        low, high = abdomen
        # The pelvic floor is a bowl, 30 to 40 mm deep, not a plane.
        beyond = np.maximum(0, low - z) * _MM
        body.put((body.depth > wall + 0.05 * beyond**2) & (z <= high), Tissue.VISCERAL_FAT)
    if thorax is not None:
        low, high = thorax
        heart = body.levels("heart")
        # The lungs reach far down behind the diaphragm; what is before them there is abdomen.
        floor = low if heart is None or abdomen is None else min(max(low, heart[0]), abdomen[1])
        body.put((body.depth > wall) & (z >= floor) & (z <= high + 8), Tissue.CONNECTIVE)
        head = body.levels("brain")
        if head is not None:
            between = (z > high + 8) & (z < head[0] + 12)
            body.put((body.depth > 0.45 * wall) & between, Tissue.CONNECTIVE, Tissue.MUSCLE)
            places = np.argwhere(body.inside[:, :, min(head[0] + 3, body.inside.shape[2] - 1)])
            if len(places):
                x, y = places.mean(axis=0)
                for side in (-1, 1):
                    spot = (x + side * 16 / _MM, y - 8 / _MM, head[0] - 30 / _MM)
                    body.put(_ball(body, spot, 9 / _MM), Tissue.TONSIL)
    if rng.random() < 0.4:
        _glandular(body, thorax)


def _glandular(body: _Body, thorax: tuple[int, int] | None) -> None:
    if thorax is None:
        return
    z = np.arange(body.organs.shape[2])[None, None, :]
    y = np.arange(body.organs.shape[1])[None, :, None]
    front = y < np.argwhere(body.inside).mean(axis=0)[1] - 15
    middle = thorax[0] + 0.3 * (thorax[1] - thorax[0])
    body.put(front & (abs(z - middle) < 15) & (body.depth < 26), Tissue.GLANDULAR, Tissue.FAT)


def _bowel(body: _Body) -> None:
    """Coils where smooth noise is near zero: colon outside, small bowel within, gas in some."""
    rng = body.rng
    shape = body.organs.shape
    noise = gaussian_filter(rng.standard_normal(shape).astype(np.float32), 9 / _MM)
    noise /= noise.std()
    coil = np.abs(noise) < rng.uniform(0.35, 0.7)
    other = gaussian_filter(rng.standard_normal(shape).astype(np.float32), 14 / _MM)
    other /= other.std()
    cavity = body.tissues == Tissue.VISCERAL_FAT
    deep = body.depth > rng.uniform(55, 80)
    liver = body.levels("liver")
    z = np.arange(shape[2])[None, None, :]
    below = z < (liver[0] + 0.6 * (liver[1] - liver[0]) if liver else shape[2])
    body.put(coil & cavity & deep & below, Tissue.SMALL_BOWEL)
    body.put(coil & cavity & ~deep & below & (other > -0.4), Tissue.COLON)
    upper = z > (liver[0] if liver else 0)
    body.put(coil & cavity & deep & upper & (other > 0.8), Tissue.PROXIMAL_BOWEL)
    body.put(cavity & ~coil & (other > 1.9) & upper & deep, Tissue.PANCREAS)
    gas = (np.abs(noise) < 0.2) & (other > 0.7)
    body.put(gas, Tissue.GAS, Tissue.COLON)


def _vessels_and_airways(body: _Body) -> None:
    line = _spine_line(body)
    shape = body.organs.shape
    x, y = np.ogrid[: shape[0], : shape[1]]
    lung = body.levels("lung")
    for z in range(shape[2]):
        cx, cy = line[z]
        soft = np.isin(body.tissues[:, :, z], (Tissue.VISCERAL_FAT, Tissue.CONNECTIVE))
        for dx, radius in ((9, 12), (-14, 11)):  # aorta to the left, vena cava to the right
            disc = (x - cx - dx / _MM) ** 2 + (y - cy + 34 / _MM) ** 2 < (radius / _MM) ** 2
            body.tissues[:, :, z][disc & soft] = Tissue.BLOOD
        if lung and z > lung[0] + 0.55 * (lung[1] - lung[0]):
            disc = (x - cx) ** 2 + (y - cy + 52 / _MM) ** 2 < (8 / _MM) ** 2
            soft = body.tissues[:, :, z] == Tissue.CONNECTIVE
            body.tissues[:, :, z][disc & soft] = Tissue.AIRWAY
    if lung:
        _hila(body, line, lung)


def _hila(body: _Body, line: NDArray[np.float64], lung: tuple[int, int]) -> None:
    level = round(lung[0] + 0.55 * (lung[1] - lung[0]))
    cx, cy = line[level]
    for side in (-1, 1):
        for shift in (0, 14, 28):
            place = (cx + side * (16 + shift) / _MM, cy - (46 - 0.3 * shift) / _MM,
                     level - 0.4 * shift / _MM)  # fmt: skip
            body.put(_ball(body, place, 8 / _MM), Tissue.BLOOD, Tissue.CONNECTIVE)


def _spine_line(body: _Body) -> NDArray[np.float64]:
    """Middle of the vertebra in every slice, (nz, 2) voxels."""
    nz = body.organs.shape[2]
    line = np.full((nz, 2), np.nan)
    for z in range(nz):
        section = np.argwhere(body.inside[:, :, z])
        if len(section) < 60:
            continue
        middle = (section[:, 0].min() + section[:, 0].max()) / 2
        column = body.inside[round(middle), :, z]
        back = np.flatnonzero(column)
        line[z] = middle, (back[-1] if len(back) else section[:, 1].max()) - 48 / _MM
    known = np.flatnonzero(np.isfinite(line[:, 0]))
    for axis in range(2):
        line[:, axis] = np.interp(np.arange(nz), known, line[known, axis])
        line[:, axis] = gaussian_filter1d(line[:, axis], 40 / _MM, mode="nearest")
    return line


def _skeleton(body: _Body) -> None:
    line = _spine_line(body)
    shape = body.organs.shape
    held = np.flatnonzero(body.organs.any(axis=(0, 1)))
    x, y = np.ogrid[: shape[0], : shape[1]]
    phase = body.rng.uniform(0, 30)
    for z in range(int(held[0]), shape[2]):
        cx, cy = line[z]
        squared = (x - cx) ** 2 + 1.3 * (y - cy) ** 2
        part = body.tissues[:, :, z]
        inside = body.inside[:, :, z]
        disc_space = (z * _MM + phase) % 32 < 5
        part[(squared < (20 / _MM) ** 2) & inside] = (
            Tissue.CONNECTIVE if disc_space else Tissue.BONE
        )
        if not disc_space:
            part[(squared < (16 / _MM) ** 2) & inside] = Tissue.MARROW
        behind = (x - cx) ** 2 + (y - cy - 26 / _MM) ** 2
        part[(behind < (13 / _MM) ** 2) & inside] = Tissue.BONE
        part[(behind < (8 / _MM) ** 2) & inside] = Tissue.CORD
    _ribs(body, line)
    _skull(body)
    _pelvis_and_legs(body, line, int(held[0]))


def _ribs(body: _Body, line: NDArray[np.float64]) -> None:
    lungs = body.organ("lung")
    if not lungs.any():
        return
    away = distance_transform_edt(~lungs) * _MM
    shape = body.organs.shape
    y = np.arange(shape[1])[None, :, None]
    z = np.arange(shape[2])[None, None, :]
    slope = (line[:, 1][None, None, :] - y) * _MM * 0.45
    banded = (z * _MM + slope) % 26 < 11
    shell = (away > 3) & (away < 14) & banded & (body.depth > 6)
    soft = (Tissue.MUSCLE, Tissue.FAT)
    body.put(shell, Tissue.BONE, *soft)
    body.put(shell & (away > 6) & (away < 11), Tissue.MARROW, Tissue.BONE)
    levels = body.levels("lung")
    if levels:
        x = np.arange(shape[0])[:, None, None]
        front = np.argmax(body.inside, axis=1)
        cx = line[:, 0][None, None, :]
        surface = front[:, None, :]
        near = (y - surface) * _MM
        plate = (np.abs(x - cx) * _MM < 18) & (near > 12) & (near < 24)
        plate &= (z > levels[0] + 12) & (z < levels[1] - 4)
        body.put(plate, Tissue.MARROW, *soft, Tissue.CONNECTIVE)


def _skull(body: _Body) -> None:
    brain = body.organ("brain")
    if int(brain.sum()) < 1000:
        return
    shell = distance_transform_edt(~brain) * _MM
    body.inside |= shell < 18
    body.put(shell < 18, Tissue.MUSCLE)
    body.put((shell > 0) & (shell < 9), Tissue.BONE)
    x, _, z = center_of_mass(brain)
    front = int(np.argwhere(brain)[:, 1].min())
    for side in (-1, 1):
        place = (x + side * 32 / _MM, front + 2, z - 45 / _MM)
        body.put(_ball(body, place, 12 / _MM), Tissue.EYE)


def _pelvis_and_legs(body: _Body, line: NDArray[np.float64], lowest: int) -> None:
    """Iliac wings and hips beside the bladder, thigh bones below."""
    bladder = body.levels("bladder")
    shape = body.organs.shape
    x, y, z = np.ogrid[: shape[0], : shape[1], : shape[2]]
    base = bladder[0] if bladder else lowest
    cx, cy = line[min(base, shape[2] - 1)]
    for side in (-1, 1):
        if bladder:
            wing = (
                ((x - cx - side * 75 / _MM) / (26 / _MM)) ** 2
                + ((y - cy + 20 / _MM) / (52 / _MM)) ** 2
                + ((z - base - 85 / _MM) / (70 / _MM)) ** 2
            )
            body.put((wing < 1) & (wing > 0.5), Tissue.BONE)
            body.put((wing < 0.88) & (wing > 0.6), Tissue.MARROW, Tissue.BONE)
            hip = (cx + side * 85 / _MM, cy - 38 / _MM, base + 8 / _MM)
            body.put(_ball(body, hip, 24 / _MM), Tissue.BONE)
            body.put(_ball(body, hip, 20 / _MM), Tissue.MARROW)
        _thigh_bone(body, np.array((cx + side * 85 / _MM, cy - 38 / _MM)), side, base)


def _thigh_bone(body: _Body, hip: NDArray[np.float64], side: int, base: int) -> None:
    """A shaft from the hip to the middle of the leg, which it follows down."""
    x, y = np.ogrid[: body.organs.shape[0], : body.organs.shape[1]]
    for z in range(min(base + round(8 / _MM), body.organs.shape[2])):
        leg = np.argwhere(body.inside[:, :, z])
        if not len(leg):
            continue
        middle = (leg[:, 0].min() + leg[:, 0].max()) / 2
        leg = leg[side * (leg[:, 0] - middle) >= 0]
        share = min(1.0, max(0, base - z) * _MM / 160)
        place = (1 - share) * hip + share * leg.mean(axis=0)
        squared = ((x - place[0]) ** 2 + (y - place[1]) ** 2) * _MM**2
        part, inside = body.tissues[:, :, z], body.inside[:, :, z]
        part[(squared < 14**2) & inside] = Tissue.BONE
        part[(squared < 8**2) & inside] = Tissue.MARROW


def _organs(body: _Body) -> None:
    """The map's organs, with what is inside them."""
    for name, tissue in (
        ("spleen", Tissue.SPLEEN), ("liver", Tissue.LIVER), ("bladder", Tissue.BLADDER),
        ("lung", Tissue.LUNG), ("stomach", Tissue.STOMACH), ("prostate", Tissue.PROSTATE),
    ):  # fmt: skip
        body.tissues[body.organ(name)] = tissue
    kidneys = body.organ("kidneys")
    body.tissues[kidneys] = Tissue.RENAL_CORTEX
    if kidneys.any():
        within = distance_transform_edt(kidneys) * _MM
        body.tissues[within > body.rng.uniform(12, 17)] = Tissue.RENAL_PELVIS
    brain = body.organ("brain")
    body.tissues[brain] = Tissue.GREY_MATTER
    if brain.any():
        body.tissues[distance_transform_edt(brain) * _MM > 12] = Tissue.WHITE_MATTER
    _heart(body)
    _glands(body)


def _heart(body: _Body) -> None:
    """The left ventricle is a thick cup to the left, front and below; the rest holds blood."""
    heart = body.organ("heart")
    body.tissues[heart] = Tissue.HEART_BLOOD
    if int(heart.sum()) < 500:
        return
    x, y, z = center_of_mass(heart)
    span = np.ptp(np.argwhere(heart), axis=0) + 1
    middle = (x + 0.18 * span[0], y - 0.02 * span[1], z - 0.15 * span[2])
    away = _distance(body, middle, semi=0.30 * span)
    body.tissues[heart & (away < 1)] = Tissue.MYOCARDIUM
    body.tissues[heart & (away < body.rng.uniform(0.5, 0.65))] = Tissue.HEART_BLOOD
    right = np.arange(body.organs.shape[0])[:, None, None] < x
    low = np.arange(body.organs.shape[2])[None, None, :] < z
    wall = heart & right & low & (distance_transform_edt(heart) * _MM < 9) & (away >= 1)
    body.tissues[wall] = Tissue.RIGHT_VENTRICLE


def _glands(body: _Body) -> None:
    """Head glands by height: lacrimal above, parotid in the middle, submandibular below."""
    glands = body.organ("head glands")
    if not glands.any():
        return
    z = np.broadcast_to(np.arange(glands.shape[2])[None, None, :], glands.shape)
    low, high = z[glands].min(), z[glands].max()
    part = (z - low) / max(1, high - low)
    body.tissues[glands] = Tissue.PAROTID
    body.tissues[glands & (part < 0.35)] = Tissue.SUBMANDIBULAR
    body.tissues[glands & (part > 0.8)] = Tissue.LACRIMAL


def _ureters(body: _Body) -> None:
    """From each kidney to the bladder, broken here and there as peristalsis does."""
    kidneys, bladder = body.organ("kidneys"), body.organ("bladder")
    if not kidneys.any() or not bladder.any():
        return
    goal = np.array(center_of_mass(bladder))
    middle = center_of_mass(kidneys)[0]
    x = np.arange(kidneys.shape[0])[:, None, None]
    for side in (kidneys & (x < middle), kidneys & (x >= middle)):
        if not side.any():
            continue
        start = np.array(center_of_mass(side))
        start[0] += 0.35 * (middle - start[0])
        count = int(2 * np.linalg.norm(goal - start)) + 2
        for share in np.linspace(0, 1, count):
            if body.rng.random() < 0.35:
                continue
            a, b, c = np.round(start + share * (goal - start)).astype(int)
            if body.tissues[a, b, c] in (Tissue.VISCERAL_FAT, Tissue.CONNECTIVE, Tissue.MUSCLE):
                body.tissues[a, b, c] = Tissue.URETER


def _distance(
    body: _Body, centre: tuple[float, ...], semi: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Distance from a place in semi-axes (voxels), [x, y, z]."""
    axes = np.ogrid[tuple(slice(0, n) for n in body.organs.shape)]
    parts = (((a - c) / s) ** 2 for a, c, s in zip(axes, centre, semi, strict=True))
    return np.asarray(np.sqrt(sum(parts)))


def _ball(body: _Body, centre: tuple[float, ...], radius: float) -> Mask:
    return np.asarray(_distance(body, centre, np.full(3, radius)) < 1)
