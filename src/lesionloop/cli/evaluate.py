"""``lesionloop evaluate``: a data set through the interactive loop."""

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lesionloop.cli.console import (
    JsonOption,
    OptionsOption,
    SegmentersOption,
    note,
    parse_options,
    print_json,
    print_table,
    progress,
)

if TYPE_CHECKING:
    from lesionloop.cohort.runs import RunResult

NAME = "evaluate"
EXAMPLES = (
    "Examples: lesionloop evaluate dataset/ --segmenter propagate --out results/   ·   "
    "lesionloop evaluate dataset/ --segmenter propagate --segmenter threshold --strategy all "
    "--workers 2 --out results/   ·   lesionloop evaluate dataset/ --engine ray --workers 32 "
    "--out /shared/results/"
)


def run(
    dataset: Annotated[Path, typer.Argument(help="nnU-Net folder with imagesTr and labelsTr.")],
    out: Annotated[Path, typer.Option(help="Gets traces, scores.csv, summary.json, report.html.")],
    segmenter: SegmentersOption = None,
    option: OptionsOption = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option(
            help="centerline, random, boundary or all; repeat for several. thirds: one of the "
            "three for every case, fixed by its name."
        ),
    ] = None,
    steps: Annotated[
        int | None, typer.Option(help="Corrections after the first mask; 5, in reference mode 4.")
    ] = None,
    mode: Annotated[
        str,
        typer.Option(
            help="protocol, or reference: the released code to the letter, with zero "
            "scores after an empty error mask, to compare with published numbers."
        ),
    ] = "protocol",
    seed: Annotated[int, typer.Option(help="Seed of the simulated reader.")] = 42,
    workers: Annotated[int, typer.Option(help="Runs at a time.")] = 1,
    engine: Annotated[
        str,
        typer.Option(
            help="local: processes on this machine. ray: a Ray cluster, that of RAY_ADDRESS or one "
            "started here (lesionloop[cluster])."
        ),
    ] = "local",
    memory: Annotated[
        float | None,
        typer.Option(help="GiB that the runs may need together; default: what is free."),
    ] = None,
    gpus_per_run: Annotated[float, typer.Option(help="GPUs of each run on Ray, such as 0.5.")] = 0,
    json: JsonOption = False,
) -> None:
    """Run every case through the loop and score it. Interrupted, it goes on where it was."""
    from lesionloop.cohort import evaluate
    from lesionloop.errors import InputError
    from lesionloop.interaction.readers import MODES
    from lesionloop.output import output_folder
    from lesionloop.scribbles import STRATEGIES

    if mode not in MODES:
        raise InputError(f"unknown mode {mode!r}", remedy=f"Use {' or '.join(MODES)}.")
    strategies = strategy or ["centerline"]
    if "all" in strategies:
        strategies = list(STRATEGIES)
    with output_folder(out), progress("evaluating", None) as bar:

        def show(result: "RunResult", done: int, total: int) -> None:
            run = result.run
            bar.update(done, label=f"{run.files.name} {run.label} {run.strategy}", total=total)
            if result.failure and total > 1:  # the only one is the command's own failure
                note(f"{run.files.name}: {result.failure}")

        evaluation = evaluate(
            dataset,
            out,
            segmenters=segmenter or ["default"],
            options=parse_options(option),
            strategies=strategies,
            mode="reference" if mode == "reference" else "protocol",
            steps=steps,
            seed=seed,
            workers=workers,
            engine=engine,
            memory=None if memory is None else int(memory * 2**30),
            gpus=gpus_per_run,
            facts={"command": shlex.join(["lesionloop", *sys.argv[1:]])},
            on_result=show,
        )
    for name in evaluation.skipped:
        note(f"skipped, as the released code does in reference mode: {name}")
    if json:
        print_json(evaluation.summary)
    else:
        shown = {
            "segmenter": "segmenter", "strategy": "strategy", "cases": "cases",
            "auc_dice": "AUC-Dice", "auc_dice_normalised": "AUC-Dice/step",
            "auc_dmm": "AUC-DMM", "auc_dmm_normalised": "AUC-DMM/step",
            "final_dice": "final Dice", "final_dmm": "final DMM",
            "fpv_ml": "FPV ml", "fnv_ml": "FNV ml", "seconds_median": "s/step",
        }  # fmt: skip
        rows = [
            [float("nan") if entry[key] is None else entry[key] for key in shown]
            for entry in evaluation.summary["results"]
        ]
        print_table(list(shown.values()), rows, title=f"mode: {mode}")
        typer.echo(str(out / "report.html"))
    if evaluation.failures:
        count = len(evaluation.failures)
        note(f"{count} run{'s' if count > 1 else ''} failed; see summary.json")
        raise typer.Exit(1 if any(failed.is_fault for failed in evaluation.failures) else 2)
