"""How good masks are after 1, 2, 3, … points: a data set, object by object.

The protocol of papers on promptable models: the first point is any voxel of the object, each later
one any voxel where the last mask is wrong. The segmenter sees the whole study, and where the object
is it knows from points alone. Published scripts also crop around the reference before the
segmenter sees anything; that is ``crop="oracle"``, to compare with their numbers.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lesionloop.cohort.tables import csv_text
from lesionloop.datasets.nnunet import CaseFiles, find_cases
from lesionloop.errors import InputError
from lesionloop.imaging import Grid, Volume
from lesionloop.imaging.crop import crop_study
from lesionloop.interaction.loop import Attempts
from lesionloop.metrics import label_lesions, surface_dice, voxel_dice
from lesionloop.output import finite, output_folder, write_json, write_text
from lesionloop.reporting.box_plot import Box, box_chart
from lesionloop.reporting.standalone import svg_text
from lesionloop.scribbles import ScribbleSet
from lesionloop.scribbles.error_points import RULES, error_point
from lesionloop.segmenters import Segmenter
from lesionloop.segmenters.registry import load_segmenter

__all__ = ["CROPS", "TARGETS", "PointOptions", "PointRow", "evaluate_points", "score_case_points"]

#: "all": everything labelled at once. "lesions": each connected lesion by itself. "values": each
#: value of the label by itself, such as organs.
TARGETS = ("all", "lesions", "values")
CROPS = ("none", "oracle")

#: Side of the cube that "oracle" shows: that of the published network, mm.
_CROP_MM = 192.0


@dataclass(frozen=True)
class PointOptions:
    """How points are given and masks scored.

    Args:
        points: numbers of points after which masks are scored, ascending, from 1 on.
        target: one of ``TARGETS``.
        crop: one of ``CROPS``.
        rule: of points, one of ``scribbles.error_points.RULES``.
        tolerance_mm: of NSD.
        smallest_ml: smaller objects are left out.
        seed: of the points.
    """

    points: tuple[int, ...] = (1, 3, 5)
    target: str = "all"
    crop: str = "none"
    rule: str = "uniform"
    tolerance_mm: float = 1.0
    smallest_ml: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.points or list(self.points) != sorted({n for n in self.points if n >= 1}):
            raise InputError(f"points must ascend from 1 on, not {list(self.points)}")
        for name, choices in (("target", TARGETS), ("crop", CROPS), ("rule", RULES)):
            if getattr(self, name) not in choices:
                raise InputError(
                    f"unknown {name} {getattr(self, name)!r}", remedy=f"Use {', '.join(choices)}."
                )


@dataclass(frozen=True)
class PointRow:
    """An object after some points.

    Args:
        case: name of the study.
        target: what the object is: "all", "lesion 3" or "value 7".
        volume_ml: of its reference.
        points: given so far; fewer than asked for when the mask was right before.
        asked: number of points that the row stands for.
        dice: of the mask and the reference.
        nsd: the same of surfaces.
        seconds: of the segmenter, for the last point given; the first holds opening the study.
    """

    case: str
    target: str
    volume_ml: float
    points: int
    asked: int
    dice: float
    nsd: float
    seconds: float


def evaluate_points(
    dataset: Path | str,
    out: Path,
    *,
    segmenter: str,
    segmenter_options: dict[str, Any] | None = None,
    options: PointOptions | None = None,
    on_case: Callable[[str, int, int], None] = lambda _name, _done, _total: None,
) -> dict[str, Any]:
    """Score a segmenter on a data set; write ``points.csv``, ``points.json`` and two box plots.

    Args:
        dataset: folder in the nnU-Net layout.
        out: gets the files.
        segmenter: registered name.
        segmenter_options: of the segmenter.
        options: of points and scores.
        on_case: called with the name of a finished case, how many are done, and of how many.

    Returns:
        What ``points.json`` holds: facts, median seconds for a first and for a further point (None
        where none was scored), and a summary per kind of target and number of points.

    Raises:
        InputError: the data set, a case, the segmenter or an option is refused.
        OutputError: ``out`` cannot be written.
    """
    options = options or PointOptions()
    model = load_segmenter(segmenter, **(segmenter_options or {}))
    cases = find_cases(dataset)
    rows: list[PointRow] = []
    with output_folder(out):
        for number, case in enumerate(cases):
            rows += score_case_points(model, case, options)
            on_case(case.name, number + 1, len(cases))
        if not rows:
            raise InputError(
                f"{dataset} holds no object to segment",
                cause="Its labels are empty, or what they hold is below --smallest-ml.",
                remedy="Check the labels, or ask for smaller objects.",
            )
        report = {
            "segmenter": model.identity,
            "protocol": {**vars(options), "points": list(options.points)},
            "first_seconds": _median_seconds([r for r in rows if r.asked == r.points == 1]),
            "further_seconds": _median_seconds([r for r in rows if r.points > 1]),
            "summary": _summary(rows),
        }
        write_text(out / "points.csv", csv_text(PointRow, rows))
        write_json(out / "points.json", report)
        for name, label in (("dice", "Dice"), ("nsd", f"NSD at {options.tolerance_mm:g} mm")):
            boxes = [
                Box(str(n), [getattr(row, name) for row in rows if row.asked == n])
                for n in options.points
            ]
            chart = box_chart(
                boxes, title=f"{label} by points", x_label="points", y_label=label, y_max=1.0
            )
            write_text(out / f"{name}.svg", svg_text(chart))
    return report


def score_case_points(
    segmenter: Segmenter, case: CaseFiles, options: PointOptions
) -> list[PointRow]:
    """Rows of one case, object by object.

    Raises:
        InputError: the case is refused.
    """
    study, label = case.read()
    attempts = Attempts(segmenter, study) if options.crop == "none" else None
    rows = []
    for number, (name, reference) in enumerate(_targets(label, options.target)):
        volume_ml = float(np.count_nonzero(reference)) * study.grid.voxel_ml
        if volume_ml < options.smallest_ml:
            continue
        shown, wanted, trying = study, reference, attempts
        if trying is None:
            box = _around(reference, study.grid)
            shown, wanted = crop_study(study, box), reference[box]
            trying = Attempts(segmenter, shown)
        # Each case and object has numbers of its own, whatever else is in the data set.
        rng = np.random.default_rng([options.seed, number, *case.name.encode()])
        for row in _one(trying, wanted, shown.grid, options, rng):
            rows.append(replace(row, case=case.name, target=name, volume_ml=volume_ml))
    return rows


def _one(
    attempts: Attempts,
    reference: NDArray[np.bool_],
    grid: Grid,
    options: PointOptions,
    rng: np.random.Generator,
) -> Iterator[PointRow]:
    scribbles, seconds = ScribbleSet(), 0.0
    mask = np.zeros_like(reference)
    for asked in range(1, options.points[-1] + 1):
        point = error_point(mask, reference, rng, options.rule)
        if point is not None:
            place, positive = point
            scribbles = scribbles.add([place], "foreground" if positive else "background")
            added = scribbles.scribbles[-1]
            step = attempts.step(len(scribbles), scribbles, added=added, before=mask)
            mask = np.asarray(step.mask if step.mask is not None else mask)
            seconds = step.seconds
        if asked in options.points:
            yield PointRow(
                "", "", 0.0, len(scribbles), asked, voxel_dice(mask, reference),
                surface_dice(mask, reference, grid.spacing, tolerance_mm=options.tolerance_mm),
                seconds,
            )  # fmt: skip


def _targets(label: Volume, target: str) -> Iterator[tuple[str, NDArray[np.bool_]]]:
    """Name and reference, bool [x, y, z], of each object; empty ones are left out."""
    if target == "all":
        found = label.mask()
        if found.any():
            yield "all", found
        return
    if target == "lesions":
        numbers, count = label_lesions(label.mask(), connectivity=18)
        for number in range(1, count + 1):
            yield f"lesion {number}", np.asarray(numbers == number)
        return
    for value in np.unique(label.values):
        if value > 0:
            yield f"value {value:g}", np.asarray(label.values == value)


def _around(reference: NDArray[np.bool_], grid: Grid) -> tuple[slice, slice, slice]:
    """The cube around the middle of the object's box, as far as it is inside of the study."""
    parts = []
    for axis in range(3):
        others = tuple(other for other in range(3) if other != axis)
        (inside,) = np.nonzero(reference.any(axis=others))
        middle = (int(inside[0]) + int(inside[-1]) + 1) / 2
        half = max(_CROP_MM / grid.spacing[axis] / 2, 1)
        low, high = max(0, round(middle - half)), min(grid.shape[axis], round(middle + half))
        parts.append(slice(low, high))
    return parts[0], parts[1], parts[2]


def _summary(rows: Sequence[PointRow]) -> list[dict[str, Any]]:
    """Median and quartiles per kind of target (its first word, each value) and points."""
    kinds = sorted({_kind(row) for row in rows})
    found = []
    for kind in kinds:
        for asked in sorted({row.asked for row in rows}):
            chosen = [row for row in rows if _kind(row) == kind and row.asked == asked]
            entry: dict[str, Any] = {"target": kind, "points": asked, "objects": len(chosen)}
            for name in ("dice", "nsd", "seconds"):
                values = np.array([getattr(row, name) for row in chosen])
                values = values[np.isfinite(values)]
                three = np.quantile(values, [0.5, 0.25, 0.75]) if len(values) else [np.nan] * 3
                for part, value in zip(("median", "q1", "q3"), three, strict=True):
                    entry[f"{name}_{part}"] = finite(float(value))
            found.append(entry)
    return found


def _median_seconds(rows: Sequence[PointRow]) -> float | None:
    return float(np.median([row.seconds for row in rows])) if rows else None


def _kind(row: PointRow) -> str:
    return "lesion" if row.target.startswith("lesion ") else row.target
