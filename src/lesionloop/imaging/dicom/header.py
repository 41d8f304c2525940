"""Single attributes of a DICOM header, forgiving of what scanners and anonymisers write.

An attribute that is absent, empty or not parsable is None here; whether that is an error is the
caller's decision, who knows what the attribute is for.
"""

import math
import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.tag import Tag

__all__ = [
    "Moment",
    "code_items",
    "date_of",
    "items",
    "moment_of",
    "name_tag",
    "number",
    "numbers",
    "philips_factor",
    "private_text",
    "text",
    "texts",
    "time_of",
]

_DATE = re.compile(r"(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})")
_TIME = re.compile(r"(\d{2})(?::?(\d{2})(?::?(\d{2})(?:\.(\d{1,6}))?)?)?\s*")
_OFFSET = re.compile(r"([+-])(\d{2})(\d{2})\s*$")


@dataclass(frozen=True)
class Moment:
    """A date and time as written, with its offset from UTC when it was given."""

    local: datetime
    utc_offset: timedelta | None = None

    def at_offset(self, offset: timedelta | None) -> datetime:
        """Clock time at ``offset`` from UTC; as written when either offset is not known."""
        if offset is None or self.utc_offset is None:
            return self.local
        return self.local - self.utc_offset + offset


def name_tag(keyword: str) -> str:
    """Keyword and tag as messages show them: ``PatientWeight (0010,1030)``."""
    tag = tag_for_keyword(keyword)
    if tag is None:
        return keyword
    known = Tag(tag)
    return f"{keyword} ({known.group:04x},{known.element:04x})"


def texts(header: Dataset, keyword: str) -> tuple[str, ...]:
    """All values of an attribute as stripped text; empty when absent."""
    try:
        value = header.get(keyword)
    except Exception:  # pydicom converts on access, and bad bytes raise many kinds of error
        return ()
    if value is None:
        return ()
    parts = [value] if isinstance(value, str | bytes) or not hasattr(value, "__iter__") else value
    return tuple(t for t in (_as_text(part) for part in parts) if t)


def text(header: Dataset, keyword: str) -> str | None:
    """The attribute as text, several values joined by a backslash; None when absent or empty."""
    found = texts(header, keyword)
    return "\\".join(found) if found else None


def numbers(header: Dataset, keyword: str, count: int | None = None) -> tuple[float, ...] | None:
    """Finite numbers of an attribute; None when absent, not numbers, or not ``count`` of them."""
    try:
        found = tuple(float(part) for part in texts(header, keyword))
    except ValueError:
        return None
    if not found or not all(math.isfinite(v) for v in found):
        return None
    return found if count is None or len(found) == count else None


def number(header: Dataset, keyword: str) -> float | None:
    """The one number of an attribute; None when absent, several, or not a finite number."""
    found = numbers(header, keyword, 1)
    return found[0] if found else None


def items(header: Dataset, keyword: str) -> tuple[Dataset, ...]:
    """Items of a sequence; empty when absent."""
    try:
        value = header.get(keyword)
        return tuple(value) if value is not None else ()
    except Exception:  # see texts
        return ()


def code_items(header: Dataset, keyword: str) -> tuple[tuple[str, str], ...]:
    """(code value, code meaning) of each item of a code sequence."""
    return tuple(
        (
            text(item, "CodeValue") or text(item, "LongCodeValue") or "",
            text(item, "CodeMeaning") or "",
        )
        for item in items(header, keyword)
    )


def private_text(header: Dataset, group: int, element: int, creator: str) -> str | None:
    """A private attribute as text, found through its creator.

    Anonymisers sometimes keep the value and drop the creator; then the usual block 10 is taken,
    as long as no other creator has reserved it.
    """
    reserved = {}
    for block in range(0x10, 0x14):
        entry = header.get(Tag(group, block))
        if entry is not None:
            reserved[block] = _as_text(entry.value)
    blocks = [b for b, owner in reserved.items() if owner.casefold() == creator.casefold()]
    if not blocks and 0x10 not in reserved:
        blocks = [0x10]
    for block in blocks:
        entry = header.get(Tag(group, (block << 8) | element))
        if entry is not None and _as_text(entry.value):
            return _as_text(entry.value)
    return None


def philips_factor(header: Dataset, element: int) -> float | None:
    """Philips' private factor for PET counts, finite and above 0, or None.

    Args:
        header: of a slice.
        element: 0x00 for counts to body-weight SUV (7053,1000), 0x09 for counts to Bq/mL
            (7053,1009).
    """
    value = private_text(header, 0x7053, element, "Philips PET Private Group")
    try:
        factor = float(value) if value else 0.0
    except ValueError:
        return None
    return factor if math.isfinite(factor) and factor > 0 else None


def date_of(value: str | None) -> date | None:
    """A DA value: YYYYMMDD, or YYYY.MM.DD of old files."""
    found = _DATE.match(value.strip()) if value else None
    try:
        return date(*(int(part) for part in found.groups())) if found else None
    except ValueError:
        return None


def time_of(value: str | None) -> time | None:
    """A TM value: HH, HHMM, HHMMSS or HHMMSS.FFFFFF, with colons in old files."""
    found = _TIME.match(value.strip()) if value else None
    if not found:
        return None
    hours, minutes, seconds, fraction = found.groups()
    try:
        return time(
            int(hours),
            int(minutes or 0),
            min(int(seconds or 0), 59),
            int((fraction or "0").ljust(6, "0")),
        )
    except ValueError:
        return None


def moment_of(value: str | None) -> Moment | None:
    """A DT value: YYYYMMDDHHMMSS.FFFFFF&ZZXX with at least the hour; None otherwise."""
    if not value:
        return None
    offset = None
    found = _OFFSET.search(value)
    if found:
        size = timedelta(hours=int(found.group(2)), minutes=int(found.group(3)))
        offset = -size if found.group(1) == "-" else size
        value = value[: found.start()]
    day, clock = date_of(value[:8]), time_of(value[8:])
    if day is None or clock is None:
        return None
    return Moment(datetime.combine(day, clock), offset)


def _as_text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("ascii", errors="replace")
    return str(value).strip(" \0\r\n\t")
