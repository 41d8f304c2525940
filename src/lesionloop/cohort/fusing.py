"""Fused labels of a whole data set: case by case, resumed where it was interrupted."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from lesionloop.cohort.workers import in_processes
from lesionloop.datasets.trials import COMBINED, PHASES, TrialsCase
from lesionloop.errors import InputError, LesionLoopError
from lesionloop.fusion import Fused, FuseOptions, fuse_phases
from lesionloop.fusion.fuse import Phase
from lesionloop.imaging import Quantity, read_volume, write_volume
from lesionloop.output import make_folder, output_folder, write_bytes, write_json
from lesionloop.reporting.fusion_report import lesion_picture
from lesionloop.versions import versions

__all__ = ["FuseJob", "FusedCase", "fuse_case", "fuse_cases"]

_RECORD = "fusion.json"


@dataclass(frozen=True)
class FuseJob:
    """A case to be fused, and where to."""

    case: TrialsCase
    out: Path
    options: FuseOptions


@dataclass(frozen=True)
class FusedCase:
    """What came of a case.

    Args:
        name: of the case.
        record: content of its ``fusion.json``; None when it failed.
        problem: why it failed.
        resumed: whether it was done before.
    """

    name: str
    record: Mapping[str, Any] | None
    problem: str | None = None
    resumed: bool = False


def fuse_cases(
    cases: Sequence[TrialsCase], out: Path, options: FuseOptions, *, workers: int = 1
) -> Iterator[FusedCase]:
    """Fuse cases; yields each as it is done. A case that fails does not stop the others.

    Writes ``labelsTr/<case>/<case>_combined.nii.gz`` and ``cases/<case>/`` with ``fusion.json`` and
    a picture of each lesion. What was done before with the same files and options is kept.

    Raises:
        InputError: ``workers`` is below 1.
        OutputError: ``out`` cannot be written.
    """
    make_folder(out)
    jobs = [FuseJob(case, out, options) for case in cases]
    yield from in_processes(fuse_case, jobs, workers, lost=_lost)


def fuse_case(job: FuseJob) -> FusedCase:
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
        made_from = _made_from(job)
        done = _done(folder / _RECORD, made_from)
        if done is not None:
            return FusedCase(case.name, done, resumed=True)
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
        record = _record(case, fused, job.options, made_from)
        with output_folder(folder) as target:
            grid = phases[PHASES[0]].image.grid
            for lesion in fused.lesions:
                png = lesion_picture(fused, lesion, grid.spacing)
                write_bytes(target / f"lesion_{lesion.number}.png", png)
        write_json(folder / _RECORD, record)  # last: a case without it is done again
    except LesionLoopError as error:
        return FusedCase(case.name, None, " ".join(filter(None, (f"{error.what}.", error.cause))))
    return FusedCase(case.name, record)


def _lost(job: FuseJob, how: str) -> FusedCase:
    return FusedCase(job.case.name, None, f"{how}.")


def _made_from(job: FuseJob) -> str:
    """Hash of the names, sizes and times of the files and of the options."""
    digest = blake2b(digest_size=12)
    digest.update(json.dumps(asdict(job.options), sort_keys=True).encode())
    for path in (*job.case.images.values(), *job.case.labels.values()):
        stat = path.stat()
        digest.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()


def _done(path: Path, made_from: str) -> dict[str, Any] | None:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(record, dict) and record.get("made_from") == made_from
    return record if known else None


def _record(case: TrialsCase, fused: Fused, options: FuseOptions, made_from: str) -> dict[str, Any]:
    starts = [side.start for side in fused.box]
    return {
        "case": case.name,
        "centre": case.centre,
        "made_from": made_from,
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
