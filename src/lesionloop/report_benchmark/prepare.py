"""From studies and reference reports to the records of the benchmark."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from lesionloop.datasets.nnunet import CaseFiles, find_cases, tracer_of
from lesionloop.errors import InputError
from lesionloop.imaging import read_study
from lesionloop.output import make_folder, write_bytes, write_json
from lesionloop.report_benchmark.prompts import ask, system_text
from lesionloop.report_benchmark.records import MAX_TEXT, PromptRecord, write_prompts
from lesionloop.report_benchmark.slices import SliceRule, render_slices
from lesionloop.reporting.mip import png_bytes

__all__ = ["prepare", "read_report"]

_NOTES: Final = "slices.json"


def prepare(
    dataset: Path,
    reports: Path,
    out: Path,
    *,
    rule: SliceRule,
    language: str,
    on_case: Callable[[str, int, int], None] | None = None,
) -> list[PromptRecord]:
    """Write ``records.jsonl`` and ``images/<case>/*.png`` for every case that has a report.

    Pictures that are there and were drawn in the same way are kept. The names of the cases become
    the ids of the records.

    Args:
        dataset: nnU-Net folder; labels are not needed.
        reports: folder of ``<case>.txt``, UTF-8.
        out: folder of the records.
        rule: which slices, and how they are drawn.
        language: of the instruction, "zh" or "en".
        on_case: is told the case, how many are done, of how many.

    Raises:
        InputError: no case has a report, a report is empty, or a study cannot be drawn.
        OutputError: the folder cannot be written.
    """
    cases = find_cases(dataset, labelled=False)
    pairs = [(case, reports / f"{case.name}.txt") for case in cases]
    pairs = [(case, report) for case, report in pairs if report.is_file()]
    if not pairs:
        raise InputError(
            f"no case of {dataset} has a report in {reports}",
            cause="A report is a file <case>.txt.",
            remedy="Name the reports as the cases are named.",
        )
    system, records = system_text(language), []
    for done, (case, report) in enumerate(pairs, start=1):
        reference = read_report(report)
        images = _images(case, make_folder(out / "images" / case.name), rule)
        text = ask(language, len(images), fused=rule.fused)
        records.append(PromptRecord(case.name, system, text, tuple(images), reference))
        if on_case is not None:
            on_case(case.name, done, len(pairs))
    write_prompts(out / "records.jsonl", records, fused=rule.fused)
    return records


def read_report(path: Path) -> str:
    """A report from a text file.

    Raises:
        InputError: it cannot be read, is empty, is too long, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(4 * MAX_TEXT + 1)
        text = raw.decode("utf-8-sig").strip()
    except OSError as error:
        raise InputError(
            f"cannot read the report {path}",
            cause=f"{error.strerror or error}.",
            remedy="Check the path.",
        ) from error
    except UnicodeDecodeError as error:
        raise InputError(
            f"cannot read the report {path}",
            cause="It is not UTF-8.",
            remedy="Convert it, for instance with iconv.",
        ) from error
    if not text or len(text) > MAX_TEXT:
        raise InputError(
            f"cannot use the report {path}",
            cause="It is empty." if not text else f"It has more than {MAX_TEXT} characters.",
            remedy="Give the text of one report.",
        )
    return text


def _images(case: CaseFiles, folder: Path, rule: SliceRule) -> list[Path]:
    """Pictures of a case, drawn unless they are there."""
    facts = json.loads(json.dumps(rule.facts()))
    # A study that was replaced is drawn anew.
    sources = [path for path in (case.pet, case.ct) if path is not None]
    facts["files"] = [[path.name, path.stat().st_size, path.stat().st_mtime_ns] for path in sources]
    names = _kept(folder, facts)
    if names is None:
        study = read_study(case.ct, case.pet, tracer=tracer_of(case.name), name=case.name)
        pictures, numbers = render_slices(study, rule)
        names = _names(numbers, fused=rule.fused)
        for name, picture in zip(names, pictures, strict=True):
            write_bytes(folder / name, png_bytes(picture))
        write_json(folder / _NOTES, {**facts, "images": names})
    return [folder / name for name in names]


def _kept(folder: Path, facts: dict[str, Any]) -> list[str] | None:
    """Names of pictures that were drawn with the same settings; None when one is missing."""
    try:
        found = json.loads((folder / _NOTES).read_text(encoding="utf-8"))
        names = [str(name) for name in found.pop("images")]
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return None
    whole = found == facts and all((folder / name).is_file() for name in names)
    return names if whole else None


def _names(numbers: Sequence[int], *, fused: bool) -> list[str]:
    kinds = ("fused",) if fused else ("pet", "ct")
    return [
        f"{kind}-{place}-{number}.png"
        for kind in kinds
        for place, number in enumerate(numbers, start=1)
    ]
