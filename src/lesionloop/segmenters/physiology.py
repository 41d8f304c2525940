"""Physiologic uptake recognised by geometry: where a hot region lies and how big it is.

Rules of thumb, no atlas: the lungs, seen on the CT, give landmarks; a candidate is called
physiologic when its place, its side and its volume fit an organ that often takes up the tracer.
Wrong calls are possible in both directions (a lesion in a kidney is lost, an unusual bladder
stays): the reader's scribbles are the remedy.

Uptake patterns: Shreve et al., RadioGraphics 19:61-77 (1999) for FDG; Hofman et al., RadioGraphics
38:200-217 (2018) for PSMA.
"""

from dataclasses import dataclass
from itertools import permutations

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from lesionloop.imaging import Study
from lesionloop.segmenters.boxes import Box, grow
from lesionloop.segmenters.parts import label_parts

__all__ = ["Landmarks", "find_landmarks", "physiologic_components"]

_COARSE_MM = 8.0
_AIR_INSIDE_HU = -500
_BODY_HU = -300
_RIM_MM = 12.0  # around a candidate, to see what it lies in
_LEAST_LUNG_ML = 150.0  # of one lung in view
_LEAST_LENGTH_MM = 350.0  # shorter views hold too little to tell organs apart


@dataclass(frozen=True)
class Landmarks:
    """Levels of the body in LPS mm; z grows to the head.

    Args:
        feet, head: ends of the body in view.
        lung_base, lung_apex: ends of the lungs.
        middle: patient x half-way between the lungs' outer sides.
        front, back: patient y of the lungs' ends (y grows to the back).
    """

    feet: float
    head: float
    lung_base: float
    lung_apex: float
    middle: float
    front: float
    back: float

    @property
    def has_head(self) -> bool:
        """Whether the view goes far enough above the lungs to show the brain."""
        return self.head - self.lung_apex > 180.0


@dataclass(frozen=True)
class _Candidate:
    """One hot region: LPS mm centre and lower end, millilitres, SUV of the hottest voxel."""

    centre: NDArray[np.float64]
    lowest: float
    volume_ml: float
    peak_suv: float


def find_landmarks(study: Study) -> Landmarks | None:
    """Landmarks of a trunk view; None when the view is short or shows no lungs.

    Without CT there are no lungs to see, and no landmarks.
    """
    if study.ct is None:
        return None
    step = tuple(max(1, round(_COARSE_MM / s)) for s in study.grid.spacing)
    order = _nearest_axes(study)
    ct = study.ct.values[:: step[0], :: step[1], :: step[2]].transpose(order)
    voxel_ml = study.grid.voxel_ml * float(np.prod(step))
    world = [_positions(study, index, axis, step[index]) for axis, index in enumerate(order)]
    body = _largest(ct > _BODY_HU)
    if body is None:
        return None
    # A slice's outline, filled: the airways and lungs are inside, the air around is not.
    filled = np.stack(
        [ndimage.binary_fill_holes(body[:, :, k]) for k in range(body.shape[2])], axis=2
    )
    lungs = _parts_of_at_least(filled & (ct < _AIR_INSIDE_HU), _LEAST_LUNG_ML / voxel_ml)
    z_body = world[2][np.flatnonzero(body.any(axis=(0, 1)))]
    if lungs is None or np.ptp(z_body) < _LEAST_LENGTH_MM:
        return None
    z_lungs = world[2][_occupied(lungs, axis=2)]
    x_lungs = world[0][_occupied(lungs, axis=0)]
    y_lungs = world[1][_occupied(lungs, axis=1)]
    return Landmarks(
        feet=float(z_body.min()),
        head=float(z_body.max()),
        lung_base=float(z_lungs.min()),
        lung_apex=float(z_lungs.max()),
        middle=float((x_lungs.min() + x_lungs.max()) / 2),
        front=float(y_lungs.min()),
        back=float(y_lungs.max()),
    )


def physiologic_components(
    study: Study, labels: NDArray[np.unsignedinteger], count: int
) -> NDArray[np.bool_]:
    """Which candidates look physiologic, bool [count + 1]; index 0 (no candidate) is False.

    Args:
        study: gives CT, geometry and tracer; an unknown tracer is treated as FDG.
        labels: candidate regions [x, y, z] on the PET grid, 1 to ``count``.
        count: number of candidates.
    """
    verdict = np.zeros(count + 1, dtype=bool)
    marks = find_landmarks(study)
    if marks is None or count == 0:
        return verdict
    statistics = cc3d.statistics(labels)
    rules = _PSMA_RULES if study.tracer == "psma" else _FDG_RULES
    for label in range(1, count + 1):
        box = statistics["bounding_boxes"][label]
        ends = study.grid.to_world([[s.start for s in box], [s.stop - 1 for s in box]])
        candidate = _Candidate(
            centre=study.grid.to_world(statistics["centroids"][label]),
            lowest=float(ends[:, 2].min()),
            volume_ml=float(statistics["voxel_counts"][label]) * study.grid.voxel_ml,
            peak_suv=float(study.pet.values[box][labels[box] == label].max()),
        )
        fits = any(rule(candidate, marks) for rule in rules)
        verdict[label] = fits and not _is_in_lung(study, labels, label, box)
    return verdict


def _is_in_lung(study: Study, labels: NDArray[np.unsignedinteger], label: int, box: Box) -> bool:
    """Whether more than half of what lies around a candidate is lung, on the CT.

    No organ with physiologic uptake lies free in a lung; the heart touches it with one side.
    """
    margin = np.ceil(_RIM_MM / np.array(study.grid.spacing))
    wide = grow(box, margin, study.grid.shape)
    distance = edt.edt(labels[wide] != label, anisotropy=study.grid.spacing)
    rim = (distance > 0) & (distance <= _RIM_MM)
    lung = study.ct.values[wide][rim] < _AIR_INSIDE_HU if study.ct is not None else np.zeros(1)
    return bool(np.mean(lung) > 0.5)


def _is_brain(one: _Candidate, marks: Landmarks) -> bool:
    """Large and above the neck."""
    return marks.has_head and one.centre[2] > marks.lung_apex + 120 and one.volume_ml > 60


def _is_heart(one: _Candidate, marks: Landmarks) -> bool:
    """In the lower chest, in front, from the midline to the left; at most a whole heart."""
    height = (one.centre[2] - marks.lung_base) / (marks.lung_apex - marks.lung_base)
    depth = (one.centre[1] - marks.front) / (marks.back - marks.front)
    side = one.centre[0] - marks.middle
    return -0.1 < height < 0.55 and depth < 0.65 and 5 < side < 90 and 1.5 < one.volume_ml < 450


def _is_kidney(one: _Candidate, marks: Landmarks) -> bool:
    """Beside the spine, at the back, from the lung base down; often in pieces of any size."""
    depth = (one.centre[1] - marks.front) / (marks.back - marks.front)
    below = marks.lung_base - one.centre[2]
    side = abs(one.centre[0] - marks.middle)
    return -40 < below < 200 and 22 < side < 110 and depth > 0.45 and one.volume_ml < 450


def _is_bladder(one: _Candidate, marks: Landmarks) -> bool:
    """On the midline, low in the pelvis."""
    below = marks.lung_base - one.centre[2]
    side = abs(one.centre[0] - marks.middle)
    return below > 230 and side < 35 and one.volume_ml > 15


def _is_bowel(one: _Candidate, marks: Landmarks) -> bool:
    """In front of the spine between diaphragm and pelvis, and not very hot."""
    depth = (one.centre[1] - marks.front) / (marks.back - marks.front)
    below = marks.lung_base - one.centre[2]
    return 20 < below < 330 and depth < 0.6 and one.peak_suv < 8


def _is_stomach(one: _Candidate, marks: Landmarks) -> bool:
    """Under the left lung, in front, of the size of a stomach wall."""
    depth = (one.centre[1] - marks.front) / (marks.back - marks.front)
    below = marks.lung_base - one.centre[2]
    side = one.centre[0] - marks.middle
    return 0 < below < 160 and depth < 0.4 and 10 < side < 110 and one.volume_ml > 15


def _is_head_gland(one: _Candidate, marks: Landmarks) -> bool:
    """Salivary and lacrimal glands: above the lungs, of gland size."""
    return one.lowest > marks.lung_apex + 40 and one.volume_ml < 80


def _is_upper_abdomen_organ(one: _Candidate, marks: Landmarks) -> bool:
    """Liver, spleen and proximal bowel under PSMA ligands: large and under the lungs."""
    below = marks.lung_base - one.centre[2]
    return -90 < below < 250 and one.volume_ml > 60


_FDG_RULES = (_is_brain, _is_heart, _is_stomach, _is_kidney, _is_bowel, _is_bladder)
_PSMA_RULES = (
    _is_brain,
    _is_head_gland,
    _is_kidney,
    _is_upper_abdomen_organ,
    _is_bowel,
    _is_bladder,
)


def _occupied(lungs: NDArray[np.bool_], axis: int) -> NDArray[np.bool_]:
    """Planes across ``axis`` that hold a real part of the lungs, not a stray tip."""
    area = lungs.sum(axis=tuple(a for a in range(3) if a != axis))
    return np.asarray(area > 0.1 * area.max())


def _nearest_axes(study: Study) -> tuple[int, int, int]:
    """The index axis that runs most along patient x, y and z each."""
    direction = np.abs(np.array(study.grid.direction).reshape(3, 3))
    x, y, z = max(permutations(range(3)), key=lambda axes: direction[range(3), axes].sum())
    return (x, y, z)


def _positions(study: Study, index: int, axis: int, step: int) -> NDArray[np.float64]:
    """Patient coordinate ``axis`` in mm along an index axis through the middle of the grid."""
    shape = study.grid.shape
    points = np.tile((np.array(shape) - 1) / 2, (len(range(0, shape[index], step)), 1))
    points[:, index] = np.arange(0, shape[index], step)
    return np.asarray(study.grid.to_world(points)[:, axis])


def _largest(mask: NDArray[np.bool_]) -> NDArray[np.bool_] | None:
    labels, count = label_parts(mask)
    if count == 0:
        return None
    sizes = np.bincount(labels.ravel(order="K"))
    sizes[0] = 0
    return np.asarray(labels == sizes.argmax())


def _parts_of_at_least(mask: NDArray[np.bool_], voxels: float) -> NDArray[np.bool_] | None:
    labels, _ = label_parts(mask)
    large = np.bincount(labels.ravel(order="K")) >= voxels
    large[0] = False
    return np.asarray(large[labels]) if large.any() else None
