"""Structured reports of the studies of a folder, resumed where it was interrupted."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from lesionloop.cohort.case_records import CaseOutcome, kept_record, made_from
from lesionloop.cohort.report_images import (
    SEG,
    SR,
    Images,
    lesion_projection,
    read_images,
    write_dicom,
)
from lesionloop.cohort.workers import in_processes
from lesionloop.errors import InputError
from lesionloop.output import make_folder, write_json, write_text
from lesionloop.quantification.diameter import largest_diameters
from lesionloop.reporting.structured.building import build_report
from lesionloop.reporting.structured.checking import check_html, check_text
from lesionloop.reporting.structured.html import report_html
from lesionloop.reporting.structured.model import STATES, Report
from lesionloop.reporting.structured.quantities import (
    BURDEN,
    LESIONS,
    ORGANS,
    QuantifiedStudy,
    read_quantified,
)
from lesionloop.reporting.structured.record import FORMAT, report_record
from lesionloop.reporting.structured.rules import read_rules
from lesionloop.reporting.structured.templates import LANGUAGES, Templates, read_templates
from lesionloop.reporting.structured.text import report_text

__all__ = ["ReportJob", "ReportOptions", "find_report_jobs", "report_studies"]

_RECORD: Final = "report.json"
_PAGE: Final = "report.html"


@dataclass(frozen=True)
class ReportOptions:
    """What is written.

    Args:
        languages: "en", "zh" or both.
        rules: file of rules; None for the built-in ones.
        tracer: for studies that do not tell theirs.
        reader: person who answers for the lesions; with a DICOM study a DICOM SR is written.
    """

    languages: tuple[str, ...] = LANGUAGES
    rules: Path | None = None
    tracer: str | None = None
    reader: str | None = None


@dataclass(frozen=True)
class ReportJob:
    """A study to report on: its quantities, its images if any, and where to."""

    folder: Path
    out: Path
    options: ReportOptions
    images: Images | None = None


def find_report_jobs(
    quantified: Path,
    out: Path,
    options: ReportOptions,
    *,
    studies: Sequence[str] = (),
    images: dict[str, Images] | None = None,
) -> list[ReportJob]:
    """The studies in an output folder of ``lesionloop quantify``.

    Args:
        quantified: that folder, or the folder of one study.
        out: gets a folder for each study.
        options: what is written.
        studies: names of folders; empty for all.
        images: by name of the folder; None for none.

    Raises:
        InputError: there is no study, or one that is asked for is missing.
    """
    read_rules(options.rules)  # a fault in it is the fault of no study
    found = _folders(quantified)
    missing = [name for name in studies if name not in found]
    if missing:
        raise InputError(
            f"{quantified} has no study {missing[0]}",
            cause=f"It has {len(found)}, the first is {min(found)}.",
            remedy="Give the name of a folder in it, without --study all are taken.",
        )
    kept = {name: found[name] for name in sorted(studies or found)}
    lacking = [name for name in kept if images is not None and name not in images]
    if lacking:
        raise InputError(
            f"{len(lacking)} of {len(kept)} studies have no images",
            cause=f"The first is {lacking[0]}.",
            remedy="Give the data that were quantified, or choose with --study.",
        )
    return [
        ReportJob(folder, out / name, options, images[name] if images else None)
        for name, folder in kept.items()
    ]


def _folders(quantified: Path) -> dict[str, Path]:
    try:
        if (quantified / BURDEN).is_file():
            return {quantified.resolve().name: quantified}
        found = {path.parent.name: path.parent for path in quantified.glob(f"*/{BURDEN}")}
    except OSError as error:
        raise InputError(
            f"cannot look into {quantified}",
            cause=f"{error.strerror or error}.",
            remedy="Choose a folder that can be read.",
        ) from error
    if not found:
        raise InputError(
            f"{quantified} holds no quantities",
            cause=f"Neither it nor a folder in it has a {BURDEN}.",
            remedy="Give the output folder of `lesionloop quantify`.",
        )
    return found


def report_studies(jobs: Sequence[ReportJob], *, workers: int = 1) -> Iterator[CaseOutcome]:
    """Write reports; yields each study as it is done: its lesions, organs by state and folder.

    One that fails does not stop the others. Writes ``report.json`` last. What was written
    before from the same is kept.

    Raises:
        InputError: ``workers`` is below 1.
    """
    yield from in_processes(report_study, jobs, workers, lost=_lost)


def report_study(job: ReportJob) -> CaseOutcome:
    """Write the report of one study."""
    name = job.out.name
    try:
        study = read_quantified(job.folder)
        made = _made_from(job)
        is_whole = all((job.out / file).is_file() for file in _files(job))
        done = kept_record(job.out / _RECORD, made) if is_whole else None
        if done is not None:
            return CaseOutcome(name, _summary(done, job.out), resumed=True)
        record = _write(job, study, made)
    except Exception as error:
        return CaseOutcome.failed(name, error)
    return CaseOutcome(name, _summary(record, job.out))


def _write(job: ReportJob, study: QuantifiedStudy, made: str) -> dict[str, Any]:
    options = job.options
    seen = None if job.images is None else read_images(job.images, study, options.tracer)
    report = build_report(
        study,
        read_rules(options.rules),
        tracer=options.tracer,
        diameters=None if seen is None else largest_diameters(seen[1], seen[0].grid.spacing),
    )
    languages = [read_templates(name) for name in options.languages]
    facts = {"Program": f"lesionloop {version('lesionloop')}", "Rules": report.rules}
    facts |= {"Quantities by": f"lesionloop {report.version}", "Made from": made}
    png = None if seen is None else lesion_projection(*seen)
    html = report_html(report, languages, facts, png=png)
    texts = {templates.language: report_text(report, templates) for templates in languages}
    _refuse_wrong(report, languages, texts, html)
    record = {**report_record(report, languages), "made_from": made}
    make_folder(job.out)
    (job.out / _RECORD).unlink(missing_ok=True)  # of another run; without it the rest counts not
    for name in {*map(_text_name, LANGUAGES), SEG, SR} - {*_files(job)}:
        (job.out / name).unlink(missing_ok=True)
    for language, text in texts.items():
        write_text(job.out / _text_name(language), text)
    write_text(job.out / _PAGE, html)
    if seen is not None and options.reader is not None:
        write_dicom(*seen, job.out, options.reader)
    write_json(job.out / _RECORD, record)
    return record


def _refuse_wrong(
    report: Report, languages: Sequence[Templates], texts: dict[str, str], html: str
) -> None:
    """A report that states a number it cannot prove is never written."""
    problems: list[str] = []
    for templates in languages:
        problems += check_text(texts[templates.language], report, templates)
    problems += check_html(html, report, languages)
    if problems:
        raise RuntimeError(f"the report of {report.study} is not consistent: {problems[0]}")


def _text_name(language: str) -> str:
    return f"report.{language}.txt"


def _files(job: ReportJob) -> list[str]:
    """Names of the files of a report."""
    names = [*map(_text_name, job.options.languages), _PAGE, _RECORD]
    return [*names, SEG, SR] if job.options.reader is not None else names


def _made_from(job: ReportJob) -> str:
    """Hash of quantities and rules, of names, sizes and times of images, of options and version."""
    options = job.options
    settings = [options.languages, options.tracer, options.reader, FORMAT, version("lesionloop")]
    contents = [(job.folder / name).read_bytes() for name in (BURDEN, LESIONS, ORGANS)]
    if options.rules is not None:
        contents.append(options.rules.read_bytes())
    files: list[Path] = []
    images = job.images
    if images is not None:
        contents.append(repr(images.weight_kg).encode())
        files += [path for path in (images.mask, images.pet, images.dicom) if path is not None]
        files += sorted(images.dicom.iterdir()) if images.dicom else ()
    return made_from(settings, *contents, files=files)


def _summary(record: dict[str, Any], out: Path) -> dict[str, Any]:
    states = Counter(organ["state"] for region in record["findings"] for organ in region["organs"])
    return {
        "study": record["study"],
        "tracer": record["tracer"],
        "lesions": len(record["lesions"]),
        "organs": {state: states[state] for state in STATES},
        "folder": str(out),
    }


def _lost(job: ReportJob, how: str) -> CaseOutcome:
    return CaseOutcome.lost(job.out.name, how)
