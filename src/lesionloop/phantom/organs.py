"""The organs: brain, head glands, heart and vessels, the organs of belly and pelvis.

Each organ is moved, turned and scaled a little from person to person. Middle positions and sizes
agree with what whole-body CT shows in adults.
"""

from collections.abc import Sequence

import numpy as np
from scipy.interpolate import CubicSpline

from lesionloop.phantom.body import abdomen, domes
from lesionloop.phantom.person import Person
from lesionloop.phantom.scene import Scene
from lesionloop.phantom.shapes import (
    Capsule,
    Ellipsoid,
    HalfSpace,
    Intersection,
    Vector,
    Wobble,
    rotation_to,
    tube,
    vector,
)
from lesionloop.phantom.tissues import Tissue

__all__ = ["add_organs"]

_LOOSE = (Tissue.VISCERAL_FAT, Tissue.CONNECTIVE)
_BELLY = (Tissue.VISCERAL_FAT,)


def add_organs(scene: Scene, person: Person, rng: np.random.Generator) -> None:
    """Paint all organs of a person, from the head to the pelvis."""
    _head(scene, rng)
    _airways(scene)
    _heart(scene, rng)
    _vessels(scene)
    _liver_and_spleen(scene, person, rng)
    _kidneys(scene, rng)
    _bowel(scene, person, rng)
    _stomach(scene, person, rng)
    _pelvic(scene, person, rng)


def _near(rng: np.random.Generator, point: Sequence[float], sd: float) -> Vector:
    moved = np.asarray(point) + np.clip(rng.normal(0, sd, 3), -2 * sd, 2 * sd)
    return vector(moved)


def _sized(rng: np.random.Generator, semi: Sequence[float], spread: float) -> Vector:
    factor = np.exp(np.clip(rng.normal(0, spread), -2 * spread, 2 * spread))
    return semi[0] * factor, semi[1] * factor, semi[2] * factor


def _head(scene: Scene, rng: np.random.Generator) -> None:
    centre, semi = (0.0, -18.0, 190.0), _sized(rng, (64, 80, 59), 0.02)
    scene.add(Ellipsoid(centre, semi), Tissue.GREY_MATTER)
    folds = Wobble.draw(rng, 6.0, waves=12, numbers=(5.0, 11.0))
    inner = (semi[0] - 16, semi[1] - 17, semi[2] - 16)
    scene.add(Ellipsoid(centre, inner, wobble=folds), Tissue.WHITE_MATTER)
    scene.add(Ellipsoid((0, 28, 140), (49, 35, 25)), Tissue.GREY_MATTER)
    for side in (-1, 1):
        scene.add(Ellipsoid((side * 21.0, -24, 184), (10, 19, 12)), Tissue.GREY_MATTER)  # thalamus
        scene.add(Ellipsoid((side * 44.0, -22, 178), (9, 20, 15)), Tissue.GREY_MATTER)  # insula
        lateral = [(side * 9.0, -50, 198), (side * 9.0, -10, 204), (side * 20.0, 22, 194)]
        scene.add(tube(lateral, (4, 6, 5)), Tissue.CORD)
    fissure = HalfSpace((1.6, 0, 0), (1, 0, 0)), HalfSpace((-1.6, 0, 0), (-1, 0, 0))
    scene.add(
        Intersection((Ellipsoid(centre, semi), *fissure, HalfSpace((0, 0, 205), (0, 0, -1)))),
        Tissue.CORD,
    )
    scene.add(tube([(0, 2, 160), (0, 4, 118)], (13, 7)), Tissue.WHITE_MATTER)
    for side in (-1, 1):
        scene.add(Ellipsoid((side * 32.0, -93, 162), (12, 12, 12)), Tissue.EYE)
        scene.add(Ellipsoid((side * 46.0, -92, 170), (5.5, 7.5, 6.5)), Tissue.LACRIMAL)
        scene.add(
            Ellipsoid(_near(rng, (side * 60, -18, 110), 2), _sized(rng, (10, 16, 24), 0.08)),
            Tissue.PAROTID,
        )
        scene.add(
            Ellipsoid(_near(rng, (side * 35, -52, 72), 2), _sized(rng, (9, 15, 11), 0.08)),
            Tissue.SUBMANDIBULAR,
        )
        scene.add(Ellipsoid((side * 11.0, -80, 82), (5, 12, 5)), Tissue.SUBMANDIBULAR)
        scene.add(Ellipsoid((side * 17.0, -40, 96), (6, 8, 10)), Tissue.TONSIL)
        scene.add(Ellipsoid((side * 24.0, -82, 130), (12, 13, 13)), Tissue.AIRWAY)  # sinus
        scene.add(Ellipsoid((side * 7.0, -78, 128), (4, 26, 12)), Tissue.AIRWAY)  # nose
    scene.add(tube([(0, -95, 92), (0, -60, 90)], (14, 18)), Tissue.MUSCLE)  # tongue


def _airways(scene: Scene) -> None:
    throat = ((0, -44, 122), (0, -34, 100), (0, -30, 62), (0, -34, 44))
    windpipe = ((0, -34, 44), (0, -22, 20), (0, -4, -30), (2, 8, -76))
    scene.add(tube(throat, (9, 7, 6, 6)), Tissue.AIRWAY)
    scene.add(tube(windpipe, 8), Tissue.AIRWAY)
    for side in (-1, 1):
        scene.add(tube([(2, 8, -76), (side * 34, 16, -98)], (7, 5.5)), Tissue.AIRWAY)


def _heart(scene: Scene, rng: np.random.Generator) -> None:
    axis = np.array((0.62, -0.55, -0.56)) + rng.normal(0, 0.07, 3)
    axis /= np.linalg.norm(axis)
    turn = rotation_to(axis)
    middle = np.array(_near(rng, (26, -34, -140), 4))
    size = float(np.exp(np.clip(rng.normal(0.03, 0.04), -0.04, 0.1)))

    def ball(along: float, shift: Sequence[float], semi: Sequence[float]) -> Ellipsoid:
        centre = middle + size * (along * axis + np.asarray(shift))
        a, b, c = (size * s for s in semi)
        return Ellipsoid(vector(centre), (a, b, c), turn)

    scene.add(ball(0, (0, 0, 0), (49, 49, 62)), Tissue.CONNECTIVE)  # the fat around
    scene.add(ball(-22, (-24, 4, 12), (33, 30, 30)), Tissue.HEART_BLOOD)  # right atrium
    scene.add(ball(-26, (10, 18, 14), (33, 27, 24)), Tissue.HEART_BLOOD)  # left atrium
    right = ball(8, (-16, -18, -10), (34, 30, 44))
    scene.add(right, Tissue.RIGHT_VENTRICLE)
    scene.add(right.scaled(0.89), Tissue.HEART_BLOOD)
    left = ball(12, (14, 4, 0), (33, 33, 46))
    base = left.centre - size * 26 * axis
    valve = HalfSpace(vector(base), vector(-axis))
    scene.add(Intersection((left, valve)), Tissue.MYOCARDIUM)
    wall = size * rng.uniform(10, 12)
    a, b, c = left.semi
    scene.add(Ellipsoid(left.centre, (a - wall, b - wall, c - wall), turn), Tissue.HEART_BLOOD)


def _vessels(scene: Scene) -> None:
    arch = ((2, -30, -108), (-6, -34, -78), (4, -22, -54), (18, 8, -54), (24, 30, -72))
    down = ((24, 30, -72), (24, 32, -130), (16, 26, -200), (8, 4, -290), (4, -10, -392))
    scene.add(tube(arch, (15, 15, 13, 13, 12)), Tissue.BLOOD)
    scene.add(tube(down, (12, 12, 11, 10, 9)), Tissue.BLOOD)
    trunk = ((-2, -34, -112), (6, -30, -88), (30, 0, -90))
    scene.add(tube(trunk, (14, 13, 9)), Tissue.BLOOD)  # pulmonary artery
    scene.add(tube([(6, -28, -88), (-32, 4, -94)], (11, 9)), Tissue.BLOOD)
    scene.add(tube([(-24, -22, -42), (-24, -20, -112)], 9), Tissue.BLOOD)  # upper caval vein
    lower = ((-20, 0, -170), (-24, 8, -230), (-20, 2, -300), (-16, -6, -400))
    scene.add(tube(lower, (12, 12, 11, 10)), Tissue.BLOOD)
    for side in (-1, 1):
        iliac = ((side * 4, -8, -392), (side * 36, 4, -450), (side * 62, -44, -530))
        leg = (*iliac, (side * 66, -40, -640), (side * 60, -24, -800))
        scene.add(tube(leg, (8, 8, 7, 6, 5)), Tissue.BLOOD, over=(*_LOOSE, Tissue.MUSCLE))
        neck = ((side * 14, -22, -48), (side * 22, -14, 20), (side * 27, -22, 90))
        scene.add(tube(neck, (6, 6, 5)), Tissue.BLOOD)


def _liver_and_spleen(scene: Scene, person: Person, rng: np.random.Generator) -> None:
    room = abdomen(person, inset=3.0)
    dome = domes(person)
    lift = person.diaphragm_mm + 155
    size = _sized(rng, (100, 88, 96), 0.04)
    tilt = rotation_to((0.16 + rng.normal(0, 0.05), 0.0, 1.0))
    right = Ellipsoid((-62, -8, -226 + lift), size, tilt, Wobble.draw(rng, 0.15))
    under = HalfSpace((-105, 0, -312 + lift + rng.normal(0, 8)), (0.42, -0.12, -1.0))
    # Behind the left lobe and beside the spine there is no liver.
    notch = HalfSpace((18, 34, 0), (0.75, 0.66, 0.0))
    scene.add(Intersection((right, room, under, notch)), Tissue.LIVER)
    left = Ellipsoid((18, -62, -205 + lift), (50, 28, 28), rotation_to((0.1, 0.2, 1)))
    scene.add(Intersection((left, room, dome)), Tissue.LIVER, over=(*_LOOSE, Tissue.MUSCLE))
    spleen = Ellipsoid(
        _near(rng, (92, 34, -222 + lift), 3),
        _sized(rng, (27, 43, 57), 0.11),
        rotation_to((0.12, 0.3, 1.0)),
        Wobble.draw(rng, 0.25),
    )
    scene.add(Intersection((spleen, abdomen(person, inset=1.0))), Tissue.SPLEEN, over=_LOOSE)


def _kidneys(scene: Scene, rng: np.random.Generator) -> None:
    for side, height in ((-1, -302), (1, -290)):
        centre = np.array(_near(rng, (side * 72, 24, height), 5))
        semi = _sized(rng, (26, 25, 53), 0.07)
        axis = (side * -0.22, -0.14, 1.0)
        kidney = Ellipsoid(vector(centre), semi, rotation_to(axis), Wobble.draw(rng, 0.12))
        scene.add(kidney, Tissue.RENAL_CORTEX)
        hilum = centre + np.array((side * -13, -5, 0))
        scene.add(Ellipsoid(vector(hilum), (13, 10, 25), rotation_to(axis)), Tissue.VISCERAL_FAT)
        pelvis = vector(hilum + np.array((side * -2, 0, -4)))
        scene.add(Ellipsoid(pelvis, (7, 6, 10)), Tissue.RENAL_PELVIS)
        for up in (-24, -2, 22):
            calyx = vector(centre + np.array((side * -2, -2, up)))
            scene.add(Capsule(pelvis, calyx, 3.0, 4.0), Tissue.RENAL_PELVIS)
        path = np.array([pelvis, (side * 36, 0, -370), (side * 34, 2, -440), (side * 40, 24, -500)])
        course = CubicSpline(np.linspace(0, 1, 4), path)
        # Peristalsis: only some stretches hold tracer at the time of the scan.
        for start in rng.uniform(0, 0.9, rng.integers(1, 4)):
            stretch = course(np.linspace(start, min(start + rng.uniform(0.05, 0.25), 1), 4))
            scene.add(tube(stretch.tolist(), 2.8), Tissue.URETER)


def _stomach(scene: Scene, person: Person, rng: np.random.Generator) -> None:
    lift = person.diaphragm_mm + 155
    path = [
        _near(rng, point, 4)
        for point in (
            (58, 12, -202 + lift),
            (70, -22, -232 + lift),
            (60, -50, -264),
            (24, -58, -284),
            (-14, -50, -276),
        )
    ]
    size = float(np.exp(rng.normal(0, 0.12)))
    radii = [size * r for r in (28, 27, 22, 18, 13)]
    over = (*_LOOSE, Tissue.SMALL_BOWEL, Tissue.COLON, Tissue.GAS, Tissue.PANCREAS)
    inside = abdomen(person, inset=2.0)
    for part in tube(path, radii):
        scene.add(Intersection((part, inside)), Tissue.STOMACH, over=over)
    bubble = np.array(path[0]) + np.array((2, -14, 8))
    scene.add(Ellipsoid(vector(bubble), (17, 9, 12)), Tissue.GAS, over=(Tissue.STOMACH,))
    end = path[-1]
    loop = (end, (-40, -28, -282), (-46, -6, -318), (-34, 0, -348), (4, -8, -346), (34, -16, -322))
    scene.add(tube(loop, 11), Tissue.PROXIMAL_BOWEL, over=(*over, Tissue.BLOOD))
    jejunum = _coil(rng, (34, -16, -322), ((20, 84), (-70, -20), (-350, -300)), steps=9)
    scene.add(tube(jejunum, 12), Tissue.PROXIMAL_BOWEL, over=(*_LOOSE, Tissue.SMALL_BOWEL))


def _bowel(scene: Scene, person: Person, rng: np.random.Generator) -> None:
    gland = ((-34, -16, -302), (-4, -22, -284), (36, -12, -268), (74, 10, -252))
    scene.add(tube(gland, (12, 10, 9, 8)), Tissue.PANCREAS, over=_BELLY)
    room = abdomen(person, inset=12.0)
    ileum = _coil(rng, (60, -30, -380), ((-78, 78), (-70, -14), (-480, -335)), steps=42)
    for part in tube(ileum, rng.uniform(10, 13)):
        scene.add(Intersection((part, room)), Tissue.SMALL_BOWEL, over=_BELLY)
    frame = [
        _near(rng, point, 5)
        for point in (
            (-88, -16, -452), (-94, -8, -400), (-92, -10, -335), (-62, -62, -318), (-10, -78, -346),
            (44, -70, -330), (86, -24, -276), (98, 8, -300), (100, 4, -390), (88, -18, -446),
            (48, -20, -482), (14, 16, -470), (4, 46, -505), (0, 56, -560),
        )
    ]  # fmt: skip
    course = CubicSpline(np.arange(len(frame)), np.array(frame))
    points = course(np.linspace(0, len(frame) - 1, 66))
    radii = 17 * (1 + 0.13 * np.sin(np.arange(66) * 1.9)) * np.linspace(1.2, 0.8, 66)
    over = (Tissue.VISCERAL_FAT, Tissue.SMALL_BOWEL, Tissue.MUSCLE)
    scene.add(tube(points.tolist(), radii.tolist()), Tissue.COLON, over=over)
    for start in rng.choice(60, 7, replace=False):
        some = points[start : start + 5] + np.array((0, -4, 0))
        scene.add(tube(some.tolist(), 10), Tissue.GAS, over=(Tissue.COLON,))


def _coil(
    rng: np.random.Generator,
    start: Sequence[float],
    limits: Sequence[tuple[float, float]],
    steps: int,
) -> list[list[float]]:
    """A smooth random walk from ``start`` that stays within ``limits``, mm."""
    low, high = np.array(limits, dtype=float).T
    way = [np.array(start, dtype=float)]
    for _ in range(steps - 1):
        # The next bend is the one of a few candidates that lies furthest from the way so far.
        target = rng.uniform(low, high, (6, 3))
        step = target - way[-1]
        step *= (np.minimum(46.0, np.linalg.norm(step, axis=1)) / np.linalg.norm(step, axis=1))[
            :, None
        ]
        ends = way[-1] + step
        gaps = np.linalg.norm(ends[:, None] - np.array(way)[None], axis=2).min(axis=1)
        way.append(ends[int(np.argmax(gaps))])
    course = CubicSpline(np.arange(steps), np.array(way))
    bends = course(np.linspace(0, steps - 1, 3 * steps - 2))
    return [[float(v) for v in point] for point in bends]


def _pelvic(scene: Scene, person: Person, rng: np.random.Generator) -> None:
    radius = (person.bladder_ml * 1000 * 3 / (4 * np.pi)) ** (1 / 3)
    flat = rng.uniform(0.75, 0.95)
    semi = (radius / flat**0.5 * 1.05, radius / flat**0.5 / 1.05, radius * flat)
    low = -552.0
    bladder = Ellipsoid((rng.normal(0, 3), -16, low + semi[2]), semi, wobble=Wobble.draw(rng, 0.15))
    scene.add(bladder, Tissue.BLADDER)
    if person.male:
        size = _sized(rng, (21, 16, 17), 0.12)
        scene.add(Ellipsoid((0, 10, low - size[2] + 4), size), Tissue.PROSTATE)
    else:
        womb = Ellipsoid((2, 22, -500), (24, 18, 30), rotation_to((0, -0.5, 1)))
        scene.add(womb, Tissue.MUSCLE, over=(*_LOOSE, Tissue.SMALL_BOWEL, Tissue.COLON))
