"""Where lesions are: in which organ, near which, or at which height of the body."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import nan
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import KDTree

from lesionloop.imaging.grid import Grid
from lesionloop.quantification.measures import LesionMeasures
from lesionloop.quantification.organ_map import OrganMap

__all__ = ["NEAR_MM", "LesionPlace", "place_lesions"]

#: An organ within this distance of a lesion names its place.
NEAR_MM: Final = 20.0
#: So much below the urinary bladder the legs begin; our choice.
_LEGS_MM: Final = 60.0


@dataclass(frozen=True)
class LesionPlace:
    """Where a lesion is.

    Args:
        lesion: its number.
        organ: the organ that holds most of its voxels, or the nearest one within 20 mm; "" when
            there is none.
        share: part of its voxels in ``organ``, 0 to 1.
        distance_mm: from its nearest voxel to the organ's nearest (centre to centre); 0 when the
            organ holds a voxel of it; NaN without an organ.
        region: "head", "neck", "thorax", "abdomen", "pelvis" or "legs", by the height of its
            centroid between the organs of the map; "" when these do not tell.
    """

    lesion: int
    organ: str = ""
    share: float = 0.0
    distance_mm: float = nan
    region: str = ""

    @property
    def location(self) -> str:
        """In words: "liver" when at least half of it is in there, "near liver", the region, ""."""
        if self.organ:
            return self.organ if self.share >= 0.5 else f"near {self.organ}"
        return self.region


def place_lesions(
    measures: Sequence[LesionMeasures], labels: NDArray[Any], organs: OrganMap, grid: Grid
) -> list[LesionPlace]:
    """Find the place of each lesion.

    Args:
        measures: of the lesions.
        labels: of the lesions, [x, y, z] on ``grid``.
        organs: on the same grid.
        grid: of the PET.
    """
    name_of = _single_organs(organs)
    heights = _landmarks(organs, grid)
    return [
        _place(lesion, labels, organs, grid, name_of=name_of, heights=heights)
        for lesion in measures
    ]


def _place(
    lesion: LesionMeasures,
    labels: NDArray[Any],
    organs: OrganMap,
    grid: Grid,
    *,
    name_of: dict[int, str],
    heights: dict[str, float],
) -> LesionPlace:
    region = _region(lesion.centroid_mm[2], heights)
    reach = np.ceil(NEAR_MM / np.array(grid.spacing)).astype(int)
    start = np.maximum(np.array(lesion.box[0]) - reach, 0)
    box = tuple(
        slice(int(a), int(b + r)) for a, b, r in zip(start, lesion.box[1], reach, strict=True)
    )
    inside = labels[box] == lesion.number
    around = organs.labels[box]
    counts: dict[str, int] = {}
    for label, count in zip(*np.unique(around[inside], return_counts=True), strict=True):
        if label:
            name = name_of[int(label)]
            counts[name] = counts.get(name, 0) + int(count)
    if counts:
        organ = max(counts, key=lambda name: counts[name])
        share = counts[organ] / np.count_nonzero(inside)
        return LesionPlace(lesion.number, organ, share, 0.0, region)
    others = np.argwhere(around)
    if not len(others):
        return LesionPlace(lesion.number, region=region)
    apart, _ = KDTree(np.argwhere(inside) * grid.spacing).query(
        others * grid.spacing, distance_upper_bound=NEAR_MM * (1 + 1e-9)
    )
    best = int(apart.argmin())
    if not np.isfinite(apart[best]):
        return LesionPlace(lesion.number, region=region)
    organ = name_of[int(around[tuple(others[best])])]
    return LesionPlace(lesion.number, organ, 0.0, float(apart[best]), region)


def _single_organs(organs: OrganMap) -> dict[int, str]:
    """Label to name; a part names the place more exactly than the whole, and comes first."""
    found: dict[int, str] = {}
    for name, labels in organs.organs.items():
        for label in labels:
            found.setdefault(label, name)
    return found


def _landmarks(organs: OrganMap, grid: Grid) -> dict[str, float]:
    """Heights, LPS mm, between the regions of the body; those that the map tells."""
    ends = {
        name: _ends(organs, name, grid)
        for name in ("brain", "lung", "urinary_bladder")
        if name in organs.organs
    }
    found: dict[str, float] = {}
    if "brain" in ends:
        found["chin"] = ends["brain"][0]
    if "lung" in ends:
        found["diaphragm"], found["shoulders"] = ends["lung"]
    if "urinary_bladder" in ends:
        found["groin"] = ends["urinary_bladder"][0] - _LEGS_MM
        found["brim"] = ends["urinary_bladder"][1]
    return found


def _ends(organs: OrganMap, organ: str, grid: Grid) -> tuple[float, float]:
    box, mask = organs.cut(organ)
    index = np.argwhere(mask) + [side.start for side in box]
    z = grid.to_world(index)[:, 2]
    return float(z.min()), float(z.max())


def _region(z: float, heights: dict[str, float]) -> str:
    """The region at a height; "" where a landmark that decides is missing."""
    if z >= heights.get("chin", np.inf):
        return "head"
    if z >= heights.get("shoulders", np.inf):
        return "neck" if "chin" in heights else ""
    if z >= heights.get("diaphragm", np.inf):
        return "thorax"
    if "brim" not in heights:
        return ""
    if z >= heights["brim"]:
        return "abdomen" if "diaphragm" in heights else ""
    return "pelvis" if z >= heights["groin"] else "legs"
