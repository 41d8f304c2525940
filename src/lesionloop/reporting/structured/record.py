"""Reports as JSON, in the form of ``docs/schemas/report.schema.json``."""

from collections.abc import Sequence
from typing import Any, Final

from lesionloop.reporting.structured.model import REGIONS, Number, Report, Sentence, Source
from lesionloop.reporting.structured.rounding import DECIMALS
from lesionloop.reporting.structured.templates import Templates

__all__ = ["FORMAT", "report_record"]

#: Changes when the schema does.
FORMAT: Final = "lesionloop report 1"


def report_record(report: Report, languages: Sequence[Templates]) -> dict[str, Any]:
    """The report as strict JSON, with the text of every statement in each language."""

    def sentence(entry: Sentence) -> dict[str, Any]:
        return {
            "key": entry.key,
            "text": {templates.language: templates.text(entry) for templates in languages},
            "numbers": [_number(number) for number in entry.numbers],
        }

    return {
        "format": FORMAT,
        "study": report.study,
        "tracer": report.tracer,
        "quantity": "SUVbw",
        "languages": [templates.language for templates in languages],
        "rounding": {"rule": "half away from zero", "decimals": dict(DECIMALS)},
        "rules": report.rules,
        "technique": [sentence(entry) for entry in report.technique],
        "findings": [
            {
                "region": region,
                "organs": [
                    {
                        "organ": entry.organ,
                        "state": entry.state,
                        "tissue_state": entry.tissue_state,
                        "kind": entry.kind or None,
                        "why": entry.why or None,
                        "lesions": list(entry.lesions),
                        "sentence": sentence(entry.sentence),
                    }
                    for entry in report.organs
                    if entry.region == region
                ],
                "lesions": [entry.number for entry in report.lesions if entry.region == region],
            }
            for region in REGIONS
        ],
        "lesions": [
            {
                "lesion": entry.number,
                "region": entry.region,
                "location": entry.location or None,
                "organ": entry.organ or None,
                "sentence": sentence(entry.sentence),
            }
            for entry in report.lesions
        ],
        "impression": [sentence(entry) for entry in report.impression],
        "notes": list(report.notes),
        "version": report.version,
    }


def _number(number: Number) -> dict[str, Any]:
    return {
        "name": number.name,
        "value": number.value,
        "unit": number.unit,
        "shown": number.shown,
        "how": number.how,
        "source": [_source(source) for source in number.sources],
    }


def _source(source: Source) -> dict[str, Any]:
    found: dict[str, Any] = {"file": source.file}
    if source.pointer is not None:
        found["pointer"] = source.pointer
    if source.column is not None:
        found["column"] = source.column
    if source.where is not None:
        found["where"] = {source.where[0]: source.where[1]}
    return found
