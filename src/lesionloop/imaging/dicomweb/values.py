"""Values of DICOM JSON (PS3.18 annex F) that others wrote: of the right kind and bounded, or None.

Tags are eight hexadecimal digits.
"""

import re
from typing import Any

__all__ = ["integer", "is_uid", "items", "name", "text", "texts", "uid"]

#: PS3.5 9.1; leading zeros, which it forbids, do no harm and are met.
_UID = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)
_LONGEST_UID = 64
_LONGEST_TEXT = 200
_MOST_VALUES = 100


def is_uid(value: object) -> bool:
    """Whether it is a UID: digits and single dots, so that it can also name a file."""
    return (
        isinstance(value, str) and len(value) <= _LONGEST_UID and _UID.fullmatch(value) is not None
    )


def uid(item: dict[str, Any], tag: str) -> str | None:
    """A UID, or None when there is none or it is malformed."""
    for value in _values(item, tag)[:1]:
        if is_uid(value):
            return str(value)
    return None


def text(item: dict[str, Any], tag: str) -> str:
    """The first value as printable text; empty when there is none."""
    return next(iter(texts(item, tag)), "")


def texts(item: dict[str, Any], tag: str) -> tuple[str, ...]:
    """All values as printable texts."""
    values = (v for v in _values(item, tag) if isinstance(v, str | int | float))
    return tuple(found for value in values if (found := _printable(str(value))))


def name(item: dict[str, Any], tag: str) -> str:
    """A person's name in its alphabetic form, as DICOM writes it: Family^Given."""
    for value in _values(item, tag)[:1]:
        parts = value if isinstance(value, dict) else {"Alphabetic": value}
        for form in ("Alphabetic", "Ideographic", "Phonetic"):
            if isinstance(parts.get(form), str):
                return _printable(parts[form])
    return ""


def integer(item: dict[str, Any], tag: str) -> int | None:
    """A number that is not negative; None when there is none."""
    for value in _values(item, tag)[:1]:
        try:
            found = int(value)
        except (TypeError, ValueError, OverflowError):
            return None
        return found if 0 <= found < 2**31 else None
    return None


def items(item: dict[str, Any], tag: str) -> list[dict[str, Any]]:
    """Items of a sequence."""
    return [value for value in _values(item, tag) if isinstance(value, dict)]


def _values(item: dict[str, Any], tag: str) -> list[Any]:
    element = item.get(tag)
    values = element.get("Value") if isinstance(element, dict) else None
    return values[:_MOST_VALUES] if isinstance(values, list) else []


def _printable(value: str) -> str:
    return "".join(c for c in value[:_LONGEST_TEXT] if c.isprintable()).strip()
