"""Case names of the autoPET data: tracer, patient and study.

``fdg_<patient>_<MM-DD-YYYY-NA-description-digits>`` and ``psma_<patient>_<YYYY-MM-DD>``; patients
are hexadecimal digits. In the metadata they are ``PETCT_<patient>`` and ``PSMA_<patient>``.

Source: the data's description (DOI 10.57754/FDAT.6gjsg-zcg93) and the file names in the evaluation
code of the challenge.
"""

import re
from dataclasses import dataclass
from datetime import date
from typing import Literal

__all__ = ["AutoPetName", "parse_name", "study_date"]

_NAME = re.compile(r"(fdg|psma)_([0-9a-f]{6,})_(.+)", re.DOTALL)
_DATES = (
    re.compile(r"(?P<year>\d{4})[-/](?P<month>\d{1,2})[-/](?P<day>\d{1,2})(?!\d)"),
    re.compile(r"(?P<month>\d{1,2})[-/](?P<day>\d{1,2})[-/](?P<year>\d{4})(?!\d)"),
)


@dataclass(frozen=True)
class AutoPetName:
    """The parts of a case name.

    Args:
        tracer: "fdg" or "psma".
        patient: hexadecimal digits.
        study: the rest, which holds the date.
    """

    tracer: Literal["fdg", "psma"]
    patient: str
    study: str

    @property
    def subject(self) -> str:
        """The patient as the metadata tables name them."""
        return f"{'PETCT' if self.tracer == 'fdg' else 'PSMA'}_{self.patient}"


def parse_name(name: str) -> AutoPetName | None:
    """The parts of a case name; None when it is not one of the autoPET data."""
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    return AutoPetName("fdg" if found[1] == "fdg" else "psma", found[2], found[3])


def study_date(text: str) -> date | None:
    """The date at the start of a text, year or month first; None when there is none."""
    for pattern in _DATES:
        if found := pattern.match(text):
            try:
                return date(*(int(found[part]) for part in ("year", "month", "day")))
            except ValueError:
                return None
    return None
