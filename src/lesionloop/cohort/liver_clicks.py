"""The interactive track of the liver benchmark over a data set: clicks, loop, curves, resumed.

Every case goes through the loop of fixed clicks: 11 masks, after 0 to 10 clicks of each class, each
scored with the whole reference as one object. The study is a CT without a PET.

Source: TriALS 2025 interactive track, released code (commit de701ea), rebuilt from its description.
"""

import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lesionloop.cohort.case_records import CaseOutcome, kept_record, made_from
from lesionloop.cohort.workers import in_processes
from lesionloop.datasets.trials import PHASES, TrialsCase
from lesionloop.errors import InputError
from lesionloop.imaging import Quantity, Study, read_label, read_volume, require_same_grid
from lesionloop.imaging import write_mask as write_mask_file
from lesionloop.imaging.study import ct_study
from lesionloop.interaction.click_loop import run_clicks
from lesionloop.interaction.trace import TraceStep
from lesionloop.metrics.liver import lesion_mask, score_click_curve, score_whole_lesion
from lesionloop.metrics.liver.click_curve import WholeScore
from lesionloop.output import make_folder, write_json
from lesionloop.scribbles.clicks import Clicks, read_clicks, simulate_clicks, write_clicks
from lesionloop.segmenters import Segmenter, load_segmenter
from lesionloop.segmenters.protocol import needs_pet
from lesionloop.versions import versions

__all__ = ["ClickJob", "ClickOptions", "click_case", "click_cases", "load_ct_segmenter"]


@dataclass(frozen=True)
class ClickOptions:
    """How cases are segmented.

    Args:
        segmenter: registered name.
        segmenter_options: of the segmenter.
        phase: of contrast that is segmented, one of ``PHASES``; its label is the reference.
        clicks: folder of files ``<case>_clicks.json``; None draws them from the reference.
        seed: of the drawing, the same for each case.
        most_offset: see `simulate_clicks`.
        keep_masks: write the 11 masks of each case.

    Raises:
        InputError: the phase is unknown, or the offset is negative.
    """

    segmenter: str
    segmenter_options: Mapping[str, Any] = field(default_factory=dict)
    phase: str = "venous"
    clicks: Path | None = None
    seed: int = 42
    most_offset: int = 0
    keep_masks: bool = False

    def __post_init__(self) -> None:
        if self.phase not in PHASES:
            raise InputError(f"unknown phase {self.phase!r}", remedy=f"Use {', '.join(PHASES)}.")
        if self.most_offset < 0 or self.seed < 0:
            raise InputError("the seed and the offset of clicks are whole numbers from 0")


@dataclass(frozen=True)
class ClickJob:
    """A case to be segmented, and where to."""

    case: TrialsCase
    out: Path
    options: ClickOptions


def load_ct_segmenter(name: str, **options: Any) -> Segmenter:
    """A registered segmenter, when it works on a CT without a PET.

    Raises:
        InputError: it does not, or it cannot be loaded.
    """
    segmenter = load_segmenter(name, **options)
    if needs_pet(segmenter):
        raise InputError(
            f"the segmenter {name} cannot segment a CT alone",
            cause="It needs a PET in SUV, which the liver benchmark does not have.",
            remedy="Use command:PROGRAM, container:IMAGE, nninteractive:FOLDER with -o image=ct, or"
            " nnunet:FOLDER with -o channels=ct,foreground,background.",
        )
    return segmenter


def click_cases(
    cases: Sequence[TrialsCase], out: Path, options: ClickOptions, *, workers: int = 1
) -> Iterator[CaseOutcome]:
    """Run cases through the loop; yields each, with its record, as it is done.

    A case that fails does not stop the others. What was done before with the same files, segmenter
    and options is kept. Writes ``clicks/<case>_clicks.json``, ``cases/<case>.json`` and, where
    they are to be kept, ``masks/<case>/<case>_<clicks>.nii.gz``.

    Raises:
        InputError: ``workers`` is below 1, or the segmenter does not work on CT alone.
        OutputError: ``out`` cannot be written.
    """
    load_ct_segmenter(options.segmenter, **options.segmenter_options)
    make_folder(out)
    jobs = [ClickJob(case, out, options) for case in cases]
    yield from in_processes(click_case, jobs, workers, lost=_lost)


def click_case(job: ClickJob) -> CaseOutcome:
    """Run a case through the loop and write what came of it."""
    case, options = job.case, job.options
    place = job.out / "cases" / f"{case.name}.json"
    try:
        image, label, given = _files(case, options)
        segmenter = load_ct_segmenter(options.segmenter, **options.segmenter_options)
        told = asdict(options) | {"clicks": None, "segmenter": segmenter.identity}
        made = made_from(told, files=[path for path in (image, label, given) if path])
        done = kept_record(place, made)
        if done is not None:
            return CaseOutcome(case.name, done, resumed=True)
        ct = read_volume(image, Quantity.HU)
        reference = read_label(label)
        require_same_grid(reference, ct)
        lesions = lesion_mask(reference.values, "training")
        if given is None:
            clicks = simulate_clicks(
                lesions, reference.values, seed=options.seed, most_offset=options.most_offset
            )
        else:
            clicks = read_clicks(given, ct.grid.shape)
        study = ct_study(ct, name=case.name)
        steps = run_clicks(segmenter, study, clicks)
        if all(step.mask is None for step in steps):
            raise InputError(f"{case.name} got no mask", cause=f"{steps[-1].failure}.")
        write_clicks(make_folder(job.out / "clicks") / f"{case.name}_clicks.json", clicks)
        _write_masks(job.out / "masks" / case.name, study, steps, keep=options.keep_masks)
        rows = [_score(step, lesions, study) for step in steps]
        record = _record(case, options, segmenter, clicks, rows) | {"made_from": made}
        make_folder(place.parent)
        write_json(place, record)  # last: a case without it is done again
    except Exception as error:
        return CaseOutcome.failed(case.name, error)
    return CaseOutcome(case.name, record)


def _lost(job: ClickJob, how: str) -> CaseOutcome:
    return CaseOutcome.lost(job.case.name, how)


def _files(case: TrialsCase, options: ClickOptions) -> tuple[Path, Path, Path | None]:
    """CT, label and, when they are given, clicks of a case."""
    if options.phase not in case.images or options.phase not in case.labels:
        kind = "CT" if options.phase not in case.images else "label"
        raise InputError(
            f"{case.name} has no {kind} of the phase {options.phase}",
            cause="The loop needs the CT, and its label as reference.",
            remedy="`lesionloop dataset check` lists what is missing.",
        )
    given = None if options.clicks is None else options.clicks / f"{case.name}_clicks.json"
    if given is not None and not given.is_file():
        raise InputError(
            f"{case.name} has no clicks",
            cause=f"There is no file {given}.",
            remedy="Add it, or leave out --clicks to have them drawn.",
        )
    return case.images[options.phase], case.labels[options.phase], given


def _write_masks(folder: Path, study: Study, steps: Sequence[TraceStep], *, keep: bool) -> None:
    shutil.rmtree(folder, ignore_errors=True)  # of another run: they must not be taken for these
    if not keep:
        return
    make_folder(folder)
    for step in steps:
        if step.mask is not None:
            write_mask_file(step.mask, study, folder / f"{study.name}_{step.step}.nii.gz")


def _score(step: TraceStep, lesions: Any, study: Study) -> dict[str, Any]:
    """A row of a case: a step without a mask scores as an empty one."""
    mask = np.zeros(study.grid.shape, np.bool_) if step.mask is None else step.mask
    # As NIfTI stores it, from where the released code has it.
    spacing = [float(np.float32(side)) for side in study.grid.spacing]
    score = score_whole_lesion(mask, lesions, spacing)
    return {
        "clicks": step.step,
        **(asdict(score) if score else dict.fromkeys(("dice", "assd", "msd"))),
        "voxels": int(np.count_nonzero(mask)),
        "seconds": round(step.seconds, 3),
        "failure": step.failure,
    }


def _record(
    case: TrialsCase,
    options: ClickOptions,
    segmenter: Segmenter,
    clicks: Clicks,
    rows: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    curve = None
    if rows[0]["dice"] is not None:
        scores = [WholeScore(row["dice"], row["assd"], row["msd"]) for row in rows]
        curve = {
            "strict": asdict(score_click_curve(scores, "numbers")),
            "official": asdict(score_click_curve(scores, "names")),
        }
    return {
        "case": case.name,
        "centre": case.centre,
        "phase": options.phase,
        "segmenter": segmenter.identity,
        "lesion_clicks": len(clicks.lesion),
        "background_clicks": len(clicks.background),
        "steps": list(rows),
        "curve": curve,
        "versions": versions(),
    }
