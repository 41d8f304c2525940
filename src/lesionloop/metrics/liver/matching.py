"""Which lesions are detected: predicted and reference components matched, with merges.

One component may stand for several of the other side. References that one prediction covers best
are merged, then predictions that go to the same reference; a merged group counts once. A group is
accepted when shared voxels over union is above a threshold.

The released code takes the union with a wrong number. It paints the predictions of a group into a
map under the number of their *reference*, and looks the map up under the number of their first
*predicted component*. So the union depends on how components are numbered: it may hold the
predictions of another lesion, or none at all. ``union_by_row`` does the same.

Everything works on counts of voxels; no voxel is touched.

Source: TriALS, released code (commit de701ea), rebuilt from its description.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from lesionloop.metrics.liver.components import Shared

__all__ = ["Group", "accept_groups", "match_groups"]


@dataclass(frozen=True)
class Group:
    """Predicted components that stand for reference components.

    Args:
        reference: number of the group: the first of its reference components.
        prediction: the first of its predicted components.
        references: its reference components, ascending.
        predictions: its predicted components, ascending.
        shared: voxels that both sides of the group hold.
        reference_voxels: of all its reference components.
        prediction_voxels: of all its predicted components.
        touched: predicted component -> voxels that it shares with the references of the group, for
            all that share any, in the group or not.
    """

    reference: int
    prediction: int
    references: tuple[int, ...]
    predictions: tuple[int, ...]
    shared: int
    reference_voxels: int
    prediction_voxels: int
    touched: Mapping[int, int] = field(repr=False)


@dataclass
class _Column:
    """Reference components that are one so far, and what each prediction shares with them."""

    references: list[int]
    shared: dict[int, int] = field(default_factory=dict)

    def owner(self) -> int:
        """The prediction that shares most; of equals the first."""
        return min(self.shared, key=lambda p: (-self.shared[p], p))


def match_groups(
    pairs: Sequence[Shared],
    prediction_voxels: NDArray[np.int64],
    reference_voxels: NDArray[np.int64],
) -> list[Group]:
    """Merge and pair components; every group is a candidate for a detection.

    Args:
        pairs: those of ``shared_voxels``.
        prediction_voxels: (m,) voxels of the predicted components.
        reference_voxels: (n,) voxels of the reference components.

    Returns:
        Groups by their first predicted component. No component is in two groups.
    """
    columns = _merge_references(pairs)
    chosen: dict[int, int] = {}  # prediction -> the one column that it keeps
    for number, column in sorted(columns.items()):
        for prediction, voxels in column.shared.items():
            held = chosen.get(prediction)
            if held is None or voxels > columns[held].shared[prediction]:
                chosen[prediction] = number
    members: dict[int, list[int]] = {}
    for prediction in sorted(chosen):
        members.setdefault(chosen[prediction], []).append(prediction)
    groups = []
    for number, predictions in members.items():
        column = columns[number]
        groups.append(
            Group(
                reference=number,
                prediction=predictions[0],
                references=tuple(sorted(column.references)),
                predictions=tuple(predictions),
                shared=sum(column.shared[p] for p in predictions),
                reference_voxels=sum(int(reference_voxels[r - 1]) for r in column.references),
                prediction_voxels=sum(int(prediction_voxels[p - 1]) for p in predictions),
                touched=column.shared,
            )
        )
    return sorted(groups, key=lambda group: group.prediction)


def _merge_references(pairs: Sequence[Shared]) -> dict[int, _Column]:
    """Columns by the number of their first reference component."""
    columns: dict[int, _Column] = {}
    rows: dict[int, set[int]] = {}  # prediction -> columns that it shares voxels with
    for pair in pairs:
        column = columns.setdefault(pair.reference, _Column([pair.reference]))
        column.shared[pair.prediction] = pair.voxels
        rows.setdefault(pair.prediction, set()).add(pair.reference)
    for prediction in sorted(rows):
        owned = [n for n in sorted(rows[prediction]) if columns[n].owner() == prediction]
        for number in owned[1:]:
            gone = columns.pop(number)
            kept = columns[owned[0]]
            kept.references += gone.references
            for other, voxels in gone.shared.items():
                kept.shared[other] = kept.shared.get(other, 0) + voxels
                rows[other].remove(number)
                rows[other].add(owned[0])
    return columns


def accept_groups(groups: Sequence[Group], threshold: float, *, union_by_row: bool) -> list[Group]:
    """The groups whose shared voxels over union are above a threshold, by reference number.

    Args:
        groups: those of ``match_groups``, in their order.
        threshold: 0 accepts all; at 0.5 an IoU of exactly 0.5 is no detection.
        union_by_row: the released code's union (see the module). A rejected group is wiped from
            the map, which changes the unions that follow.
    """
    painted = {group.reference: group for group in groups}
    accepted = []
    for group in groups:
        other = painted.get(group.prediction) if union_by_row else group
        union = group.reference_voxels
        if other is not None:
            inside = sum(group.touched.get(p, 0) for p in other.predictions)
            union += other.prediction_voxels - inside
        if group.shared / union > threshold:
            accepted.append(group)
        else:
            del painted[group.reference]
    return sorted(accepted, key=lambda group: group.reference)
