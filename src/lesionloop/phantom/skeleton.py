"""The skeleton: bones as shells of cortex around marrow."""

from collections.abc import Sequence

import numpy as np

from lesionloop.phantom.body import arm_path
from lesionloop.phantom.person import Person
from lesionloop.phantom.scene import Scene
from lesionloop.phantom.shapes import (
    Capsule,
    Ellipsoid,
    HalfSpace,
    Intersection,
    Shape,
    tube,
    vector,
)
from lesionloop.phantom.tissues import Tissue

__all__ = ["add_skeleton", "spine_y"]

# Height z and y of the middle of the vertebral bodies, mm: neck, chest, loins.
_SPINE = ((125, -2), (60, 8), (0, 34), (-100, 54), (-190, 48), (-300, 26), (-390, 16), (-430, 24))
# Height z and radius of the vertebral bodies, mm; they grow downwards.
_BODY_RADIUS = ((125, 9), (30, 11), (-100, 14), (-200, 18), (-430, 24))


def spine_y(z: float) -> float:
    """How far to the back, mm, the vertebral bodies lie at height ``z``, mm."""
    heights, depth = np.array(_SPINE)[::-1].T
    return float(np.interp(z, heights, depth))


def add_skeleton(scene: Scene, person: Person) -> None:
    """Paint skull, spine, ribs, shoulder girdle, pelvis and the long bones."""
    _skull(scene)
    _spine(scene)
    _ribs(scene)
    _pelvis(scene)
    for side in (-1, 1):
        _shoulder(scene, side)
        arm = arm_path(person, side)
        bone = [(x, y, z) for x, y, z in arm]
        _hollow(scene, bone[:2], (13, 10), 4)
        _hollow(scene, bone[1:], (11, 8, 6, 6)[: len(bone) - 1], 4)
        _solid(scene, tube([bone[0], bone[0]], 22), tube([bone[0], bone[0]], 19))


def _solid(scene: Scene, outer: Sequence[Shape], inner: Sequence[Shape]) -> None:
    """Cortex first for all parts, then marrow, so that neighbours share one cavity."""
    scene.add(outer, Tissue.BONE)
    scene.add(inner, Tissue.MARROW)


def _hollow(
    scene: Scene,
    points: Sequence[Sequence[float]],
    radii: Sequence[float],
    wall: float,
) -> None:
    inner = [max(r - wall, 1.0) for r in radii]
    scene.add(tube(points, list(radii)), Tissue.BONE)
    # The shaft of a long bone of an adult holds fat, not blood-forming marrow.
    scene.add(tube(points, inner), Tissue.FAT)


def _skull(scene: Scene) -> None:
    brain = (0.0, -18.0, 190.0)
    scene.add(Ellipsoid(brain, (73, 89, 67)), Tissue.BONE)
    scene.add(Ellipsoid((0, 28, 140), (58, 44, 34)), Tissue.BONE)
    for side in (-1, 1):  # orbits, cheek bones, lower jaw
        scene.add(
            tube([(side * 50, -90, 142), (side * 62, -60, 138), (side * 66, -30, 138)], 5),
            Tissue.BONE,
        )
        jaw = ((60, -22, 130), (56, -28, 92), (44, -68, 80), (12, -98, 78), (0, -100, 78))
        scene.add(tube([(side * x, y, z) for x, y, z in jaw], (5, 7, 7, 7, 7)), Tissue.BONE)
        upper = ((42, -62, 112), (28, -92, 110), (0, -102, 110))
        scene.add(tube([(side * x, y, z) for x, y, z in upper], 6), Tissue.BONE)


def _spine(scene: Scene) -> None:
    z = 118.0
    bodies: list[Shape] = []
    cores: list[Shape] = []
    back: list[Shape] = []
    while z > -425:
        radius = float(np.interp(-z, *(-np.array(_BODY_RADIUS) * (1, -1)).T))
        height = radius * 1.25
        y, middle = spine_y(z), z - height / 2
        top, low = middle + height / 2 - 2.5, middle - height / 2 + 2.5
        body = Ellipsoid((0, y, middle), (radius * 1.15, radius, height * 0.75))
        cut = (HalfSpace((0, y, top), (0, 0, 1)), HalfSpace((0, y, low), (0, 0, -1)))
        bodies.append(Intersection((body, *cut)))
        core = Ellipsoid((0, y, middle), (radius * 1.15 - 2, radius - 2, height * 0.75))
        inner = (
            HalfSpace((0, y, top - 1.5), (0, 0, 1)),
            HalfSpace((0, y, low + 1.5), (0, 0, -1)),
        )
        cores.append(Intersection((core, *inner)))
        arch = y + radius + 17
        back.append(Capsule((0, arch, middle), (0, arch + radius + 6, middle - 10), 4.5, 3.5))
        for side in (-1, 1):
            out = side * (radius + 16)
            back.append(Capsule((side * 12.0, arch - 6, middle), (out, arch + 3, middle), 6, 4))
        z -= height + 4.0
    _solid(scene, [*bodies, *back], cores)
    canal = [
        (0.0, spine_y(h) + np.interp(-h, (-125, 430), (17, 33)), h) for h in range(120, -431, -25)
    ]
    scene.add(tube(canal, 9), Tissue.CONNECTIVE)
    scene.add(tube([p for p in canal if p[2] > -290], 5.5), Tissue.CORD)
    sacrum = ((0, 34, -436), (0, 62, -480), (0, 78, -520), (0, 74, -550))
    wings = [Ellipsoid((side * 42.0, 56, -456), (26, 17, 26)) for side in (-1, 1)]
    inner_wings = [wing.scaled(0.86) for wing in wings]
    _solid(
        scene,
        [*tube(sacrum, (24, 22, 14, 6)), *wings],
        [*tube(sacrum, (21, 19, 11, 3)), *inner_wings],
    )


def _ribs(scene: Scene) -> None:
    outer: list[Shape] = []
    for number in range(12):
        start = 4.0 - 21.0 * number
        share = min((number + 2) / 7, 1.0)
        half, front = 60 + 70 * share, -50 - 45 * share
        # From the spine round the side to the front, falling by a third of the width; the last
        # ribs end at the side.
        last = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.95, 0.9, 0.82, 0.6, 0.45)[number]
        angle = np.linspace(0.12, 0.12 + 0.84 * last, 11) * np.pi
        back = spine_y(start) + 44
        middle, depth = (front + back) / 2, (back - front) / 2
        for side in (-1, 1):
            x = side * half * np.sin(angle) ** 0.8
            y = middle + depth * np.cos(angle)
            z = start - (62 + 3 * number) * (angle / np.pi) ** 1.2
            outer.extend(tube(np.stack([x, y, z], axis=1).tolist(), 4.8))
    scene.add(outer, Tissue.BONE, over=(Tissue.MUSCLE, Tissue.FAT, Tissue.LUNG, Tissue.CONNECTIVE))
    plate = [Ellipsoid((0, -94, -88), (17, 5.5, 68)), Ellipsoid((0, -78, -26), (27, 6, 20))]
    _solid(scene, plate, [Ellipsoid(p.centre, (p.semi[0] - 3, 3, p.semi[2] - 3)) for p in plate])


def _shoulder(scene: Scene, side: int) -> None:
    collar = [(side * x, y, z) for x, y, z in ((18, -66, -10), (70, -50, 2), (140, 8, 0))]
    scene.add(tube(collar, 6), Tissue.BONE)
    # Shoulder blade: a fan of rods from the joint to the inner border.
    joint = (side * 148.0, 28.0, -34.0)
    for low in np.linspace(-30, -140, 8):
        inner = (side * float(np.interp(low, (-140, -30), (88, 72))), 96.0, float(low))
        scene.add(Capsule(joint, inner, 7, 4), Tissue.BONE, over=(Tissue.MUSCLE, Tissue.FAT))
    spine = (side * 80.0, 100.0, -50.0)
    scene.add(Capsule((side * 152.0, 30, -8), spine, 7, 4), Tissue.BONE)


def _pelvis(scene: Scene) -> None:
    crest = np.array(
        [(62, 66, -432), (84, 56, -416), (106, 40, -406), (122, 16, -404), (130, -10, -412),
         (131, -32, -428), (126, -48, -448), (116, -50, -468)]
    )  # fmt: skip
    fine = np.stack(
        [np.interp(np.linspace(0, 7, 22), np.arange(8), crest[:, a]) for a in range(3)], axis=1
    )
    for side in (-1, 1):
        flip = np.array([side, 1, 1])
        socket = (side * 90.0, 8.0, -528.0)
        neck = (side * 84.0, 12.0, -496.0)
        plate = [Capsule(neck, vector(point * flip), 14, 6) for point in fine]
        core = [Capsule(neck, vector(point * flip), 11, 3) for point in fine]
        ring = (
            ((84, 2, -540), (48, -34, -546), (6, -46, -562)),
            ((78, 22, -540), (66, 42, -592), (54, 34, -604)),
            ((58, 34, -602), (36, -6, -590), (10, -42, -568)),
        )
        rods: list[Shape] = []
        thin: list[Shape] = []
        for points, radius in zip(ring, ((13, 9, 9), (17, 15, 12), (10, 7, 8)), strict=True):
            path = np.array(points, dtype=float) * flip
            rods += tube(path.tolist(), list(radius))
            thin += tube(path.tolist(), [r - 3.0 for r in radius])
        ball = Ellipsoid(socket, (36, 34, 36))
        _solid(scene, [*plate, ball, *rods], [*core, ball.scaled(0.9), *thin])
        scene.add(Ellipsoid(socket, (28, 27, 28)), Tissue.CONNECTIVE)
        head = Ellipsoid(socket, (25, 25, 25))
        upper = ((90, 8, -528), (128, 20, -562))
        shaft = ((126, 18, -556), (122, 14, -610), (104, 10, -800))
        neck_path = [(side * x, y, z) for x, y, z in upper]
        _solid(
            scene,
            [head, *tube(neck_path, (17, 21))],
            [head.scaled(0.88), *tube(neck_path, (14, 18))],
        )
        _hollow(scene, [(side * x, y, z) for x, y, z in shaft], (21, 16, 15), 7)
        _solid(scene, [], tube([(side * 126, 18, -556), (side * 123, 15, -600)], (17, 10)))
