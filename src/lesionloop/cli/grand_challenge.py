"""``lesionloop grand-challenge``: the entry point of the challenge's container."""

from pathlib import Path
from typing import Annotated

import typer

from lesionloop.cli.console import OptionsOption, SegmenterOption, note, parse_options

NAME = "grand-challenge"
EXAMPLES = "Example: lesionloop grand-challenge --input /input --output /output"


def run(
    input: Annotated[Path, typer.Option(help="Folder as the platform mounts it.")] = Path("/input"),
    output: Annotated[Path, typer.Option(help="Folder for the mask.")] = Path("/output"),
    segmenter: SegmenterOption = "default",
    option: OptionsOption = None,
) -> None:
    """Read CT, PET and lesion-clicks.json, write the mask: one step of the challenge's loop."""
    from lesionloop.interaction.grand_challenge import run_step
    from lesionloop.output import output_folder
    from lesionloop.segmenters import load_segmenter

    chosen = load_segmenter(segmenter, **parse_options(option))
    with output_folder(output):
        step = run_step(input, output, chosen)
    for line in step.notes:
        note(f"note: {line}")
    note(f"{step.points} scribble points, {step.seconds:.1f} s")
    typer.echo(str(step.mask))
