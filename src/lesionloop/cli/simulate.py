"""``lesionloop simulate``: scribbles that a simulated reader would draw."""

from pathlib import Path
from typing import Annotated

import typer

from lesionloop.cli.console import JsonOption, print_json, progress
from lesionloop.errors import InputError

NAME = "simulate"
EXAMPLES = (
    "Examples: lesionloop simulate --reference label.nii.gz --prediction mask.nii.gz "
    "--strategy random --out clicks.json   ·   "
    "lesionloop simulate --reference labelsTr/ --strategy centerline --heat-maps --out scribbles/"
)


def run(
    reference: Annotated[Path, typer.Option(help="Reference label, or a folder of labels.")],
    strategy: Annotated[str, typer.Option(help="centerline, random or boundary.")],
    out: Annotated[Path, typer.Option(help="JSON file; a folder when --reference is one.")],
    prediction: Annotated[
        Path | None,
        typer.Option(
            help="Mask to correct: draws the loop's next scribble. Without it, training "
            "scribbles are drawn from the reference alone."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed; the challenge uses 42.")] = 42,
    components: Annotated[
        int, typer.Option(help="Lesions (and background regions) to draw in, for training.")
    ] = 5,
    heat_maps: Annotated[
        bool, typer.Option("--heat-maps", help="Also write <case>_0002 and _0003 maps.")
    ] = False,
    workers: Annotated[int, typer.Option(help="Processes for a folder.")] = 1,
    json: JsonOption = False,
) -> None:
    """Draw scribbles as the challenge's simulated readers do."""
    from lesionloop.cohort.simulation import next_scribble_file, training_scribble_files

    if prediction is not None:
        if reference.is_dir() or heat_maps:
            raise InputError(
                "--prediction goes with one reference file and without --heat-maps",
                remedy="Leave --prediction out to draw training scribbles.",
            )
        results = [next_scribble_file(reference, prediction, out, strategy=strategy, seed=seed)]
    else:
        results = []
        with progress("drawing", None) as bar:
            for one, total in training_scribble_files(
                reference, out, strategy=strategy, seed=seed, components=components,
                heat_maps=heat_maps, workers=workers,
            ):  # fmt: skip
                results.append(one)
                bar.update(len(results), total=total)
    if json:
        print_json(results)
    else:
        for result in results:
            typer.echo(
                f"{result['out']}: {result['foreground']} foreground, "
                f"{result['background']} background points"
            )
