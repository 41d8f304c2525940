"""``lesionloop fuse``: one label from the labels of four phases."""

from pathlib import Path
from typing import Annotated

import typer

from lesionloop.cli.console import JsonOption, print_json, print_table, take_cases
from lesionloop.errors import InputError

NAME = "fuse"
EXAMPLES = (
    "Examples: lesionloop fuse TriALS/ --out fused/ --workers 2   ·   "
    "lesionloop fuse TriALS/ --out fused/ --case case_012"
)


def run(
    dataset: Annotated[Path, typer.Argument(help="Folder in the TriALS layout.")],
    out: Annotated[Path, typer.Option(help="Gets labelsTr, cases and report.html.")],
    case: Annotated[list[str] | None, typer.Option(help="Only this case. Repeatable.")] = None,
    least_phases: Annotated[
        int, typer.Option(min=1, max=4, help="Phases that must show a lesion.")
    ] = 2,
    threshold: Annotated[float, typer.Option(help="On STAPLE's probability.")] = 0.5,
    working_mm: Annotated[
        float, typer.Option(help="Voxel size of the alignment; smaller is slower.")
    ] = 2.0,
    workers: Annotated[int, typer.Option(min=1, help="Cases fused at a time.")] = 1,
    json: JsonOption = False,
) -> None:
    """Align the phases of liver CT and fuse their labels; interrupted, it goes on where it was."""
    from lesionloop.cohort.fusing import fuse_cases
    from lesionloop.datasets.trials import find_trials
    from lesionloop.fusion import FuseOptions
    from lesionloop.fusion.registration import RegistrationOptions, require_elastix
    from lesionloop.output import write_json
    from lesionloop.reporting.fusion_report import write_fusion_report
    from lesionloop.versions import versions

    options = FuseOptions(
        registration=RegistrationOptions(working_mm=working_mm),
        threshold=threshold,
        least_phases=least_phases,
    )
    require_elastix()
    cases = find_trials(dataset)
    if case:
        unknown = set(case) - {entry.name for entry in cases}
        if unknown:
            raise InputError(
                f"there is no case {sorted(unknown)[0]!r} in {dataset}",
                remedy=f"There are {len(cases)}, such as {cases[0].name}.",
            )
        cases = [entry for entry in cases if entry.name in case]
    found = fuse_cases(cases, out, options, workers=workers)
    records, failures, faults = take_cases("fusing", found, len(cases))
    records.sort(key=lambda record: str(record["case"]))
    facts = {"data set": str(dataset), **versions()}
    write_fusion_report(out / "report.html", records, failures, facts)
    to_verify = [
        {"case": record["case"], "lesion": lesion["number"], "at": lesion["at"]}
        for record in records
        for lesion in record["lesions"]
        if lesion["combined_only"]
    ]
    write_json(out / "to_verify.json", to_verify)
    if json:
        print_json({"cases": records, "failed": failures, "to_verify": to_verify})
    else:
        columns = ("case", "lesions", "to verify", "conflicts")
        print_table(
            columns,
            [
                (
                    record["case"],
                    len(record["lesions"]),
                    sum(lesion["combined_only"] for lesion in record["lesions"]),
                    len(record["conflicts"]),
                )
                for record in records
            ],
        )
        typer.echo(str(out / "report.html"))
    if failures:
        raise typer.Exit(1 if faults else 2)
