"""``lesionloop liver-clicks``: the interactive track of the liver benchmark."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lesionloop.cli.console import (
    JsonOption,
    OptionsOption,
    note,
    parse_options,
    print_json,
    print_table,
    take_cases,
)
from lesionloop.errors import InputError

if TYPE_CHECKING:
    from lesionloop.datasets.trials import TrialsCase

NAME = "liver-clicks"
EXAMPLES = (
    "Examples: lesionloop liver-clicks TriALS/ --segmenter command:./run.sh --out clicks/"
    "   ·   lesionloop liver-clicks TriALS/ --segmenter nninteractive:FOLDER -o image=ct "
    "--keep-masks --out clicks/"
)


def run(
    dataset: Annotated[Path, typer.Argument(help="Folder in the TriALS layout.")],
    segmenter: Annotated[
        str,
        typer.Option(
            help="One that works on CT alone: command:PROGRAM, container:IMAGE, "
            "nninteractive:FOLDER with -o image=ct, or nnunet:FOLDER with -o channels=... without "
            "pet. default, propagate, threshold and seganypet need a PET."
        ),
    ],
    out: Annotated[
        Path,
        typer.Option(help="Gets clicks.csv, clicks.json, curve.svg, and the clicks of each case."),
    ],
    option: OptionsOption = None,
    phase: Annotated[
        str, typer.Option(help="Of contrast: venous, arterial, delayed or nocontrast.")
    ] = "venous",
    case: Annotated[list[str] | None, typer.Option(help="Only this case. Repeatable.")] = None,
    clicks: Annotated[
        Path | None,
        typer.Option(help="Folder of <case>_clicks.json; left out, they are drawn."),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the clicks that are drawn.")] = 42,
    offset: Annotated[
        int, typer.Option(min=0, help="Most voxels by which lesion clicks are moved, by chance.")
    ] = 0,
    mode: Annotated[
        str,
        typer.Option(
            help="strict, masks after 0, 1, 2, ... clicks; official, sorted by file name as in the "
            "released code: 0, 1, 10, 2, ... The file has the means of both."
        ),
    ] = "strict",
    keep_masks: Annotated[
        bool, typer.Option("--keep-masks", help="Write masks/<case>/<case>_<clicks>.nii.gz.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, help="Cases at a time.")] = 1,
    json: JsonOption = False,
) -> None:
    """Show clicks to a segmenter of liver lesions; interrupted, it goes on where it was."""
    from lesionloop.cohort.click_tables import CLICK_COLUMNS, CLICK_MODES, write_click_scores
    from lesionloop.cohort.liver_clicks import ClickOptions, click_cases, load_ct_segmenter
    from lesionloop.output import output_folder
    from lesionloop.versions import versions

    if mode not in CLICK_MODES:
        raise InputError(f"unknown mode {mode!r}", remedy=f"Use {' or '.join(CLICK_MODES)}.")
    if clicks is not None and not clicks.is_dir():
        raise InputError(f"there is no folder {clicks}", remedy="Correct --clicks.")
    options = ClickOptions(
        segmenter, parse_options(option), phase=phase, clicks=clicks, seed=seed,
        most_offset=offset, keep_masks=keep_masks,
    )  # fmt: skip
    identity = load_ct_segmenter(segmenter, **options.segmenter_options).identity
    cases = _chosen(dataset, case)
    facts = {
        "segmenter": identity,
        "data set": str(dataset),
        "phase": phase,
        "clicks": "drawn" if clicks is None else str(clicks),
        "seed": seed,
        "offset": offset,
        "versions": versions(),
    }
    with output_folder(out):
        found = click_cases(cases, out, options, workers=workers)
        records, failures, faults = take_cases("clicking", found, len(cases))
        report = write_click_scores(out, records, failures, facts, mode)
    _notes(report)
    if json:
        print_json(report)
    else:
        rows = [[entry["case"], *_numbers(entry["values"])] for entry in report["cases"]]
        rows.append([f"mean of {report['scored']}", *_numbers(report["means"][mode])])
        print_table(["case", *CLICK_COLUMNS], rows, title=f"mode {mode}; distances in mm")
    if failures:
        raise typer.Exit(1 if faults else 2)


def _chosen(dataset: Path, names: list[str] | None) -> "list[TrialsCase]":
    from lesionloop.datasets.trials import find_trials

    cases = find_trials(dataset)
    unknown = set(names or ()) - {entry.name for entry in cases}
    if unknown:
        raise InputError(
            f"there is no case {sorted(unknown)[0]!r} in {dataset}",
            remedy=f"There are {len(cases)}, such as {cases[0].name}.",
        )
    return [entry for entry in cases if entry.name in names] if names else cases


def _numbers(values: dict[str, float | None]) -> list[float]:
    return [float("nan") if value is None else value for value in values.values()]


def _notes(report: dict[str, Any]) -> None:
    empty = report["without_lesion"]
    if empty:
        note(f"note: {len(empty)} without a lesion, where nothing is defined: {', '.join(empty)}")
    for entry in report["cases"]:
        if entry["failed_steps"]:
            note(
                f"note: {entry['case']}: the segmenter failed at {entry['failed_steps']} of 11"
                " steps; the mask before stands there (see clicks.csv)"
            )
