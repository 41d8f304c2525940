"""``lesionloop replay``: recorded sessions of readers, replayed against segmenters."""

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
    from lesionloop.cohort.replaying import Replayed

NAME = "replay"
EXAMPLES = (
    "Examples: lesionloop replay dataset/ sessions/ --segmenter propagate --out replayed/   ·   "
    "lesionloop replay dataset/ sessions/ --segmenter propagate --segmenter threshold "
    "--own-errors centerline --workers 2 --out replayed/"
)


def run(
    dataset: Annotated[Path, typer.Argument(help="nnU-Net folder with imagesTr and labelsTr.")],
    sessions: Annotated[
        Path,
        typer.Argument(
            help="Folder READER/CASE.json (or a folder READER/CASE of step_K_scribbles.json); "
            "READER/CASE.nii.gz is the reader's own final mask."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(
            help="Gets traces, scores.csv, curves.csv, agreement.csv, summary.json, "
            "clinicians.html."
        ),
    ],
    segmenter: SegmentersOption = None,
    option: OptionsOption = None,
    own_errors: Annotated[
        str | None,
        typer.Option(
            help="Beside the sessions: a simulated reader (centerline, random or boundary) on the "
            "segmenter's own errors, with as many steps."
        ),
    ] = None,
    workers: Annotated[int, typer.Option(help="Cases at a time.")] = 1,
    json: JsonOption = False,
) -> None:
    """Play recorded sessions against segmenters and score them. Interrupted, it goes on."""
    from lesionloop.cohort.clinicians import replay_sessions
    from lesionloop.output import output_folder

    with output_folder(out), progress("replaying", None) as bar:

        def show(result: "Replayed", done: int, total: int) -> None:
            job = result.replay
            bar.update(done, label=f"{job.files.name} {job.label}", total=total)
            for run in result.runs:
                if run.failure:
                    note(f"{run.case}, {run.segmenter}, {run.strategy}: {run.failure}")
            for reader, reason in result.failures.items():
                note(f"{job.files.name}, own mask of {reader}: {reason}")

        result = replay_sessions(
            dataset,
            sessions,
            out,
            segmenters=segmenter or ["default"],
            options=parse_options(option),
            own_errors=own_errors,
            workers=workers,
            facts={"command": shlex.join(["lesionloop", *sys.argv[1:]])},
            on_result=show,
        )
    summary = result.summary
    for text in result.notes:
        note(text)
    for entry in summary["missing_sessions"]:
        note(f"no session of {entry['reader']} for {entry['case']}")
    if json:
        print_json(summary)
    else:
        shown = {
            "segmenter": "segmenter", "reader": "reader", "cases": "cases",
            "auc_dice_normalised": "AUC-Dice/step", "auc_dmm_normalised": "AUC-DMM/step",
        }  # fmt: skip
        rows = [
            [
                *(float("nan") if entry[key] is None else entry[key] for key in shown),
                *(_last(entry[key]) for key in ("dice", "dmm", "fpv_ml", "fnv_ml")),
            ]
            for entry in summary["curves"]
        ]
        columns = [*shown.values(), "final Dice", "final DMM", "FPV ml", "FNV ml"]
        carried = summary["carried_forward"]
        title = (
            f"{carried['sessions']} of {carried['of']} replays ended before step "
            f"{carried['last_step']} and carry their last value forward"
        )
        print_table(columns, rows, title=title)
        typer.echo(str(out / "clinicians.html"))
    if result.has_failures:
        count = len(summary["failures"])
        note(f"{count} failure{'s' if count > 1 else ''}; see summary.json")
        raise typer.Exit(1 if result.has_faults else 2)


def _last(values: list[float | None]) -> float:
    return float("nan") if values[-1] is None else values[-1]
