"""Conversion of whole data sets, case by case: what cannot be read is recorded and passed over.

A case is read, brought to the PET grid, written and recorded before the next one is read. A second
run leaves alone what is whole.
"""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from lesionloop.datasets.case_records import CaseRecords
from lesionloop.datasets.case_source import CaseSource, Fact
from lesionloop.datasets.layouts import READERS
from lesionloop.datasets.nnunet import CaseFiles, find_cases, write_case
from lesionloop.datasets.source_files import require_inside
from lesionloop.datasets.splits import SPLITS, read_splits
from lesionloop.errors import InputError
from lesionloop.imaging import Volume, read_label, read_study, require_same_grid
from lesionloop.output import write_json

__all__ = ["Converted", "convert_cases"]

_SECONDS_BETWEEN_RECORDS = 10.0

Roles = Mapping[str, Path | None]


@dataclass(frozen=True)
class Converted:
    """What became of a case.

    Args:
        name: case name.
        state: "written" now, "kept" as an earlier run wrote it, or "failed".
        total: cases of the data set.
        files: of the case in the new data set; None when it failed.
        facts: numbers that concern the case.
        notes: what is unusual.
        error: why it failed.
    """

    name: str
    state: Literal["written", "kept", "failed"]
    total: int
    files: CaseFiles | None = None
    facts: Mapping[str, Fact] | None = None
    notes: tuple[str, ...] = ()
    error: InputError | None = None


def convert_cases(src: Path, dst: Path, layout: str) -> Iterator[Converted]:
    """Convert a data set to the nnU-Net layout, and yield each case when it is done.

    Writes ``imagesTr/<name>_0000.nii.gz`` (CT in HU) and ``_0001.nii.gz`` (PET in SUV), both on the
    PET grid, ``labelsTr/<name>.nii.gz`` (0 and 1), ``cases.json`` (see
    :class:`~lesionloop.datasets.case_records.CaseRecords`), ``dataset.json`` and, when the source
    has one, ``splits_final.json``. One case is in memory at a time.

    Args:
        src: the data set.
        dst: folder for the new one; may hold what an earlier run wrote.
        layout: a name in :data:`~lesionloop.datasets.layouts.READERS`.

    Raises:
        InputError: ``src`` has no cases or a damaged table, ``dst`` is ``src``, or not one case
            could be converted. A single case that is refused is yielded as failed instead.
        OutputError: ``dst`` cannot be written.
    """
    if src.resolve() == dst.resolve():
        raise InputError(f"{src} cannot be converted onto itself", remedy="Choose another folder.")
    cases = READERS[layout](src)
    if not cases:
        raise InputError(
            f"no case in {src}",
            cause=f"Nothing in it is in the layout {layout}.",
            remedy="Choose another --layout; docs/datasets.md shows them.",
        )
    splits = src / SPLITS
    if splits.is_file():
        read_splits(require_inside(splits, src))
    records = CaseRecords.read(dst)
    saved = time.monotonic()
    done: list[Converted] = []
    names: set[str] = set()
    try:
        for case in cases:
            twice = case.name.lower() in names
            names.add(case.name.lower())
            done.append(replace(_convert(case, src, layout, records, twice), total=len(cases)))
            if time.monotonic() - saved > _SECONDS_BETWEEN_RECORDS:
                records.write()
                saved = time.monotonic()
            yield done[-1]
    finally:
        if any(one.state != "failed" for one in done):
            records.write()
    _require_some(src, done)
    if splits.is_file():
        folds = [{"train": fold.train, "val": fold.val} for fold in read_splits(splits)]
        write_json(dst / SPLITS, folds)
    _write_description(dst, src.resolve().name, layout)


def _convert(
    case: CaseSource, src: Path, layout: str, records: CaseRecords, twice: bool
) -> Converted:
    try:
        if case.problem is not None:
            raise case.problem
        if twice:
            raise InputError(
                f"{case.name} stands there twice",
                cause="Two cases have names that differ at most in capitals.",
                remedy="Rename one of them.",
            )
        for path in case.files.values():
            require_inside(path, src)
        if records.is_whole(case, layout, src):
            record = records.cases[case.name]
            return Converted(
                case.name, "kept", 0, _files_in(records.folder, case), facts=record["facts"]
            )
        return _write(case, src, layout, records)
    except InputError as error:
        records.fail(case.name, "  ".join(str(error).split("\n  ")))
        return Converted(case.name, "failed", 0, error=error)


def _write(case: CaseSource, src: Path, layout: str, records: CaseRecords) -> Converted:
    if case.pet is None:
        raise InputError(f"case {case.name} has no PET")
    study = read_study(case.ct, case.pet, tracer=case.tracer, name=case.name)
    facts = dict(case.facts)
    notes = [*case.notes, *study.provenance.notes]
    label = None
    if case.label is not None:
        found = read_label(case.label)
        require_same_grid(found, study.pet)
        label = replace(found, values=found.mask().view(np.uint8))
        facts |= _label_facts(label, study.pet, case.facts.get("suv_threshold"))
        highest = int(found.values.max())
        if highest > 1:
            notes.append(f"The label has values up to {highest}: all above 0 count as lesion.")
    with suppress(KeyError):
        del records.cases[case.name]  # until the new files are whole
    files = write_case(study, records.folder, label=label)
    roles: Roles = {"ct": files.ct, "pet": files.pet, "label": files.label}
    records.add(case, layout, src, files=roles, facts=facts, notes=tuple(notes))
    return Converted(case.name, "written", 0, files, facts, tuple(notes))


def _label_facts(label: Volume, pet: Volume, threshold: Fact) -> dict[str, Fact]:
    """Size of the lesions, and how much is below the threshold that they were drawn with."""
    lesion = label.values > 0
    facts: dict[str, Fact] = {"lesion_voxels": int(lesion.sum())}
    if isinstance(threshold, float):
        facts["lesion_voxels_below_threshold"] = int((pet.values[lesion] < threshold).sum())
    return facts


def _files_in(dst: Path, case: CaseSource) -> CaseFiles:
    images = dst / "imagesTr"
    return CaseFiles(
        case.name,
        images / f"{case.name}_0001.nii.gz",
        images / f"{case.name}_0000.nii.gz" if case.ct else None,
        dst / "labelsTr" / f"{case.name}.nii.gz" if case.label else None,
    )


def _require_some(src: Path, done: list[Converted]) -> None:
    first = next((one.error for one in done if one.error), None)
    if first is not None and all(one.state == "failed" for one in done):
        raise InputError(
            f"not one of {len(done)} cases in {src} could be converted",
            cause=f"{done[0].name}: {first.what}. {first.cause or ''}".strip(),
            remedy=first.remedy,
        ) from first


def _write_description(dst: Path, name: str, layout: str) -> None:
    """``dataset.json``, as nnU-Net wants it."""
    cases = find_cases(dst, labelled=False)
    content = {
        "channel_names": {"0": "CT", "1": "PET"},
        "labels": {"background": 0, "tumor": 1},
        "numTraining": sum(case.label is not None for case in cases),
        "file_ending": ".nii.gz",
        "name": name,
        "description": f"Converted from the layout {layout}: CT in HU on the PET grid, PET in SUV",
    }
    write_json(dst / "dataset.json", content)
