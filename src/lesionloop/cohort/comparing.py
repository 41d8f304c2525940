"""Networks and segmenters against each other: the same objects, the same points, one table."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import nan
from pathlib import Path
from re import sub
from typing import Any

from lesionloop.cohort.point_scores import PointOptions, evaluate_points
from lesionloop.cohort.tables import csv_text
from lesionloop.errors import InputError
from lesionloop.output import finite, write_json, write_text
from lesionloop.reporting.point_curves import PointCurve, point_chart
from lesionloop.reporting.standalone import svg_text

__all__ = ["COMPARED_TARGETS", "Contestant", "compare", "folder_of", "require_distinct"]

#: Each value of a label would be a table of its own.
COMPARED_TARGETS = ("all", "lesions")


@dataclass(frozen=True)
class Contestant:
    """A segmenter that takes part.

    Args:
        name: in tables and figures, and of its folder.
        segmenter: registered name.
        options: of the segmenter.
        parameters: numbers that its network has learned; None where nobody knows.
        steps: of training; None where it was not trained here.
        seconds: of training.
        is_untrained: the same network before training, to measure the others against.
    """

    name: str
    segmenter: str
    options: dict[str, Any] = field(default_factory=dict)
    parameters: int | None = None
    steps: int | None = None
    seconds: float | None = None
    is_untrained: bool = False


@dataclass(frozen=True)
class _Row:
    """A line of ``comparison.csv``: a network after some points, NaN where nothing is known."""

    network: str
    parameters_million: float
    training_seconds: float
    steps: float
    points: int
    objects: int
    dice_median: float
    dice_q1: float
    dice_q3: float
    nsd_median: float
    nsd_q1: float
    nsd_q3: float
    first_seconds: float
    further_seconds: float


def folder_of(name: str) -> str:
    """A folder's name for a contestant: letters, digits, dots, dashes."""
    return sub(r"[^\w.-]+", "-", name).strip("-.") or "unnamed"


def require_distinct(names: Sequence[str]) -> None:
    """See that every contestant gets a folder of its own.

    Raises:
        InputError: two have one name.
    """
    taken: dict[str, str] = {}
    for name in names:
        # A disk may not tell capital letters from small ones.
        key = folder_of(name).lower()
        if key in taken or key in ("phantoms", "comparison"):
            raise InputError(
                f"{name} and {taken.get(key, 'a folder of the comparison')} have one name",
                remedy="Rename a recipe: networks are known by the names of their recipe files.",
            )
        taken[key] = name


def compare(
    contestants: Sequence[Contestant],
    dataset: Path,
    out: Path,
    options: PointOptions,
    on_case: Callable[[str, int, int], None] = lambda _name, _done, _total: None,
) -> dict[str, Any]:
    """Score all; write ``comparison.csv``, ``comparison.json`` and ``dice.svg``.

    What `evaluate_points` writes of each stands in its folder, in ``points``.

    Args:
        contestants: in the order of the table.
        dataset: folder in the nnU-Net layout.
        out: gets the files.
        options: of points and scores, the same for all.
        on_case: called with contestant and case, how many cases are done, and of how many.

    Returns:
        What ``comparison.json`` holds.

    Raises:
        InputError: the data set, a case or a segmenter is refused.
        OutputError: ``out`` cannot be written.
    """
    networks, rows, curves = [], [], []
    colour = -1
    for one in contestants:
        if not one.is_untrained:  # which has the colour of the network that it goes with
            colour += 1

        def told(case: str, done: int, total: int, name: str = one.name) -> None:
            on_case(f"{name}, {case}", done, total)

        found = evaluate_points(
            dataset,
            out / folder_of(one.name) / "points",
            segmenter=one.segmenter,
            segmenter_options=one.options,
            options=options,
            on_case=told,
        )
        networks.append(_facts(one, found))
        rows += [_row(one, entry, found) for entry in found["summary"]]
        curves.append(_curve(one, max(colour, 0), found["summary"]))
    report = {
        "dataset": dataset.name,
        "protocol": {**vars(options), "points": list(options.points)},
        "networks": networks,
    }
    write_text(out / "comparison.csv", csv_text(_Row, rows))
    write_json(out / "comparison.json", report)
    chart = point_chart(
        curves, options.points, title="Dice by points, median and quartiles", y_label="Dice"
    )
    write_text(out / "dice.svg", svg_text(chart))
    return report


def _facts(one: Contestant, found: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": one.name,
        "segmenter": found["segmenter"],
        "parameters_million": None if one.parameters is None else one.parameters / 1e6,
        "training_seconds": None if one.seconds is None else finite(one.seconds),
        "steps": one.steps,
        "first_seconds": found["first_seconds"],
        "further_seconds": found["further_seconds"],
        "scores": found["summary"],
    }


def _row(one: Contestant, entry: dict[str, Any], found: dict[str, Any]) -> _Row:
    scores = {
        f"{name}_{part}": _known(entry[f"{name}_{part}"])
        for name in ("dice", "nsd")
        for part in ("median", "q1", "q3")
    }
    return _Row(
        network=one.name,
        parameters_million=_known(one.parameters) / 1e6,
        training_seconds=_known(one.seconds),
        steps=_known(one.steps),
        points=entry["points"],
        objects=entry["objects"],
        first_seconds=_known(found["first_seconds"]),
        further_seconds=_known(found["further_seconds"]),
        **scores,
    )


def _curve(one: Contestant, colour: int, summary: Sequence[dict[str, Any]]) -> PointCurve:
    middle, low, high = (
        [_known(entry[f"dice_{part}"]) for entry in summary] for part in ("median", "q1", "q3")
    )
    return PointCurve(one.name, middle, low, high, colour=colour, faint=one.is_untrained)


def _known(value: float | None) -> float:
    return nan if value is None else float(value)
