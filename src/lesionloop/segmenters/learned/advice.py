"""Where a reader should look: lesions with their confidence, likely misses, likely mistakes."""

from dataclasses import dataclass
from typing import Literal

import cc3d
import edt
import numpy as np
from numpy.typing import NDArray

from lesionloop.imaging import Study
from lesionloop.imaging.working import IsotropicGrid
from lesionloop.progress import tell
from lesionloop.segmenters.parts import label_parts

__all__ = ["LesionAdvice", "Place", "describe_lesions", "places_to_look"]

#: A likely miss is a part outside the mask where the probability is above this.
_WORTH_A_LOOK = 0.1
#: A reader who drew a stroke has looked at what is this close to it, mm.
_LOOKED_AT_MM = 20.0
#: A place with less to gain than this is not worth a reader's time, ml.
_LEAST_GAIN_ML = 0.05


@dataclass(frozen=True)
class LesionAdvice:
    """One connected lesion of the mask.

    Args:
        point: a voxel of it near its middle, x, y, z.
        volume_ml: of the mask.
        suv_max: highest uptake inside.
        confidence: mean calibrated probability inside, 0 to 1.
    """

    point: tuple[int, int, int]
    volume_ml: float
    suv_max: float
    confidence: float


@dataclass(frozen=True)
class Place:
    """Somewhere that a scribble may help.

    Args:
        point: voxel of the PET grid, x, y, z.
        kind: "missed" (foreground may be due) or "false" (background may be due).
        gain_ml: expected volume of the error there, from the calibrated probability.
        probability: mean probability of lesion there.
    """

    point: tuple[int, int, int]
    kind: Literal["missed", "false"]
    gain_ml: float
    probability: float


def describe_lesions(
    mask: NDArray[np.bool_], probability: NDArray[np.float32], study: Study
) -> list[LesionAdvice]:
    """Every 18-connected lesion of a mask, the largest first.

    Args:
        mask: [x, y, z] on the PET grid.
        probability: of lesion, of the same shape.
        study: whose PET it is.
    """
    labels, count = label_parts(mask)
    boxes = cc3d.statistics(labels)["bounding_boxes"]
    found = []
    for label in range(1, count + 1):
        box = boxes[label]
        inside = labels[box] == label
        points = np.argwhere(inside)
        middle = points[np.argmin(((points - points.mean(axis=0)) ** 2).sum(axis=1))]
        x, y, z = (int(m) + s.start for m, s in zip(middle, box, strict=True))
        found.append(
            LesionAdvice(
                (x, y, z),
                float(inside.sum() * study.grid.voxel_ml),
                float(study.pet.values[box][inside].max()),
                float(probability[box][inside].mean()),
            )
        )
    return sorted(found, key=lambda lesion: (-lesion.volume_ml, lesion.point))


def places_to_look(
    probability: NDArray[np.float32],
    mask: NDArray[np.bool_],
    scribbled: NDArray[np.int64],
    grid: IsotropicGrid,
    count: int,
) -> list[Place]:
    """Parts whose error, weighted by its probability, is largest.

    Args:
        probability: calibrated, [x, y, z] on the working grid.
        mask: of the same shape.
        scribbled: (n, 3) working voxels under strokes; parts that come within 20 mm of one are
            left out, as the reader has looked there.
        grid: the working grid.
        count: most places.
    """
    voxel_ml = grid.spacing_mm**3 / 1000
    missed = (probability > _WORTH_A_LOOK) & ~mask
    tell(0.2)  # often, as a reader who draws meanwhile is not to wait for it
    looked_at = _near(scribbled, probability.shape, _LOOKED_AT_MM / grid.spacing_mm)
    places: list[Place] = []
    for done, part, kind, error in (
        (0.4, missed, "missed", probability),
        (0.7, mask, "false", 1 - probability),
    ):
        tell(done)
        labels, number = label_parts(np.asfortranarray(part))
        tell(done + 0.1)
        flat = labels.ravel(order="F")
        inside = np.flatnonzero(flat)
        owner = flat[inside]
        gain = np.bincount(owner, error.ravel(order="F")[inside], minlength=number + 1) * voxel_ml
        sure = np.bincount(owner, probability.ravel(order="F")[inside], minlength=number + 1)
        sizes = np.maximum(np.bincount(owner, minlength=number + 1), 1)
        judged = np.unique(labels[looked_at])
        for label in np.argsort(-gain, kind="stable")[: count + len(judged)]:
            if label == 0 or label in judged or gain[label] < _LEAST_GAIN_ML:
                continue
            tell(done + 0.2)
            points = np.argwhere(labels == label)
            worst = points[np.argmax(error[tuple(points.T)])]
            places.append(
                Place(
                    _fine_point(worst, grid),
                    "missed" if kind == "missed" else "false",
                    float(gain[label]),
                    float(sure[label] / sizes[label]),
                )
            )
    return sorted(places, key=lambda place: (-place.gain_ml, place.point))[:count]


def _near(
    points: NDArray[np.int64], shape: tuple[int, ...], radius: float
) -> NDArray[np.bool_] | tuple[slice, ...]:
    """Voxels within a radius of one of the points."""
    if not len(points):
        return (slice(0, 0),) * 3
    away = np.ones(shape, dtype=np.uint8, order="F")
    away[tuple(points.T)] = 0
    return np.asarray(edt.edt(away, parallel=1) <= radius)


def _fine_point(cube: NDArray[np.int64], grid: IsotropicGrid) -> tuple[int, int, int]:
    """The PET voxel that holds the middle of a working voxel."""
    place = (cube + 0.5) * grid.spacing_mm / np.array(grid.fine_spacing)
    x, y, z = (min(int(p), n - 1) for p, n in zip(place.tolist(), grid.fine_shape, strict=True))
    return (x, y, z)
