"""From the numbers of an organ to its uptake state."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from lesionloop.reporting.structured.model import STATES, Number, Source, State
from lesionloop.reporting.structured.quantities import BURDEN, LESIONS, ORGANS, QuantifiedStudy
from lesionloop.reporting.structured.rules import Interval, OrganRule

__all__ = ["Judgement", "judge_organ", "lesions_in"]


@dataclass(frozen=True)
class Judgement:
    """What is found of an organ.

    Args:
        state: the gravest of tissue and lesions, in the order of :data:`STATES`.
        tissue_state: of what lies outside lesions.
        interval: the rule that it was compared by; None when there is none for the tracer.
        why: reason for a tissue that is not assessed; else "".
        suv_mean: outside lesions.
        ratio: ``suv_mean`` by the reference's mean.
    """

    state: State
    tissue_state: State
    interval: Interval | None
    why: str
    suv_mean: Number
    ratio: Number


def judge_organ(
    rule: OrganRule, study: QuantifiedStudy, tracer: str | None, inside: Sequence[Mapping[str, Any]]
) -> Judgement:
    """Judge an organ.

    The tissue is judged by its SUVmean as a multiple of the reference's. A lesion in the organ
    counts as increased when its SUVmean is at least the tissue's and as decreased when it is below,
    so an organ with a lesion is never normal; where the tissue has no mean, lesions do not tell.

    Args:
        rule: of the organ.
        study: its quantities.
        tracer: "fdg", "psma" or None.
        inside: lesions that have a voxel in the organ; see :func:`lesions_in`.
    """
    mean = _mean(rule, study)
    interval = rule.tracers.get(tracer or "")
    ratio, why = _ratio(mean, interval, study)
    if mean.value is None:
        why = "no_organ" if not _rows(rule, study) else "no_value"
    elif interval is None:
        why = "no_tracer" if not tracer else "no_rule"
    tissue: State = "not_assessed"
    if not why and interval is not None and ratio.value is not None:
        tissue = _state(ratio.value, interval)
    told: list[State] = [tissue]
    for row in inside:
        uptake = row["suv_mean_g_per_ml"]
        if mean.value is not None and uptake is not None:
            told.append("increased" if uptake >= mean.value else "decreased")
    state = min(told, key=STATES.index)
    if inside and state == "normal":  # a lesion without a mean of its own
        state, why = "not_assessed", "no_value"
    return Judgement(state, tissue, interval, why, mean, ratio)


def lesions_in(rule: OrganRule, study: QuantifiedStudy) -> list[Mapping[str, Any]]:
    """Rows of the lesions that have a voxel in an organ, as far as the table tells."""
    return [
        row
        for row in study.lesions
        if row.get("organ") and rule.holds(row["organ"]) and (row.get("organ_share") or 0) > 0
    ]


def lesion_source(row: Mapping[str, Any], column: str) -> Source:
    """A value of a lesion."""
    return Source(LESIONS, column=column, where=("lesion", f"{row['lesion']:.0f}"))


def _rows(rule: OrganRule, study: QuantifiedStudy) -> list[Mapping[str, Any]]:
    for name in rule.names:
        if name in study.organs:
            return [study.organs[name]]
    return [row for name, row in study.organs.items() if rule.holds(name)]


def _mean(rule: OrganRule, study: QuantifiedStudy) -> Number:
    rows = [row for row in _rows(rule, study) if row["suv_mean"] is not None and row["voxels"]]
    if not rows:
        name = (*rule.names, rule.organ)[0]
        source = Source(ORGANS, column="suv_mean", where=("organ", name))
        return Number("suv_mean", None, "g/ml", (source,))
    sources = [
        Source(ORGANS, column=column, where=("organ", row["organ"]))
        for row in rows
        for column in ("suv_mean", "voxels")
    ]
    if len(rows) == 1:
        return Number("suv_mean", rows[0]["suv_mean"], "g/ml", tuple(sources[:1]))
    voxels = sum(row["voxels"] for row in rows)
    value = sum(row["suv_mean"] * row["voxels"] for row in rows) / voxels
    return Number("suv_mean", value, "g/ml", tuple(sources), "weighted_mean")


def _ratio(mean: Number, interval: Interval | None, study: QuantifiedStudy) -> tuple[Number, str]:
    """The ratio, and why there is none."""
    if interval is None:
        return Number("ratio", None, "ratio", mean.sources, "ratio"), ""
    region = study.burden["reference_regions"][interval.reference]
    pointer = f"/reference_regions/{interval.reference}/mean"
    sources = (*mean.sources, Source(BURDEN, pointer=pointer))
    usable = region["ok"] and (region["mean"] or 0) > 0
    value = mean.value / region["mean"] if usable and mean.value is not None else None
    if not usable or (value is not None and not isfinite(value)):  # by next to nothing
        return Number("ratio", None, "ratio", sources, "ratio"), "no_reference"
    return Number("ratio", value, "ratio", sources, "ratio"), ""


def _state(ratio: float, interval: Interval) -> State:
    if interval.absent_below is not None and ratio < interval.absent_below:
        return "absent"
    if interval.low is not None and ratio < interval.low:
        return "decreased"
    return "increased" if interval.high is not None and ratio > interval.high else "normal"
