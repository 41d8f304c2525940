"""A simple body, seen from the front, and where organs lie in it.

Units are those of the drawing, 400 wide and 640 high, from the top of the head to the knees. The
patient's left is on the right, as in a picture from the front.
"""

from collections.abc import Sequence
from typing import Final

__all__ = ["HEIGHT", "WIDTH", "body_path", "places_of"]

WIDTH: Final = 400.0
HEIGHT: Final = 640.0
_MIDDLE: Final = WIDTH / 2

#: The right half of the outline from the top of the head to the crotch: distance from the middle
#: and height of the points that a smooth line goes through.
_HALF: Final = (
    (0, 12), (26, 18), (38, 42), (38, 72), (28, 100), (22, 118), (26, 134), (62, 148), (92, 162),
    (106, 190), (112, 250), (120, 320), (126, 390), (120, 410), (108, 396), (102, 330), (90, 250),
    (80, 226), (76, 290), (80, 350), (92, 410), (94, 470), (84, 560), (74, 630), (38, 630),
    (30, 560), (18, 470), (0, 440),
)  # fmt: skip

#: Organ -> distance from the middle to the patient's left, and height.
_PLACES: Final[dict[str, tuple[float, float]]] = {
    "brain": (0, 44), "skull": (0, 22), "head_glands": (0, 92), "parotid_glands": (26, 88),
    "spinal_cord": (0, 128), "thyroid_gland": (0, 122), "trachea": (0, 150), "esophagus": (-5, 168),
    "lung": (-38, 190), "lung_left": (40, 190), "lung_right": (-40, 190),
    "lung_upper_lobe_left": (38, 176), "lung_lower_lobe_left": (46, 214),
    "lung_upper_lobe_right": (-36, 172), "lung_middle_lobe_right": (-28, 202),
    "lung_lower_lobe_right": (-48, 216), "heart": (14, 212), "blood_pool": (6, 192),
    "aorta": (8, 178), "pulmonary_vein": (22, 194), "superior_vena_cava": (-14, 182),
    "inferior_vena_cava": (-10, 268), "portal_vein_and_splenic_vein": (-2, 262),
    "liver": (-40, 248), "gallbladder": (-26, 272), "spleen": (56, 248), "stomach": (28, 256),
    "pancreas": (8, 276), "duodenum": (-16, 288), "adrenal_gland_left": (26, 270),
    "adrenal_gland_right": (-24, 262), "kidney": (36, 294), "kidney_left": (38, 290),
    "kidney_right": (-38, 298), "small_bowel": (0, 334), "colon": (46, 330),
    "urinary_bladder": (0, 404), "prostate": (0, 424), "uterus": (0, 390), "sternum": (0, 204),
    "sacrum": (0, 376), "humerus_left": (94, 220), "humerus_right": (-94, 220),
    "scapula_left": (66, 174), "scapula_right": (-66, 174), "clavicula_left": (44, 152),
    "clavicula_right": (-44, 152), "hip_left": (54, 372), "hip_right": (-54, 372),
    "femur_left": (56, 470), "femur_right": (-56, 470), "gluteus_maximus_left": (68, 412),
    "gluteus_maximus_right": (-68, 412), "iliopsoas_left": (26, 348), "iliopsoas_right": (-26, 348),
    "autochthon_left": (14, 318), "autochthon_right": (-14, 318), "bone_marrow": (0, 310),
    "brachiocephalic_trunk": (-8, 164), "brachiocephalic_vein_left": (18, 160),
    "brachiocephalic_vein_right": (-18, 164), "subclavian_artery_left": (36, 162),
    "subclavian_artery_right": (-36, 162), "common_carotid_artery_left": (14, 142),
    "common_carotid_artery_right": (-14, 142), "atrial_appendage_left": (26, 204),
    "iliac_artery_left": (18, 366), "iliac_artery_right": (-18, 366), "iliac_vena_left": (24, 376),
    "iliac_vena_right": (-24, 376), "gluteus_medius_left": (74, 384),
    "gluteus_medius_right": (-74, 384), "gluteus_minimus_left": (64, 394),
    "gluteus_minimus_right": (-64, 394), "costal_cartilages": (0, 232),
    "kidney_cyst_left": (46, 298), "kidney_cyst_right": (-46, 306),
    "muscle": (58, 520), "fat": (-70, 330), "subcutaneous_fat": (-72, 322),
    "visceral_fat": (-20, 316),
}  # fmt: skip

#: Heights of the first and the last vertebra of each part of the spine, and how many there are.
_SPINE: Final = {"C": (98, 132, 7), "T": (138, 262, 12), "L": (272, 356, 5), "S": (368, 368, 1)}
#: Organs that have no place stand below each other at the left edge, so far apart.
_OUTSIDE_X: Final = 18.0
_OUTSIDE_STEP: Final = 26.0


def places_of(organs: Sequence[str]) -> list[tuple[float, float]]:
    """Where each organ is drawn, x and y; those unknown stand at the left edge."""
    found = []
    outside = 0
    for organ in organs:
        place = _PLACES.get(organ) or _vertebra(organ) or _rib(organ)
        if place is None:
            # A second column when the first is full.
            column, row = divmod(outside, int((HEIGHT - 60) // _OUTSIDE_STEP))
            y = HEIGHT - 30 - _OUTSIDE_STEP * row
            found.append((_OUTSIDE_X + 14 * column, y))
            outside += 1
        else:
            found.append((_MIDDLE + place[0], place[1]))
    return found


def body_path() -> str:
    """The outline as the path of an SVG: a smooth closed line (Catmull-Rom) through its points."""
    right = [(_MIDDLE + x, y) for x, y in _HALF]
    left = [(_MIDDLE - x, y) for x, y in reversed(_HALF[1:-1])]
    points = [*right, *left]
    count = len(points)
    text = f"M{points[0][0]:.0f} {points[0][1]:.0f}"
    for n in range(count):
        a, b, c, d = (points[(n + k) % count] for k in (-1, 0, 1, 2))
        first = (b[0] + (c[0] - a[0]) / 6, b[1] + (c[1] - a[1]) / 6)
        second = (c[0] - (d[0] - b[0]) / 6, c[1] - (d[1] - b[1]) / 6)
        text += (
            f"C{first[0]:.1f} {first[1]:.1f} {second[0]:.1f} {second[1]:.1f} {c[0]:.0f} {c[1]:.0f}"
        )
    return text + "Z"


def _vertebra(organ: str) -> tuple[float, float] | None:
    head, _, level = organ.rpartition("_")
    if head != "vertebrae" or level[:1] not in _SPINE or not level[1:].isdigit():
        return None
    top, bottom, count = _SPINE[level[0]]
    number = min(int(level[1:]), count)
    return 0.0, top + (bottom - top) * (number - 1) / max(count - 1, 1)


def _rib(organ: str) -> tuple[float, float] | None:
    side, _, number = organ.removeprefix("rib_").rpartition("_")
    if not organ.startswith("rib_") or side not in ("left", "right") or not number.isdigit():
        return None
    away = 60.0 + 1.2 * int(number)
    return away if side == "left" else -away, 160.0 + 9.0 * int(number)
