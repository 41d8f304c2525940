"""Fused labels of a whole data set: case by case, resumed where it was interrupted."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lesionloop.cohort.case_records import CaseOutcome, kept_record, made_from
from lesionloop.cohort.workers import in_processes
from lesionloop.datasets.trials import COMBINED, PHASES, TrialsCase
from lesionloop.errors import InputError
from lesionloop.fusion import Fused, FuseOptions, fuse_phases
from lesionloop.fusion.fuse import Phase
from lesionloop.imaging import Quantity, read_volume, write_volume
from lesionloop.output import make_folder, output_folder, write_bytes, write_json
from lesionloop.reporting.fusion_report import lesion_picture
from lesionloop.versions import versions

__all__ = ["FuseJob", "fuse_case", "fuse_cases"]

_RECORD = "fusion.json"


@dataclass(frozen=True)
class FuseJob:
    """A case to be fused, and where to."""

    case: TrialsCase
    out: Path
    options: FuseOptions


def fuse_cases(
    cases: Sequence[TrialsCase], out: Path, options: FuseOptions, *, workers: int = 1
) -> Iterator[CaseOutcome]:
    """Fuse cases; yields each, with its ``fusion.json``, as it is done.

    A case that fails does not stop the others. What was done before with the same files and
    options is kept. Writes ``labelsTr/<case>/<case>_combined.nii.gz`` and ``cases/<case>/`` with
    ``fusion.json`` and a picture of each lesion.

    Raises:
        InputError: ``workers`` is below 1.
        OutputError: ``out`` cannot be written.
    """
    make_folder(out)
    jobs = [FuseJob(case, out, options) for case in cases]
    yield from in_processes(fuse_case, jobs, workers, lost=_lost)


def fuse_case(job: FuseJob) -> CaseOutcome:
    """Fuse a case and write what came of it."""
    case, folder = job.case, job.out / "cases" / job.case.name
    try:
        missing = [
            phase for phase in PHASES if phase not in case.images or phase not in case.labels
        ]
        if missing:
            raise InputError(
                f"{case.name} lacks {', '.join(missing)}",
                cause="Fusing needs CT and label of all four phases.",
                remedy="`lesionloop dataset check` lists what is missing.",
            )
        files = (*case.images.values(), *case.labels.values())
        made = made_from(asdict(job.options), files=files)
        done = kept_record(folder / _RECORD, made)
        if done is not None:
            return CaseOutcome(case.name, done, resumed=True)
        phases = {
            phase: Phase(
                read_volume(case.images[phase], Quantity.HU),
                read_volume(case.labels[phase], Quantity.LABEL),
            )
            for phase in PHASES
        }
        fused = fuse_phases(phases, PHASES[0], job.options)
        labels = make_folder(job.out / "labelsTr" / case.name)
        write_volume(fused.label, labels / f"{case.name}_{COMBINED}.nii.gz")
        record = _record(case, fused, job.options, made)
        with output_folder(folder) as target:
            grid = phases[PHASES[0]].image.grid
            for lesion in fused.lesions:
                png = lesion_picture(fused, lesion, grid.spacing)
                write_bytes(target / f"lesion_{lesion.number}.png", png)
        write_json(folder / _RECORD, record)  # last: a case without it is done again
    except Exception as error:
        return CaseOutcome.failed(case.name, error)
    return CaseOutcome(case.name, record)


def _lost(job: FuseJob, how: str) -> CaseOutcome:
    return CaseOutcome.lost(job.case.name, how)


def _record(case: TrialsCase, fused: Fused, options: FuseOptions, made: str) -> dict[str, Any]:
    starts = [side.start for side in fused.box]
    return {
        "case": case.name,
        "centre": case.centre,
        "made_from": made,
        "options": asdict(options),
        "versions": versions(),
        "box": [[side.start, side.stop] for side in fused.box],
        "staple": {
            phase: {"sensitivity": p, "specificity": q}
            for phase, p, q in zip(
                fused.masks, fused.staple.sensitivity, fused.staple.specificity, strict=True
            )
        },
        "alignment": {
            phase: {"folded": found.full.folded()} for phase, found in fused.alignments.items()
        },
        "lesions": [_lesion(asdict(lesion), starts) for lesion in fused.lesions],
        "conflicts": [_lesion(asdict(entry), starts) for entry in fused.supported.conflicts],
        "close_but_apart": [
            {"phases": [one, other], "mm": apart} for one, other, apart in fused.lone
        ],
    }


def _lesion(entry: dict[str, Any], starts: Sequence[int]) -> dict[str, Any]:
    """With its voxel as one of the whole scan, not of the box."""
    return entry | {"at": [a + s for a, s in zip(entry["at"], starts, strict=True)]}
