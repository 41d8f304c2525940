"""Quantities of one study or of a whole data set, resumed where it was interrupted."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np

from lesionloop.cohort.case_records import CaseOutcome, kept_record, made_from
from lesionloop.cohort.workers import in_processes
from lesionloop.datasets import CaseFiles, find_cases
from lesionloop.datasets.nnunet import tracer_of
from lesionloop.errors import InputError
from lesionloop.imaging import Study, read_label, read_study, require_same_grid
from lesionloop.imaging.names import images_by_name
from lesionloop.output import make_folder, write_json, write_text
from lesionloop.quantification.burden import QuantifyOptions, quantify_study
from lesionloop.quantification.follow_up import (
    compare_studies,
    follow_up_csv,
    follow_up_record,
)
from lesionloop.quantification.organ_map import NAME_TABLES, OrganMap, read_organ_map
from lesionloop.quantification.organ_uptake import organ_row, organs_csv
from lesionloop.quantification.totalsegmentator import (
    require_totalsegmentator,
    run_totalsegmentator,
)
from lesionloop.versions import versions

__all__ = ["TOTALSEGMENTATOR", "OrganSource", "QuantifyJob", "compare_one",
           "find_jobs", "organ_source", "quantify_cases", "quantify_one"]  # fmt: skip

#: Said instead of a file or a folder: the program makes the maps.
TOTALSEGMENTATOR = "totalsegmentator"

_RECORD = "burden.json"


@dataclass(frozen=True)
class OrganSource:
    """Where the organ map of a study comes from.

    Args:
        path: the map; None: TotalSegmentator makes it from the CT.
        names: a table of names, "totalsegmentator", or None for the table beside the map.
        fast: TotalSegmentator's networks of 3 mm.
    """

    path: Path | None
    names: str | None = None
    fast: bool = True


@dataclass(frozen=True)
class QuantifyJob:
    """A case to be measured, and where to."""

    case: CaseFiles
    mask: Path
    organs: OrganSource | None
    out: Path
    options: QuantifyOptions


def find_jobs(
    dataset: Path,
    out: Path,
    *,
    masks: Path | None = None,
    organs: str | None = None,
    organ_names: str | None = None,
    fast: bool = True,
    options: QuantifyOptions | None = None,
) -> list[QuantifyJob]:
    """The cases of a data set in the nnU-Net layout, each with its mask and its organ map.

    Args:
        dataset: folder with ``imagesTr``.
        out: where results go.
        masks: folder of masks by case name; None for ``labelsTr``.
        organs: folder of maps by case name, "totalsegmentator", or None.
        organ_names: see :class:`OrganSource`.
        fast: see :class:`OrganSource`.
        options: None for the defaults.

    Raises:
        InputError: it is no data set, a mask or a map is missing, or TotalSegmentator is asked for
            and not there.
    """
    cases = find_cases(dataset, labelled=masks is None)
    held = None if masks is None else _by_name(masks, [case.name for case in cases], "mask")
    maps: dict[str, Path] | None = None
    if organs == TOTALSEGMENTATOR:
        require_totalsegmentator(fast=fast)
    elif organs is not None:
        maps = _by_name(Path(organs), [case.name for case in cases], "organ map")
    jobs = []
    for case in cases:
        mask = case.label if held is None else held[case.name]
        if mask is None:
            raise InputError(f"case {case.name} has no mask", remedy="Give a folder with --masks.")
        path = maps[case.name] if maps is not None else None
        source = OrganSource(path, organ_names, fast) if organs is not None else None
        jobs.append(QuantifyJob(case, mask, source, out, options or QuantifyOptions()))
    return jobs


def organ_source(organs: str | None, organ_names: str | None, *, fast: bool) -> OrganSource | None:
    """The organ map of one study: a file, "totalsegmentator", or None.

    Raises:
        InputError: TotalSegmentator is asked for and not there.
    """
    if organs == TOTALSEGMENTATOR:
        require_totalsegmentator(fast=fast)
        return OrganSource(None, None, fast)
    return None if organs is None else OrganSource(Path(organs), organ_names)


def quantify_cases(jobs: Sequence[QuantifyJob], *, workers: int = 1) -> Iterator[CaseOutcome]:
    """Measure cases; yields each, with its ``burden.json``, as it is done.

    A case that fails does not stop the others. What was done before with the same files and
    options is kept.

    Raises:
        InputError: ``workers`` is below 1.
    """
    yield from in_processes(quantify_case, jobs, workers, lost=_lost)


def quantify_case(job: QuantifyJob) -> CaseOutcome:
    """Measure a case and write what came of it."""
    name = job.case.name
    try:
        files = [job.case.pet, job.case.ct, job.mask]
        made = _made_from(files, job.organs, job.options)
        done = kept_record(job.out / name / _RECORD, made)
        if done is not None:
            return CaseOutcome(name, done, resumed=True)
        study = read_study(job.case.ct, job.case.pet, tracer=tracer_of(name), name=name)
        record = _quantify(
            study, job.mask, job.organs, job.out / name, options=job.options, made=made
        )
    except Exception as error:
        return CaseOutcome.failed(name, error)
    return CaseOutcome(name, record)


def quantify_one(
    study: Study,
    mask: Path,
    out: Path,
    *,
    organs: OrganSource | None = None,
    options: QuantifyOptions | None = None,
) -> dict[str, Any]:
    """Measure a study that was read already, and write its files to ``out/<study>``.

    Returns:
        The content of ``burden.json``.

    Raises:
        InputError: mask or map do not fit the study, or TotalSegmentator is not there.
        OutputError: ``out`` cannot be written.
    """
    options = options or QuantifyOptions()
    made = _made_from([mask], organs, options)
    return _quantify(study, mask, organs, out / study.name, options=options, made=made)


def compare_one(
    baseline: Study, baseline_mask: Path, study: Study, mask: Path, out: Path
) -> dict[str, Any]:
    """Compare a study with an earlier one; ``follow_up.json`` and ``.csv`` in ``out/<study>``.

    Returns:
        The content of ``follow_up.json``.

    Raises:
        InputError: a mask does not fit its study, or SimpleITK is missing.
        LesionLoopError: the studies do not come together.
        OutputError: ``out`` cannot be written.
    """
    labels = []
    for one, path in ((baseline, baseline_mask), (study, mask)):
        label = read_label(path, one.grid)
        require_same_grid(label, one.pet)
        labels.append(label.values)
    found = compare_studies(baseline, labels[0], study, labels[1])
    record = follow_up_record(found, baseline.name, study.name)
    folder = make_folder(out / study.name)
    write_text(folder / "follow_up.csv", follow_up_csv(record))
    write_json(folder / "follow_up.json", record)
    return record


def _quantify(
    study: Study,
    mask: Path,
    organs: OrganSource | None,
    folder: Path,
    *,
    options: QuantifyOptions,
    made: str,
) -> dict[str, Any]:
    label = read_label(mask, study.grid)
    require_same_grid(label, study.pet)
    found = quantify_study(study, label.values, _organ_map(study, organs, folder), options)
    rows = [organ_row(study.name, entry) for entry in found.organs]
    record = {**found.record, "made_from": made}
    make_folder(folder)
    write_text(folder / "lesions.csv", found.lesions_csv())
    write_text(folder / "organs.csv", organs_csv(rows))
    write_json(folder / _RECORD, record)  # last: a case without it is done again
    return record


def _organ_map(study: Study, source: OrganSource | None, folder: Path) -> OrganMap | None:
    if source is None:
        return None
    if source.path is not None:
        return read_organ_map(source.path, study.grid, names=source.names)
    ct = study.native_ct()
    if ct is None:
        raise InputError(
            f"{study.name} has no CT",
            cause="TotalSegmentator makes organ maps from CT.",
            remedy="Give its CT, or the map itself with --organs.",
        )
    # Minutes of work: kept from one run to the next, for this very CT.
    of = crc32(np.ascontiguousarray(ct.values.T).tobytes())
    path = folder / f"organ_map_{of:08x}_{'fast' if source.fast else 'fine'}.nii.gz"
    if not path.is_file():
        run_totalsegmentator(ct, path, fast=source.fast)
    return read_organ_map(path, study.grid, names=TOTALSEGMENTATOR)


def _by_name(folder: Path, names: Sequence[str], what: str) -> dict[str, Path]:
    if not folder.is_dir():
        raise InputError(
            f"{folder} is not a folder of {what}s",
            cause="It is a file." if folder.exists() else "There is no such folder.",
            remedy=f"Give a folder with one {what} a case, by the case's name.",
        )
    found = images_by_name(folder)
    missing = [name for name in names if name not in found]
    if missing:
        raise InputError(
            f"{len(missing)} of {len(names)} cases have no {what} in {folder}",
            cause=f"The first is {missing[0]}.",
            remedy=f"Add the {what}s, or remove these cases.",
        )
    return found


def _made_from(
    files: Sequence[Path | None], organs: OrganSource | None, options: QuantifyOptions
) -> str:
    """Hash of the names, sizes and times of the files, of the options and of the versions."""
    names = None if organs is None else [organs.names, organs.fast, organs.path is None]
    read = [path for path in files if path is not None]
    if organs is not None and organs.path is not None:
        tables = [organs.path.parent / table for table in NAME_TABLES]
        if organs.names not in (None, TOTALSEGMENTATOR):
            tables = [Path(str(organs.names))]
        read += [organs.path, *(table for table in tables if table.is_file())]
    there = filter(Path.is_file, read)  # the readers say what is missing
    return made_from([asdict(options), names, versions()], files=there)


def _lost(job: QuantifyJob, how: str) -> CaseOutcome:
    return CaseOutcome.lost(job.case.name, how)
