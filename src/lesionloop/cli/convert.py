"""``lesionloop convert``: DICOM folders and data sets to the nnU-Net layout."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lesionloop.cli.console import note, print_json, progress
from lesionloop.cli.study_input import tell
from lesionloop.errors import InputError

NAME = "convert"
EXAMPLES = (
    "Examples: lesionloop convert ~/scans/study1 dataset/   ·   "
    "lesionloop convert ~/scans dataset/ --each   ·   lesionloop convert DEEP-PSMA/ dataset/"
)


def run(
    src: Annotated[
        Path,
        typer.Argument(
            help="A DICOM folder, or a data set: nnU-Net, autoPET, FDG-PET-CT-Lesions, DEEP-PSMA."
        ),
    ],
    dst: Annotated[Path, typer.Argument(help="Gets imagesTr/<name>_0000 (CT) and _0001 (PET).")],
    layout: Annotated[
        str | None,
        typer.Option(
            help="Layout of SRC: dicom, nnunet, autopet, fdg-pet-ct-lesions, deep-psma;"
            " by default it is recognised."
        ),
    ] = None,
    each: Annotated[
        bool, typer.Option("--each", help="SRC holds one DICOM study per folder; convert all.")
    ] = False,
    name: Annotated[
        str | None, typer.Option(help="Case name; by default the folder's name.")
    ] = None,
    pet_series: Annotated[str | None, typer.Option(help="PET series, see inspect.")] = None,
    ct_series: Annotated[str | None, typer.Option(help="CT series, see inspect.")] = None,
    weight_kg: Annotated[
        float | None, typer.Option(help="Body weight when the header has none.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print what was written as JSON.")] = False,
) -> None:
    """Convert studies: PET in SUV, CT on the PET grid in HU, compressed NIfTI."""
    from lesionloop.datasets import check_layout, recognise_layout

    found = check_layout(layout) if layout else recognise_layout(src)
    if found == "longitudinal-ct":
        raise InputError(
            f"{src} holds CT without PET",
            cause="The longitudinal CT data have none, and every command here needs a PET.",
            remedy=f"`lesionloop dataset pairs {src}` lists the scans;"
            " lesionloop.datasets.find_pairs reads them.",
        )
    if found == "trials":
        raise InputError(
            f"{src} holds CT without PET",
            cause="It is in the TriALS layout: liver CT in four phases.",
            remedy="`lesionloop dataset check` checks it, `lesionloop fuse` fuses its labels.",
        )
    options = (each, name, pet_series, ct_series, weight_kg is not None)
    if found != "dicom" and any(options):
        raise InputError(
            f"{src} is a data set in {'nnU-Net' if found == 'nnunet' else found} layout",
            cause="--each, --name, --weight-kg and the choice of series are for DICOM.",
            remedy="Leave them out.",
        )
    if found in ("dicom", "nnunet"):
        written = _studies(
            src, dst, found == "dicom", each=each, name=name, pet_series=pet_series,
            ct_series=ct_series, weight_kg=weight_kg,
        )  # fmt: skip
    else:
        written = _data_set(src, dst, found)
    if json:
        print_json(written)
        return
    for entry in written:
        for role in ("pet", "ct"):
            if entry[role]:
                typer.echo(f"{entry[role]}")


def _studies(src: Path, dst: Path, dicom: bool, **options: Any) -> list[dict[str, Any]]:
    """DICOM or plain nnU-Net studies: the first that is refused ends the conversion."""
    from lesionloop.datasets import convert_dicom, convert_nnunet
    from lesionloop.output import output_folder

    written = []
    jobs = convert_dicom(src, dst, **options) if dicom else convert_nnunet(src, dst)
    with output_folder(dst), progress("converting", None) as bar:
        for done, (case, study) in enumerate(jobs, start=1):
            bar.update(done, label=case.name)
            tell(study, prefix=f"{case.name}: ")
            files = {"case": case.name, "pet": case.pet, "ct": case.ct, "label": case.label}
            written.append({**files, "facts": dict(study.provenance.facts)})
    return written


def _data_set(src: Path, dst: Path, layout: str) -> list[dict[str, Any]]:
    """A public data set: cases that are refused are told and passed over."""
    from lesionloop.datasets import convert_cases
    from lesionloop.output import output_folder

    written: list[dict[str, Any]] = []
    states = {"written": 0, "kept": 0, "failed": 0}
    with output_folder(dst), progress("converting", None) as bar:
        for done, case in enumerate(convert_cases(src, dst, layout), start=1):
            bar.update(done, label=case.name, total=case.total)
            states[case.state] += 1
            for text in case.notes:
                note(f"{case.name}: note: {text}")
            if case.error is not None:
                note(f"{case.name}: left out: {case.error}")
            files = case.files
            written.append(
                {
                    "case": case.name,
                    "state": case.state,
                    "pet": files and files.pet,
                    "ct": files and files.ct,
                    "label": files and files.label,
                    "facts": dict(case.facts or {}),
                    "reason": None if case.error is None else str(case.error),
                }
            )
    note(f"{states['written']} cases written, {states['kept']} were there and whole already")
    if states["failed"]:
        note(f"{states['failed']} of {len(written)} cases were left out; cases.json tells why")
    return written
