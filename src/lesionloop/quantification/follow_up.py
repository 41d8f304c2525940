"""Two studies of one patient: which lesions stayed, came and went, and how they changed."""

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lesionloop.imaging.study import Study, label_array
from lesionloop.imaging.volume import Quantity, Volume
from lesionloop.output import strict
from lesionloop.quantification.helpers import PercistChange, percist_change
from lesionloop.quantification.lean_mass import Physique, lean_factor
from lesionloop.quantification.lesions import split_lesions
from lesionloop.quantification.measures import LesionMeasures, measure_lesions
from lesionloop.quantification.rigid import Rigid, align_rigid

__all__ = [
    "NEAREST_MM",
    "FollowUp",
    "LesionChange",
    "compare_studies",
    "follow_up_csv",
    "follow_up_record",
]

_FIGURES = ("volume_ml", "suv_max", "suv_peak", "tlg")

#: Lesions without overlap are the same when their centroids are at most so far apart.
NEAREST_MM: Final = 20.0


@dataclass(frozen=True)
class LesionChange:
    """Lesions that belong together: one of each study, or several where some merged or split.

    Args:
        before, after: numbers of the lesions; empty when they appeared or disappeared.
        kind: "appeared", "disappeared" or "matched".
        volume_ml: sums before and after, ml; 0 where there is none.
        suv_max, suv_peak: highest before and after, g/ml; None where there is none.
        tlg: sums before and after, g.
        distance_mm: of the centroids after alignment, when it is one to one; else None.
    """

    before: tuple[int, ...]
    after: tuple[int, ...]
    kind: str
    volume_ml: tuple[float, float]
    suv_max: tuple[float | None, float | None]
    suv_peak: tuple[float | None, float | None]
    tlg: tuple[float, float]
    distance_mm: float | None


@dataclass(frozen=True, eq=False)
class FollowUp:
    """What changed from one study to the next.

    Args:
        changes: matched ones by falling volume before, then disappeared, then appeared.
        before, after: the lesions.
        percist: change of the hottest lesion's peak, in ``quantity``.
        quantity: "SUL" when both factors are known, else "SUVbw".
        rigid: the alignment.
    """

    changes: tuple[LesionChange, ...]
    before: tuple[LesionMeasures, ...]
    after: tuple[LesionMeasures, ...]
    percist: PercistChange
    quantity: str
    rigid: Rigid

    def of_kind(self, kind: str) -> list[LesionChange]:
        """Changes of one kind."""
        return [change for change in self.changes if change.kind == kind]


def compare_studies(
    baseline: Study,
    baseline_mask: ArrayLike,
    follow_up: Study,
    follow_up_mask: ArrayLike,
    *,
    rigid: Rigid | None = None,
    physiques: tuple[Physique, Physique] | None = None,
) -> FollowUp:
    """Match the lesions of two studies of one patient and compare them.

    After a rigid alignment, lesions that share a voxel of the baseline's grid belong together, and
    so do lesions that share one with the same third. Of those left over, the two whose centroids
    are nearest pair up, then the next nearest, as far as they are within 20 mm.

    Args:
        baseline, follow_up: PET in SUV.
        baseline_mask, follow_up_mask: lesions [x, y, z], each on its study's grid.
        rigid: the alignment when it is known; None: by :func:`align_rigid`.
        physiques: of the patient at both times, for SUL.

    Raises:
        InputError: a mask is not on its study's grid, a PET is not SUV, or SimpleITK is missing.
        LesionLoopError: the studies do not come together.
    """
    labels = [
        split_lesions(label_array(mask, study))
        for study, mask in ((baseline, baseline_mask), (follow_up, follow_up_mask))
    ]
    before = measure_lesions(labels[0], baseline)
    after = measure_lesions(labels[1], follow_up)
    rigid = rigid or align_rigid(baseline, follow_up)
    label = Volume(labels[1], follow_up.grid, Quantity.LABEL, follow_up.pet.source)
    moved = rigid.label_on(label, baseline.grid).values
    there = _centres(after)
    here = rigid.points(_centres(before))  # in the follow-up's space
    apart = np.linalg.norm(here[:, None] - there[None], axis=2)
    groups = _overlapping(labels[0], moved)
    groups += _nearest(before, after, groups, apart)
    changes = [_change(before, after, group, apart) for group in groups]
    changes.sort(key=lambda change: (-change.volume_ml[0], change.before))
    taken = [{n for group in groups for n in group[side]} for side in (0, 1)]
    gone = [((lesion.number,), ()) for lesion in before if lesion.number not in taken[0]]
    new = [((), (lesion.number,)) for lesion in after if lesion.number not in taken[1]]
    changes += [_change(before, after, group, apart) for group in (*gone, *new)]
    factors = [lean_factor(entry) for entry in physiques or ()]
    known = len(factors) == 2 and None not in factors
    scales = [factor or 1.0 for factor in factors] if known else [1.0, 1.0]
    peaks = [
        max((lesion.suv_peak for lesion in lesions), default=float("nan")) * scale
        for lesions, scale in zip((before, after), scales, strict=True)
    ]
    return FollowUp(
        changes=tuple(changes),
        before=tuple(before),
        after=tuple(after),
        percist=percist_change(*peaks),
        quantity="SUL" if known else "SUVbw",
        rigid=rigid,
    )


def follow_up_record(found: FollowUp, baseline: str, follow_up: str) -> dict[str, Any]:
    """A comparison as strict JSON: null where a number is not defined.

    Args:
        found: the comparison.
        baseline, follow_up: names of the studies.
    """
    return {
        "baseline": baseline,
        "follow_up": follow_up,
        "aligned_by": found.rigid.by,
        "baseline_to_follow_up_mm": found.rigid.matrix.tolist(),
        "counts": {
            kind: len(found.of_kind(kind)) for kind in ("matched", "disappeared", "appeared")
        },
        "percist": {"quantity": found.quantity, **strict(asdict(found.percist))},
        "changes": [_change_record(change) for change in found.changes],
    }


def follow_up_csv(record: Mapping[str, Any]) -> str:
    """The changes of :func:`follow_up_record` as CSV; empty where a number is not defined."""
    text = io.StringIO()
    ends = ("before", "after", "percent")
    columns = [f"{figure}_{end}" for figure in _FIGURES for end in ends]
    writer = csv.DictWriter(
        text, ["kind", "before", "after", *columns, "distance_mm"], lineterminator="\n"
    )
    writer.writeheader()
    for change in record["changes"]:
        numbers = {side: " ".join(map(str, change[side])) for side in ("before", "after")}
        writer.writerow(change | numbers)
    return text.getvalue()


def _change_record(change: LesionChange) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "kind": change.kind, "before": list(change.before), "after": list(change.after),
    }  # fmt: skip
    for figure in _FIGURES:
        before, after = getattr(change, figure)
        both = change.kind == "matched" and before
        entry[f"{figure}_before"], entry[f"{figure}_after"] = before, after
        entry[f"{figure}_percent"] = 100 * (after - before) / before if both else None
    return entry | {"distance_mm": change.distance_mm}


_Group = tuple[tuple[int, ...], tuple[int, ...]]


def _centres(lesions: Sequence[LesionMeasures]) -> NDArray[np.float64]:
    return np.array([lesion.centroid_mm for lesion in lesions]).reshape(-1, 3)


def _overlapping(before: NDArray[Any], after: NDArray[Any]) -> list[_Group]:
    """Lesions that share voxels, directly or by a third; (numbers before, numbers after)."""
    both = (before > 0) & (after > 0)
    pairs = np.unique(np.stack([before[both], after[both]], axis=1).astype(np.int64), axis=0)
    groups: list[tuple[set[int], set[int]]] = []
    for first, second in pairs.tolist():
        joined = [group for group in groups if first in group[0] or second in group[1]]
        groups = [group for group in groups if group not in joined]
        ones = {first}.union(*(group[0] for group in joined))
        others = {second}.union(*(group[1] for group in joined))
        groups.append((ones, others))
    return [(tuple(sorted(ones)), tuple(sorted(others))) for ones, others in groups]


def _nearest(
    before: Sequence[LesionMeasures],
    after: Sequence[LesionMeasures],
    groups: Sequence[_Group],
    apart: NDArray[np.float64],
) -> list[_Group]:
    """Pairs of what is left over, the nearest first."""
    left = apart.copy()
    for row, lesion in enumerate(before):
        if any(lesion.number in group[0] for group in groups):
            left[row] = np.inf
    for column, lesion in enumerate(after):
        if any(lesion.number in group[1] for group in groups):
            left[:, column] = np.inf
    found: list[_Group] = []
    while left.size and left.min() <= NEAREST_MM:
        row, column = divmod(int(left.argmin()), left.shape[1])
        found.append(((before[row].number,), (after[column].number,)))
        left[row], left[:, column] = np.inf, np.inf
    return found


def _change(
    before: Sequence[LesionMeasures],
    after: Sequence[LesionMeasures],
    group: _Group,
    apart: NDArray[np.float64],
) -> LesionChange:
    sides = [
        [lesion for lesion in lesions if lesion.number in numbers]
        for lesions, numbers in zip((before, after), group, strict=True)
    ]
    kind = "matched" if sides[0] and sides[1] else "disappeared" if sides[0] else "appeared"
    distance = None
    if len(sides[0]) == 1 and len(sides[1]) == 1:
        row, column = before.index(sides[0][0]), after.index(sides[1][0])
        distance = float(apart[row, column])
    volume, tlg = (
        [float(sum(getattr(lesion, name) for lesion in side)) for side in sides]
        for name in ("volume_ml", "tlg")
    )
    high, peak = (
        [max((getattr(lesion, name) for lesion in side), default=None) for side in sides]
        for name in ("suv_max", "suv_peak")
    )
    return LesionChange(
        before=group[0],
        after=group[1],
        kind=kind,
        volume_ml=(volume[0], volume[1]),
        suv_max=(high[0], high[1]),
        suv_peak=(peak[0], peak[1]),
        tlg=(tlg[0], tlg[1]),
        distance_mm=distance,
    )
