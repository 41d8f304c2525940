"""The DEEP-PSMA layout: two PET/CT studies of each patient, one with FDG and one with PSMA.

::

    train_0001/
      FDG/   CT.nii.gz PET.nii.gz (SUV) TTB.nii.gz (lesions, on the PET grid) threshold.json
      PSMA/  the same; both also hold totseg_24.nii.gz (organs) and rigid.tfm, which are not used

``threshold.json`` holds ``suv_threshold``: lesions were drawn among voxels above it, 3 for PSMA and
a value from the liver for FDG.

Source: "Dataset format" of the DEEP-PSMA challenge (deep-psma.grand-challenge.org).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from lesionloop.datasets.case_source import CaseSource, agreeing
from lesionloop.datasets.source_files import (
    folders_in,
    images_named,
    read_json,
    read_table,
    require_inside,
)
from lesionloop.errors import InputError

__all__ = ["find_deep_psma", "is_deep_psma"]

_TRACERS = ("fdg", "psma")

#: No threshold is as high.
_HIGHEST_SUV = 1000


def is_deep_psma(folder: Path) -> bool:
    """Whether a folder holds patients in the DEEP-PSMA layout, or a folder in it does."""
    return next(_patients(folder), None) is not None


def find_deep_psma(folder: Path) -> list[CaseSource]:
    """Studies of a DEEP-PSMA folder by name: ``fdg_<patient>`` and ``psma_<patient>``.

    The patients may stand in ``folder`` or in one folder of it. CSV tables beside them are
    searched for the patients' names. A study without its files is among them, with its problem.
    """
    patients = list(_patients(folder))
    tables = _tables({patient.parent for patient in patients} | {folder}, folder)
    cases = [
        _case(patient, tracer_folder, tables, folder)
        for patient in patients
        for tracer_folder in _tracer_folders(patient)
    ]
    return sorted(cases, key=lambda case: case.name)


def _patients(folder: Path) -> Iterator[Path]:
    for candidate in folders_in(folder):
        if _is_patient(candidate):
            yield candidate
        else:
            yield from filter(_is_patient, folders_in(candidate))


def _is_patient(folder: Path) -> bool:
    return any({"PET", "CT"} & set(images_named(tracer)) for tracer in _tracer_folders(folder))


def _tracer_folders(patient: Path) -> list[Path]:
    return [folder for folder in folders_in(patient) if folder.name.lower() in _TRACERS]


def _case(
    patient: Path,
    folder: Path,
    tables: Sequence[Sequence[Mapping[str, str]]],
    inside: Path,
) -> CaseSource:
    tracer = folder.name.lower()
    images = images_named(folder)
    threshold, note = _threshold(folder / "threshold.json", inside)
    notes = [note] if note else []
    problem = None
    if "PET" not in images:
        problem = InputError(f"{folder} has no PET", remedy="Copy the patient's folder again.")
    if "TTB" not in images:
        notes.append("There is no TTB file: the case has no label.")
    metadata: dict[str, str] = {}
    for rows in tables:
        metadata |= agreeing(_rows_of(rows, patient.name, tracer))
    return CaseSource(
        name=f"{tracer}_{patient.name}",
        tracer=tracer,
        patient=patient.name,
        study=tracer,
        pet=images.get("PET"),
        ct=images.get("CT"),
        label=images.get("TTB"),
        facts={"suv_threshold": threshold},
        metadata=metadata,
        notes=tuple(notes),
        problem=problem,
    )


def _threshold(path: Path, inside: Path) -> tuple[float | None, str | None]:
    """SUV threshold of a study, and a note when there is none."""
    try:
        content = read_json(require_inside(path, inside))
    except InputError as error:
        return None, f"The SUV threshold is not known: {error.what}."
    value = content.get("suv_threshold") if isinstance(content, dict) else None
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else 0
    if 0 < number <= _HIGHEST_SUV:  # false for NaN
        return float(number), None
    return None, f"The SUV threshold is not known: {path} has no suv_threshold above 0."


def _tables(folders: set[Path], inside: Path) -> list[list[dict[str, str]]]:
    tables = []
    for folder in sorted(folders):
        for path in sorted(folder.glob("*.csv")):
            try:
                tables.append(read_table(require_inside(path, inside)))
            except InputError:
                continue  # a table is an extra, and which of them matter is not documented
    return tables


def _rows_of(
    rows: Sequence[Mapping[str, str]], patient: str, tracer: str
) -> list[Mapping[str, str]]:
    """Rows with the patient's name in a cell; of these those that name the tracer, if any do."""
    own = [row for row in rows if patient in row.values()]
    same = [row for row in own if tracer in {value.lower() for value in row.values()}]
    other = {name for name in _TRACERS if name != tracer}
    return same or [row for row in own if not other & {value.lower() for value in row.values()}]
