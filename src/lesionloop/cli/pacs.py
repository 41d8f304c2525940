"""``lesionloop pacs``: find studies on a PACS, fetch them, store objects."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lesionloop.cli.console import JsonOption, note, print_json, print_table, progress

if TYPE_CHECKING:
    from lesionloop.imaging.dicomweb import Pacs

NAME = "pacs"
_URL = "https://pacs.example.org/dicom-web"

commands = typer.Typer(
    help="Find studies on a PACS, fetch them, and store objects, over DICOMweb.",
    epilog="Credentials come from the environment: LESIONLOOP_DICOMWEB_TOKEN (bearer token) or "
    "LESIONLOOP_DICOMWEB_LOGIN (user:password).",
    no_args_is_help=True,
)

UrlArgument = Annotated[
    str, typer.Argument(metavar="URL", help="Root of the DICOMweb services of the PACS.")
]
CaOption = Annotated[Path | None, typer.Option("--ca", help="Certificates to trust, PEM.")]


def open_pacs(url: str, ca: Path | None) -> "Pacs":
    """A PACS with the credentials of the environment; says when the way to it is open to others.

    Raises:
        InputError: the address or the credentials cannot be used, or the package for it is missing.
    """
    from lesionloop.errors import InputError

    try:
        from lesionloop.imaging.dicomweb import Pacs
    except ImportError as error:
        if error.name != "requests":
            raise
        raise InputError(
            "DICOMweb is not installed",
            cause=f"The package {error.name} is missing.",
            remedy="Install it: pip install 'lesionloop[pacs]'.",
        ) from error
    pacs = Pacs.from_environment(url, ca=ca)
    if not pacs.is_private:
        note(f"the way to {pacs.name} is not encrypted: others on it can read and change all")
    return pacs


@commands.command(epilog=f"Example: lesionloop pacs find {_URL} --name 'Doe^J*' --from 2024-01-01")
def find(
    url: UrlArgument,
    patient_id: Annotated[
        str | None, typer.Option("--patient-id", help="Patient ID; * stands for any characters.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Patient's name, Family^Given, or the begin of it.")
    ] = None,
    first: Annotated[str | None, typer.Option("--from", help="First day, YYYY-MM-DD.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last day, YYYY-MM-DD.")] = None,
    accession: Annotated[str | None, typer.Option(help="Accession number.")] = None,
    modality: Annotated[
        str, typer.Option(help="That a series of the study must have; empty: any.")
    ] = "PT",
    limit: Annotated[int, typer.Option(min=1, max=5000, help="Studies at most.")] = 100,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """List the studies that fit all that is asked for, the newest first."""
    found = open_pacs(url, ca).find(
        patient_id=patient_id,
        patient_name=name,
        date_from=first,
        date_to=last,
        accession=accession,
        modality=modality or None,
        limit=limit,
    )
    if found.more:
        note("there are more: ask for less, or raise --limit")
    if json:
        print_json([asdict(study) for study in found.studies])
        return
    columns = ("date", "patient id", "name", "description", "modalities", "instances", "uid")
    print_table(
        columns,
        [
            (s.date, s.patient_id, s.patient_name, s.description, " ".join(s.modalities),
             s.instances, s.uid)
            for s in found.studies
        ],
    )  # fmt: skip


@commands.command(epilog=f"Example: lesionloop pacs fetch {_URL} 1.2.840.99.1 study1/")
def fetch(
    url: UrlArgument,
    study: Annotated[str, typer.Argument(help="Study UID, as find prints it.")],
    out: Annotated[Path, typer.Argument(help="Folder for the files; a fetch goes on there.")],
    modality: Annotated[
        list[str] | None,
        typer.Option(help="Of the series to fetch, repeatable; default: PT, CT and RWV."),
    ] = None,
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Fetch a study: what reading it takes, or the series of the modalities given."""
    pacs = open_pacs(url, ca)
    from lesionloop.imaging.dicomweb import READ_MODALITIES

    with progress("fetching", None) as bar:
        fetched = pacs.fetch(
            study,
            out,
            modalities=modality or READ_MODALITIES,
            progress=lambda done, total: bar.update(done, total=total),
        )
    there = fetched.instances - fetched.new
    note(f"{fetched.new} instances fetched{f', {there} were there already' if there else ''}")
    if fetched.left_out:
        note(f"not fetched: series of {', '.join(sorted(set(fetched.left_out)))}")
    if json:
        print_json(asdict(fetched))
    else:
        typer.echo(f"{fetched.folder}")


@commands.command(epilog=f"Example: lesionloop pacs store {_URL} seg.dcm rtstruct.dcm sr.dcm")
def store(
    url: UrlArgument,
    files: Annotated[list[Path], typer.Argument(help="DICOM files.")],
    ca: CaOption = None,
    json: JsonOption = False,
) -> None:
    """Store DICOM files, and tell which of them the PACS has taken."""
    pacs = open_pacs(url, ca)
    with progress("storing", len(files)) as bar:
        report = pacs.store(files, progress=lambda done, _total: bar.update(done))
    for stored in report.stored:
        if stored.warning:
            note(f"{stored.path}: stored, with a warning: {stored.warning}")
    if json:
        print_json(
            {
                "stored": [{"file": s.path, "sop_instance_uid": s.uid} for s in report.stored],
                "refused": [{"file": r.path, "reason": r.reason} for r in report.refused],
                "unknown": report.unknown,
                "unsent": report.unsent,
            }
        )
    else:
        for stored in report.stored:
            typer.echo(f"{stored.path}\t{stored.uid}")
    report.require_all()
