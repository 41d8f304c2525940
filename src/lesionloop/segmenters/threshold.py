"""The threshold segmenter: what reading rooms used before learned tools, with honest scribbles.

A foreground stroke adds the region around it above a part of its own peak; a background stroke
takes away the region it touches, within its reach, as far as no foreground point is nearer.
"""

from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_erosion

from lesionloop.errors import InputError
from lesionloop.imaging import Study, Volume, read_label, require_same_grid
from lesionloop.imaging.study import require_suv
from lesionloop.scribbles import ScribbleSet
from lesionloop.segmenters.boxes import box_around, within
from lesionloop.segmenters.options import file_hash, require_number
from lesionloop.segmenters.parts import label_parts
from lesionloop.segmenters.protocol import honour, point_sets
from lesionloop.segmenters.strokes import Stroke, find_strokes
from lesionloop.segmenters.touched import Region, distance_mm, touched_region

__all__ = ["Threshold"]

METHODS = ("fixed", "percent", "liver")

#: No foreground stroke asks for less, SUV: what has less is air.
_LEAST_LEVEL_SUV = 0.2


@dataclass(frozen=True)
class Threshold:
    """Voxels above a level.

    Args:
        method: "fixed": SUV at least ``level_suv``. "percent": regions of SUV at least
            ``level_suv``, each cut at ``percent`` of its own maximum (a maximum over the whole
            field would be the bladder's). "liver": SUV at least 1.5 x mean + 2 SD of the liver,
            the PERCIST 1.0 level (Wahl et al., J Nucl Med 50 Suppl 1:122S, 2009).
        level_suv: SUV; 4.0 is the fixed level used for lymphoma (Barrington and Meignan, J Nucl
            Med 60:1096, 2019).
        percent: part of a region's maximum, usually 41 or 50.
        organ_map: label map on the PET grid, for "liver".
        liver_label: the liver's number in that map.

    Raises:
        InputError: an option is not known or out of range, or the organ map is missing.
    """

    method: str = "fixed"
    level_suv: float = 4.0
    percent: float = 41.0
    organ_map: str | None = None
    liver_label: int = 3

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise InputError(
                f"unknown threshold method {self.method!r}",
                remedy=f"Use one of: {', '.join(METHODS)}.",
            )
        require_number("level_suv", self.level_suv, above=0, below=1000)
        require_number("percent", self.percent, above=0, below=100)
        if not isinstance(self.organ_map, str | None):
            object.__setattr__(self, "organ_map", str(self.organ_map))
        if self.method == "liver" and not self.organ_map:
            raise InputError(
                "the liver threshold needs an organ map",
                remedy="Give organ_map=FILE, a label map on the PET grid.",
            )

    @property
    def name(self) -> str:
        """Registered name."""
        return "threshold"

    @property
    def identity(self) -> dict[str, object]:
        """All that decides the mask; of the organ map, what is in the file.

        Raises:
            InputError: the organ map cannot be read.
        """
        facts = {"name": self.name, "version": 2, **asdict(self)}
        if self.method == "liver" and self.organ_map:
            facts["organ_map"] = file_hash(self.organ_map)
        return facts

    def open(self, study: Study) -> "ThresholdSession":
        """Find the first mask.

        Raises:
            InputError: the PET is not SUV; the organ map is damaged, on another grid, or without
                a liver.
        """
        require_suv(study)
        return ThresholdSession(self, study)

    def open_from(self, study: Study, mask: NDArray[np.bool_]) -> "ThresholdSession":
        """Start on a study with a mask made elsewhere, bool [x, y, z], as the first one.

        Raises:
            InputError: the PET is not SUV.
        """
        require_suv(study)
        return ThresholdSession(self, study, mask)


class ThresholdSession:
    """First mask of one study, and the regions of the foreground strokes seen last."""

    def __init__(
        self, options: Threshold, study: Study, start: NDArray[np.bool_] | None = None
    ) -> None:
        self._options = options
        self._grid = study.grid
        self._suv = study.pet.values
        self._first = self._first_pass(study) if start is None else start
        self._regions: dict[bytes, Region] = {}

    def segment(self, scribbles: ScribbleSet) -> NDArray[np.bool_]:
        """Mask for all scribbles so far, bool [x, y, z].

        Raises:
            InputError: a point is outside the grid.
        """
        scribbles.check(self._grid)
        mask = self._first.copy(order="K")
        shape, spacing = self._grid.shape, self._grid.spacing
        foreground, background = point_sets(scribbles, shape)
        self._regions = {
            stroke.key: self._regions.get(stroke.key) or self._grown(stroke)
            for stroke in find_strokes(foreground, shape, spacing)
        }
        for box, region in self._regions.values():
            mask[box] |= region
        kept = np.column_stack(np.unravel_index(foreground, shape)).astype(np.int64)
        removed = [
            touched_region(mask, stroke, kept, spacing=spacing, reach_mm=_reach_mm(stroke))
            for stroke in find_strokes(background, shape, spacing)
        ]
        for box, region in removed:
            mask[box] &= ~region
        return honour(mask, scribbles)

    def _first_pass(self, study: Study) -> NDArray[np.bool_]:
        options = self._options
        if options.method == "liver":
            return np.asarray(self._suv >= _liver_level(study, options))
        mask = np.asarray(self._suv >= options.level_suv)
        if options.method == "fixed":
            return mask
        labels, count = label_parts(mask)
        inside = np.flatnonzero(labels.ravel(order="F"))
        owner = labels.ravel(order="F")[inside]
        peaks = np.zeros(count + 1, dtype=np.float32)
        np.maximum.at(peaks, owner, self._suv.ravel(order="F")[inside])
        return np.asarray(mask & (self._suv >= np.float32(options.percent / 100) * peaks[labels]))

    def _grown(self, stroke: Stroke) -> Region:
        """The region around a foreground stroke above a part of the stroke's own peak."""
        reach = _reach_mm(stroke)
        shape, spacing = self._grid.shape, self._grid.spacing
        box = box_around(stroke.points, np.ceil(reach / np.array(spacing)), shape)
        local = tuple(within(stroke.points, box).T)
        suv = self._suv[box]
        level = max(self._options.percent / 100 * float(suv[local].max()), _LEAST_LEVEL_SUV)
        near = distance_mm(local, suv.shape, spacing) <= reach
        labels, _ = label_parts((suv >= level) & near)
        chosen = np.unique(labels[local])
        return box, np.isin(labels, chosen[chosen > 0])


def _reach_mm(stroke: Stroke) -> float:
    """A stroke speaks for what is about as large as itself, and for 20 mm at least."""
    return 20.0 + stroke.extent_mm


def _liver_level(study: Study, options: Threshold) -> float:
    organs: Volume = read_label(str(Path(options.organ_map or "")))
    require_same_grid(organs, study.pet)
    liver = np.asarray(organs.values == options.liver_label)
    inner = binary_erosion(liver, iterations=2)  # the rim mixes with lung and breathing
    uptake = study.pet.values[inner if inner.any() else liver]
    if not uptake.size:
        raise InputError(
            f"{organs.source} has no liver",
            cause=f"No voxel has the label {options.liver_label}.",
            remedy="Give the right liver_label, or another method.",
        )
    return 1.5 * float(uptake.mean(dtype=np.float64)) + 2 * float(uptake.std(dtype=np.float64))
