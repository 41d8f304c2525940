"""What came of each case of a data set, and the record by which an interrupted run goes on."""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from lesionloop.errors import LesionLoopError

logger = logging.getLogger(__name__)

__all__ = ["CaseOutcome", "failure_of", "kept_record", "made_from"]


@dataclass(frozen=True)
class CaseOutcome:
    """What came of a case.

    Args:
        name: of the case.
        record: what is told of it; None when it failed.
        problem: why it failed.
        resumed: whether it was done before.
        is_fault: the failure is a fault of the program, not of the input.
    """

    name: str
    record: dict[str, Any] | None
    problem: str | None = None
    resumed: bool = False
    is_fault: bool = False

    @classmethod
    def failed(cls, name: str, error: Exception) -> "CaseOutcome":
        """Of a case that an error ended."""
        problem, is_fault = failure_of(error, name)
        return cls(name, None, problem, is_fault=is_fault)

    @classmethod
    def lost(cls, name: str, how: str) -> "CaseOutcome":
        """Of a case whose process was ended, and how."""
        return cls(name, None, f"{how}.")


def failure_of(error: Exception, where: str) -> tuple[str, bool]:
    """Why something failed, and whether that is a fault of the program, which is logged."""
    if isinstance(error, LesionLoopError):
        return str(error), False
    logger.error("%s: a fault of the program", where, exc_info=error)
    return f"{type(error).__name__}: {error}", True


def made_from(settings: object, *contents: bytes, files: Iterable[Path] = ()) -> str:
    """Hash of what a result is made from: the same hash, the same result.

    Args:
        settings: anything that JSON can hold.
        contents: bytes that count as they are.
        files: count by name, size and time.
    """
    digest = blake2b(json.dumps(settings, sort_keys=True).encode(), digest_size=12)
    for content in contents:
        digest.update(content)
    for path in files:
        stat = path.stat()
        digest.update(f"{path.name} {stat.st_size} {stat.st_mtime_ns}".encode())
    return digest.hexdigest()


def kept_record(path: Path, made: str) -> dict[str, Any] | None:
    """The record of an earlier run; None when there is none that was made from the same.

    Args:
        path: JSON with what `made_from` gave as ``made_from``.
        made: what `made_from` gives now.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(record, dict) and record.get("made_from") == made
    return record if known else None
