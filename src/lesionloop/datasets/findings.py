"""What a check of a data set finds: how bad it is, where, and what to do about it."""

from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Finding", "Severity"]


class Severity(StrEnum):
    """How bad a finding is, the worst first."""

    #: The data set cannot be used as it is, or its results would be wrong.
    ERROR = "error"
    #: Probably wrong, or wrong for some programs.
    WARNING = "warning"
    #: Worth knowing.
    NOTE = "note"


@dataclass(frozen=True)
class Finding:
    """One thing that was found.

    Args:
        severity: how bad it is.
        kind: what it is, the same words for all cases, such as "label is empty".
        files: the files concerned, below the data set; the first is the one to look at.
        detail: numbers and names of this case.
        remedy: what to do.
        case: case name, or None when it concerns the whole.
    """

    severity: Severity
    kind: str
    files: tuple[str, ...]
    detail: str
    remedy: str
    case: str | None = None
