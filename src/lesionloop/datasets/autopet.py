"""The two layouts of the autoPET data: FDG-PET-CT-Lesions as NIfTI, and the merged nnU-Net tree.

::

    FDG-PET-CT-Lesions/PETCT_<patient>/<study>/   CTres SUV SEG (and CT, PET in Bq/mL), .nii.gz

    imagesTr/<tracer>_<patient>_<study>_0000.nii.gz (CT)  _0001.nii.gz (PET in SUV)
    labelsTr/<tracer>_<patient>_<study>.nii.gz
    splits_final.json  fdg_metadata.csv  psma_metadata.csv

Sources: DOI 10.7937/gkr0-xv29 (the former), 10.57754/FDAT.6gjsg-zcg93 (the latter).
"""

from collections.abc import Iterator
from pathlib import Path

from lesionloop.datasets.autopet_metadata import FILES, AutoPetMetadata, common_facts
from lesionloop.datasets.autopet_names import parse_name
from lesionloop.datasets.case_source import CaseSource
from lesionloop.datasets.inventory import Parts, list_parts
from lesionloop.datasets.nnunet import FOLDERS, tracer_of
from lesionloop.datasets.source_files import folders_in, images_named
from lesionloop.datasets.splits import SPLITS
from lesionloop.errors import InputError

__all__ = ["find_autopet", "find_fdg_lesions", "is_autopet", "is_fdg_lesions"]

_PREFIX = "PETCT_"
_IMAGES = {"SUV", "CTres", "SEG"}


def is_fdg_lesions(folder: Path) -> bool:
    """Whether a folder holds patients as FDG-PET-CT-Lesions does, or a folder in it does."""
    return next(_studies(folder), None) is not None


def is_autopet(folder: Path) -> bool:
    """Whether a data set in nnU-Net layout has the tables or the folds of the autoPET data."""
    marks = (SPLITS, *FILES.values())
    return any((folder / images).is_dir() for images, _ in FOLDERS) and any(
        (folder / mark).is_file() for mark in marks
    )


def find_fdg_lesions(folder: Path) -> list[CaseSource]:
    """Studies by name, ``fdg_<patient>_<study>``, as the merged data call them.

    A study without SUV is among them, with its problem.

    Raises:
        InputError: a metadata table is damaged.
    """
    studies = list(_studies(folder))
    roots = {study.parent.parent for study in studies} | {folder}
    metadata = AutoPetMetadata(sorted(roots), folder)
    return sorted((_study(study, metadata) for study in studies), key=lambda case: case.name)


def find_autopet(folder: Path) -> list[CaseSource]:
    """Cases of an nnU-Net tree by name, with what its tables say of them.

    A case without PET, or with a file twice, is among them with its problem.

    Raises:
        InputError: there is no folder of images, or it cannot be read; a metadata table is damaged.
    """
    parts = list_parts(folder)
    metadata = AutoPetMetadata([folder], folder)
    return [_case(part, metadata) for part in parts]


def _studies(folder: Path) -> Iterator[Path]:
    """Study folders two or three levels down."""
    for first in folders_in(folder):
        for second in folders_in(first):
            if _IMAGES & set(images_named(second)):
                yield second
            else:
                yield from (s for s in folders_in(second) if _IMAGES & set(images_named(s)))


def _study(folder: Path, tables: AutoPetMetadata) -> CaseSource:
    images = images_named(folder)
    patient = folder.parent.name.removeprefix(_PREFIX)
    name = f"fdg_{patient}_{folder.name}"
    metadata, notes = tables.of(name)
    problem = None
    if "SUV" not in images:
        cause = "PET holds activity in Bq/mL, not SUV." if "PET" in images else None
        problem = InputError(
            f"{folder} has no SUV", cause=cause, remedy="Copy the study again, with its SUV file."
        )
    if "SEG" not in images:
        notes = (*notes, "There is no SEG file: the case has no label.")
    return CaseSource(
        name=name,
        tracer="fdg",
        patient=patient,
        study=folder.name,
        pet=images.get("SUV"),
        ct=images.get("CTres", images.get("CT")),
        label=images.get("SEG"),
        facts=common_facts(metadata),
        metadata=metadata,
        notes=notes,
        problem=problem,
    )


def _case(parts: Parts, tables: AutoPetMetadata) -> CaseSource:
    name = parse_name(parts.name)
    metadata, notes = tables.of(parts.name)
    twice = next((role for role in (parts.pet, parts.ct, parts.label) if len(role) > 1), None)
    problem = None
    if not parts.pet:
        problem = InputError(
            f"case {parts.name} has no PET",
            cause=f"{parts.name}_0001 is missing.",
            remedy="Add it, or remove the case.",
        )
    elif twice:
        problem = InputError(
            f"case {parts.name} has a file twice",
            cause=f"{twice[0].name} and {twice[1].name}.",
            remedy="Remove one of them.",
        )
    return CaseSource(
        name=parts.name,
        tracer=tracer_of(parts.name),
        patient=name.patient if name else None,
        study=name.study if name else None,
        pet=next(iter(parts.pet), None),
        ct=next(iter(parts.ct), None),
        label=next(iter(parts.label), None),
        facts=common_facts(metadata),
        metadata=metadata,
        notes=notes,
        problem=problem,
    )
