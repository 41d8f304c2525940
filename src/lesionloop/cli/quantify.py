"""``lesionloop quantify``: tumour burden, organs and reference regions."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lesionloop.cli.console import (
    CtOption,
    DicomOption,
    JsonOption,
    note,
    print_json,
    print_table,
    progress,
)
from lesionloop.errors import InputError

NAME = "quantify"
EXAMPLES = (
    "Examples: lesionloop quantify --ct ct.nii.gz --pet suv.nii.gz --mask mask.nii.gz --organs "
    "organs.nii.gz --out quantities/   ·   lesionloop quantify DATASET/ --organs maps/ --out "
    "quantities/ --workers 2"
)


def run(
    out: Annotated[
        Path,
        typer.Option(help="Gets a folder a study; for a data set burden.csv and organs.csv too."),
    ],
    src: Annotated[
        Path | None, typer.Argument(help="Data set in the nnU-Net layout, instead of one study.")
    ] = None,
    ct: CtOption = None,
    pet: Annotated[Path | None, typer.Option(help="PET in SUV (NIfTI or MHA).")] = None,
    dicom: DicomOption = None,
    mask: Annotated[
        Path | None, typer.Option(help="Lesions of the one study: NIfTI, MHA or DICOM SEG.")
    ] = None,
    masks: Annotated[
        Path | None, typer.Option(help="Folder of masks by case name, instead of labelsTr.")
    ] = None,
    organs: Annotated[
        str | None,
        typer.Option(
            help="Organ map, a folder of them by case name, or totalsegmentator: the program makes "
            "them where it is installed."
        ),
    ] = None,
    organ_names: Annotated[
        str | None,
        typer.Option(
            help="Table of the map's labels (JSON), or totalsegmentator for its task total. "
            "Else labels.json or dataset.json beside the map."
        ),
    ] = None,
    organs_fine: Annotated[
        bool, typer.Option(help="TotalSegmentator's networks of 1.5 mm instead of 3 mm.")
    ] = False,
    fixed_suv: Annotated[float, typer.Option(help="Level of the fixed threshold.")] = 4.0,
    erode_mm: Annotated[float, typer.Option(help="Shell left out of organs; 0 for none.")] = 5.0,
    weight_kg: Annotated[
        float | None, typer.Option(help="Of the patient, for SUL; with --dicom for SUV too.")
    ] = None,
    height_cm: Annotated[float | None, typer.Option(help="Of the patient, for SUL.")] = None,
    sex: Annotated[str | None, typer.Option(help="male or female, for SUL.")] = None,
    tracer: Annotated[str | None, typer.Option(help="fdg or psma; for the record.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Studies at a time.")] = 1,
    parquet: Annotated[bool, typer.Option(help="The tables of a data set as Parquet too.")] = False,
    json: JsonOption = False,
) -> None:
    """Measure lesions, burden, organs and reference regions; interrupted, it goes on."""
    from dataclasses import replace

    from lesionloop.cohort.quantity_tables import require_pyarrow
    from lesionloop.quantification.burden import QuantifyOptions
    from lesionloop.quantification.lean_mass import Physique

    one = {"--ct": ct, "--pet": pet, "--dicom": dicom, "--mask": mask, "--tracer": tracer,
           "--weight-kg": weight_kg, "--height-cm": height_cm, "--sex": sex}  # fmt: skip
    _check_usage(src, one, {"--masks": masks, "--parquet": parquet or None})
    if parquet:
        require_pyarrow()
    # Physique checks the word.
    physique = Physique(weight_kg, height_cm, sex)  # type: ignore[arg-type]
    options = QuantifyOptions(fixed_suv, erode_mm, physique)
    if src is None:
        from lesionloop.cli.study_input import read_input, tell
        from lesionloop.cohort.quantifying import TOTALSEGMENTATOR, OrganSource, quantify_one
        from lesionloop.output import output_folder
        from lesionloop.quantification.totalsegmentator import require_totalsegmentator

        source = None
        if organs == TOTALSEGMENTATOR:
            require_totalsegmentator(fast=not organs_fine)
            source = OrganSource(None, None, not organs_fine)
        elif organs is not None:
            source = OrganSource(Path(organs), organ_names)
        with output_folder(out):
            study = read_input(
                ct=ct, pet=pet, dicom=dicom, tracer=tracer,
                weight_kg=weight_kg if dicom is not None else None,
            )  # fmt: skip
            tell(study)
            known = study.provenance.facts.get("weight_kg")  # out of the DICOM header
            if physique.weight_kg is None and isinstance(known, float):
                options = replace(options, physique=replace(physique, weight_kg=known))
            assert mask is not None  # noqa: S101  (checked above; for the type checker)
            record = quantify_one(study, mask, out, organs=source, options=options)
        _print([record], {}, out, json=json)
        return
    from lesionloop.cohort.quantifying import find_jobs, quantify_cases
    from lesionloop.cohort.quantity_tables import write_quantity_tables
    from lesionloop.output import output_folder

    jobs = find_jobs(
        src, out, masks=masks, organs=organs, organ_names=organ_names, fast=not organs_fine,
        options=options,
    )  # fmt: skip
    records, failures, faults = [], {}, 0
    with output_folder(out):
        with progress("quantifying", len(jobs)) as bar:
            for done, case in enumerate(quantify_cases(jobs, workers=workers), start=1):
                bar.update(done, label=case.name)
                if case.record is None:
                    failures[case.name] = case.problem or ""
                    faults += case.is_fault
                    note(f"{case.name}: {case.problem}")
                else:
                    records.append(case.record)
        records.sort(key=lambda record: str(record["study"]))
        write_quantity_tables(records, out, parquet=parquet)
    _print(records, failures, out, json=json)
    if failures:
        raise typer.Exit(1 if faults else 2)


def _check_usage(src: Path | None, one: dict[str, Any], many: dict[str, Any]) -> None:
    """Refuse options of one study with a data set, and the other way round."""
    wrong = [name for name, value in (many if src is None else one).items() if value is not None]
    if wrong:
        where = "one study" if src is None else "a data set"
        raise InputError(
            f"{wrong[0]} does not go with {where}",
            remedy="See `lesionloop quantify --help` for examples.",
        )
    if src is None and one["--mask"] is None:
        raise InputError(
            "one study needs --mask", remedy="Or give a data set in the nnU-Net layout."
        )


def _print(
    records: list[dict[str, Any]], failures: dict[str, str], out: Path, *, json: bool
) -> None:
    if json:
        print_json({"studies": records, "failed": failures})
        return
    rows = []
    for record in records:
        totals = record["totals"]
        regions = [record["reference_regions"][name] for name in ("liver", "blood_pool")]
        row = [record["study"], totals["lesions"], totals["mtv_ml"], totals["tlg"]]
        row += [totals["suv_max"], totals["suv_peak"], totals["dmax_mm"]]
        rows.append([*row, *(region["mean"] if region["ok"] else None for region in regions)])
    columns = ["study", "lesions", "MTV ml", "TLG g", "SUVmax", "SUVpeak", "Dmax mm"]
    print_table([*columns, "liver", "blood pool"], rows)
    typer.echo(str(out))
