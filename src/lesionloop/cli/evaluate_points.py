"""``lesionloop evaluate-points``: masks after 1, 3, 5, … points, object by object."""

from pathlib import Path
from typing import Annotated

import typer

from lesionloop.cli.console import (
    JsonOption,
    OptionsOption,
    SegmenterOption,
    parse_options,
    parse_points,
    print_json,
    print_table,
    progress,
)

NAME = "evaluate-points"
EXAMPLES = (
    "Examples: lesionloop evaluate-points dataset/ --segmenter seganypet:network.pt --out points/"
    "   ·   lesionloop evaluate-points dataset/ --segmenter threshold --target lesions "
    "--points 1,2 --out points/"
)


def run(
    dataset: Annotated[Path, typer.Argument(help="nnU-Net folder with imagesTr and labelsTr.")],
    out: Annotated[Path, typer.Option(help="Gets points.csv, points.json and two box plots.")],
    segmenter: SegmenterOption = "default",
    option: OptionsOption = None,
    points: Annotated[
        list[str] | None,
        typer.Option(help="Score after so many points, as in 1,3,5 (which is what it is else)."),
    ] = None,
    target: Annotated[
        str,
        typer.Option(
            help="all: everything labelled. lesions: each connected lesion by itself. values: each "
            "value of the label."
        ),
    ] = "all",
    crop: Annotated[
        str,
        typer.Option(
            help="none: the segmenter sees the whole study. oracle: a cube of 192 mm around the "
            "reference, as published scripts show."
        ),
    ] = "none",
    rule: Annotated[
        str, typer.Option(help="Where points lie in the error: uniform, coin or deep.")
    ] = "uniform",
    tolerance_mm: Annotated[float, typer.Option(help="Of NSD.")] = 1.0,
    smallest_ml: Annotated[float, typer.Option(help="Leave smaller objects out.")] = 0.0,
    seed: Annotated[int, typer.Option(help="Seed of the points.")] = 0,
    json: JsonOption = False,
) -> None:
    """Score Dice and surface Dice by the number of points."""
    from lesionloop.cohort.point_scores import PointOptions, evaluate_points

    with progress("evaluating", None) as bar:
        report = evaluate_points(
            dataset,
            out,
            segmenter=segmenter,
            segmenter_options=parse_options(option),
            options=PointOptions(
                points=parse_points(points or ["1,3,5"]),
                target=target,
                crop=crop,
                rule=rule,
                tolerance_mm=tolerance_mm,
                smallest_ml=smallest_ml,
                seed=seed,
            ),
            on_case=lambda name, done, total: bar.update(done, name, total),
        )
    if json:
        print_json(report)
        return
    shown = ["target", "points", "objects", "dice_median", "dice_q1", "dice_q3", "nsd_median",
             "nsd_q1", "nsd_q3", "seconds_median"]  # fmt: skip
    print_table(
        [name.replace("_", " ") for name in shown],
        [
            [float("nan") if entry[name] is None else entry[name] for name in shown]
            for entry in report["summary"]
        ],
    )
