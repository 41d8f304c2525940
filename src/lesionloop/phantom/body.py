"""The outline of the body: skin, fat, muscle and the cavities of the trunk.

Lengths are mm of a person of middle build, LPS, height 0 at the top of the lungs. They were chosen
to agree with usual proportions of adults (positions and volumes of organs in whole-body CT).
"""

from collections.abc import Iterator

import numpy as np

from lesionloop.phantom.person import Person
from lesionloop.phantom.scene import Scene
from lesionloop.phantom.shapes import (
    Capsule,
    Domes,
    Ellipsoid,
    Intersection,
    Profile,
    Shape,
    tube,
)
from lesionloop.phantom.tissues import Tissue

__all__ = ["abdomen", "add_cavities", "add_outline", "arm_path", "domes"]

# Rows: height z, centre x, half width, front y, back y.
_HEAD = (
    (262, 0, 10, -34, -4),
    (256, 0, 38, -66, 30),
    (244, 0, 57, -88, 54),
    (225, 0, 70, -104, 70),
    (200, 0, 78, -113, 79),
    (170, 0, 80, -116, 80),
    (145, 0, 78, -117, 76),
    (125, 0, 73, -118, 66),
    (105, 0, 68, -117, 60),
    (85, 0, 62, -112, 56),
    (72, 0, 58, -100, 56),
    (60, 0, 57, -74, 57),
    (48, 0, 57, -58, 60),
    (30, 0, 58, -55, 64),
    (10, 0, 62, -55, 68),
)
# Around the muscles; the fat comes on top.
_TRUNK = (
    (42, 0, 52, -48, 58),
    (28, 0, 58, -50, 62),
    (14, 0, 80, -52, 70),
    (2, 0, 118, -56, 80),
    (-12, 0, 150, -62, 90),
    (-30, 0, 168, -74, 98),
    (-55, 0, 168, -90, 104),
    (-85, 0, 158, -100, 107),
    (-120, 0, 149, -106, 108),
    (-160, 0, 145, -108, 107),
    (-210, 0, 143, -110, 104),
    (-260, 0, 140, -109, 100),
    (-320, 0, 134, -105, 95),
    (-380, 0, 140, -99, 95),
    (-440, 0, 150, -92, 102),
    (-500, 0, 158, -86, 112),
    (-560, 0, 163, -80, 112),
    (-595, 0, 158, -74, 104),
    (-622, 0, 126, -50, 78),
    (-640, 0, 70, -22, 50),
)
_LUNG = (
    (-4, 48, 8, 14, 36),
    (-20, 50, 26, -16, 56),
    (-45, 57, 41, -46, 70),
    (-80, 63, 51, -68, 80),
    (-120, 67, 56, -80, 85),
    (-160, 68, 57, -84, 86),
    (-200, 70, 56, -84, 84),
    (-240, 72, 54, -80, 78),
)
_MEDIASTINUM = (
    (0, 0, 34, -26, 40),
    (-40, 0, 38, -62, 50),
    (-100, 3, 42, -86, 52),
    (-150, 8, 52, -90, 56),
    (-240, 8, 56, -90, 56),
)
_ABDOMEN = (
    (-146, 0, 96, -70, 66),
    (-180, 0, 118, -90, 72),
    (-230, 0, 124, -95, 68),
    (-300, 0, 116, -94, 50),
    (-360, 0, 110, -90, 42),
    (-430, 0, 105, -80, 42),
    (-490, 0, 88, -72, 62),
    (-540, 0, 70, -58, 72),
    (-580, 0, 42, -36, 66),
)


def add_outline(scene: Scene, person: Person) -> None:
    """Paint skin and fat, then the muscles inside: head, trunk, arms and legs."""
    fat = person.fat_mm
    scene.add(Profile(_TRUNK, power=2.5, inset=-fat), Tissue.FAT)
    scene.add(Profile(_HEAD, power=2.2), Tissue.FAT)
    scene.add(_limbs(person, fat), Tissue.FAT)
    if not person.male:
        for side in (-1, 1):
            breast = (side * 74.0, -104.0 - fat * 0.8, -128.0)
            scene.add(Ellipsoid(breast, (58, 34 + fat * 0.4, 54)), Tissue.FAT)
            scene.add(Ellipsoid(breast, (32, 18, 30)), Tissue.GLANDULAR)
    scene.add(Profile(_TRUNK, power=2.5), Tissue.MUSCLE)
    scene.add(Profile(_HEAD, power=2.2, inset=5.0), Tissue.MUSCLE)
    scene.add(_limbs(person, 0.0), Tissue.MUSCLE)
    # Fat between the muscles of thighs and buttocks keeps them from looking like one block.
    for side in (-1, 1):
        scene.add(Capsule((side * 70.0, 30, -600), (side * 74.0, 34, -780), 9, 7), Tissue.FAT)


def add_cavities(scene: Scene, person: Person) -> None:
    """Paint lungs, mediastinum and, below the diaphragm, the fat around the organs of the belly."""
    scene.add(Profile(_MEDIASTINUM), Tissue.CONNECTIVE)
    for side in (-1, 1):
        scene.add(_lung(side), Tissue.LUNG)
    scene.add(abdomen(person), Tissue.VISCERAL_FAT)
    for side in (-1, 1):  # psoas, beside the spine
        path = ((34, 22, -300), (44, 18, -380), (58, -2, -450), (82, -24, -530))
        points = [(side * x, y, z) for x, y, z in path]
        scene.add(tube(points, (12, 20, 21, 13)), Tissue.MUSCLE)
        scene.add(tube([(side * 38, 60, -250), (side * 40, 66, -430)], 24), Tissue.MUSCLE)


def domes(person: Person) -> Domes:
    """The diaphragm of this person; the left dome is a little lower."""
    return Domes(right=person.diaphragm_mm, left=person.diaphragm_mm - 11.0)


def abdomen(person: Person, inset: float = 0.0) -> Shape:
    """Room below the diaphragm, ``inset`` mm away from the walls."""
    return Intersection((Profile(_ABDOMEN, power=2.3, inset=inset), domes(person)))


def arm_path(person: Person, side: int) -> list[tuple[float, float, float]]:
    """Shoulder, elbow, wrist and end of the hand, mm; ``side`` is 1 for the left arm."""
    out = person.fat_mm * 0.7
    if person.arms_up:
        path = [(158, 18, -28), (196 + out, -6, 120), (204 + out, -30, 245), (80, -60, 420)]
    else:
        path = [(172, 14, -40), (214 + out, 22, -320), (204 + out, -30, -540), (186, -50, -670)]
    return [(side * x, float(y), float(z)) for x, y, z in path]


def _lung(side: int) -> Profile:
    # The left lung leaves room for the heart.
    narrow = 0.0 if side < 0 else 4.0
    rows = tuple((z, side * (cx + narrow), w - narrow, f, b) for z, cx, w, f, b in _LUNG)
    return Profile(rows, power=2.4)


def _limbs(person: Person, fat: float) -> Iterator[Shape]:
    thin = 0.45 * fat
    for side in (-1, 1):
        arm = arm_path(person, side)
        radii = np.interp(np.arange(len(arm)), (0, 1, 2, 3), (44, 34, 24, 22)) + thin
        yield from tube(arm, radii.tolist())
        thigh = ((86, 14, -560), (84, 14, -660), (80, 12, -800))
        yield from tube([(side * x, y, z) for x, y, z in thigh], (78 + thin, 74 + thin, 60 + thin))
