"""``lesionloop score``: masks against their references."""

from pathlib import Path
from typing import Annotated

import typer

from lesionloop.cli.console import JsonOption, note, print_json, print_table

NAME = "score"
EXAMPLES = "Example: lesionloop score --prediction predictions/ --reference labelsTr/ --json"


def run(
    prediction: Annotated[Path, typer.Option(help="Mask, or a folder of masks.")],
    reference: Annotated[Path, typer.Option(help="Reference label, or a folder of labels.")],
    json: JsonOption = False,
) -> None:
    """Score masks as the challenge's evaluator does: Dice, detection, false volumes."""
    from lesionloop.cohort.file_scores import score_files

    result = score_files(prediction, reference)
    if unused := result["unused"]:
        what = (
            "prediction without a reference is"
            if len(unused) == 1
            else ("predictions without a reference are")
        )
        note(f"note: {len(unused)} {what} left out: {', '.join(unused)}")
    if json:
        print_json(result)
        return
    columns = ["case", "dsc", "dice", "f1", "tp", "fp", "fn", "fpv_ml", "fnv_ml"]
    rows = [[case[key] for key in columns] for case in result["cases"]]
    print_table(columns, rows)
    for kind, values in result["aggregate"].items():
        typer.echo(f"{kind}: dsc {values['dsc']:.4f}, f1 {values['f1']:.4f}")
