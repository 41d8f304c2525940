"""``lesionloop inspect``: what a DICOM folder holds."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from lesionloop.cli.console import JsonOption, print_json, print_table

NAME = "inspect"
EXAMPLES = "Example: lesionloop inspect ~/scans/study1"


def run(
    folder: Annotated[Path, typer.Argument(help="Any folder; it is searched to the bottom.")],
    json: JsonOption = False,
) -> None:
    """List the series of a DICOM folder, and which PET and CT would be read."""
    from lesionloop.imaging.dicom import describe

    rows = [asdict(row) for row in describe(folder)]
    if json:
        print_json(rows)
    else:
        print_table(list(rows[0]) if rows else ["series"], [list(row.values()) for row in rows])
