"""From the quantities of a study to its report."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from lesionloop.errors import InputError
from lesionloop.imaging.study import TRACERS
from lesionloop.reporting.structured.model import (
    LesionFinding,
    Number,
    OrganFinding,
    Report,
    Sentence,
    Source,
    Word,
)
from lesionloop.reporting.structured.quantities import BURDEN, ORGANS, QuantifiedStudy
from lesionloop.reporting.structured.rules import OrganRule, Rules
from lesionloop.reporting.structured.states import (
    Judgement,
    judge_organ,
    lesion_source,
    lesions_in,
)

__all__ = ["DIAMETER", "build_report"]

#: Column of ``lesions.csv`` with the largest diameter, where a table has it.
DIAMETER: Final = "largest_diameter_mm"

#: Region of the report to that of ``lesions.csv``, for lesions without an organ.
_BODY: Final = {
    "head": "head_neck", "neck": "head_neck", "thorax": "thorax", "abdomen": "abdomen",
    "pelvis": "pelvis",
}  # fmt: skip
_LESION_NUMBERS: Final = (
    ("volume", "volume_ml", "ml"),
    ("suv_max", "suv_max_g_per_ml", "g/ml"),
    ("suv_mean", "suv_mean_g_per_ml", "g/ml"),
    ("suv_peak", "suv_peak_g_per_ml", "g/ml"),
    ("tlg", "tlg_g", "g"),
)
_BURDEN_NUMBERS: Final = (
    ("lesions", "lesions", "count"),
    ("mtv", "mtv_ml", "ml"),
    ("tlg", "tlg", "g"),
    ("suv_max", "suv_max", "g/ml"),
    ("suv_peak", "suv_peak", "g/ml"),
)


def build_report(
    study: QuantifiedStudy,
    rules: Rules,
    *,
    tracer: str | None = None,
    diameters: Mapping[int, float] | None = None,
) -> Report:
    """Write down what the quantities of a study say.

    Args:
        study: as :func:`lesionloop.reporting.structured.quantities.read_quantified` gives it.
        rules: for the states of organs.
        tracer: "fdg" or "psma", for a study that does not tell its own.
        diameters: lesion number to largest diameter, mm, measured in the mask; None: those of the
            table, if it has them.

    Raises:
        InputError: the tracer is unknown or another than the study's.
    """
    if tracer is not None and (tracer not in TRACERS or study.tracer not in (None, tracer)):
        raise InputError(
            f"tracer {tracer!r} does not go with {study.name}",
            cause=f"Known are {' and '.join(TRACERS)}; its quantities say {study.tracer}.",
            remedy="Leave --tracer out where the quantities name it.",
        )
    tracer = tracer or study.tracer
    organs = [_organ(rule, study, tracer) for rule in rules.organs]
    lesions = [_lesion(row, rules, diameters) for row in study.lesions]
    return Report(
        study=study.name,
        tracer=tracer,
        rules=rules.name,
        technique=_technique(study, tracer),
        organs=tuple(finding for finding, _ in organs),
        lesions=tuple(lesions),
        impression=_impression(study, organs),
        notes=tuple(str(note) for note in study.burden.get("notes", ())),
        version=str(study.burden.get("version", "")),
    )


def _technique(study: QuantifiedStudy, tracer: str | None) -> tuple[Sentence, ...]:
    measured = sum(row["suv_mean"] is not None for row in study.organs.values())
    count = Number(
        "organs_measured", measured, "count", (Source(ORGANS, column="suv_mean"),), "rows"
    )
    sentences = [
        Sentence("technique", (count,), {"tracer": Word("tracer", (tracer or "unknown",))})
    ]
    for name, region in study.burden["reference_regions"].items():
        if name not in ("liver", "blood_pool"):
            continue
        wanted = (("mean", "mean", "g/ml"), ("sd", "sd", "g/ml"), ("volume", "volume_ml", "ml"))
        numbers = tuple(
            _in_burden(slot, f"/reference_regions/{name}/{key}", region[key], unit)
            for slot, key, unit in wanted[: 3 if region["ok"] else 1]
        )
        key = "reference_ok" if region["ok"] else "reference_not_ok"
        sentences.append(Sentence(key, numbers, {"reference": Word("reference", (name,))}))
    return tuple(sentences)


def _organ(
    rule: OrganRule, study: QuantifiedStudy, tracer: str | None
) -> tuple[OrganFinding, Judgement]:
    inside = lesions_in(rule, study)
    found = judge_organ(rule, study, tracer, inside)
    words = {"organ": Word("organ", (rule.organ,))}
    numbers: tuple[Number, ...] = (found.suv_mean, found.ratio)
    if found.state == "not_assessed":
        words["why"] = Word("why", (found.why,))
    elif found.interval is not None:
        words["reference"] = Word("reference", (found.interval.reference,))
    else:  # lesions tell, and there is no rule
        words["reference"] = Word("reference", ("unknown",))
    physiologic = found.interval is not None and found.interval.kind == "physiologic"
    if inside:
        key = f"lesions_{found.state}"
        count, highest = _lesion_numbers(inside)
        numbers = (count, highest, *(() if found.state == "not_assessed" else numbers))
    elif found.state == "not_assessed":
        key, numbers = "organ_not_assessed", (found.suv_mean,)
    elif found.state == "normal" and physiologic:
        key = "organ_physiologic"
    else:
        key = f"organ_{found.state}"
    finding = OrganFinding(
        organ=rule.organ,
        region=rule.region,
        state=found.state,
        tissue_state=found.tissue_state,
        kind=found.interval.kind if found.interval is not None else "",
        why=found.why if "not_assessed" in (found.state, found.tissue_state) else "",
        lesions=tuple(int(row["lesion"]) for row in inside),
        sentence=Sentence(key, numbers, words),
    )
    return finding, found


def _lesion_numbers(rows: list[Mapping[str, Any]]) -> tuple[Number, Number]:
    """How many lesions an organ has, and the highest SUVmax of them."""
    known = [row for row in rows if row["suv_max_g_per_ml"] is not None]
    highest = max((row["suv_max_g_per_ml"] for row in known), default=None)
    count = tuple(lesion_source(row, "lesion") for row in rows)
    uptake = tuple(lesion_source(row, "suv_max_g_per_ml") for row in known or rows)
    return (
        Number("lesions", len(rows), "count", count, "count"),
        Number("lesion_suv_max", highest, "g/ml", uptake, "maximum"),
    )


def _lesion(
    row: Mapping[str, Any],
    rules: Rules,
    diameters: Mapping[int, float] | None,
) -> LesionFinding:
    number = int(row["lesion"])
    organ = rules.organ_of(row["organ"]) if row.get("organ") else None
    region = organ.region if organ else _BODY.get(row.get("body_region") or "", "other")
    numbers = [Number("lesion", number, "count", (lesion_source(row, "lesion"),))]
    numbers += [
        Number(slot, row[column], unit, (lesion_source(row, column),))
        for slot, column, unit in _LESION_NUMBERS
    ]
    if diameters is not None:
        source = Source("mask", where=("lesion", str(number)))
        diameter = Number("diameter", diameters.get(number), "mm", (source,), "measured")
    else:
        diameter = Number("diameter", row.get(DIAMETER), "mm", (lesion_source(row, DIAMETER),))
    location = row.get("location") or ""
    in_it = organ is not None and (row.get("organ_share") or 0) > 0
    return LesionFinding(
        number=number,
        region=region,
        location=location,
        organ=organ.organ if organ is not None and in_it else "",
        sentence=Sentence(
            "lesion", (*numbers, diameter), {"location": Word("location", (location,))}
        ),
    )


def _impression(
    study: QuantifiedStudy, organs: list[tuple[OrganFinding, Judgement]]
) -> tuple[Sentence, ...]:
    totals = study.burden["totals"]
    wanted = _BURDEN_NUMBERS if totals["lesions"] else _BURDEN_NUMBERS[:1]
    numbers = tuple(_in_burden(slot, f"/totals/{k}", totals[k], unit) for slot, k, unit in wanted)
    sentences = [Sentence("burden" if totals["lesions"] else "burden_none", numbers)]
    if totals["lesions"] > 1:
        dmax = _in_burden("dmax", "/totals/dmax_mm", totals["dmax_mm"], "mm")
        sentences.append(Sentence("spread", (dmax,)))
    for finding, _ in organs:
        if finding.state in ("not_assessed", "normal"):
            continue
        if finding.lesions and finding.state == "increased":
            held = finding.sentence
            kept = tuple(n for n in held.numbers if n.name in ("lesions", "lesion_suv_max"))
            words = {"organ": held.words["organ"]}
            sentences.append(Sentence("impression_lesions", kept, words))
        else:
            sentences.append(
                Sentence(
                    f"impression_{finding.state}",
                    tuple(n for n in finding.sentence.numbers if n.name in ("suv_mean", "ratio")),
                    {key: finding.sentence.words[key] for key in ("organ", "reference")},
                )
            )
    missing = [(f, found) for f, found in organs if f.state == "not_assessed"]
    if missing:
        words = {"organs": Word("organs", tuple(finding.organ for finding, _ in missing))}
        unknown = tuple(replace(found.ratio, name=f.organ, value=None) for f, found in missing)
        sentences.append(Sentence("impression_not_assessed", unknown, words))
    return tuple(sentences)


def _in_burden(slot: str, pointer: str, value: float | None, unit: str) -> Number:
    return Number(slot, value, unit, (Source(BURDEN, pointer=pointer),))
