"""What is told of the interactive track of the liver benchmark: tables, means, the curve."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lesionloop.cohort.tables import csv_text
from lesionloop.errors import InputError
from lesionloop.metrics.curves import mean_curve
from lesionloop.output import write_json, write_text
from lesionloop.reporting.curves import Curve, step_chart
from lesionloop.reporting.standalone import svg_text

__all__ = ["CLICK_COLUMNS", "CLICK_MODES", "ClickRow", "case_values", "write_click_scores"]

#: "strict": masks after 0, 1, 2, ..., 10 clicks. "official": 0, 1, 10, 2, ..., 9, by file name, as
#: the released code takes them.
CLICK_MODES = ("strict", "official")

#: Columns of the benchmark's table to their place in a curve.
CLICK_COLUMNS = {
    f"{name}@{part}": (place, value)
    for part, place in (("AUC", "auc"), ("Final", "final"))
    for name, value in (("DSC", "dice"), ("ASD", "assd"), ("MSD", "msd"))
}


@dataclass(frozen=True)
class ClickRow:
    """A case after some clicks.

    Args:
        case: name.
        centre: where it comes from.
        clicks: of each class, as far as there are so many.
        dice: of the mask and the whole reference; NaN for an empty reference, as the others.
        assd: mm.
        msd: mm.
        voxels: of the mask.
        seconds: of the segmenter.
        failure: why the mask is the one before, or missing.
    """

    case: str
    centre: str
    clicks: int
    dice: float
    assd: float
    msd: float
    voxels: int
    seconds: float
    failure: str


def case_values(record: Mapping[str, Any], mode: str) -> dict[str, float | None]:
    """The benchmark's columns of a case; None where its reference is empty."""
    curve = record["curve"]
    return {
        name: None if curve is None else curve[mode][place][value]
        for name, (place, value) in CLICK_COLUMNS.items()
    }


def write_click_scores(
    out: Path,
    records: Sequence[Mapping[str, Any]],
    failed: Mapping[str, str],
    facts: Mapping[str, Any],
    mode: str = "strict",
) -> dict[str, Any]:
    """Write ``clicks.csv``, ``clicks.json`` and ``curve.svg``.

    Args:
        out: folder.
        records: of cases, as `lesionloop.cohort.liver_clicks` makes them.
        failed: why cases have none.
        facts: what the numbers come from.
        mode: one of ``CLICK_MODES``, of what is returned; the file has both.

    Returns:
        What ``clicks.json`` holds: facts, values of each case, and means over the cases with a
        lesion (None without any).

    Raises:
        InputError: the mode is unknown.
        OutputError: the folder cannot be written.
    """
    if mode not in CLICK_MODES:
        raise InputError(f"unknown mode {mode!r}", remedy=f"Use {' or '.join(CLICK_MODES)}.")
    records = sorted(records, key=lambda record: str(record["case"]))
    scored = [record for record in records if record["curve"] is not None]
    report = {
        **facts,
        "mode": mode,
        "cases": [
            {
                "case": record["case"],
                "centre": record["centre"],
                "lesion_clicks": record["lesion_clicks"],
                "background_clicks": record["background_clicks"],
                "failed_steps": sum(step["failure"] is not None for step in record["steps"]),
                "values": case_values(record, mode),
            }
            for record in records
        ],
        "without_lesion": [record["case"] for record in records if record["curve"] is None],
        "failed": dict(failed),
        "scored": len(scored),
        "means": {name: _means(scored, name) for name in CLICK_MODES},
    }
    write_text(out / "clicks.csv", csv_text(ClickRow, _rows(records)))
    write_text(out / "curve.svg", _figure(scored))
    write_json(out / "clicks.json", report)
    return report


def _means(records: Sequence[Mapping[str, Any]], mode: str) -> dict[str, float | None]:
    values = [case_values(record, mode) for record in records]
    return {
        name: float(np.mean([found[name] for found in values])) if values else None
        for name in CLICK_COLUMNS
    }


def _rows(records: Sequence[Mapping[str, Any]]) -> list[ClickRow]:
    return [
        ClickRow(
            case=record["case"],
            centre=record["centre"] or "",
            clicks=step["clicks"],
            **{
                name: float("nan") if step[name] is None else step[name]
                for name in ("dice", "assd", "msd")
            },
            voxels=step["voxels"],
            seconds=step["seconds"],
            failure=step["failure"] or "",
        )
        for record in records
        for step in record["steps"]
    ]


def _figure(records: Sequence[Mapping[str, Any]]) -> str:
    cases = [
        Curve(str(record["case"]), [step["dice"] for step in record["steps"]]) for record in records
    ]
    mean = Curve(
        "mean", mean_curve([curve.values for curve in cases]).tolist(), strong=True, write_last=True
    )
    return svg_text(
        step_chart(
            [*cases, mean] if cases else [],
            title="Dice after 0 to 10 clicks of each class; each case faint, the mean strong",
            y_label="Dice",
            y_max=1.0,
        )
    )
