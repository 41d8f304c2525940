"""``lesionloop report``: what was measured, in sentences."""

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lesionloop.cli.console import (
    DicomOption,
    JsonOption,
    print_json,
    print_table,
    take_cases,
)
from lesionloop.errors import InputError

if TYPE_CHECKING:
    from lesionloop.cohort.report_images import Images

NAME = "report"
EXAMPLES = (
    "Examples: lesionloop report quantities/ --out reports/   ·   lesionloop report quantities/ "
    "--data DATASET/ --out reports/ --lang zh --workers 2   ·   lesionloop report "
    "quantities/case/ --dicom study/ --mask mask.dcm --reader NAME --out reports/"
)


class Language(Enum):
    """Languages of the texts."""

    en = "en"
    zh = "zh"
    both = "both"


def run(
    quantified: Annotated[
        Path, typer.Argument(help="Output folder of `lesionloop quantify`, or one study in it.")
    ],
    out: Annotated[Path, typer.Option(help="Gets a folder with the report of each study.")],
    lang: Annotated[Language, typer.Option(help="Language of texts and page.")] = Language.both,
    study: Annotated[
        list[str] | None, typer.Option(help="Only this study (name of its folder). Repeatable.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Data set that was quantified, for pictures and largest diameters."),
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="With --data: folder of masks instead of labelsTr.")
    ] = None,
    pet: Annotated[Path | None, typer.Option(help="PET in SUV of the one study.")] = None,
    dicom: DicomOption = None,
    mask: Annotated[
        Path | None, typer.Option(help="Lesions of the one study, with --pet or --dicom.")
    ] = None,
    reader: Annotated[
        str | None,
        typer.Option(help="With --dicom: who observed; writes DICOM SEG and SR (TID 1500) too."),
    ] = None,
    weight_kg: Annotated[
        float | None, typer.Option(help="With --dicom: of the patient, when it does not tell.")
    ] = None,
    tracer: Annotated[
        str | None, typer.Option(help="fdg or psma, for studies that do not tell theirs.")
    ] = None,
    rules: Annotated[
        Path | None, typer.Option(help="Rules of uptake states (TOML) instead of our own.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Studies at a time.")] = 1,
    json: JsonOption = False,
) -> None:
    """Write what was measured as a structured report; interrupted, it goes on."""
    from lesionloop.cohort.study_reports import (
        ReportOptions,
        find_report_jobs,
        report_studies,
    )
    from lesionloop.imaging.study import TRACERS
    from lesionloop.output import output_folder
    from lesionloop.reporting.structured.templates import LANGUAGES

    if tracer is not None and tracer not in TRACERS:
        raise InputError(f"there is no tracer {tracer!r}", remedy=f"Known: {', '.join(TRACERS)}.")
    languages = LANGUAGES if lang is Language.both else (lang.value,)
    options = ReportOptions(languages, rules, tracer, reader)
    _check_usage(data=data, masks=masks, pet=pet, dicom=dicom, mask=mask, reader=reader,
                 weight_kg=weight_kg)  # fmt: skip
    jobs = find_report_jobs(quantified, out, options, studies=study or ())
    if mask is not None or data is not None:
        names = [job.out.name for job in jobs]
        images = (
            _of_data(data, masks)
            if data is not None
            else _of_one(names, mask=mask, pet=pet, dicom=dicom, weight_kg=weight_kg)
        )
        jobs = find_report_jobs(quantified, out, options, studies=names, images=images)
    with output_folder(out):
        studies = report_studies(jobs, workers=workers)
        found, failures, faults = take_cases("reporting", studies, len(jobs))
    found.sort(key=lambda summary: str(summary["folder"]))
    _print(found, failures, out, json=json)
    if failures:
        raise typer.Exit(1 if faults else 2)


def _check_usage(**given: Any) -> None:
    """Refuse options that do not go together."""
    has = {name for name, value in given.items() if value is not None}
    one = has & {"pet", "dicom", "mask", "reader", "weight_kg"}
    problem = None
    if "data" in has and one:
        problem = f"--{min(one).replace('_', '-')} does not go with --data"
    elif "masks" in has and "data" not in has:
        problem = "--masks goes with --data"
    elif {"pet", "dicom"} <= has:
        problem = "give either --pet or --dicom"
    elif one and ("mask" not in one or not has & {"pet", "dicom"}):
        problem = "images of one study are --mask with --pet or --dicom"
    elif has & {"reader", "weight_kg"} and "dicom" not in has:
        problem = "--reader and --weight-kg go with --dicom"
    if problem:
        raise InputError(problem, remedy="See `lesionloop report --help` for examples.")


def _of_data(data: Path, masks: Path | None) -> "dict[str, Images]":
    """Images of a data set by case."""
    from lesionloop.cohort.report_images import Images
    from lesionloop.datasets import find_cases
    from lesionloop.imaging.names import images_by_name

    cases = find_cases(data, labelled=masks is None)
    held = {} if masks is None else images_by_name(masks)
    found = {case.name: case.label if masks is None else held.get(case.name) for case in cases}
    pets = {case.name: case.pet for case in cases}
    return {name: Images(mask, pets[name]) for name, mask in found.items() if mask is not None}


def _of_one(
    names: list[str],
    *,
    mask: Path | None,
    pet: Path | None,
    dicom: Path | None,
    weight_kg: float | None,
) -> "dict[str, Images]":
    """Images of the one study."""
    from lesionloop.cohort.report_images import Images

    if len(names) != 1:
        raise InputError(
            f"--mask is of one study, and there are {len(names)}",
            remedy="Choose it with --study, or give a data set with --data.",
        )
    assert mask is not None  # noqa: S101  (checked before; for the type checker)
    for path in (mask, pet, dicom):
        if path is not None and not path.exists():
            raise InputError(f"there is no {path}", remedy="Check the name.")
    return {names[0]: Images(mask, pet, dicom, weight_kg)}


def _print(found: list[dict[str, Any]], failures: dict[str, str], out: Path, *, json: bool) -> None:
    if json:
        print_json({"studies": found, "failed": failures})
        return
    states = ("increased", "absent", "decreased", "normal", "not_assessed")
    rows = [
        [entry["study"], entry["tracer"], entry["lesions"], *(entry["organs"][s] for s in states)]
        for entry in found
    ]
    columns = ["study", "tracer", "lesions", *(state.replace("_", " ") for state in states)]
    print_table(columns, rows)
    typer.echo(str(out))
