"""``lesionloop quantify``: tumour burden, organs and reference regions."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from lesionloop.cli.console import (
    CtOption,
    DicomOption,
    JsonOption,
    print_json,
    print_table,
    take_cases,
)
from lesionloop.errors import InputError

if TYPE_CHECKING:
    from lesionloop.quantification.burden import QuantifyOptions

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
    baseline_pet: Annotated[
        Path | None, typer.Option(help="PET of an earlier study of the patient, to compare with.")
    ] = None,
    baseline_ct: Annotated[Path | None, typer.Option(help="Its CT; may be left out.")] = None,
    baseline_mask: Annotated[Path | None, typer.Option(help="Its lesions.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Studies at a time.")] = 1,
    parquet: Annotated[bool, typer.Option(help="The tables of a data set as Parquet too.")] = False,
    json: JsonOption = False,
) -> None:
    """Measure lesions, burden, organs and reference regions; interrupted, it goes on."""
    from lesionloop.cohort.quantity_tables import require_pyarrow
    from lesionloop.quantification.burden import QuantifyOptions
    from lesionloop.quantification.lean_mass import Physique

    one = {
        "--ct": ct, "--pet": pet, "--dicom": dicom, "--mask": mask, "--tracer": tracer,
        "--weight-kg": weight_kg, "--height-cm": height_cm, "--sex": sex,
        "--baseline-pet": baseline_pet, "--baseline-ct": baseline_ct,
        "--baseline-mask": baseline_mask,
    }  # fmt: skip
    _check_usage(src, one, {"--masks": masks, "--parquet": parquet or None})
    if parquet:
        require_pyarrow()
    # Physique checks the word.
    physique = Physique(weight_kg, height_cm, sex)  # type: ignore[arg-type]
    options = QuantifyOptions(fixed_suv, erode_mm, physique)
    maps = {"organs": organs, "organ_names": organ_names, "fast": not organs_fine}
    failures: dict[str, str] = {}
    faults = 0
    if src is None:
        records = [_one_study(one, out, options, **maps)]
    else:
        records, failures, faults = _data_set(
            src, out, options, workers=workers, masks=masks, parquet=parquet, **maps
        )
    _print(records, failures, out, json=json)
    if failures:
        raise typer.Exit(1 if faults else 2)


def _one_study(
    given: dict[str, Any], out: Path, options: "QuantifyOptions", **maps: Any
) -> dict[str, Any]:
    """Measure the study that the options name; compare it when an earlier one is named too."""
    from dataclasses import replace

    from lesionloop.cli.study_input import read_input, tell
    from lesionloop.cohort.quantifying import compare_one, organ_source, quantify_one
    from lesionloop.output import output_folder

    source = organ_source(**maps)
    if given["--baseline-pet"] is not None:
        from lesionloop.quantification.rigid import require_simpleitk

        require_simpleitk()
    with output_folder(out):
        study = read_input(
            ct=given["--ct"], pet=given["--pet"], dicom=given["--dicom"],
            weight_kg=given["--weight-kg"] if given["--dicom"] is not None else None,
            tracer=given["--tracer"],
        )  # fmt: skip
        tell(study)
        known = study.provenance.facts.get("weight_kg")  # out of the DICOM header
        if options.physique.weight_kg is None and isinstance(known, float):
            options = replace(options, physique=replace(options.physique, weight_kg=known))
        earlier = None
        if given["--baseline-pet"] is not None:
            earlier = read_input(ct=given["--baseline-ct"], pet=given["--baseline-pet"], dicom=None)
        record = quantify_one(study, given["--mask"], out, organs=source, options=options)
        if earlier is not None:
            compare_one(earlier, given["--baseline-mask"], study, given["--mask"], out)
    return record


def _data_set(
    src: Path,
    out: Path,
    options: "QuantifyOptions",
    *,
    workers: int,
    masks: Path | None,
    parquet: bool,
    **maps: Any,
) -> tuple[list[dict[str, Any]], dict[str, str], int]:
    """Measure the cases of a data set; records, failures by case, and how many are our faults."""
    from lesionloop.cohort.quantifying import find_jobs, quantify_cases
    from lesionloop.cohort.quantity_tables import write_quantity_tables
    from lesionloop.output import output_folder

    jobs = find_jobs(src, out, masks=masks, options=options, **maps)
    with output_folder(out):
        found = quantify_cases(jobs, workers=workers)
        records, failures, faults = take_cases("quantifying", found, len(jobs))
        records.sort(key=lambda record: str(record["study"]))
        if records:
            write_quantity_tables(records, out, parquet=parquet)
    return records, failures, faults


def _check_usage(src: Path | None, one: dict[str, Any], many: dict[str, Any]) -> None:
    """Refuse options of one study with a data set, and the other way round."""
    wrong = [name for name, value in (many if src is None else one).items() if value is not None]
    if wrong:
        where = "one study" if src is None else "a data set"
        raise InputError(
            f"{wrong[0]} does not go with {where}",
            remedy="See `lesionloop quantify --help` for examples.",
        )
    if len({one[name] is None for name in ("--baseline-pet", "--baseline-mask")}) > 1:
        raise InputError(
            "--baseline-pet and --baseline-mask go together",
            cause="A comparison needs the earlier study and its lesions.",
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
