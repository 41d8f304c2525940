"""``lesionloop convert``: DICOM or nnU-Net folders to the nnU-Net layout."""

from pathlib import Path
from typing import Annotated

import typer

from lesionloop.cli.console import print_json, progress
from lesionloop.cli.study_input import tell
from lesionloop.errors import InputError

NAME = "convert"
EXAMPLES = (
    "Examples: lesionloop convert ~/scans/study1 dataset/   ·   "
    "lesionloop convert ~/scans dataset/ --each"
)


def run(
    src: Annotated[Path, typer.Argument(help="A DICOM folder, or a data set in nnU-Net layout.")],
    dst: Annotated[Path, typer.Argument(help="Gets imagesTr/<name>_0000 (CT) and _0001 (PET).")],
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
    from lesionloop.datasets import convert_dicom, convert_nnunet, is_dataset
    from lesionloop.output import output_folder

    if is_dataset(src):
        if each or name or pet_series or ct_series or weight_kg is not None:
            raise InputError(
                f"{src} is a data set in nnU-Net layout",
                cause="--each, --name, --weight-kg and the choice of series are for DICOM.",
                remedy="Leave them out.",
            )
        jobs = convert_nnunet(src, dst)
    else:
        jobs = convert_dicom(
            src, dst, each=each, name=name, pet_series=pet_series, ct_series=ct_series,
            weight_kg=weight_kg,
        )  # fmt: skip
    written = []
    with output_folder(dst), progress("converting", None) as bar:
        for done, (case, study) in enumerate(jobs, start=1):
            bar.update(done, label=case.name)
            tell(study, prefix=f"{case.name}: ")
            files = {"case": case.name, "pet": case.pet, "ct": case.ct, "label": case.label}
            written.append({**files, "facts": dict(study.provenance.facts)})
    if json:
        print_json(written)
    else:
        for entry in written:
            typer.echo(f"{entry['pet']}")
            if entry["ct"]:
                typer.echo(f"{entry['ct']}")
