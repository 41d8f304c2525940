"""``cases.json``: where the cases of a converted data set came from, and what was written of each.

It tells a case that is whole from one that is not, by the size and hash of every file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lesionloop.datasets.case_source import CaseSource, Fact
from lesionloop.datasets.source_files import file_hash, read_json
from lesionloop.errors import InputError
from lesionloop.output import write_text

__all__ = ["RECORDS", "CaseRecords", "fingerprint"]

RECORDS = "cases.json"

#: Of this format, and of what a conversion does: a case of another version is converted again.
_VERSION = 1

Fingerprint = dict[str, str | int]


def fingerprint(path: Path) -> Fingerprint:
    """Size in bytes and SHA-256 of a file.

    Raises:
        OSError: it cannot be read.
    """
    return {"bytes": path.stat().st_size, "sha256": file_hash(path)}


@dataclass
class CaseRecords:
    """What was converted into a folder, and what could not be.

    Args:
        folder: where ``cases.json`` stands.
        cases: name to record: ``layout``, ``tracer``, ``patient``, ``study``, ``facts``,
            ``metadata``, ``notes``, ``source`` and ``files`` (path below the data set, or below
            ``folder``, to ``bytes`` and ``sha256``).
        failed: name to the reason, of cases that were refused at the last try.
    """

    folder: Path
    cases: dict[str, dict[str, Any]] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, folder: Path) -> "CaseRecords":
        """The records of a folder; empty when it has none.

        Raises:
            InputError: ``cases.json`` is there and is not ours.
        """
        path = folder / RECORDS
        if not path.exists():
            return cls(folder)
        content = read_json(path)
        ours = isinstance(content, dict) and isinstance(content.get("version"), int)
        cases, failed = (content.get(key) if ours else None for key in ("cases", "failed"))
        if not isinstance(cases, dict) or not isinstance(failed, dict):
            raise InputError(
                f"{path} is not a record of converted cases",
                remedy="Move it away, or convert to another folder.",
            )
        kept = {name: record for name, record in cases.items() if isinstance(record, dict)}
        return cls(folder, kept, {name: str(reason) for name, reason in failed.items()})

    def write(self) -> None:
        """Write ``cases.json``, whole or not at all.

        Raises:
            OutputError: it cannot be written.
        """
        content = {
            "version": _VERSION,
            "cases": dict(sorted(self.cases.items())),
            "failed": dict(sorted(self.failed.items())),
        }
        text = json.dumps(content, indent=1, allow_nan=False, ensure_ascii=False)
        write_text(self.folder / RECORDS, text + "\n")

    def is_whole(self, case: CaseSource, layout: str, src: Path) -> bool:
        """Whether a case stands here as it would be written: same sources, same files.

        Every file is read for its hash; nothing is decompressed.
        """
        record = self.cases.get(case.name, {})
        if record.get("version") != _VERSION or record.get("layout") != layout:
            return False
        sources = {_below(src, path): path for path in case.files.values()}
        files = record.get("files")
        if not isinstance(files, dict) or set(record.get("source", {})) != set(sources):
            return False
        written = {name: self.folder / name for name in files}
        try:
            return all(
                fingerprint(path) == known.get(name)
                for known, paths in ((record["source"], sources), (files, written))
                for name, path in paths.items()
            )
        except OSError:
            return False

    def add(
        self,
        case: CaseSource,
        layout: str,
        src: Path,
        *,
        files: Mapping[str, Path | None],
        facts: Mapping[str, Fact],
        notes: tuple[str, ...],
    ) -> None:
        """Record a case that was written."""
        self.failed.pop(case.name, None)
        self.cases[case.name] = {
            "version": _VERSION,
            "layout": layout,
            "tracer": case.tracer,
            "patient": case.patient,
            "study": case.study,
            "facts": dict(facts),
            "metadata": dict(case.metadata),
            "notes": list(notes),
            "source": {_below(src, path): fingerprint(path) for path in case.files.values()},
            "files": {_below(self.folder, p): fingerprint(p) for p in files.values() if p},
        }

    def fail(self, name: str, reason: str) -> None:
        """Record a case that was refused; what an earlier run wrote of it is no longer vouched."""
        self.cases.pop(name, None)
        self.failed[name] = reason


def _below(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()
