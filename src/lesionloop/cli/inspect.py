"""``lesionloop inspect``: what a DICOM folder holds."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from lesionloop.cli.console import JsonOption, note, print_json, print_table
from lesionloop.errors import InputError

NAME = "inspect"
EXAMPLES = "Example: lesionloop inspect ~/scans/study1"

#: What a person asks first comes first.
_COLUMNS = (
    "chosen", "modality", "number", "description", "slices", "matrix", "spacing", "units",
    "corrected", "why", "uid",
)  # fmt: skip


def run(
    folder: Annotated[Path, typer.Argument(help="Any folder; it is searched to the bottom.")],
    json: JsonOption = False,
) -> None:
    """List the series of a DICOM folder, and which PET and CT would be read."""
    from lesionloop.imaging.dicom import describe, scan_folder

    scan = scan_folder(folder)
    rows = describe(scan)
    for damaged in scan.damaged:
        note(f"damaged: {damaged.file}: {damaged.reason}.")
    if not rows:
        raise InputError(
            f"no DICOM series in {folder}",
            cause="No file in it, or in a folder below, is a DICOM image or object.",
            remedy="Give the folder that holds the PET and CT series.",
        )
    if json:
        print_json([asdict(row) for row in rows])
    else:
        print_table(_COLUMNS, [[_cell(getattr(row, name)) for name in _COLUMNS] for row in rows])


def _cell(value: Any) -> Any:
    """A value as people write it: 144 x 144, 2.04 x 2.04 x 3, ATTN DECY, yes."""
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, tuple):
        numbers = not any(isinstance(part, str) for part in value)
        parts = ["?" if part is None else f"{part:g}" if numbers else part for part in value]
        return (" x " if numbers else " ").join(parts)
    return value
