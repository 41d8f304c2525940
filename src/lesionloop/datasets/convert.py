"""Conversion to the nnU-Net layout, one study at a time."""

from collections.abc import Iterator
from pathlib import Path

from lesionloop.datasets.nnunet import FOLDERS, CaseFiles, find_cases, tracer_of, write_case
from lesionloop.errors import InputError
from lesionloop.imaging import Study, read_label, read_study, require_same_grid
from lesionloop.imaging.dicom import read_dicom_study

__all__ = ["convert_dicom", "convert_nnunet", "is_dataset"]

Converted = Iterator[tuple[CaseFiles, Study]]


def is_dataset(folder: Path) -> bool:
    """Whether a folder is in the nnU-Net (or raw challenge) layout."""
    return any((folder / images).is_dir() for images, _ in FOLDERS)


def convert_dicom(
    src: Path,
    dst: Path,
    *,
    each: bool = False,
    name: str | None = None,
    pet_series: str | None = None,
    ct_series: str | None = None,
    weight_kg: float | None = None,
) -> Converted:
    """Convert one DICOM study, or with ``each`` the study in every sub-folder of ``src``.

    Yields each case when it is written.

    Raises:
        InputError: a study is refused, or ``src`` has no sub-folders.
        OutputError: ``dst`` cannot be written.
    """
    folders = [src]
    if each:
        folders = sorted(f for f in src.iterdir() if f.is_dir()) if src.is_dir() else []
        if not folders:
            raise InputError(f"{src} holds no folders", remedy="Leave --each out for one study.")
        if name is not None:
            raise InputError("one name cannot be given to several studies")
    for folder in folders:
        study = read_dicom_study(
            folder, pet_series=pet_series, ct_series=ct_series, weight_kg=weight_kg, name=name
        )
        yield write_case(study, dst), study


def convert_nnunet(src: Path, dst: Path) -> Converted:
    """Bring every case of a data set to the PET grid, labels along.

    Raises:
        InputError: a case is refused, or its label is not on the PET grid.
        OutputError: ``dst`` cannot be written.
    """
    if src.resolve() == dst.resolve():
        raise InputError(f"{src} cannot be converted onto itself", remedy="Choose another folder.")
    for case in find_cases(src, labelled=False):
        study = read_study(case.ct, case.pet, tracer=tracer_of(case.name), name=case.name)
        label = None
        if case.label is not None:
            label = read_label(case.label)
            require_same_grid(label, study.pet)
        yield write_case(study, dst, label=label), study
