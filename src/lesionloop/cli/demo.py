"""``lesionloop demo``: the whole loop on a synthetic study."""

import shlex
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from lesionloop.cli.console import JsonOption, SegmenterOption, note, print_json, print_table

NAME = "demo"
EXAMPLES = "Example: lesionloop demo --out demo/   (then open demo/report.html)"


def run(
    out: Annotated[Path, typer.Option(help="Gets the study, the traces and the report.")] = Path(
        "lesionloop-demo"
    ),
    segmenter: SegmenterOption = "default",
    seed: Annotated[int, typer.Option(help="Which synthetic patient.")] = 0,
    tracer: Annotated[str, typer.Option(help="fdg or psma.")] = "fdg",
    json: JsonOption = False,
) -> None:
    """Make a synthetic whole-body PET/CT, segment it, correct it five times, score it."""
    from lesionloop.errors import InputError
    from lesionloop.output import output_folder
    from lesionloop.segmenters import load_segmenter

    if tracer not in ("fdg", "psma"):
        raise InputError(f"unknown tracer {tracer!r}", remedy="Use fdg or psma.")
    if seed < 0:
        raise InputError(f"the seed is 0 or more, not {seed}", remedy="As in --seed 1.")
    load_segmenter(segmenter)
    with output_folder(out):
        _show(out, segmenter, seed, "psma" if tracer == "psma" else "fdg", json)


def _show(out: Path, segmenter: str, seed: int, tracer: Literal["fdg", "psma"], json: bool) -> None:
    from lesionloop.cohort import evaluate
    from lesionloop.datasets import write_case
    from lesionloop.imaging import assemble_study
    from lesionloop.phantom import make_phantom

    note("making a synthetic study …")
    phantom = make_phantom(seed=seed, tracer=tracer)
    name = f"{phantom.tracer}_phantom_{seed:03d}"
    study = assemble_study(phantom.pet, phantom.ct, name=name, tracer=phantom.tracer)
    write_case(study, out / "dataset", label=phantom.reference)
    note("first mask, then five corrections by a simulated reader …")
    evaluation = evaluate(
        out / "dataset",
        out,
        segmenters=[segmenter],
        strategies=["centerline"],
        facts={"command": shlex.join(["lesionloop", *sys.argv[1:]])},
    )
    if json:
        print_json(evaluation.summary)
        return
    (result,) = evaluation.results
    columns = ["step", "dice", "dmm", "tp", "fp", "fn", "fpv_ml", "fnv_ml", "seconds"]
    rows = [[getattr(row, column) for column in columns] for row in result.rows]
    print_table(columns, rows, title=f"{name}, {segmenter}, centerline")
    typer.echo(str(out / "report.html"))
