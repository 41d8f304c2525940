"""Scores of the liver benchmark as JSON and as tables."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lesionloop.cohort.liver_scores import LiverScores
from lesionloop.metrics.liver import (
    LESION_SCORES,
    Detection,
    LiverCase,
    lesion_sums,
    liver_dataset,
    penalised_means,
    sized_lesions,
    total_detection,
)
from lesionloop.output import all_or_none, strict, write_json, write_text
from lesionloop.ranking.trials.records import CaseRecord, write_records
from lesionloop.ranking.trials.size_strata import CONVENTION, SizeStratum, size_strata

__all__ = ["CellName", "by_size", "scores_json", "write_scores"]

#: Block, centre and competitor of a table of records.
CellName = tuple[str, str, str]


def scores_json(scores: LiverScores) -> dict[str, Any]:
    """All that is known of the scores, NaN where there is no value."""
    cases = list(scores.cases.values())
    return {
        "mode": scores.options.mode,
        "missing": scores.options.missing,
        "cases": [_case(name, case) for name, case in scores.cases.items()],
        "dataset": liver_dataset(cases, mode=scores.options.mode),
        "detection_total": {
            "0": _counts(total_detection([case.any_overlap for case in cases])),
            "0.5": _counts(total_detection([case.half for case in cases])),
        },
        "penalised_mean_paper_convention": penalised_means(cases),
        "size_strata": {
            "convention": CONVENTION,
            "strata": [
                {"name": s.name, "TP": s.tp, "FP": s.fp, "FN": s.fn, "f1": s.f1}
                for s in by_size(cases)
            ],
        },
        "without_prediction": list(scores.missing),
        "unused": list(scores.unused),
    }


def by_size(cases: Iterable[LiverCase]) -> list[SizeStratum]:
    """Detection at IoU > 0.5 by the volume of lesions."""
    lesions = [lesion for case in cases for lesion in sized_lesions(case)]
    expected = [lesion for lesion in lesions if lesion.side == "reference"]
    return size_strata(
        [lesion.volume_mm3 for lesion in expected],
        [lesion.matched for lesion in expected],
        [x.volume_mm3 for x in lesions if x.side == "prediction" and not x.matched],
    )


def write_scores(scores: LiverScores, out: Path, *, cell: CellName | None = None) -> None:
    """Write ``scores.json``, ``per_case.csv``, ``lesions.csv`` and ``metrics.csv``.

    Args:
        scores: what was scored.
        out: folder.
        cell: block, centre and competitor; with them also ``case_records.csv``, for the ranking.

    Raises:
        OutputError: a file cannot be written.
        InputError: the block is unknown.
    """
    names = ["scores.json", "per_case.csv", "lesions.csv", "metrics.csv", "case_records.csv"]
    with all_or_none([out / name for name in names]):
        if cell is not None:
            records = [CaseRecord(*cell, **_record(n, c)) for n, c in scores.cases.items()]
            write_records(out / "case_records.csv", records)
        found = scores_json(scores)
        write_json(out / "scores.json", strict(found))
        write_text(out / "per_case.csv", _table([_row(n, c) for n, c in scores.cases.items()]))
        write_text(out / "lesions.csv", _table(_lesion_rows(scores, cell[2] if cell else "")))
        metrics = [{"Metric": name, "Value": value} for name, value in found["dataset"].items()]
        write_text(out / "metrics.csv", _table(metrics))


def _case(name: str, case: LiverCase) -> dict[str, Any]:
    scores = None
    if case.lesions:
        scores = {score: [getattr(x, score) for x in case.lesions] for score in LESION_SCORES}
    return {
        "case": name,
        "missing": case.missing,
        "spacing_mm": list(case.spacing),
        "components": {
            "reference": len(case.reference_sizes),
            "prediction": len(case.prediction_sizes),
        },
        "detection": {"0": _counts(case.any_overlap), "0.5": _counts(case.half)},
        "detected_reference_ids_iou05": list(case.half.references),
        "lesion_scores_detected_only": scores,
        "DSC": case.dice,
        "precision": case.half.precision,
        "recall": case.half.recall,
        "precision_greater_zero": case.any_overlap.precision,
        "recall_greater_zero": case.any_overlap.recall,
        "intersection_voxels": case.intersection,
        "size_sum_voxels": case.size_sum,
    }


def _counts(found: Detection) -> dict[str, int]:
    return {"TP": found.tp, "FP": found.fp, "FN": found.fn}


def _record(name: str, case: LiverCase) -> dict[str, Any]:
    """Counts and sums of a case, as fields of ``CaseRecord`` without the cell."""
    counts = {
        f"{kind}{threshold}": getattr(found, kind)
        for threshold, found in (("0", case.any_overlap), ("05", case.half))
        for kind in ("tp", "fp", "fn")
    }
    return {
        "case": name,
        **counts,
        "intersection": case.intersection,
        "volumes": case.size_sum,
        "dice": case.dice,
        **{f"sum_{score}": value for score, value in lesion_sums(case).items()},
        "reference": case.reference_voxels,
    }


def _row(name: str, case: LiverCase) -> dict[str, Any]:
    means = {
        f"mean_{score}": value / len(case.lesions) if case.lesions else float("nan")
        for score, value in lesion_sums(case).items()
    }
    return {
        **_record(name, case),
        "precision": case.half.precision,
        "recall": case.half.recall,
        "precision_greater_zero": case.any_overlap.precision,
        "recall_greater_zero": case.any_overlap.recall,
        **means,
        "missing": int(case.missing),
    }


def _lesion_rows(scores: LiverScores, competitor: str) -> list[dict[str, Any]]:
    return [
        {
            "competitor": competitor or "prediction",
            "case": name,
            **{key: int(v) if key == "matched" else v for key, v in asdict(lesion).items()},
        }
        for name, case in scores.cases.items()
        for lesion in sized_lesions(case)
    ]


def _table(rows: Sequence[Mapping[str, Any]]) -> str:
    """CSV with numbers in full precision, ``nan`` where there is no value."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if rows:
        writer.writerow(rows[0])
    for row in rows:
        writer.writerow([repr(v) if isinstance(v, float) else v for v in row.values()])
    return text.getvalue()
