"""``lesionloop liver-score``: liver-lesion masks against their references."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lesionloop.cli.console import JsonOption, note, print_json, print_table, progress

NAME = "liver-score"
EXAMPLES = (
    "Examples: lesionloop liver-score --prediction predictions/ --reference labels/ --out scores/"
    "   ·   lesionloop liver-score --prediction p.nii.gz --reference r.nii.gz --mode official "
    "--json"
)


def run(
    prediction: Annotated[Path, typer.Option(help="Mask (1 is lesion), or a folder of masks.")],
    reference: Annotated[Path, typer.Option(help="Reference mask, or a folder of them.")],
    mode: Annotated[
        str,
        typer.Option(
            help="strict, with the true union; official, as the released code decides; paper, the "
            "same with penalties in lesion means."
        ),
    ] = "strict",
    missing: Annotated[
        str,
        typer.Option(help="A reference without a prediction: worst, all missed; skip, left out."),
    ] = "worst",
    prediction_values: Annotated[
        str,
        typer.Option(
            help="binary, 0 and 1; training, 2 is lesion and 1 liver; truncate, 1 is lesion after "
            "a cast to 8 bits, others are ignored."
        ),
    ] = "binary",
    reference_values: Annotated[str, typer.Option(help="The same for references.")] = "binary",
    workers: Annotated[int, typer.Option(help="Cases at the same time.")] = 1,
    out: Annotated[
        Path | None,
        typer.Option(help="Gets per_case.csv, lesions.csv, metrics.csv and scores.json."),
    ] = None,
    block: Annotated[
        str | None,
        typer.Option(
            help="task1, visible or combined. With --centre, --competitor and --out also "
            "case_records.csv, for the ranking."
        ),
    ] = None,
    centre: Annotated[str | None, typer.Option(help="Where the cases are from.")] = None,
    competitor: Annotated[str | None, typer.Option(help="Whose the predictions are.")] = None,
    json: JsonOption = False,
) -> None:
    """Score liver-lesion masks: detection, overlap and surface distances."""
    from contextlib import nullcontext

    from lesionloop.cohort.liver_scores import LiverOptions, score_liver_files
    from lesionloop.cohort.liver_tables import scores_json, write_scores
    from lesionloop.output import output_folder

    # LiverOptions checks the words.
    options = LiverOptions(mode, missing, prediction_values, reference_values)  # type: ignore[arg-type]
    cell = _cell(block, centre, competitor, out)
    with output_folder(out) if out is not None else nullcontext():
        with progress("cases", None) as bar:
            scores = score_liver_files(
                prediction,
                reference,
                options,
                workers=workers,
                on_case=lambda done, total, name: bar.update(done, name, total),
            )
        if out is not None:
            write_scores(scores, out, cell=cell)
    found = scores_json(scores)
    _notes(found)
    if json:
        print_json(found)
    else:
        _print(found)


def _cell(
    block: str | None, centre: str | None, competitor: str | None, out: Path | None
) -> tuple[str, str, str] | None:
    from lesionloop.errors import InputError
    from lesionloop.ranking.trials.blocks import block_named

    if block is None and centre is None and competitor is None:
        return None
    if not (block and centre and competitor and out):
        raise InputError(
            "--block, --centre and --competitor go together, and with --out",
            cause="A record for the ranking needs all three names and a place.",
        )
    return block_named(block).name, centre, competitor


def _notes(found: dict[str, Any]) -> None:
    for names, does in (
        (found["unused"], "without a reference: left out"),
        (
            found["without_prediction"],
            "without a prediction: "
            + ("scored at worst values" if found["missing"] == "worst" else "left out"),
        ),
    ):
        if names:
            note(f"note: {len(names)} {does}: {', '.join(names)}")


def _print(found: dict[str, Any]) -> None:
    columns = ["case", "DSC", "TP", "FP", "FN", "precision", "recall", "TP >0", "FP >0", "FN >0"]
    columns += ["dice", "assd mm", "msd mm"]
    rows = []
    for case in found["cases"]:
        half, some = case["detection"]["0.5"], case["detection"]["0"]
        row = [case["case"], case["DSC"], *half.values(), case["precision"], case["recall"]]
        rows.append([*row, *some.values(), *_means(case["lesion_scores_detected_only"])])
    print_table(columns, rows, title="lesions at IoU > 0.5, then at any overlap (>0)")
    values = [[name, value] for name, value in found["dataset"].items()]
    print_table(["data set", "value"], values, title=f"mode {found['mode']}; distances in mm")


def _means(scores: dict[str, list[float]] | None) -> list[float]:
    names = ("dice", "assd", "msd")
    if scores is None:
        return [float("nan")] * len(names)
    return [sum(scores[name]) / len(scores[name]) for name in names]
